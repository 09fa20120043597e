"""What a broken or malicious server might send in place of something right: every field missing, or of another kind."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any

from overround.venues import Unreadable, VenueError

NASTY: tuple[Any, ...] = (
    None,
    "",
    "x",
    "NaN",
    "Infinity",
    "1e999999999999999999",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    -1,
    0,
    10**30,
    True,
    False,
    1.5,
    float("nan"),
    Decimal("1e999999999999"),
    Decimal("-0.000000000000000000000000000000000001"),
    [],
    [None],
    {},
    {"": None},
)
"""Values no field of a venue may hold, or only by an accident that must be noticed."""

Path = tuple[str | int, ...]
Parser = Callable[[Any], Any]


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every place in a JSON value, the whole of it included."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*at, key))


def placed(value: Any, at: Path, nasty: Any) -> Any:
    """A copy of ``value`` with ``nasty`` at a place."""
    if not at:
        return nasty
    changed = deepcopy(value)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = deepcopy(nasty)
    return changed


def without(value: Any, at: Path) -> Any:
    """A copy of ``value`` that lacks one field."""
    changed = deepcopy(value)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    del inner[at[-1]]
    return changed


def mutants(value: Any) -> Iterator[tuple[str, Any]]:
    """Each way to spoil one place, with its description."""
    for at in paths(value):
        if at:
            yield f"without {at}", without(value, at)
        for nasty in NASTY:
            yield f"{at} = {nasty!r}", placed(value, at, nasty)


def faults(parse: Parser, value: Any) -> list[str]:
    """Spoilt inputs that end in something else than an answer or an error of the venue's own tree."""
    found = []
    for what, mutant in mutants(value):
        try:
            parse(mutant)
        except VenueError:
            continue
        except Exception as error:
            found.append(f"{what}: {error!r}")
    return found


def needed(parse: Parser, row: dict[str, Any]) -> set[str]:
    """Fields without which ``row`` is refused by name. Any other refusal is a fault of its own."""
    named = set()
    for name in row:
        for spoilt in (without(row, (name,)), placed(row, (name,), None)):
            refusal = _refusal(parse, spoilt)
            if refusal is not None:
                assert name in refusal, f"{name} is missing and the error says {refusal!r}"
                named.add(name)
    return named


def _refusal(parse: Parser, value: Any) -> str | None:
    try:
        parse(value)
    except Unreadable as error:
        return error.message
    return None

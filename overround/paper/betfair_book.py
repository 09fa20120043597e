"""One market of the Exchange Stream, rebuilt from its changes (betfair sheet, section 6, "Market change")."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)
LADDERS = ("atb", "atl", "trd", "spb", "spl")
LEVELS = ("batb", "batl", "bdatb", "bdatl")
SCALARS = ("ltp", "tv", "spn", "spf")

RunnerKey = tuple[int, Decimal]


class BadChange(ValueError):
    """A change that cannot be applied; says what is wrong."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Volume matched on a runner since the message before: decimal odds and size as the feed gives them."""

    runner: RunnerKey
    price: Decimal
    size: Decimal


@dataclass(slots=True)
class RunnerBook:
    """Price ladders by price, level ladders by position."""

    ladders: dict[str, dict[Decimal, Decimal]] = field(default_factory=lambda: {name: {} for name in LADDERS})
    levels: dict[str, dict[int, tuple[Decimal, Decimal]]] = field(default_factory=lambda: {name: {} for name in LEVELS})
    scalars: dict[str, Decimal | None] = field(default_factory=dict)

    def best_back(self) -> tuple[Decimal, Decimal] | None:
        """The best price available to back and its size; from the display ladders where full depth is not recorded."""
        return self._best("atb", "batb", "bdatb", max)

    def best_lay(self) -> tuple[Decimal, Decimal] | None:
        return self._best("atl", "batl", "bdatl", min)

    def _best(
        self, full: str, best: str, display: str, choose: Callable[[dict[Decimal, Decimal]], Decimal]
    ) -> tuple[Decimal, Decimal] | None:
        if ladder := self.ladders[full]:
            price = choose(ladder)
            return price, ladder[price]
        return self.levels[best].get(0) or self.levels[display].get(0)

    def back(self) -> list[tuple[Decimal, Decimal]]:
        return sorted(self.ladders["atb"].items(), reverse=True)

    def lay(self) -> list[tuple[Decimal, Decimal]]:
        return sorted(self.ladders["atl"].items())


class StreamMarket:
    """The state of one market; ``definition`` is the latest market definition, empty before the first."""

    def __init__(self, market_id: str) -> None:
        self.market_id = market_id
        self.definition: dict[str, Any] = {}
        self.runners: dict[RunnerKey, RunnerBook] = {}
        self.volume = ZERO
        self.tape_recorded = False
        self._fresh = True

    @property
    def status(self) -> str:
        return str(self.definition.get("status", "INACTIVE"))

    @property
    def in_play(self) -> bool:
        return bool(self.definition.get("inPlay"))

    def apply(self, change: dict[str, Any]) -> list[Matched]:
        """Take one market change; the volume matched in it. The first change of a market counts as an image."""
        image, self._fresh = bool(change.get("img")) or self._fresh, False
        if image:
            self.runners, self.volume = {}, ZERO
        if (definition := change.get("marketDefinition")) is not None:
            self._define(definition)
        if "tv" in change:
            self.volume = number(change["tv"], "tv")
        matched = [trade for rc in _list(change.get("rc"), "rc") for trade in self._runner_change(rc)]
        return [] if image else matched

    def _define(self, definition: Any) -> None:
        if not isinstance(definition, dict) or "status" not in definition:
            raise BadChange("a marketDefinition without a status")
        for runner in _list(definition.get("runners"), "runners"):
            self.runners.setdefault(runner_key(runner), RunnerBook())
            if "status" not in runner:
                raise BadChange("a runner of the marketDefinition without a status")
        self.definition = definition

    def _runner_change(self, change: Any) -> list[Matched]:
        key = runner_key(change)
        book = self.runners.setdefault(key, RunnerBook())
        before = dict(book.ladders["trd"]) if change.get("trd") else {}
        for name in LADDERS:
            if name in change:
                _apply_ladder(book.ladders[name], change[name], name)
        for name in LEVELS:
            if name in change:
                _apply_levels(book.levels[name], change[name], name)
        for name in SCALARS:
            if name in change:
                book.scalars[name] = _optional(change[name], name)
        if not change.get("trd"):
            return []
        self.tape_recorded = True
        grown = ((price, size - before.get(price, ZERO)) for price, size in book.ladders["trd"].items())
        return [Matched(key, price, size) for price, size in grown if size > ZERO]


def runner_key(record: Any) -> RunnerKey:
    """(selection id, handicap) of a definition's runner or of a runner change."""
    if not isinstance(record, dict) or not isinstance(record.get("id"), int):
        raise BadChange("a runner without a numeric id")
    return record["id"], number(record.get("hc") or 0, "hc")


def number(value: Any, name: str) -> Decimal:
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise BadChange(f"{name} is not a number: {value!r}")


def _optional(value: Any, name: str) -> Decimal | None:
    return None if value is None or value in ("NaN", "Infinity") else number(value, name)


def _list(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadChange(f"{name} is not a list")
    return value


def _row(row: Any, length: int, name: str) -> list[Decimal]:
    if not isinstance(row, list) or len(row) != length:
        raise BadChange(f"{name} holds {row!r}, not {length} numbers")
    values = [number(value, name) for value in row]
    if values[-1] < ZERO:
        raise BadChange(f"{name} holds a negative size")
    return values


def _apply_ladder(ladder: dict[Decimal, Decimal], rows: Any, name: str) -> None:
    rows = _list(rows, name)
    if not rows:
        ladder.clear()
    for row in rows:
        price, size = _row(row, 2, name)
        if size == ZERO:
            ladder.pop(price, None)
        else:
            ladder[price] = size


def _apply_levels(levels: dict[int, tuple[Decimal, Decimal]], rows: Any, name: str) -> None:
    rows = _list(rows, name)
    if not rows:
        levels.clear()
    for row in rows:
        level, price, size = _row(row, 3, name)
        if size == ZERO:
            levels.pop(int(level), None)
        else:
            levels[int(level)] = (price, size)

"""Strict reading of feed objects: a missing or mistyped required field raises ``Unreadable`` and names itself.

Numbers are exact: JSON numbers are parsed as ``Decimal``, MessagePack floats go through their shortest text, so
``1.99`` is ``Decimal("1.99")`` in every encoding. Unknown extra fields are ignored (oddspapi sheet, sections 3 and 4).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from overround.venues import Unreadable

VENUE = "feed"
LARGEST = 2**63
"""Nothing the feed counts is larger; multiplying out a larger exponent takes all memory."""
T = TypeVar("T")


def parse_json(data: str | bytes) -> Any:
    """JSON with exact numbers; ``NaN`` and infinities become the same ``Decimal``. Raises ``Unreadable``."""
    try:
        return json.loads(data, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise Unreadable(VENUE, f"not JSON: {error}") from error


def as_number(value: object) -> Decimal | None:
    """The exact value of a wire number, None for anything that is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    return Decimal(repr(value)) if isinstance(value, float) else None


def as_integer(value: object) -> int | None:
    """The integer written in a wire number (``3`` or ``3.0``), None for anything else."""
    number = as_number(value)
    if number is None or not number.is_finite() or number.adjusted() > 18 or number != number.to_integral_value():
        return None
    return int(number) if -LARGEST <= number < LARGEST else None


def epoch_ms(text: str) -> int | None:
    """Epoch milliseconds of an ISO time (UTC when it names no zone), None when it is not one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


class Row:
    """One object of the feed. ``what`` names it in errors."""

    __slots__ = ("_what", "body")

    def __init__(self, what: str, body: object) -> None:
        if not isinstance(body, dict):
            raise Unreadable(VENUE, f"{what} is not an object")
        self._what, self.body = what, body

    def _need(self, name: str, kind: str, value: T | None) -> T:
        if value is None:
            raise Unreadable(VENUE, f"{self._what}: {name} {self._problem(name, kind)}")
        return value

    def _problem(self, name: str, kind: str) -> str:
        if name not in self.body:
            return "is missing"
        return f"is not {kind}: {str(self.body[name])[:60]!r}"

    def _optional(self, name: str, kind: str, value: T | None) -> T | None:
        return None if self.body.get(name) is None else self._need(name, kind, value)

    def _as(self, name: str, kind: type[T]) -> T | None:
        value = self.body.get(name)
        return value if isinstance(value, kind) else None

    def text(self, name: str) -> str:
        return self._need(name, "text", self._as(name, str) or None)

    def maybe_text(self, name: str) -> str | None:
        return self._optional(name, "text", self._as(name, str))

    def integer(self, name: str) -> int:
        return self._need(name, "an integer", as_integer(self.body.get(name)))

    def maybe_integer(self, name: str) -> int | None:
        return self._optional(name, "an integer", as_integer(self.body.get(name)))

    def flag(self, name: str) -> bool:
        return self._need(name, "a boolean", self._as(name, bool))

    def maybe_flag(self, name: str) -> bool | None:
        return self._optional(name, "a boolean", self._as(name, bool))

    def number(self, name: str) -> Decimal:
        """A number, possibly not finite."""
        return self._need(name, "a number", as_number(self.body.get(name)))

    def maybe_number(self, name: str) -> Decimal | None:
        return self._optional(name, "a number", as_number(self.body.get(name)))

    def maybe_time(self, name: str) -> int | None:
        """Epoch milliseconds of an ISO text field, None when absent or null."""
        text = self.maybe_text(name)
        return None if text is None else self._need(name, "an ISO time", epoch_ms(text))

    def has(self, name: str) -> bool:
        return name in self.body

    def row(self, name: str) -> "Row":
        self._need(name, "an object", self._as(name, dict))
        return Row(f"{self._what}.{name}", self.body[name])

    def mapping(self, name: str) -> Mapping[str, Any]:
        return self._need(name, "an object", self._as(name, dict))

    def maybe_mapping(self, name: str) -> Mapping[str, Any]:
        """An object field, empty when absent or null."""
        return self._optional(name, "an object", self._as(name, dict)) or {}

    def rows(self, name: str) -> list["Row"]:
        items = self._need(name, "a list", self._as(name, list))
        return [Row(f"{self._what}.{name}", item) for item in items]

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, empty when absent or null."""
        items = self._optional(name, "a list", self._as(name, list)) or []
        return tuple(str(item) for item in items)

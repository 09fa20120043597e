"""Reading ABP's answers strictly: what must be there and is not, or is of another kind, stops the call and is named."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from overround.domain.numbers import BadNumber, exact
from overround.venues import Unreadable

VENUE = "abp"


def need(body: Any, name: str, what: str) -> Any:
    """A field that must be there; ``Unreadable`` names it otherwise."""
    if not isinstance(body, dict) or name not in body:
        raise Unreadable(VENUE, f"{what} without {name}")
    return body[name]


def rows(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(VENUE, f"{name} is not a list")
    return value


def text(body: Any, name: str) -> str:
    value = need(body, name, "object")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable(VENUE, f"{name} is {value!r}, expected text")
    return str(value)


def whole(body: Any, name: str) -> int:
    value = need(body, name, "object")
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(VENUE, f"{name} is {value!r}, expected a whole number")
    return value


def flag(body: Any, name: str) -> bool:
    value = need(body, name, "object")
    if not isinstance(value, bool):
        raise Unreadable(VENUE, f"{name} is {value!r}, expected true or false")
    return value


def number(body: Any, name: str) -> Decimal:
    try:
        return exact(need(body, name, "object"))
    except BadNumber as error:
        raise Unreadable(VENUE, f"{name}: {error}") from error


def moment(value: Any, name: str) -> int:
    """Epoch ms of an ISO-8601 time; one without a zone is UTC."""
    try:
        stamp = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Unreadable(VENUE, f"{name} is {value!r}, expected a time") from error
    stamp = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    return round(stamp.timestamp() * 1000)

"""Reading a placement: every field checked before anything is recorded. Source: bookmakers sheet, section 5."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from overround.paper.abp.wire import CENT, DAY_MS, Problem, epoch_ms

REQUIRED = ("requestUuid", "fixtureId", "outcomeId", "playerId", "orderPrice", "orderStake")
MAX_ORDERS = 100
MOST_DIGITS = 15
"""Of prices and stakes, before the point."""
DEFAULT_EXPIRY_MS = 5_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """One order as asked for; ``expires_at`` epoch ms. ``refused`` is why the router will not take it at all."""

    request_uuid: str
    fixture_id: str
    outcome_id: int
    player_id: int
    price: Decimal
    stake: Decimal
    bookmakers: list[str]
    expires_at: int
    partial: bool
    better: bool
    user_ref: str | None
    meta: Any
    refused: str


def read_orders(body: Any, now_ms: int, currency: str) -> list[Wanted]:
    """The orders of a placement. Raises ``Problem`` 422 naming the field, 501 for futures."""
    orders = body.get("orders") if isinstance(body, dict) else None
    if not isinstance(orders, list) or not orders:
        raise Problem(422, "orders: a list of at least one order is required")
    if len(orders) > MAX_ORDERS:
        raise Problem(422, f"orders: at most {MAX_ORDERS}")
    return [_read(order, f"orders[{index}]", now_ms, currency) for index, order in enumerate(orders)]


def _read(order: Any, at: str, now_ms: int, currency: str) -> Wanted:
    if not isinstance(order, dict):
        raise Problem(422, f"{at}: expected an object")
    if order.get("futureId") is not None:
        raise Problem(501, f"{at}.futureId: futures are not available")
    for name in REQUIRED:
        if order.get(name) is None:
            raise Problem(422, f"{at}.{name}: field required")
    return Wanted(
        _uuid(order["requestUuid"], at),
        str(order["fixtureId"]),
        _whole(order["outcomeId"], f"{at}.outcomeId"),
        _whole(order["playerId"], f"{at}.playerId"),
        _price(order["orderPrice"], at),
        _stake(order["orderStake"], at),
        _slugs(order.get("bookmakers"), at),
        _expiry(order.get("expiresAt"), now_ms, at),
        bool(order.get("acceptPartialStake", True)),
        bool(order.get("acceptBetterOdds", True)),
        order.get("userRef"),
        order.get("meta"),
        _refused(order, currency),
    )


def _refused(order: dict[str, Any], currency: str) -> str:
    if order.get("testOrder"):
        return "Test orders are not available"
    if order.get("back") is False:
        return "Lay bets are not available"
    if order.get("orderCurrency") not in (None, currency):
        return f"Currency not available, only {currency}"
    return ""


def _uuid(value: Any, at: str) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise Problem(422, f"{at}.requestUuid: not a UUID") from None


def _whole(value: Any, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Problem(422, f"{at}: not an integer")
    return value


def _number(value: Any, at: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Problem(422, f"{at}: not a number")
    number = Decimal(value)
    if number.adjusted() > MOST_DIGITS:
        raise Problem(422, f"{at}: too large")
    return number


def _price(value: Any, at: str) -> Decimal:
    price = _number(value, f"{at}.orderPrice")
    if price <= 1:
        raise Problem(422, f"{at}.orderPrice: decimal odds are greater than 1")
    return price


def _stake(value: Any, at: str) -> Decimal:
    stake = _number(value, f"{at}.orderStake")
    if stake <= 0 or stake % CENT:
        raise Problem(422, f"{at}.orderStake: a positive amount in steps of 0.01")
    return stake


def _slugs(value: Any, at: str) -> list[str]:
    listed = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    slugs = list(dict.fromkeys(str(slug).strip() for slug in listed if str(slug).strip()))
    if value is not None and not slugs:
        raise Problem(422, f"{at}.bookmakers: no bookmaker named")
    return slugs


def _expiry(value: Any, now_ms: int, at: str) -> int:
    if value is None:
        return now_ms + DEFAULT_EXPIRY_MS
    try:
        moment = epoch_ms(str(value))
    except ValueError:
        raise Problem(422, f"{at}.expiresAt: not a time") from None
    if moment > now_ms + DAY_MS:
        raise Problem(422, f"{at}.expiresAt: at most 24 hours ahead")
    return moment

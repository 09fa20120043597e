"""Reads a create body and refuses what the real venue refuses by shape (kalshi sheet, sections 4 and 6)."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from overround.paper.kalshi.wire import ApiError

COUNT = re.compile(r"\d{1,9}(\.\d{1,2})?")
PRICE = re.compile(r"[01]?\.\d{1,4}|[01]")
CLIENT_ID = re.compile(r"[A-Za-z0-9_\-:+=/]{1,64}")
TIME_IN_FORCE: dict[str, Literal["gtc", "ioc", "fok"]] = {
    "good_till_canceled": "gtc",
    "immediate_or_cancel": "ioc",
    "fill_or_kill": "fok",
}
PREVENTION = frozenset({"taker_at_cross", "maker"})


@dataclass(frozen=True, slots=True)
class Ticket:
    """A create request that has a legal shape. ``price`` is the YES price."""

    ticker: str
    side: Literal["bid", "ask"]
    size: Decimal
    price: Decimal
    time_in_force: Literal["gtc", "ioc", "fok"]
    prevention: str
    client_order_id: str
    post_only: bool
    reduce_only: bool
    expires_at: int | None
    cancel_on_pause: bool
    group: str
    exchange_index: int | None


def invalid(what: str) -> ApiError:
    return ApiError(400, "invalid_parameters", what)


def text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise invalid(f"{name} is required")
    return value


def flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} must be a boolean")
    return bool(value)


def size_of(value: Any, name: str = "count") -> Decimal:
    if not isinstance(value, str) or not COUNT.fullmatch(value) or Decimal(value) <= 0:
        raise ApiError(400, "invalid_count", f"{name} must be a positive fixed-point string with up to 2 decimals")
    return Decimal(value)


def price_of(value: Any) -> Decimal:
    if not isinstance(value, str) or not PRICE.fullmatch(value):
        raise ApiError(400, "invalid_price", "price must be a dollar string with up to 4 decimals")
    return Decimal(value)


def require_client_id(name: str) -> None:
    """An order may have no name of the client's, but not one outside the venue's alphabet."""
    if name and not CLIENT_ID.fullmatch(name):
        raise invalid("client_order_id must be 1 to 64 of A-Z a-z 0-9 _ - : + = /")


def moment_of(value: Any, now: int) -> int | None:
    """An expiry in epoch seconds that still lies ahead."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value <= now:
        raise ApiError(400, "invalid_expiration", "expiration_time must be a unix time in the future")
    return value


def _combinations(body: dict[str, Any], time_in_force: str) -> None:
    if body.get("expiration_time") is not None and time_in_force != "gtc":
        raise invalid("expiration_time needs good_till_canceled")
    if flag(body, "post_only") and time_in_force != "gtc":
        raise invalid("post_only needs good_till_canceled")
    if flag(body, "reduce_only") and time_in_force != "ioc":
        raise invalid("reduce_only needs immediate_or_cancel")
    if body.get("subaccount") not in (None, 0):
        raise ApiError(400, "invalid_subaccount", "no such subaccount")


def _one_of(body: dict[str, Any], name: str, allowed: Any) -> str:
    value = text(body, name)
    if value not in allowed:
        raise invalid(f"unknown {name} {value!r}")
    return value


def read_ticket(body: Any, now: int) -> Ticket:
    """The order a create body asks for; ``ApiError`` 400 names the first thing wrong. ``now`` in epoch seconds."""
    if not isinstance(body, dict):
        raise invalid("an order must be an object")
    client_order_id = text(body, "client_order_id", "")
    require_client_id(client_order_id)
    time_in_force = TIME_IN_FORCE[_one_of(body, "time_in_force", TIME_IN_FORCE)]
    _combinations(body, time_in_force)
    return Ticket(
        ticker=text(body, "ticker"),
        side="bid" if _one_of(body, "side", ("bid", "ask")) == "bid" else "ask",
        size=size_of(body.get("count")),
        price=price_of(body.get("price")),
        time_in_force=time_in_force,
        prevention=_one_of(body, "self_trade_prevention_type", PREVENTION),
        client_order_id=client_order_id,
        post_only=flag(body, "post_only"),
        reduce_only=flag(body, "reduce_only"),
        expires_at=moment_of(body.get("expiration_time"), now),
        cancel_on_pause=flag(body, "cancel_order_on_pause"),
        group=text(body, "order_group_id", ""),
        exchange_index=body.get("exchange_index"),
    )

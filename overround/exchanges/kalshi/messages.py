"""Orders, fills and metadata between our terms and Kalshi's (kalshi sheet, sections 4 to 6 and 12 to 14).

Kalshi prices everything as YES. Our instruments are position ``no`` on an outcome's ticker, so our price is 1 - YES.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from overround.domain.fees import FeeSchedule
from overround.domain.grid import Band, PriceGrid
from overround.domain.markets import Instrument
from overround.domain.numbers import ONE, ZERO, BadNumber, exact
from overround.domain.orders import Fill, Seen
from overround.exchanges.base import (
    MarketChanged,
    OpenOrder,
    OrderUpdate,
    PlaceRequest,
    Resolution,
    StreamEvent,
    VenueFill,
    VenuePosition,
)
from overround.venues import Rejected, Unreadable

VENUE = "kalshi"
SIZE_STEP = Decimal("0.01")
FINEST = Decimal("0.000001")
"""Far below any step the venue has."""
CLIENT_ID = re.compile(r"[A-Za-z0-9_\-:+=/]{1,64}")
TAKER = Decimal("0.07")
MAKER = {
    "quadratic": ZERO,
    "quadratic_with_maker_fees": Decimal("0.0175"),
    "quadratic_with_combo_maker_fees": Decimal("0.035"),
}
MARKET_STATUS = frozenset(
    {"initialized", "inactive", "active", "closed", "determined", "disputed", "amended", "finalized"}
)
CHANGES = frozenset(
    {"price_level_structure_updated", "activated", "deactivated", "determined", "settled", "close_date_updated"}
)
"""Lifecycle events after which a market must be read again."""
Ended = Literal["FILLED", "CANCELLED", "EXPIRED", "FAILED"]


# -- reading -----------------------------------------------------------------------------------------------------------


def required(row: Any, name: str) -> Any:
    """A field that must be there; ``Unreadable`` names it otherwise."""
    if not isinstance(row, Mapping) or row.get(name) is None:
        raise Unreadable(VENUE, f"the answer lacks {name}")
    return row[name]


def text(row: Any, name: str) -> str:
    value = required(row, name)
    if not isinstance(value, str):
        raise Unreadable(VENUE, f"{name} is not a string")
    return value


def amount(row: Any, name: str) -> Decimal:
    """A decimal that arrives as a string (money, sizes) or as an exact JSON number (multipliers)."""
    value = required(row, name)
    try:
        return exact(value)
    except BadNumber as error:
        raise Unreadable(VENUE, f"{name} is not a number") from error


def whole(row: Any, name: str) -> int:
    """A whole number."""
    value = amount(row, name)
    if value != value.to_integral_value():
        raise Unreadable(VENUE, f"{name} is not a whole number")
    return int(value)


def moment(value: Any, name: str) -> int:
    """Epoch milliseconds of an ISO time, UTC where it names no zone."""
    try:
        time = datetime.fromisoformat(value)
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError) as error:
        raise Unreadable(VENUE, f"{name} is not a time") from error


# -- orders out --------------------------------------------------------------------------------------------------------


def yes_price(instrument: Instrument, price: Decimal) -> Decimal:
    """The YES price of our price: the same for ``yes`` positions, its complement for ``no`` (vectors, side_mapping)."""
    return price if instrument.position == "yes" else ONE - price


def book_side(instrument: Instrument, action: Literal["buy", "sell"]) -> Literal["bid", "ask"]:
    """A bid buys YES or sells NO, an ask buys NO or sells YES."""
    return "bid" if (instrument.position == "yes") == (action == "buy") else "ask"


def on_grid(price: Decimal, grid: PriceGrid) -> bool:
    """Whether our price is one of the grid's; 0 and 1 never are."""
    inside = (band for band in grid.bands if band.start <= price <= band.end)
    return ZERO < price < ONE and any((price - band.start) % band.step == ZERO for band in inside)


def _check(request: PlaceRequest) -> None:
    if not CLIENT_ID.fullmatch(request.client_order_id):
        raise Rejected(VENUE, "client order id must be 1 to 64 characters of A-Z a-z 0-9 _ - : + = /")
    if not on_grid(request.price, request.instrument.grid):
        raise Rejected(VENUE, f"price {request.price} is not on the grid of {request.instrument.contract}")
    if request.size < request.instrument.min_size or request.size % request.instrument.size_step:
        raise Rejected(VENUE, f"size {request.size} is not a multiple of {request.instrument.size_step}")


def create_body(request: PlaceRequest) -> dict[str, Any]:
    """The create body of an order; ``Rejected`` for what the venue would refuse by its shape.

    Resting orders are post-only, die with a trading pause and may expire; immediate sells may only reduce (section 6:
    ``reduce_only`` is refused on anything else).
    """
    _check(request)
    resting = request.time_in_force == "gtc"
    body: dict[str, Any] = {
        "ticker": request.instrument.contract,
        "client_order_id": request.client_order_id,
        "side": book_side(request.instrument, request.action),
        "count": f"{request.size:.2f}",
        "price": f"{yes_price(request.instrument, request.price):.4f}",
        "time_in_force": "good_till_canceled" if resting else "immediate_or_cancel",
        "self_trade_prevention_type": "maker",
    }
    if resting:
        body |= {"post_only": True, "cancel_order_on_pause": True}
        if request.expires_at is not None:
            body["expiration_time"] = request.expires_at
    elif request.action == "sell":
        body["reduce_only"] = True
    return body


def batch_body(payloads: list[str]) -> bytes:
    """The batch body around payloads exactly as they were prepared."""
    return ('{"orders": [' + ", ".join(payloads) + "]}").encode()


def payload(request: PlaceRequest) -> str:
    return json.dumps(create_body(request))


# -- orders in ---------------------------------------------------------------------------------------------------------


def _ended(status: str, expires_at: int | None, updated_at: int | None) -> Ended | None:
    match status:
        case "resting":
            return None
        case "executed":
            return "FILLED"
        case "canceled":
            over = expires_at is not None and updated_at is not None and expires_at <= updated_at
            return "EXPIRED" if over else "CANCELLED"
    raise Unreadable(VENUE, f"unknown order status {status!r}")


def _epoch_ms(row: Any, stamp: str, time: str) -> int | None:
    """A moment given as ``stamp`` (ms) on the socket or as ``time`` (ISO) by REST."""
    if row.get(stamp) is not None:
        return whole(row, stamp)
    return None if row.get(time) is None else moment(row[time], time)


def seen(row: Any) -> Seen:
    """An order object of REST or of the ``user_orders`` channel."""
    status, order_id = text(row, "status"), text(row, "order_id")
    expires = _epoch_ms(row, "expiration_ts_ms", "expiration_time")
    updated = _epoch_ms(row, "last_updated_ts_ms", "last_update_time")
    return Seen(order_id, amount(row, "fill_count_fp"), _ended(status, expires, updated))


def order_update(row: Any) -> OrderUpdate:
    return OrderUpdate(text(row, "order_id"), row.get("client_order_id") or None, seen(row))


def open_order(row: Any) -> OpenOrder:
    """A resting order; its price is that of our contract, 1 - YES."""
    return OpenOrder(
        venue_order_id=text(row, "order_id"),
        client_order_id=row.get("client_order_id") or None,
        contract=text(row, "ticker"),
        price=ONE - amount(row, "yes_price_dollars"),
        size=amount(row, "initial_count_fp"),
        filled=amount(row, "fill_count_fp"),
    )


def locked(row: Any) -> Decimal:
    """Cash a resting order holds: a bid pays the YES price, an ask its complement."""
    price = amount(row, "yes_price_dollars")
    return amount(row, "remaining_count_fp") * (price if text(row, "book_side") == "bid" else ONE - price)


def rest_fill(row: Any) -> VenueFill:
    """A fill of ``GET /portfolio/fills``; it names no client id."""
    ticker = text(row, "ticker")
    at = moment(row["created_time"], "created_time") if row.get("created_time") else whole(row, "ts") * 1000
    return _fill(row, ticker, at)


def stream_fill(row: Any) -> VenueFill:
    return _fill(row, text(row, "market_ticker"), whole(row, "ts_ms"))


def _fill(row: Any, ticker: str, at: int) -> VenueFill:
    fill = Fill(
        fill_id=text(row, "trade_id"),
        size=amount(row, "count_fp"),
        price=ONE - amount(row, "yes_price_dollars"),
        fee=amount(row, "fee_cost"),
        at=at,
    )
    return VenueFill(text(row, "order_id"), row.get("client_order_id") or None, ticker, fill)


def position(row: Any) -> VenuePosition:
    """Net contracts of a ticker; negative is NO."""
    return VenuePosition(text(row, "ticker"), amount(row, "position_fp"))


# -- metadata ----------------------------------------------------------------------------------------------------------


def mirrored_grid(row: Any) -> PriceGrid:
    """The market's ``price_ranges`` seen as prices of NO."""
    ranges = required(row, "price_ranges")
    if not isinstance(ranges, list) or not ranges:
        raise Unreadable(VENUE, "price_ranges is empty")
    bands = []
    for item in reversed(ranges):
        start, end, step = (amount(item, name) for name in ("start", "end", "step"))
        if not (ZERO <= start < end <= ONE and step >= FINEST) or (end - start) % step:
            raise Unreadable(VENUE, "price_ranges holds a range its step does not divide")
        bands.append(Band(ONE - end, ONE - start, step))
    return PriceGrid("probability", tuple(bands))


def fee_schedule(event: Any, series: Any) -> FeeSchedule:
    """What trading costs: the event's override before the series; an unknown fee type is refused (section 13)."""
    overridden = event.get("fee_type_override") is not None
    fee_type = text(event, "fee_type_override") if overridden else text(series, "fee_type")
    if fee_type not in MAKER:
        raise Unreadable(VENUE, f"fee type {fee_type!r} is not understood")
    multiplied = event.get("fee_multiplier_override") is not None
    multiplier = amount(event, "fee_multiplier_override") if multiplied else amount(series, "fee_multiplier")
    return FeeSchedule("quadratic", maker=multiplier * MAKER[fee_type], taker=multiplier * TAKER)


def status_of(row: Any) -> str:
    status = text(row, "status")
    if status not in MARKET_STATUS:
        raise Unreadable(VENUE, f"unknown market status {status!r}")
    return status


def resolution(row: Any) -> Resolution:
    """What one YES contract paid, once the market is final."""
    status, ticker = status_of(row), text(row, "ticker")
    value: Decimal | None = None
    if status == "finalized":
        match required(row, "result"):
            case "yes":
                value = ONE
            case "no":
                value = ZERO
            case "scalar":
                value = amount(row, "settlement_value_dollars")
            case other:
                raise Unreadable(VENUE, f"unknown result {other!r}")
    return Resolution(text(row, "event_ticker"), ticker, value, status)


# -- stream ------------------------------------------------------------------------------------------------------------


def event_ticker_of(row: Any) -> str:
    """A lifecycle message's event; where it is not named, the ticker without its last part (section 1)."""
    return row.get("event_ticker") or text(row, "market_ticker").rpartition("-")[0]


def stream_event(frame: Any) -> StreamEvent | None:
    """What a frame says about this account, None for what does not matter here."""
    kind = text(frame, "type")
    match kind:
        case "fill":
            return stream_fill(required(frame, "msg"))
        case "user_order":
            return order_update(required(frame, "msg"))
        case "market_lifecycle_v2":
            row = required(frame, "msg")
            change = text(row, "event_type")
            return MarketChanged(event_ticker_of(row), change) if change in CHANGES else None
        case "error":
            raise Unreadable(VENUE, f"the stream refused a command: {frame.get('msg')}")
    return None

"""Placing, cancelling and renewing: what each answer, error and silence means (kalshi sheet, sections 6, 7 and 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from overround.domain.numbers import ZERO
from overround.domain.orders import Accepted, Lost, Refused, Seen
from overround.exchanges.base import CancelResult, OrderRef, Prepared
from overround.exchanges.kalshi import messages as wire
from overround.exchanges.kalshi.rest import Conflict, Refusal, Rest
from overround.limiter import Urgency
from overround.venues import Definitive, NotFound, NotSent, RateLimited, Unauthorised, Unknown, Unreadable

EXISTS = ("exist", "duplicate")
UNSURE = ("internal", "unavailable", "timeout", "timed_out", "unknown")


@dataclass(frozen=True, slots=True)
class Exists:
    """The venue already has an order with this client id: an earlier attempt lives."""

    reason: str


Sent = Accepted | Refused | Lost | Exists


def epoch_ms(moment: int) -> int:
    """Milliseconds of a time given in seconds or milliseconds."""
    return moment if moment > 100_000_000_000 else moment * 1000


def error_of(item: Any) -> tuple[str, str]:
    """Code and message of a batch item's error."""
    error = item["error"]
    if not isinstance(error, dict):
        return "refused", str(error)
    return str(error.get("code") or "refused"), str(error.get("message") or "")


def word_for(error: Definitive) -> str:
    """The stable word of a refusal."""
    match error:
        case Refusal():
            return error.code
        case NotFound():
            return "not_found"
        case Unauthorised():
            return "unauthorised"
        case RateLimited():
            return "rate_limited"
        case NotSent():
            return "not_sent"
    return "rejected"


# -- placing -----------------------------------------------------------------------------------------------------------


async def place(rest: Rest, prepared: Sequence[Prepared]) -> list[Sent]:
    """Send once, singly or as a batch; what is known of each."""
    if not prepared:
        return []
    urgency = Urgency.HEDGE if all(one.request.time_in_force == "ioc" for one in prepared) else Urgency.QUOTE
    try:
        if len(prepared) == 1:
            return [_placed(await rest.create_order(prepared[0].payload.encode(), urgency), prepared[0])]
        body = wire.batch_body([one.payload for one in prepared])
        return _batch(await rest.create_orders(body, len(prepared), urgency), prepared)
    except Conflict as error:
        return [Exists(error.message)] * len(prepared)
    except Definitive as error:
        return [Refused(word_for(error), error.message)] * len(prepared)
    except Unknown as error:
        return [Lost(error.message)] * len(prepared)


def _batch(answer: Any, prepared: Sequence[Prepared]) -> list[Sent]:
    items = wire.required(answer, "orders")
    if not isinstance(items, list) or len(items) != len(prepared):
        raise Unreadable(wire.VENUE, "the batch answer has another number of items")
    return [_item(item, one) for item, one in zip(items, prepared, strict=True)]


def _item(item: Any, prepared: Prepared) -> Sent:
    if not isinstance(item, dict):
        return Lost("an item of the batch answer is not an object")
    try:
        return _failed(item) if item.get("error") else _placed(item, prepared)
    except Unreadable as error:
        return Lost(error.message)


def _failed(item: Any) -> Sent:
    """A batch item's error has no HTTP status: its text decides (section 7 publishes no list of codes)."""
    code, message = error_of(item)
    said = f"{code} {message}".lower()
    if any(word in said for word in EXISTS):
        return Exists(f"{code}: {message}")
    if any(word in code.lower() for word in UNSURE):
        return Lost(f"{code}: {message}")
    return Refused(code, message)


def _placed(item: Any, prepared: Prepared) -> Sent:
    request = prepared.request
    order_id, filled = wire.text(item, "order_id"), wire.amount(item, "fill_count")
    if item.get("client_order_id") not in (None, "", request.client_order_id):
        return Lost(f"the answer names another order, {item['client_order_id']}")
    gone = wire.amount(item, "remaining_count") == ZERO and filled == ZERO
    if gone and request.time_in_force == "gtc":
        return Refused("post_only_cross", f"order {order_id} would have crossed and was cancelled")
    return Accepted(order_id)


# -- cancelling --------------------------------------------------------------------------------------------------------


async def cancel(rest: Rest, refs: Sequence[OrderRef]) -> list[CancelResult]:
    """Cancel orders whose venue ids are known, always naming the market: without it the wrong shard is asked."""
    try:
        if len(refs) == 1:
            answer = [await rest.cancel_order(refs[0].venue_order_id or "", market_ticker=refs[0].instrument.contract)]
        else:
            body = [{"order_id": r.venue_order_id, "market_ticker": r.instrument.contract} for r in refs]
            answer = wire.required(await rest.cancel_orders(body), "orders")
    except Definitive as error:
        return [Refused(word_for(error), error.message)] * len(refs)
    except Unknown as error:
        return [Lost(error.message)] * len(refs)
    items = answer if isinstance(answer, list) and len(answer) == len(refs) else [None] * len(refs)
    return [await _cancelled(rest, ref, item) for ref, item in zip(refs, items, strict=True)]


async def _cancelled(rest: Rest, ref: OrderRef, item: Any) -> CancelResult:
    """One order's answer; when it describes another order (known fault, section 6) or no size, the order is read."""
    if not isinstance(item, dict) or item.get("order_id") != ref.venue_order_id:
        return await reread(rest, ref)
    if item.get("error"):
        code, message = error_of(item)
        return Refused(code, message)
    try:
        removed = wire.amount(item, "reduced_by")
    except Unreadable:
        return await reread(rest, ref)
    if not ZERO < removed <= ref.size:
        return await reread(rest, ref)
    return Seen(str(ref.venue_order_id), ref.size - removed, "CANCELLED")


async def reread(rest: Rest, ref: OrderRef) -> CancelResult:
    """The order as the venue has it now."""
    try:
        return wire.seen(wire.required(await rest.order(ref.venue_order_id or ""), "order"))
    except Definitive as error:
        return Refused(word_for(error), error.message)
    except Unknown as error:
        return Lost(error.message)


# -- renewing ----------------------------------------------------------------------------------------------------------


async def renew(rest: Rest, ref: OrderRef, expires_at: int) -> CancelResult:
    """Amend only the expiry: price and total count stay, so the place in the queue does too."""
    try:
        body = await _amend_body(rest, ref, expires_at)
        answer = await rest.amend_order(ref.venue_order_id or "", body)
    except Definitive as error:
        return Refused(word_for(error), error.message)
    except Unknown as error:
        return Lost(error.message)
    if not isinstance(answer, dict) or answer.get("order_id") != ref.venue_order_id or not _resting(answer):
        return await reread(rest, ref)
    return Seen(str(ref.venue_order_id), wire.amount(answer, "fill_count"), None)


def _resting(answer: Any) -> bool:
    complete = answer.get("remaining_count") is not None and answer.get("fill_count") is not None
    return complete and wire.amount(answer, "remaining_count") > ZERO


async def _amend_body(rest: Rest, ref: OrderRef, expires_at: int) -> dict[str, Any]:
    """Ticker, side, YES price and *total* count of the order as it stands (section 6: filled plus resting)."""
    row = wire.required(await rest.order(ref.venue_order_id or ""), "order")
    if wire.text(row, "status") != "resting":
        raise NotFound(wire.VENUE, f"order {ref.venue_order_id} is {wire.text(row, 'status')}")
    total: Decimal = wire.amount(row, "fill_count_fp") + wire.amount(row, "remaining_count_fp")
    return {
        "ticker": wire.text(row, "ticker"),
        "side": wire.text(row, "book_side"),
        "price": f"{wire.amount(row, 'yes_price_dollars'):.4f}",
        "count": f"{total:.2f}",
        "expiration_time": expires_at,
    }

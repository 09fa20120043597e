"""How the HTTP side misbehaves on request (``World.faults``, venue ``kalshi``)."""

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from overround.paper.engine import PaperOrder
from overround.paper.half_answer import HalfAnswer
from overround.paper.kalshi.wire import ApiError

if TYPE_CHECKING:
    from overround.paper.kalshi.venue import PaperKalshi

NAME = "kalshi"
SHARK = "paper-shark"


def before(venue: "PaperKalshi") -> None:
    """Refuse a call for volume or for maintenance."""
    faults = venue.world.faults
    if (window := faults.fires(NAME, "maintenance")) is not None:
        venue.close_exchange(float(window.get("seconds", 5.0)))
    if venue.closed_until > venue.clock():
        raise ApiError(503, "exchange_unavailable", "the exchange is under maintenance")
    if faults.fires(NAME, "rate_limited") is not None:
        raise ApiError(429, "too_many_requests", "bucket empty")


def refuse_order(venue: "PaperKalshi") -> None:
    """Refuse the next order with the armed code."""
    if (details := venue.world.faults.fires(NAME, "refuse")) is not None:
        raise ApiError(int(details.get("status", 400)), str(details.get("code", "refused")), "refused on request")


async def fill_first(venue: "PaperKalshi", orders: list[PaperOrder]) -> None:
    """Let somebody trade with what was just placed, and let the stream say so before the answer leaves."""
    details = venue.world.faults.fires(NAME, "fill_first") if orders else None
    if details is None:
        return
    venue.engine.fund(NAME, SHARK, Decimal(1_000_000))
    for order in [order for order in orders if order.status == "open"]:
        size = min(order.remaining, Decimal(str(details.get("size", order.remaining))))
        hits = PaperOrder(
            order_id=f"shark-{order.order_id}",
            exchange=NAME,
            book_id=order.book_id,
            account=SHARK,
            outcome="no" if order.is_bid else "yes",
            action="buy",
            price=Decimal(1) - order.yes_price if order.is_bid else order.yes_price,
            size=size,
            created_at=venue.world.now_ms(),
            time_in_force="ioc",
        )
        venue.engine.place(hits)
    await asyncio.sleep(float(details.get("seconds", 0.05)))


def request_lost(venue: "PaperKalshi") -> bool:
    """Does the connection end before the venue has read the write?"""
    return venue.world.faults.fires(NAME, "request_lost") is not None


async def after(venue: "PaperKalshi", answer: Response) -> Response:
    """The answer to a write that was carried out, or what is left of it."""
    faults = venue.world.faults
    if faults.fires(NAME, "answer_lost") is not None:
        return HalfAnswer()
    if faults.fires(NAME, "error_accepted") is not None:
        raise ApiError(500, "internal_server_error", "internal error")
    if (late := faults.fires(NAME, "answer_late")) is not None:
        await asyncio.sleep(float(late.get("seconds", 1.0)))
    return answer


def short_page(venue: "PaperKalshi", cursor: str, page: dict[str, Any], key: str) -> dict[str, Any]:
    """An incomplete page whose continuation fails."""
    if cursor == "broken":
        raise ApiError(500, "internal_server_error", "internal error")
    if venue.world.faults.fires(NAME, "page_short") is None:
        return page
    rows = page[key]
    return {**page, key: rows[: len(rows) // 2], "cursor": "broken"}

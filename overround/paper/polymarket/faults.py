"""Ways to lose an answer after the work was done."""

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from overround.paper.half_answer import HalfAnswer
from overround.paper.polymarket.hub import VENUE
from overround.paper.records import PaperOrder

if TYPE_CHECKING:
    from overround.paper.polymarket.venue import PaperPolymarket


async def after_placing(venue: "PaperPolymarket", response: Response, order_ids: list[str]) -> Response:
    """What becomes of a placement's answer once the orders are in the book."""
    faults = venue.world.faults
    if (first := faults.fires(VENUE, "fill_first")) is not None:
        await _fill_first(venue, order_ids, first)
    if (late := faults.fires(VENUE, "answer_late")) is not None:
        await asyncio.sleep(float(late.get("seconds", 1)))
    if faults.fires(VENUE, "error_accepted") is not None:
        return JSONResponse({"error": "Internal server error"}, 500)
    return HalfAnswer() if faults.fires(VENUE, "answer_lost") is not None else response


async def _fill_first(venue: "PaperPolymarket", order_ids: list[str], details: dict[str, Any]) -> None:
    """Hold the answer until an order has traded: with the named ``taker`` at once, else for at most ``seconds``."""
    taker = details.get("taker")
    orders = [venue.engine.orders[name] for name in order_ids if name in venue.engine.orders]
    if taker is not None:
        for order in orders:
            hit(venue, order, str(taker))
    for _ in range(int(float(details.get("seconds", 2)) * 100)):
        if any(order.filled for order in orders):
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


def hit(venue: "PaperPolymarket", order: PaperOrder, account: str) -> None:
    """Trade against a resting order from ``account``, by buying the other side of its book."""
    venue.engine.place(
        PaperOrder(
            order_id=f"{account}-hits-{order.order_id}-{order.filled}",
            exchange=VENUE,
            book_id=order.book_id,
            account=account,
            outcome="no" if order.is_bid else "yes",
            action="buy",
            price=1 - order.yes_price if order.is_bid else order.yes_price,
            size=order.remaining,
            created_at=venue.world.now_ms(),
            time_in_force="ioc",
        )
    )

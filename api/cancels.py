"""Cancelling orders: one, or many at once (mm-api sheet, section 5.5).

The command goes through ``ControlWorkflow`` to the owner of each order; the answer waits until the exchange has
confirmed, and says how each order really stands.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Body, Response
from sqlalchemy import RowMapping

from api.commands import by_whom, cancel
from api.context import Context
from api.errors import Refusal, absent
from api.exact import ExactRoute
from api.limits import Caller
from api.once import Attempt, OnceOnly
from api.parameters import NullIsEmpty, RowId
from api.routing import ABSENT, COMMANDS, router
from api.schemas import Cancel, Cancelled, CancelMany, Order, PartialFailure, Problem
from overround.domain.control import CancelOrders
from overround.domain.orders import OPEN, OrderStatus
from overround.ledger import resting
from overround.ledger.events import order_payload
from overround.ledger.reads.page import Item

routes = router("Orders & Bets")
routes.route_class = ExactRoute
POLL = 0.03
SALE = "it sells back what could not be hedged, and ends by itself"
FAILED: dict[int | str, dict[str, Any]] = {
    502: {"model": PartialFailure, "description": "Some of the orders may still rest; `failed` says which and why."}
}
NONE: dict[int | str, dict[str, Any]] = {
    **COMMANDS,
    404: {"model": PartialFailure, "description": "None of the orders is this client's."},
    409: {
        "model": PartialFailure | Problem,
        "description": f"All of them were over; or {COMMANDS[409]['description']}",
    },
}
Why = Annotated[Cancel, NullIsEmpty, Body(default_factory=Cancel)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the orders asked for, in their order; ``asked`` is how many."""

    asked: int
    orders: list[Item]
    failed: list[Item]

    def answer(self) -> Item:
        """The orders; or 502 when some failed, 409 when all were over before, 404 when there are none of them."""
        if not self.failed:
            return {"orders": self.orders}
        codes = {item["code"] for item in self.failed}
        tried = len(self.failed) < self.asked or "unconfirmed" in codes
        status = 502 if tried else 409 if "conflict" in codes else 404
        named = "; ".join(f"{item['orderId']}: {item['reason']}" for item in self.failed)
        detail = f"{len(self.failed)} of {self.asked} orders were not cancelled: {named}"
        raise Refusal(status, detail, extra={"failed": self.failed, "orders": self.orders})


@routes.post("/orders/{orderId}/cancel", response_model=Order, responses={**ABSENT, **COMMANDS, **FAILED})
async def cancel_order(caller: Caller, once: OnceOnly, orderId: RowId, why: Why) -> Response:  # noqa: N803
    """Cancel one order. The answer is the order as it is afterwards: it may have filled before the cancel arrived.

    The engine places nothing new in that outcome on that account until its odds change, or for a minute.
    """

    async def work(attempt: Attempt) -> Item:
        row = await _cancellable(once.context, caller.client, orderId, attempt)
        if row["status"] in OPEN:
            by = await by_whom(once.context, caller)
            request = CancelOrders((orderId,), by, why.reason)
            await cancel(once.context, caller.client, request, attempt.request_id)
        order: Item = (await _outcome(once.context, caller.client, [orderId], ())).answer()["orders"][0]
        return order

    return await once.answer(work)


@routes.post("/orders/cancel", response_model=Cancelled, responses=NONE | FAILED)
async def cancel_orders(caller: Caller, once: OnceOnly, which: CancelMany) -> Response:
    """Cancel several orders: by id, by fixture or exchange or both, or all.

    502 when any of them was unknown, over already, or is not confirmed as cancelled in time: the body names each, and
    the engine goes on cancelling what was not confirmed. 404 or 409 when nothing could be tried. By fixture, exchange
    or all the engine places nothing new there either until the odds change, or for a minute; to stop it for good, pause
    or stop trading.
    """

    async def work(attempt: Attempt) -> Item:
        asked, known = await _asked(once.context, caller.client, which)
        over = {key for key, row in known.items() if not _open(row)} if not attempt.resumed else set[int]()
        ids = tuple(key for key in asked if key in known and key not in over)
        if ids or which.order_ids is None:
            by = await by_whom(once.context, caller)
            whole = which.order_ids is None
            request = CancelOrders(ids, by, which.reason, whole, which.fixture_id, which.exchange)
            ids = tuple(await cancel(once.context, caller.client, request, attempt.request_id))
        wanted = asked if which.order_ids is not None else ids
        return (await _outcome(once.context, caller.client, wanted, over)).answer()

    return await once.answer(work)


async def _cancellable(context: Context, client: str, order_id: int, attempt: Attempt) -> RowMapping:
    """The client's own order. An attempt taken over may find it ended by the one before."""
    row = (await _rows(context, client, [order_id])).get(order_id)
    if row is None:
        raise absent("Order")
    if not _open(row) and not attempt.resumed:
        raise Refusal(409, f"Order {order_id}: {_over(row)}")
    return row


async def _asked(context: Context, client: str, which: CancelMany) -> tuple[Sequence[int], dict[int, RowMapping]]:
    """Ids asked for, each once, and those of them that are the client's."""
    if which.order_ids is not None:
        asked: Sequence[int] = list(dict.fromkeys(which.order_ids))
    else:
        async with context.engine.connect() as connection:
            asked = await resting.resting(connection, client, which.fixture_id, which.exchange)
    return asked, await _rows(context, client, asked)


async def _outcome(context: Context, client: str, asked: Sequence[int], over: Sequence[int] | set[int]) -> Outcome:
    """Wait for the exchange, then tell what became of each. ``over`` had ended before."""
    waiting = [key for key in asked if key not in over]
    await _confirmed(context, client, waiting)
    rows = await _rows(context, client, asked)
    failed = [_failure(key, rows.get(key), key in over) for key in asked]
    shown = [order_payload(rows[key]) for key in asked if key in rows]
    return Outcome(len(asked), shown, [item for item in failed if item])


async def _confirmed(context: Context, client: str, order_ids: Sequence[int]) -> None:
    """Return when none of them is open any more, or the time is up."""
    for _ in range(int(context.timing.confirm / POLL)):
        async with context.engine.connect() as connection:
            if not await resting.still_open(connection, client, order_ids):
                return
        await asyncio.sleep(POLL)


async def _rows(context: Context, client: str, order_ids: Sequence[int]) -> dict[int, RowMapping]:
    async with context.engine.connect() as connection:
        return await resting.orders_of(connection, client, order_ids)


def _failure(order_id: int, row: RowMapping | None, was_over: bool) -> Item | None:
    if row is None:
        return {"orderId": order_id, "code": "not_found", "reason": "Order not found"}
    if was_over or row["action"] != "buy":
        return {"orderId": order_id, "code": "conflict", "reason": _over(row)}
    if row["status"] not in OPEN:
        return None
    doubt = f"the exchange has not confirmed: {row['reason']}" if row["unknown"] else "the exchange has not confirmed"
    return {"orderId": order_id, "code": "unconfirmed", "reason": f"{doubt}; cancelling goes on"}


def _open(row: RowMapping) -> bool:
    """May it be cancelled?"""
    return row["status"] in OPEN and row["action"] == "buy"


def _over(row: RowMapping) -> str:
    return SALE if row["action"] != "buy" else f"it is {OrderStatus(row['status'])} already"

"""The last resort of a hedge: sell contracts back on the exchange, once, and book what was sold."""

import time

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.sessions import Sessions
from overround.domain.messages import HedgeTotals, Unwind
from overround.domain.numbers import ONE, round_down
from overround.domain.orders import Absent, Lost, OrderStatus
from overround.exchanges.base import Exchange, OrderRef, PlaceRequest
from overround.ledger import hedges
from overround.ledger import tables as t
from overround.ledger.orders import load, matched_status, moment
from overround.venues import Rejected, Unknown

LOOKBACK_MS = 60_000


class UnwindActivities:
    """Bound to one ledger and one set of venue sessions."""

    def __init__(self, database: AsyncEngine, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    @activity.defn(name="unwind")
    async def unwind(self, request: Unwind) -> HedgeTotals:
        """Place one immediate sell and record its trades; run again, it finds its order and only reads."""
        exchange = await self._sessions.exchange(request.order.account_id)
        if await self._claim(request):
            await self._send(exchange, request)
        return await self._book(exchange, request)

    async def _claim(self, request: Unwind) -> bool:
        """Write the sell as PENDING_PLACEMENT; False when an earlier attempt had."""
        order, instrument = request.order, request.order.instrument
        if instrument is None:
            raise ApplicationError("nothing is known of the instrument to sell", non_retryable=True)
        async with self._database.begin() as connection:
            if await load(connection, [request.client_order_id]):
                return False
            parent = (
                (await connection.execute(select(t.orders).where(t.orders.c.client_order_id == order.client_order_id)))
                .mappings()
                .one()
            )
            await connection.execute(insert(t.orders).values(_row(request, dict(parent))))
        return True

    async def _send(self, exchange: Exchange, request: Unwind) -> None:
        instrument = request.order.instrument
        assert instrument is not None
        size = round_down(request.size, instrument.size_step)
        price = instrument.grid.ceil(min(request.min_price, ONE))
        if size < instrument.min_size or price is None:
            return
        wanted = PlaceRequest(
            request.client_order_id, instrument, "sell", price, size, "ioc", signed_at=int(time.time() * 1000)
        )
        try:
            await exchange.place([exchange.prepare(wanted)])
        except (Rejected, Unknown) as error:
            activity.logger.warning("unwind %s: %s", request.client_order_id, error)

    async def _book(self, exchange: Exchange, request: Unwind) -> HedgeTotals:
        """Ask what became of the sell until the venue knows, and record its trades."""
        order, instrument = request.order, request.order.instrument
        assert instrument is not None
        ref = OrderRef(request.client_order_id, None, instrument, int(time.time() * 1000), None, request.size)
        found = await exchange.find(ref)
        if isinstance(found, Lost):
            raise ApplicationError(f"{order.exchange} does not know yet what became of the sell: {found.reason}")
        trades = [] if isinstance(found, Absent) else await exchange.fills(int(time.time() * 1000) - LOOKBACK_MS)
        mine = [
            trade.fill
            for trade in trades
            if not isinstance(found, Absent) and trade.venue_order_id == found.venue_order_id
        ]
        sold = sum((fill.size for fill in mine), start=request.size * 0)
        async with self._database.begin() as connection:
            await hedges.record_fills(connection, order.account_id, request.client_order_id, mine, ())
            await connection.execute(
                t.orders.update()
                .where(t.orders.c.client_order_id == request.client_order_id)
                .values(
                    status=OrderStatus.FILLED if sold >= request.size else OrderStatus.CANCELLED,
                    venue_order_id=None if isinstance(found, Absent) else found.venue_order_id,
                    filled=sold,
                    remaining=0,
                    matched_status=matched_status(sold, request.size),
                )
            )
            await hedges.lock(connection, order, request.workflow_id, request.run_id)
            now = await hedges.totals(connection, order)
            await hedges.write_totals(connection, order, request.run_id, now, None)
        return now


def _row(request: Unwind, parent: dict[str, object]) -> dict[str, object]:
    kept = (
        "client",
        "account_id",
        "exchange",
        "fixture_id",
        "tournament_id",
        "market_id",
        "outcome_id",
        "venue_market",
    )
    more = ("contract", "position", "odds", "odds_limit", "config_version")
    return {name: parent[name] for name in (*kept, *more)} | {
        "client_order_id": request.client_order_id,
        "workflow_id": request.workflow_id,
        "run_id": request.run_id,
        "action": "sell",
        "price": request.min_price,
        "size": request.size,
        "remaining": 0,
        "status": OrderStatus.PENDING_PLACEMENT,
        "priced_at": moment(int(time.time() * 1000)),
    }

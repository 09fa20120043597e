"""The last resort of a hedge: sell contracts back on the exchange, once, and book what was sold."""

from sqlalchemy import RowMapping, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.sessions import Sessions
from overround.domain.markets import Instrument
from overround.domain.messages import HedgeTotals, Unwind
from overround.domain.numbers import ZERO, round_down
from overround.domain.orders import OPEN, Absent, Fill, Lost, OrderStatus
from overround.exchanges.base import Exchange, OrderRef, PlaceRequest, Prepared
from overround.ledger import hedges
from overround.ledger import tables as t
from overround.ledger.orders import load, moment
from overround.venues import VenueError

LOOKBACK_MS = 5_000


class UnwindActivities:
    """Bound to one ledger and one set of venue sessions."""

    def __init__(self, database: AsyncEngine, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    @activity.defn(name="unwind")
    async def unwind(self, request: Unwind) -> HedgeTotals:
        """Place one immediate sell and record its trades; run again, it finds its order and only reads."""
        instrument = request.order.instrument
        if instrument is None:
            raise ApplicationError("nothing is known of the instrument to sell", non_retryable=True)
        exchange = await self._sessions.exchange(request.order.account_id)
        wanted = _wanted(request, instrument)
        if wanted is None:
            return await self._totals(request, [])
        prepared = exchange.prepare(wanted)
        if await self._claim(request, prepared):
            await _send(exchange, prepared)
        ref = OrderRef(
            request.client_order_id,
            prepared.venue_order_id,
            instrument,
            request.sent_at,
            None,
            wanted.size,
            wanted.price,
        )
        return await self._book(exchange, request, ref)

    async def _claim(self, request: Unwind, prepared: Prepared) -> bool:
        """Write the sell as PENDING_PLACEMENT; False when an earlier attempt had. Not while our own quote for the
        contract may rest: we would sell to ourselves."""
        async with self._database.begin() as connection:
            if await load(connection, [request.client_order_id]):
                return False
            query = select(t.orders).where(t.orders.c.client_order_id == request.order.client_order_id)
            parent = (await connection.execute(query)).mappings().one()
            if await _own_quotes(connection, parent):
                raise ApplicationError("our own quotes for this contract are still being pulled")
            await connection.execute(insert(t.orders).values(_row(request, prepared, dict(parent))))
        return True

    async def _book(self, exchange: Exchange, request: Unwind, ref: OrderRef) -> HedgeTotals:
        """Ask what became of the sell until the venue knows, and record its trades."""
        found = await exchange.find(ref)
        if isinstance(found, Lost):
            raise ApplicationError(f"{exchange.name} does not know yet what became of the sell: {found.reason}")
        if isinstance(found, Absent):
            return await self._totals(request, [], OrderStatus.FAILED)
        trades = await exchange.fills(request.sent_at - LOOKBACK_MS)
        mine = [trade.fill for trade in trades if trade.venue_order_id == found.venue_order_id and not trade.failed]
        if sum((fill.size for fill in mine), ZERO) < found.filled:
            raise ApplicationError(f"{exchange.name} has not listed every trade of the sell yet")
        return await self._totals(request, mine, OrderStatus.CANCELLED, found.venue_order_id)

    async def _totals(
        self, request: Unwind, sold: list[Fill], status: OrderStatus | None = None, venue_order_id: str | None = None
    ) -> HedgeTotals:
        """Record what was sold and where the hedge stands after it."""
        order = request.order
        async with self._database.begin() as connection:
            if status is not None:
                await hedges.record_fills(connection, order.account_id, request.client_order_id, sold, ())
                await hedges.book_sale(connection, request.client_order_id, status, venue_order_id)
            await hedges.lock(connection, order, request.workflow_id, request.run_id)
            now = await hedges.totals(connection, order)
            await hedges.write_totals(connection, order, request.run_id, now, None)
        return now


async def _own_quotes(connection: AsyncConnection, parent: RowMapping) -> bool:
    same = [t.orders.c[name] == parent[name] for name in ("account_id", "fixture_id", "market_id", "outcome_id")]
    query = select(exists().where(*same, t.orders.c.action == "buy", t.orders.c.status.in_(list(OPEN))))
    return bool((await connection.execute(query)).scalar_one())


def _wanted(request: Unwind, instrument: Instrument) -> PlaceRequest | None:
    """The sell as the venue takes it; None when it is too small or has no legal price."""
    size = round_down(request.size, instrument.size_step)
    price = instrument.grid.ceil(request.min_price)
    if size < instrument.min_size or price is None:
        return None
    return PlaceRequest(request.client_order_id, instrument, "sell", price, size, "ioc", signed_at=request.sent_at)


async def _send(exchange: Exchange, prepared: Prepared) -> None:
    """Send once; what came of it is asked afterwards in any case."""
    try:
        await exchange.place([prepared])
    except VenueError as error:
        activity.logger.warning("unwind %s: %s", prepared.request.client_order_id, error)


def _row(request: Unwind, prepared: Prepared, parent: dict[str, object]) -> dict[str, object]:
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
        "price": prepared.request.price,
        "size": prepared.request.size,
        "remaining": 0,
        "status": OrderStatus.PENDING_PLACEMENT,
        "venue_order_id": prepared.venue_order_id,
        "payload": prepared.payload,
        "priced_at": moment(request.sent_at),
    }

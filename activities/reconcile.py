"""What a ``ReconcileWorkflow`` may do: read a venue completely and repair what the ledger does not know."""

import time

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.sessions import Sessions
from activities.signals import Signals
from overround.domain.orders import OPEN, Lost
from overround.domain.reconcile import ReconcileReport, ReconcileStart
from overround.exchanges.base import Exchange, OpenOrder, OrderRef
from overround.ledger import tables as t
from overround.ledger.accounts import note_exchange
from overround.ledger.alarms import raise_alarm
from overround.ledger.live import ORDER_OPEN
from overround.ledger.lookups import OrderFacts, recorded

SETTLING_SECONDS = 5


class ReconcileActivities:
    """Bound to one ledger, the venue sessions and the Temporal client it signals with."""

    def __init__(self, database: AsyncEngine, sessions: Sessions, client: Client) -> None:
        self._database = database
        self._sessions = sessions
        self._signals = Signals(client, database)

    @activity.defn(name="reconcile_account")
    async def reconcile_account(self, start: ReconcileStart) -> ReconcileReport:
        """Compare trades and open orders; every difference becomes the signal the stream would have sent."""
        exchange = await self._sessions.exchange(start.account_id)
        before = await self._ledger_open(start.account_id)
        at_venue = await exchange.open_orders()
        trades = await exchange.fills(int((time.time() - start.lookback_seconds) * 1000))
        balance = await exchange.balance()
        async with self._database.begin() as connection:
            await note_exchange(
                connection, start.account_id, "connected", balance=balance.total, available=balance.available
            )
            known = await recorded(connection, start.account_id, [trade.fill.fill_id for trade in trades])
        findings = [
            f"trade {trade.fill.fill_id} was not in the ledger"
            for trade in trades
            if (trade.fill.fill_id, trade.failed) not in known and await self._signals.fill(start.account_id, trade)
        ]
        findings += await self._unexpected(start.account_id, exchange, at_venue, before)
        findings += await self._vanished(start.account_id, exchange, at_venue, before)
        return ReconcileReport(len(at_venue), len(before), len(findings), tuple(findings[:20]))

    async def _ledger_open(self, account_id: str) -> dict[str, str | None]:
        """Our open orders older than a few seconds: client order id to the venue's id."""
        query = select(t.orders.c.client_order_id, t.orders.c.venue_order_id, t.orders.c.created_at).where(
            t.orders.c.account_id == account_id, ORDER_OPEN
        )
        async with self._database.connect() as connection:
            rows = (await connection.execute(query)).all()
        limit = time.time() - SETTLING_SECONDS
        return {row.client_order_id: row.venue_order_id for row in rows if row.created_at.timestamp() < limit}

    async def _unexpected(
        self, account_id: str, exchange: Exchange, at_venue: list[OpenOrder], before: dict[str, str | None]
    ) -> list[str]:
        """Orders open at the venue that the ledger holds as over, or has never heard of."""
        findings = []
        for order in at_venue:
            facts = await self._signals.facts(account_id, order.venue_order_id, order.client_order_id)
            if facts is None:
                message = f"order {order.venue_order_id} at the venue is not ours"
                async with self._database.begin() as connection:
                    await raise_alarm(connection, "stray", f"{account_id}/{order.venue_order_id}", message)
                findings.append(message)
            elif facts.client_order_id not in before and await self._over(facts.client_order_id):
                await self._put_down(exchange, facts, order)
                findings.append(f"order {facts.client_order_id} rested at the venue although over in the ledger")
        return findings

    async def _put_down(self, exchange: Exchange, facts: OrderFacts, order: OpenOrder) -> None:
        """Cancel an order nobody owns any more; what it had filled reaches its owner through the trades."""
        instrument = facts.hedged.instrument
        if instrument is None:
            raise ApplicationError(f"order {facts.client_order_id} rests unowned and its instrument is not known")
        ref = OrderRef(facts.client_order_id, order.venue_order_id, instrument, size=order.size, price=order.price)
        answers = await exchange.cancel([ref])
        if isinstance(answers[0], Lost):
            raise ApplicationError(f"cancelling {facts.client_order_id}: {answers[0].reason}")

    async def _over(self, client_order_id: str) -> bool:
        query = select(t.orders.c.status).where(t.orders.c.client_order_id == client_order_id)
        async with self._database.connect() as connection:
            status = (await connection.execute(query)).scalar_one_or_none()
        return status is not None and status not in OPEN

    async def _vanished(
        self, account_id: str, exchange: Exchange, at_venue: list[OpenOrder], before: dict[str, str | None]
    ) -> list[str]:
        """Orders the ledger holds open that the venue's complete list does not have: the owner probes them."""
        present = {order.venue_order_id for order in at_venue} | {order.client_order_id for order in at_venue}
        findings = []
        for client_order_id, venue_order_id in before.items():
            if client_order_id in present or (venue_order_id is not None and venue_order_id in present):
                continue
            facts = await self._signals.facts(account_id, venue_order_id, client_order_id)
            if facts is not None and facts.action == "buy":
                await self._signals.evidence(facts, [Lost("not among the venue's open orders")])
                findings.append(f"order {client_order_id} is not open at {exchange.name}")
        return findings

"""Reminders: every owner is told once of each order the ledger shows open, when the order has rested for a moment.

A workflow task can be lost after its calls went out (design, section 3). Orders it placed, even those it wrote down,
are then open at the venue and in the ledger while their owner has never heard of them.
"""

import time
from collections import defaultdict
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.signals import Signals
from overround.domain.messages import RecordedOrder
from overround.domain.orders import Lost, Order
from overround.ledger.lookups import account_of, unchanged
from overround.ledger.orders import load
from workflows.names import TRADING

log = structlog.get_logger(__name__)
QUIET = timedelta(seconds=3)
OVERLAP = timedelta(seconds=15)
"""What was written shows when its transaction ends, later than its time says; no call takes longer than this."""


class Reminders:
    """``look`` must be called every second or two. Owners ignore what they know."""

    def __init__(self, client: Client, database: AsyncEngine, *, queue: str = TRADING) -> None:
        self._client = client
        self._database = database
        self._signals = Signals(client, database, task_queue=queue)
        self._told: set[tuple[str, int]] = set()
        self._looked: float | None = None

    async def look(self) -> None:
        """Tell owners of what has come to rest since the last look; the first look tells them everything."""
        now = time.monotonic()
        window = None if self._looked is None else OVERLAP + timedelta(seconds=now - self._looked)
        owners: dict[str, list[Order]] = defaultdict(list)
        async with self._database.connect() as connection:
            found = await unchanged(connection, QUIET, window)
            news = {name: owner for name, version, owner in found if (name, version) not in self._told}
            for order in await load(connection, list(news)):
                owners[news[order.spec.client_order_id]].append(order)
        for workflow_id, orders in owners.items():
            await self._remind(workflow_id, orders)
        self._told = {(name, version) for name, version, _ in found}
        self._looked = now

    async def _remind(self, workflow_id: str, orders: list[Order]) -> None:
        try:
            items = [RecordedOrder(order) for order in orders]
            await self._client.get_workflow_handle(workflow_id).signal("recorded", items)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            for order in orders:
                await self._find_owner(workflow_id, order.spec.client_order_id)

    async def _find_owner(self, workflow_id: str, client_order_id: str) -> None:
        """The owner finished without the order: it is started again, only to ask the venue what became of it."""
        log.warning("an order has no living owner", order=client_order_id, workflow=workflow_id)
        async with self._database.connect() as connection:
            account_id = await account_of(connection, client_order_id)
        facts = await self._signals.facts(account_id, None, client_order_id)
        if facts is not None:
            await self._signals.evidence(facts, [Lost("its owner finished without it")])

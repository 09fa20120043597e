"""The guard: tells owners of orders they lost in a crash, and pulls every quote when nobody is left to own them."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.sessions import Sessions
from activities.signals import Signals
from overround.domain.messages import RecordedOrder
from overround.domain.orders import Lost
from overround.ledger.alarms import clear_alarm, raise_alarm
from overround.ledger.heartbeats import DEAD_SECONDS, WORKERS, ages
from overround.ledger.lookups import account_of, forgotten
from overround.ledger.orders import load
from streamers.odds import Trader
from workflows.names import TRADING

log = structlog.get_logger(__name__)
FORGOTTEN_SECONDS = 3.0


class Guard:
    """``watch`` must be called every second or two; ``stop`` is what it makes of it: why nothing may be quoted, or
    None. Quotes without hedges are as bad as quotes without an owner."""

    def __init__(
        self,
        client: Client,
        database: AsyncEngine,
        sessions: Sessions,
        stop: Callable[[str | None], None],
        *,
        queue: str = TRADING,
    ) -> None:
        self._client = client
        self._signals = Signals(client, database, task_queue=queue)
        self._database = database
        self._sessions = sessions
        self._stop = stop
        self._alarmed: bool | None = None
        """None until it is known: an earlier process may have raised it."""
        self._pulled: set[str] = set()
        self._since = time.monotonic()

    async def watch(self, traders: list[Trader]) -> None:
        """Look after lost orders and dead workers."""
        async with self._database.connect() as connection:
            lost = await forgotten(connection, FORGOTTEN_SECONDS)
            heard = await ages(connection, WORKERS)
        watching = Decimal(time.monotonic() - self._since)
        silence, role = max((heard.get(name, watching), name) for name in WORKERS)
        if silence <= DEAD_SECONDS:
            await self._all_is_well()
        elif watching > DEAD_SECONDS:
            await self._pull_everything(traders, f"the {role} worker has said nothing for {silence:.0f} s")
        for workflow_id, client_order_id in lost:
            await self._remind(workflow_id, client_order_id)

    async def _all_is_well(self) -> None:
        self._stop(None)
        if self._alarmed is not False:
            async with self._database.begin() as connection:
                await clear_alarm(connection, "worker", "worker")
        self._alarmed, self._pulled = False, set()

    async def _remind(self, workflow_id: str, client_order_id: str) -> None:
        async with self._database.connect() as connection:
            orders = await load(connection, [client_order_id])
        try:
            items = [RecordedOrder(order) for order in orders]
            await self._client.get_workflow_handle(workflow_id).signal("recorded", items)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            log.warning("an order has no living owner", order=client_order_id, workflow=workflow_id)
            await self._find_owner(client_order_id)

    async def _find_owner(self, client_order_id: str) -> None:
        """The owner finished without the order: it is started again, only to ask the venue what became of it."""
        async with self._database.connect() as connection:
            account_id = await account_of(connection, client_order_id)
        facts = await self._signals.facts(account_id, None, client_order_id)
        if facts is not None:
            await self._signals.evidence(facts, [Lost("its owner finished without it")])

    async def _pull_everything(self, traders: list[Trader], reason: str) -> None:
        """Have nothing quoted, cancel everything at every venue until each said yes, and say so."""
        self._stop(reason)
        waiting = [trader.account_id for trader in traders if trader.account_id not in self._pulled]
        await asyncio.gather(*(self._pull(account_id) for account_id in waiting))
        if self._alarmed:
            return
        message = f"{reason}: nothing is quoted, every resting order is being cancelled"
        log.error(message)
        async with self._database.begin() as connection:
            await raise_alarm(connection, "worker", "worker", message)
        self._alarmed = True

    async def _pull(self, account_id: str) -> None:
        """Cancel everything of one account; what fails is tried again at the next look and stops no other account."""
        try:
            session = await self._sessions.exchange(account_id)
            await session.cancel_all()
            self._pulled.add(account_id)
        except Exception as error:
            log.error("could not cancel", account=account_id, error=repr(error))

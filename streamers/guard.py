"""The guard: tells owners of orders they lost in a crash, and pulls every quote when nobody is left to own them."""

import time

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.sessions import Sessions
from overround.domain.messages import RecordedOrder
from overround.ledger.alarms import clear_alarm, raise_alarm
from overround.ledger.heartbeats import age
from overround.ledger.lookups import forgotten
from overround.ledger.orders import load
from overround.venues import VenueError
from streamers.odds import Trader

log = structlog.get_logger(__name__)
FORGOTTEN_SECONDS = 3.0
DEAD_SECONDS = 6.0


class Guard:
    """``watch`` must be called every second or two."""

    def __init__(self, client: Client, database: AsyncEngine, sessions: Sessions) -> None:
        self._client = client
        self._database = database
        self._sessions = sessions
        self._pulled = False
        self._since = time.monotonic()

    async def watch(self, traders: list[Trader]) -> None:
        """Look after lost orders and dead workers."""
        async with self._database.connect() as connection:
            lost = await forgotten(connection, FORGOTTEN_SECONDS)
            silence = await age(connection, "worker")
        for workflow_id, client_order_id in lost:
            await self._remind(workflow_id, client_order_id)
        watching = time.monotonic() - self._since
        dead = silence is not None and min(silence, watching) > DEAD_SECONDS
        if dead and not self._pulled:
            await self._pull_everything(traders, silence or 0.0)
        if not dead and self._pulled:
            async with self._database.begin() as connection:
                await clear_alarm(connection, "worker", "worker")
        self._pulled = dead

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

    async def _pull_everything(self, traders: list[Trader], silence: float) -> None:
        """No worker has said anything for seconds: cancel everything at every venue, and say so."""
        message = f"no worker for {silence:.0f} s: every resting order is being cancelled"
        log.error(message)
        async with self._database.begin() as connection:
            await raise_alarm(connection, "worker", "worker", message)
        for trader in traders:
            try:
                session = await self._sessions.exchange(trader.account_id)
                await session.cancel_all()
            except VenueError as error:
                log.error("could not cancel", account=trader.account_id, error=str(error))

"""One running OrderWorkflow and the desk it trades at."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from overround.domain.config import TradingConfig
from overround.domain.messages import OrderStart, Owner, QuoteSignal, Terms
from overround.domain.orders import Order
from tests.domain.desk import KEY, book, instrument, price, resting, settings
from tests.support.waiting import until
from tests.workflows.desk import Desk, at_work
from workflows.names import TASK_TIMEOUT

OWNER = Owner("demo:vertex", "kalshi-demo", "kalshi", KEY.fixture_id, 111, 132)


@dataclass
class Market:
    """One running owner and the desk it trades at."""

    environment: WorkflowEnvironment | Client
    desk: Desk
    handle: WorkflowHandle[Any, Any]
    sent_at: int = 0

    async def quote(self, odds: tuple[str, str] = ("1.90", "1.95"), *, pull: str | None = None, **more: Any) -> None:
        """New odds, later than every quote before."""
        self.sent_at = max(self.sent_at + 1, int(time.time() * 1000))
        prices = [price(number, text) for number, text in zip((111, 112), odds, strict=True)]
        signal = QuoteSignal(book(*prices, pull=pull), **{"sent_at": self.sent_at, **more})
        await self.handle.signal("quote", signal)

    async def rests(self, *prices: str) -> None:
        """Wait until exactly these prices rest, and the ledger knows."""
        wanted = sorted(map(Decimal, prices))

        def so() -> bool:
            placed = [o for o in self.desk.ledger.values() if o.open and o.venue_order_id]
            return sorted(self.desk.prices().values()) == wanted and len(placed) == len(wanted)

        await until(so, f"{prices} rest; {self.desk.prices()} {self.desk.status()}")

    async def pass_time(self, seconds: float) -> None:
        await (self.environment if isinstance(self.environment, WorkflowEnvironment) else asyncio).sleep(seconds)

    async def run_id(self) -> str:
        return (await self.handle.describe()).run_id

    async def status(self) -> WorkflowExecutionStatus | None:
        return (await self.handle.describe()).status


@asynccontextmanager
async def market(
    environment: WorkflowEnvironment | Client,
    queue: str,
    config: TradingConfig | None = None,
    *,
    cached: int = 1000,
    **start: Any,
) -> AsyncIterator[Market]:
    """An owner with terms, running on the time-skipping server (or on a real one, given its client). A worker that
    keeps nothing ``cached`` reads the history again for every task."""
    desk, client = Desk(), environment.client if isinstance(environment, WorkflowEnvironment) else environment
    terms = Terms(config or settings(improve_ticks=1), (instrument(111), instrument(112)))
    async with at_work(client, queue, desk, max_cached_workflows=cached):
        handle = await client.start_workflow(
            "OrderWorkflow",
            OrderStart(OWNER, **{"terms": terms, **start}),
            id=f"orders-{queue}",
            task_queue=queue,
            task_timeout=TASK_TIMEOUT,
        )
        try:
            yield Market(environment, desk, handle)
        finally:
            if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                await client.get_workflow_handle(handle.id).terminate()


def lone_order(key: str) -> Order:
    order = resting(key)
    return replace(order, venue_order_id=None)


async def continued(it: Market, run: str) -> bool:
    return await it.run_id() != run

"""When no bookmaker will take the hedge, the position is sold back; what cannot be sold is shown and stops quoting."""

from decimal import Decimal

import pytest
from temporalio.client import Client

from tests.support.stack import running_stack


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
async def test_a_fill_that_cannot_be_hedged_is_sold_back(
    venue: str, database_url: str, temporal: Client, task_queue: str
) -> None:
    config = {"slippage": "0.02", "hedge_attempts": 1}
    async with running_stack(database_url, temporal, task_queue, venues=(venue,), config=config) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        stack.world.faults.arm("abp", "refuse", 50)
        assert stack.take(venue, fixture, 111, "10") == Decimal(10)
        await stack.hedged(2)
        assert await stack.one("SELECT count(*) FROM orders WHERE action = 'sell' AND filled = 10") == 1
        assert await stack.one("SELECT residual FROM hedges") == 0
        await stack.check()


async def test_what_can_be_neither_hedged_nor_sold_is_alarmed_and_stops_quoting(
    database_url: str, temporal: Client, task_queue: str
) -> None:
    config = {"slippage": "0", "hedge_attempts": 1}
    async with running_stack(database_url, temporal, task_queue, venues=("kalshi",), config=config) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        stack.world.faults.arm("abp", "refuse", 50)
        assert stack.take("kalshi", fixture, 111, "10") == Decimal(10)

        async def alarmed() -> bool:
            return bool(await stack.rows("SELECT 1 FROM alarms WHERE kind = 'naked' AND cleared_at IS NULL"))

        await stack.until(alarmed, "the open residual is alarmed")
        await stack.until(lambda: not stack.ours("kalshi"), "quoting stopped")
        stack.world.faults.arm("abp", "refuse", 0)
        await stack.until(lambda: stack.ours("kalshi"), "hedged at last, quoting again", 30)
        assert await stack.one("SELECT residual FROM hedges") < Decimal("0.05")

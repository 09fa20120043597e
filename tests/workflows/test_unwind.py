"""When no bookmaker will take the hedge, the position is sold back; what cannot be sold is shown and stops quoting."""

from decimal import Decimal

import pytest
from temporalio.client import Client

from tests.support.stack import running_stack
from tests.support.waiting import until

SALES = "SELECT venue_fill_id FROM fills JOIN orders USING (client_order_id) WHERE action = 'sell'"


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
        assert await stack.one("SELECT count(*) FROM fills") == 2, "nothing was sold to ourselves"
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

        await until(alarmed, "the open residual is alarmed")
        await until(lambda: not stack.ours("kalshi"), "quoting stopped")
        stack.world.faults.arm("abp", "refuse", 0)
        await until(lambda: stack.ours("kalshi"), "hedged at last, quoting again", 30)
        assert await stack.one("SELECT residual FROM hedges") < Decimal("0.05")


async def test_a_sale_that_fails_at_the_venue_later_is_covered_again(
    database_url: str, temporal: Client, task_queue: str
) -> None:
    """What was sold back is ours again when the sale's trade never settles: it must be bet after all."""
    config = {"slippage": "0.02", "hedge_attempts": 1}
    async with running_stack(database_url, temporal, task_queue, venues=("polymarket",), config=config) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        stack.world.faults.arm("abp", "refuse", 50)
        assert stack.take("polymarket", fixture, 111, "10") == Decimal(10)
        await stack.hedged(2)
        stack.world.faults.arm("abp", "refuse", 0)
        trade = (await stack.rows(SALES))[0].venue_fill_id
        stack.polymarket.fail_trade(next(key for key in stack.world.engine.trades if trade.startswith(f"{key}:")))

        async def covered() -> bool:
            states = await stack.rows("SELECT state, residual FROM hedges WHERE done > 0")
            return [(row.state, row.residual) for row in states] == [("DONE", Decimal(0))]

        await until(covered, "the bet that stands in for the failed sale")
        (sale,) = await stack.rows("SELECT status, filled, matched_status FROM orders WHERE action = 'sell'")
        assert (sale.status, sale.filled, sale.matched_status) == ("CANCELLED", 0, "NOT_MATCHED")
        await stack.check()

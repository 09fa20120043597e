"""The whole loop on the real wires: odds in, orders out, fills hedged, positions settled."""

from decimal import Decimal

from temporalio.client import Client

from tests.support.stack import running_stack
from tests.support.waiting import until


async def test_a_fill_on_either_exchange_is_hedged_and_settled(
    database_url: str, temporal: Client, task_queue: str
) -> None:
    async with running_stack(database_url, temporal, task_queue) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture)
        assert stack.take("kalshi", fixture, 111, "20") > 0
        assert stack.take("polymarket", fixture, 112, "30") > 0
        await stack.hedged(2)
        assert await stack.one("SELECT sum(abs(residual)) FROM hedges") < Decimal("0.05")
        stack.finish(fixture)

        async def booked() -> bool:
            return bool(await stack.rows("SELECT 1 FROM fixture_settlements WHERE state = 'BOOKED'"))

        await until(booked, "results booked", 30)
        assert await stack.one("SELECT count(*) FROM settlements") == 4

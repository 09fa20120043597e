"""Trading settings apply to running owners, without a restart."""

import time
from decimal import Decimal

from temporalio.client import Client

from overround.ledger import configs
from tests.support.stack import CLIENT, running_stack
from tests.support.waiting import until


async def test_a_wider_margin_moves_quotes_within_two_seconds_and_names_its_version(
    database_url: str, temporal: Client, task_queue: str
) -> None:
    async with running_stack(database_url, temporal, task_queue, venues=("kalshi",)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        before = {row.outcome_id: row.price for row in await stack.rows("SELECT outcome_id, price FROM orders")}
        first = await stack.one("SELECT max(config_version) FROM orders")
        async with stack.database.begin() as connection:
            body = {"outcomes": [111, 112], "margin": "0.05"}
            saved = await configs.save(connection, CLIENT, configs.DEFAULT, body, "test")
        started = time.monotonic()

        async def moved() -> bool:
            query = "SELECT count(*) FROM orders WHERE status = 'PLACED' AND config_version > :v"
            return bool(await stack.one(query, v=first) == 2)

        await until(moved, "quotes moved")
        assert time.monotonic() - started < 2
        rows = await stack.rows("SELECT * FROM orders WHERE status = 'PLACED'")
        assert {row.config_version for row in rows} == {saved.version}
        for row in rows:
            assert row.price <= before[row.outcome_id] - Decimal("0.03")
        assert len(stack.ours("kalshi")) == 2
        await stack.check()

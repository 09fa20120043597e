"""ReconcileWorkflow on the real wires with silent streams: what it finds it mends, and half a page is no proof."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client

from overround.domain.reconcile import ReconcileReport, ReconcileStart
from overround.paper.world import PaperFixture
from streamers import __main__ as streamers
from streamers.fills import FillStreamer
from tests.support.stack import Stack, running_stack
from tests.support.waiting import until


async def silence(*_: Any) -> None:
    """What the streams would have said."""


@asynccontextmanager
async def deaf(
    database_url: str, client: Client, queue: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Stack, PaperFixture]]:
    """Two orders have long rested on Kalshi; nobody listens to its stream, and nobody compares but the test."""
    for name in ("_take", "_fill", "_sweep"):
        monkeypatch.setattr(FillStreamer, name, silence)
    monkeypatch.setattr(streamers, "ensure_schedules", silence)
    async with running_stack(database_url, client, queue, venues=("kalshi",)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        async with stack.database.begin() as connection:
            await connection.exec_driver_sql("UPDATE orders SET created_at = created_at - interval '1 minute'")
        yield stack, fixture


async def reconcile(stack: Stack) -> ReconcileReport:
    report: ReconcileReport = await stack.client.execute_workflow(
        "ReconcileWorkflow",
        ReconcileStart(stack.accounts["kalshi"]),
        id=f"reconcile-{stack.queue}",
        task_queue=stack.queue,
        result_type=ReconcileReport,
    )
    return report


async def test_a_fill_nobody_told_of_is_found_and_hedged(
    database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with deaf(database_url, temporal, task_queue, monkeypatch) as (stack, fixture):
        assert stack.take("kalshi", fixture, 111, "20") == 20
        await asyncio.sleep(0.3)
        assert await stack.one("SELECT count(*) FROM fills") == 0
        assert len((await reconcile(stack)).findings) == 1
        await stack.hedged(1)
        assert await stack.one("SELECT sum(size) FROM fills") == Decimal(20)
        assert (await reconcile(stack)).findings == ()
        await stack.check()


async def test_an_order_only_the_venue_knows_is_alarmed(
    database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with deaf(database_url, temporal, task_queue, monkeypatch) as (stack, _):
        async with stack.database.begin() as connection:
            deleted = await connection.exec_driver_sql(
                "DELETE FROM orders WHERE order_id = (SELECT min(order_id) FROM orders) RETURNING venue_order_id"
            )
            venue_order_id = deleted.scalar_one()
        report = await reconcile(stack)
        assert [line for line in report.findings if venue_order_id in line]
        assert await stack.rows("SELECT 1 FROM alarms WHERE kind = 'stray' AND cleared_at IS NULL")


async def test_an_order_only_the_ledger_knows_is_asked_about_and_replaced(
    database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with deaf(database_url, temporal, task_queue, monkeypatch) as (stack, _):
        gone = stack.ours("kalshi")[0]
        stack.world.engine.cancel(gone.order_id, "by the venue")
        stack.world.faults.arm("kalshi", "page_short", 1)
        report = await reconcile(stack)
        assert ("kalshi", "page_short") in stack.world.faults.fired
        assert len(report.findings) == 1
        await until(lambda: len(stack.ours("kalshi")) == 2, "replaced")

        async def written() -> bool:
            return bool(await stack.one("SELECT count(*) FROM orders WHERE status = 'CANCELLED'") == 1)

        await until(written, "the ledger knows")
        assert await stack.one("SELECT count(*) FROM orders") == 3
        await stack.check()


async def test_half_a_page_is_an_error_and_no_absence(
    database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with deaf(database_url, temporal, task_queue, monkeypatch) as (stack, _):
        stack.world.faults.arm("kalshi", "page_short", 3)
        assert (await reconcile(stack)).findings == ()
        assert stack.world.faults.fired.count(("kalshi", "page_short")) == 3
        assert await stack.one("SELECT count(*) FROM orders WHERE unknown") == 0
        assert len(stack.ours("kalshi")) == 2

"""Orders the client cancels: gone whatever the venue does, and not replaced before the odds change."""

import asyncio
from decimal import Decimal
from typing import Any

from temporalio.testing import WorkflowEnvironment

from overround.domain.control import Drop
from overround.domain.holds import HOLD_SECONDS
from overround.domain.messages import OrderEvidence, TouchOrders
from overround.domain.orders import Lost, Refused
from tests.domain.desk import settings
from tests.support.waiting import until
from tests.workflows.market import Market, continued, lone_order, market

PATIENT = settings(improve_ticks=1, owner_seconds=3600)


async def drop(it: Market, *keys: str, everything: bool = False) -> None:
    await it.handle.signal("drop", Drop(keys, everything))


def against(it: Market, outcome: int) -> str:
    """The order that rests against an outcome."""
    (key,) = [key for key, spec in it.desk.resting.items() if spec.outcome_id == outcome]
    return key


def lost_cancel(request: TouchOrders) -> list[OrderEvidence]:
    return [OrderEvidence(order.spec.client_order_id, Lost("timeout")) for order in request.orders]


def refused_cancel(request: TouchOrders) -> list[OrderEvidence]:
    return [OrderEvidence(order.spec.client_order_id, Refused("busy", "try later")) for order in request.orders]


async def test_it_is_cancelled_alone_and_replaced_when_the_odds_change(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        gone = against(it, 111)
        await drop(it, gone)
        await it.rests("0.47")
        await it.quote()
        await it.pass_time(20)
        await it.rests("0.47")
        assert it.desk.status()[gone] == "CANCELLED"
        await it.quote(("1.91", "1.95"))
        await it.rests("0.46", "0.47")
        assert len(it.desk.sent) == 3, "the other outcome's order was never touched"


async def test_odds_that_come_back_do_not_bring_the_hold_back(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await drop(it, against(it, 111))
        await it.rests("0.47")
        await it.quote(("1.91", "1.95"))
        await it.rests("0.46", "0.47")
        await it.quote(("1.90", "1.95"))
        await it.quote(("1.70", "2.30"))
        await it.rests("0.40", "0.55")


async def test_without_a_change_of_odds_it_is_replaced_when_the_hold_is_over(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    config = settings(improve_ticks=1, owner_seconds=180)
    async with market(time_skipping, task_queue, config) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await drop(it, against(it, 112))
        await it.rests("0.46")
        await it.pass_time(HOLD_SECONDS - 5)
        assert len(it.desk.sent) == 2
        await it.pass_time(70)
        await it.rests("0.46", "0.47")


async def test_everything_goes_and_nothing_comes_back_at_once(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await drop(it, everything=True)
        await it.rests()
        await it.quote(("1.90", "2.00"))
        await it.rests("0.49")
        assert [spec.outcome_id for spec in it.desk.resting.values()] == [112], "only where the odds moved"


async def test_everything_of_an_owner_between_two_orders_keeps_the_next_away(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        await it.quote(pull="suspended")
        await drop(it, everything=True)
        await it.quote()
        await it.pass_time(10)
        assert it.desk.sent == []
        await it.quote(("1.80", "2.06"))
        await it.rests("0.43", "0.50")


async def test_a_cancel_that_is_lost_or_refused_is_tried_until_the_order_is_gone(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        it.desk.then("cancel_orders", lost_cancel, refused_cancel, lost_cancel)
        gone = against(it, 111)
        await drop(it, gone)
        await it.rests("0.47")
        assert it.desk.count("cancel_orders") == 4
        assert it.desk.status()[gone] == "CANCELLED"


async def test_an_order_being_placed_is_cancelled_once_it_rests(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        placing = asyncio.Event()

        async def slowly(request: Any) -> Any:
            placing.set()
            await drop(it, *(spec.client_order_id for spec in request.specs))
            await asyncio.sleep(0.2)
            return it.desk.accept(request)

        it.desk.then("place_orders", slowly)
        await it.quote()
        await placing.wait()
        await until(lambda: list(it.desk.status().values()) == ["CANCELLED"] * 2, "both gone")
        assert it.desk.resting == {}


async def test_an_order_the_owner_lost_in_a_crash_is_found_in_the_ledger_and_cancelled(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        order = lone_order("forgotten")
        it.desk.claimed["forgotten"] = it.desk.resting["forgotten"] = order.spec
        it.desk.sent.append("forgotten")
        await drop(it, "forgotten")
        await until(lambda: it.desk.status().get("forgotten") == "CANCELLED", "found and cancelled")
        await it.quote()
        await it.rests("0.47")


async def test_a_drop_and_its_hold_outlive_the_run_that_heard_of_them(
    time_skipping: WorkflowEnvironment, task_queue: str, short_runs: int
) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        run = await it.run_id()
        it.desk.then("cancel_orders", lost_cancel)
        await drop(it, against(it, 111))
        for _ in range(short_runs + 2):
            await it.quote()
        await until(lambda: continued(it, run), "continued as new")
        await it.rests("0.47")
        await it.quote()
        await it.pass_time(10)
        await it.rests("0.47")
        assert it.desk.prices() == {112: Decimal("0.47")}


async def test_a_drop_heard_twice_is_one_cancel(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue, PATIENT) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        gone = against(it, 111)
        for _ in range(2):
            await drop(it, gone)
            await it.rests("0.47")
        assert it.desk.count("cancel_orders") == 1

"""SettlementWorkflow: waits for every word, books what agrees, and asks an operator about what does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from overround.domain.messages import FixtureStatus
from overround.domain.results import FixtureResults
from overround.domain.settling import Closing, Decision, SettlementStart
from tests.support.waiting import until
from tests.workflows.desk import Desk, at_work
from tests.workflows.test_resettlement import FIXTURE, OVER, results
from workflows import settlement
from workflows.names import TASK_TIMEOUT


@asynccontextmanager
async def settling(
    environment: WorkflowEnvironment, queue: str, *words: Any, status: FixtureStatus = OVER
) -> AsyncIterator[tuple[Desk, WorkflowHandle[Any, Any]]]:
    """A settlement that reads ``words`` one after the other, the last again and again."""
    desk = Desk()
    desk.results.extend(words)
    async with at_work(environment.client, queue, desk):
        handle = await environment.client.start_workflow(
            "SettlementWorkflow",
            SettlementStart(FIXTURE, status),
            id=f"settlement-{queue}",
            task_queue=queue,
            task_timeout=TASK_TIMEOUT,
        )
        try:
            yield desk, handle
        finally:
            await environment.client.get_workflow_handle(handle.id).terminate()


def states(desk: Desk) -> list[str]:
    """Every state it went through, once each time."""
    found: list[str] = []
    for item in desk.settling:
        if not found or found[-1] != item.state:
            found.append(item.state)
    return found


async def test_nothing_is_closed_before_the_match_is_over(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    live = FixtureStatus(FIXTURE, 1)
    async with settling(time_skipping, task_queue, results("WON"), status=live) as (desk, handle):
        await time_skipping.sleep(3 * 3600)
        assert not desk.calls
        await handle.signal("status", OVER)
        await until(lambda: desk.booked, "booked")


async def test_it_waits_until_no_order_is_open_and_no_hedge_under_way(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with settling(time_skipping, task_queue, results("WON")) as (desk, _):
        desk.then("close_fixture", *[lambda _, c=c: c for c in (Closing(2, 1), Closing(0, 1))])
        await time_skipping.sleep(20)
        await until(lambda: desk.booked, "booked")
        calls = [name for name, _ in desk.calls]
        assert calls.index("collect_results") > max(i for i, name in enumerate(calls) if name == "close_fixture")


async def test_orders_that_do_not_end_are_said_and_waited_for(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with settling(time_skipping, task_queue, results("WON")) as (desk, _):
        desk.then("close_fixture", lambda _: Closing(2, 1), times=settlement.LONG_CLOSING + 3)
        await time_skipping.sleep(600)
        await until(lambda: states(desk)[:2] == ["CLOSING", "STUCK"], "said")
        assert "2 order(s) and 1 hedge(s)" in next(item.reason for item in desk.settling if item.state == "STUCK")
        await time_skipping.sleep(600)
        await until(lambda: desk.booked, "booked after all")
        assert states(desk)[-1] == "BOOKED"


async def test_trades_that_are_still_to_come_are_waited_for(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with settling(time_skipping, task_queue, results("WON")) as (desk, _):
        desk.then("close_fixture", lambda _: Closing(0, 0, 1), times=3)
        await time_skipping.sleep(20)
        await until(lambda: desk.booked, "booked")
        calls = [name for name, _ in desk.calls]
        assert calls.index("collect_results") > max(i for i, name in enumerate(calls) if name == "close_fixture")
        assert desk.count("close_fixture") == 4


async def test_trades_that_never_come_do_not_keep_the_rest_from_being_booked(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with settling(time_skipping, task_queue, results("WON")) as (desk, _):
        desk.then("close_fixture", lambda _: Closing(0, 0, 1), times=10 * settlement.LONG_CLOSING)
        await time_skipping.sleep(900)
        await until(lambda: desk.booked, "booked")
        assert "STUCK" not in states(desk)


async def test_every_word_is_waited_for_even_for_days(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    words = [results(None, None, "UNDECIDED"), results(None, None), results(None), results("WON")]
    async with settling(time_skipping, task_queue, *words) as (desk, _):
        await time_skipping.sleep(30)
        await until(lambda: desk.booked, "booked")
        reasons = [item.reason for item in desk.settling if item.state == "WAITING"]
        assert ["graded" in reasons[0], "resolved" in reasons[1], "settled" in reasons[2]] == [True] * 3
        assert states(desk)[-2:] == ["WAITING", "BOOKED"]


async def test_a_wait_of_many_reads_goes_on_in_a_new_run(
    time_skipping: WorkflowEnvironment, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlement, "RECHECKS_PER_RUN", 3)
    words = [results(None)] * 6 + [results("WON")]
    async with settling(time_skipping, task_queue, *words) as (desk, handle):
        await time_skipping.sleep(120)
        await until(lambda: desk.booked, "booked")
        run = await time_skipping.client.get_workflow_handle(handle.id).describe()
        assert run.run_id != handle.result_run_id
        assert len(desk.booked) == 1


async def test_a_dispute_waits_for_a_decision_that_says_who_and_why(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with settling(time_skipping, task_queue, results("LOST")) as (desk, handle):
        await until(lambda: "DISPUTED" in states(desk), "disputed")
        await time_skipping.sleep(3 * 86_400)
        assert not desk.booked
        assert "bet p1" in (await handle.query("disputes"))[0]
        for by, why in (("", "because"), ("an operator", "")):
            with pytest.raises(WorkflowUpdateFailedError):
                await handle.execute_update("decide", Decision("book", by, why))
        assert not desk.booked
        await handle.execute_update("decide", Decision("book", "an operator", "the bookmaker's page says so"))
        await until(lambda: desk.booked, "booked")
        assert "an operator" in desk.booked[0].decided


async def test_what_is_not_disputed_cannot_be_decided(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with settling(time_skipping, task_queue, results(None)) as (desk, handle):
        await until(lambda: "WAITING" in states(desk), "waiting")
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("decide", Decision("book", "an operator", "impatience"))
        assert not desk.booked


async def test_a_dispute_that_goes_away_is_booked_after_another_look(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with settling(time_skipping, task_queue, results("LOST"), results("WON")) as (desk, handle):
        await until(lambda: "DISPUTED" in states(desk), "disputed")
        await handle.signal("recheck")
        await until(lambda: desk.booked, "booked")
        assert desk.booked[0].decided == ""


async def test_an_operator_may_only_look_again(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with settling(time_skipping, task_queue, results("LOST"), results("LOST"), results("WON")) as (desk, handle):
        for looks in (2, 3):
            await until(lambda looks=looks: states(desk).count("DISPUTED") == looks - 1, "disputed")  # type: ignore[misc]
            await handle.execute_update("decide", Decision("look", "an operator", "they are correcting it"))
            await until(lambda looks=looks: desk.count("collect_results") >= looks, "looked again")  # type: ignore[misc]
        await until(lambda: desk.booked, "booked")
        assert desk.booked[0].decided == ""


async def test_a_decision_comes_too_late_once_the_results_are_read_again(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    read = asyncio.Event()

    async def reading(_: str) -> FixtureResults:
        await read.wait()
        return results("LOST")

    decision = Decision("book", "an operator", "the bookmaker's page says so")
    async with settling(time_skipping, task_queue, results("LOST")) as (desk, handle):
        await until(lambda: "DISPUTED" in states(desk), "disputed")
        desk.then("collect_results", reading)
        await handle.signal("recheck")
        await until(lambda: desk.count("collect_results") == 2, "read again")
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("decide", decision)
        read.set()
        await until(lambda: states(desk).count("DISPUTED") == 2, "disputed again")
        await handle.execute_update("decide", decision)
        await until(lambda: desk.booked, "booked")

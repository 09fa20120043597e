"""A booked fixture is read again: a correction is booked as the new result, a decision is not asked for twice."""

from datetime import timedelta
from decimal import Decimal

from temporalio.testing import WorkflowEnvironment

from overround.domain.messages import FixtureStatus
from overround.domain.results import BetPartResult, FixtureResults, OrderResult
from overround.domain.settling import Closing, Decision, SettlementStart
from tests.support.waiting import until
from tests.workflows.desk import Desk, at_work
from workflows.names import TASK_TIMEOUT

FIXTURE = "id1100013200000001"
OVER = FixtureStatus(FIXTURE, 2, {"result": (101, 99)})


def results(bet: str | None, value: str | None = "0", feed: str = "WON") -> FixtureResults:
    """One order of 10 contracts against outcome 111 and its bet; ``bet`` is the bookmaker's word."""
    order = OrderResult(
        "c1",
        "demo:vertex",
        111,
        111,
        "buy",
        Decimal(10),
        Decimal("4.6"),
        Decimal(0),
        None if value is None else Decimal(value),
    )
    part = BetPartResult("r1", "p1", "demo:vertex", 111, 111, Decimal(5), Decimal(2), bet)
    return FixtureResults(OVER, {111: feed}, {}, (order,), (part,))


async def settled(environment: WorkflowEnvironment, queue: str, desk: Desk) -> object:
    desk.alive.append(Closing(0, 0))
    return await environment.client.start_workflow(
        "SettlementWorkflow",
        SettlementStart(FIXTURE, OVER),
        id=f"settlement-{queue}",
        task_queue=queue,
        task_timeout=TASK_TIMEOUT,
    )


def booked(desk: Desk) -> list[list[tuple[str, str]]]:
    return [[(item.subject, item.status) for item in book.booked] for book in desk.booked]


async def test_a_corrected_result_is_booked_as_the_new_one(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    desk = Desk()
    desk.results.extend([results("WON"), results("LOST", "1", "LOST")])
    async with at_work(time_skipping.client, task_queue, desk):
        handle = await settled(time_skipping, task_queue, desk)
        await handle.result()  # type: ignore[attr-defined]
    assert booked(desk)[0] == [("order", "LOST"), ("bet", "WON")]
    assert booked(desk)[1] == [("order", "WON"), ("bet", "LOST")]


async def test_a_fixture_is_read_again_for_a_day(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    desk = Desk()
    desk.results.append(results("WON"))
    async with at_work(time_skipping.client, task_queue, desk):
        began = await time_skipping.get_current_time()
        handle = await settled(time_skipping, task_queue, desk)
        await handle.result()  # type: ignore[attr-defined]
        assert await time_skipping.get_current_time() - began > timedelta(hours=27)
    assert len(desk.booked) == 4


async def test_what_an_operator_decided_is_not_asked_again(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    desk = Desk()
    desk.results.append(results("LOST"))
    async with at_work(time_skipping.client, task_queue, desk):
        handle = await settled(time_skipping, task_queue, desk)
        await until(lambda: any(item.state == "DISPUTED" for item in desk.settling), "disputed")
        await handle.execute_update("decide", Decision("book", "ann", "the bookmaker is right"))  # type: ignore[attr-defined]
        await handle.result()  # type: ignore[attr-defined]
    assert sum(1 for item in desk.settling if item.state == "DISPUTED") == 1
    assert len(desk.booked) == 4

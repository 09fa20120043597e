"""Schedules: one reconciliation per account, made once, whoever made it."""

from typing import Any

import pytest
from temporalio.client import Schedule, ScheduleActionStartWorkflow, ScheduleAlreadyRunningError, ScheduleOverlapPolicy
from temporalio.service import RPCError, RPCStatusCode

from overround.domain.ids import reconcile_workflow
from overround.domain.reconcile import ReconcileStart
from streamers import schedules as module
from streamers.schedules import EVERY, ensure_schedules


class Temporal:
    """Makes schedules; ``failures`` are raised one by one, ``running`` exist already."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Schedule]] = []
        self.asked: list[str] = []
        self.running: set[str] = set()
        self.failures: list[Exception] = []

    async def create_schedule(self, name: str, schedule: Schedule) -> None:
        self.asked.append(name)
        if self.failures:
            raise self.failures.pop(0)
        if name in self.running:
            raise ScheduleAlreadyRunningError
        self.running.add(name)
        self.made.append((name, schedule))


@pytest.fixture
def temporal(monkeypatch: pytest.MonkeyPatch) -> Temporal:
    monkeypatch.setattr(module, "_ensured", set())
    return Temporal()


async def ensure(temporal: Temporal, *accounts: str, queue: str = "trading") -> None:
    await ensure_schedules(temporal, list(accounts), queue)  # type: ignore[arg-type]


async def test_each_account_is_compared_every_half_minute_and_never_twice_at_once(temporal: Temporal) -> None:
    await ensure(temporal, "kalshi-demo", "polymarket-demo")
    assert [name for name, _ in temporal.made] == [reconcile_workflow(f"{at}-demo") for at in ("kalshi", "polymarket")]
    schedule = temporal.made[0][1]
    action: Any = schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.task_queue) == ("ReconcileWorkflow", "trading")
    assert list(action.args) == [ReconcileStart("kalshi-demo")]
    assert [item.every for item in schedule.spec.intervals] == [EVERY]
    assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP


async def test_the_server_is_asked_once_per_account(temporal: Temporal) -> None:
    for _ in range(3):
        await ensure(temporal, "kalshi-demo")
    await ensure(temporal, "kalshi-demo", "polymarket-demo")
    assert temporal.asked == [reconcile_workflow("kalshi-demo"), reconcile_workflow("polymarket-demo")]


async def test_a_schedule_of_an_earlier_process_is_left_as_it_is(temporal: Temporal) -> None:
    temporal.running = {reconcile_workflow("kalshi-demo")}
    for _ in range(2):
        await ensure(temporal, "kalshi-demo")
    assert (temporal.made, len(temporal.asked)) == ([], 1)


async def test_a_server_that_is_away_is_asked_again_for_all_that_is_missing(temporal: Temporal) -> None:
    temporal.failures = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")]
    with pytest.raises(RPCError):
        await ensure(temporal, "kalshi-demo", "polymarket-demo")
    await ensure(temporal, "kalshi-demo", "polymarket-demo")
    assert len(temporal.made) == 2

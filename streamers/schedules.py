"""The Temporal Schedules of this deployment: one reconciliation per exchange account."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from overround.domain.ids import reconcile_workflow
from overround.domain.reconcile import ReconcileStart
from workflows.attributes import attributes

EVERY = timedelta(seconds=30)
_ensured: set[tuple[str, str]] = set()


async def ensure_schedules(client: Client, account_ids: list[str], queue: str) -> None:
    """Create the schedules that do not exist yet; workers of ``queue`` run them."""
    for account_id in account_ids:
        if (account_id, queue) not in _ensured:
            await _ensure(client, account_id, queue)
            _ensured.add((account_id, queue))


async def _ensure(client: Client, account_id: str, queue: str) -> None:
    name = reconcile_workflow(account_id)
    action = ScheduleActionStartWorkflow(
        "ReconcileWorkflow",
        ReconcileStart(account_id),
        id=name,
        task_queue=queue,
        static_summary=f"Compare {account_id} with the ledger",
        typed_search_attributes=attributes(account=account_id),
    )
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:
        return

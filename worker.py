"""The worker: runs workflows and activities until told to stop.

``python worker.py`` reads every address from the environment (``overround.settings``). A money workflow whose worker
died is picked up by another within about a second (design, section 3, "Worker settings").
"""

import asyncio
import contextlib
import os
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.control import ControlActivities
from activities.hedges import HedgeActivities
from activities.orders import OrderActivities
from activities.reconcile import ReconcileActivities
from activities.sessions import Sessions
from activities.settlement import SettlementActivities
from activities.temporal import connect_temporal
from activities.unwinding import UnwindActivities
from overround.feed.rest import FeedRest
from overround.ledger.db import connect
from overround.ledger.heartbeats import beat
from overround.process import announce, main, stop_requested
from overround.settings import Settings
from workflows.control import ControlWorkflow
from workflows.hedge import HedgeWorkflow
from workflows.names import TRADING
from workflows.order import OrderWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.settlement import SettlementWorkflow

log = structlog.get_logger(__name__)
TASKS_AT_ONCE, CALLS_AT_ONCE = 12, 40
"""Few at once: under overload tasks wait at the server, where no deadline runs, instead of here, where theirs would
pass and the same work be done again."""
WORKFLOWS = [OrderWorkflow, HedgeWorkflow, SettlementWorkflow, ControlWorkflow, ReconcileWorkflow]


def runner() -> SandboxedWorkflowRunner:
    """The sandbox, with our own pure modules passed through so that an execution does not import them again."""
    passed = SandboxRestrictions.default.with_passthrough_modules("overround", "workflows")
    return SandboxedWorkflowRunner(restrictions=passed)


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = stop_requested()
    client = await connect_temporal(settings)
    database = connect(settings.database_url, pool=20)
    sessions = Sessions(database, settings.secret_key.get_secret_value())
    async with FeedRest(settings.oddspapi_api_key, settings.oddspapi_rest_url) as feed:
        worker = build(
            client,
            [
                OrderActivities(database, sessions),
                HedgeActivities(database, sessions),
                UnwindActivities(database, sessions),
                SettlementActivities(database, sessions, feed, client),
                ReconcileActivities(database, sessions, client),
                ControlActivities(database, client),
            ],
        )
        async with worker:
            announce()
            await _serve(client, database, stop)
    await sessions.close()
    await database.dispose()


def build(client: Client, parts: list[object], task_queue: str = TRADING) -> Worker:
    """A worker with every workflow and the given activity classes."""
    found = [getattr(part, name) for part in parts for name in dir(part)]
    activities = [item for item in found if hasattr(item, "__temporal_activity_definition")]
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=activities,
        workflow_runner=runner(),
        max_cached_workflows=2000,
        max_concurrent_workflow_tasks=TASKS_AT_ONCE,
        max_concurrent_local_activities=CALLS_AT_ONCE,
        max_concurrent_activities=CALLS_AT_ONCE,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


async def _serve(client: Client, database: AsyncEngine, stop: asyncio.Event) -> None:
    """Say every second that this worker is alive and reaches Temporal; the guard pulls quotes when nobody does."""
    while not stop.is_set():
        with contextlib.suppress(SQLAlchemyError, RPCError):
            await client.service_client.check_health(timeout=timedelta(seconds=2))
            async with database.begin() as connection:
                await beat(connection, "worker", {"pid": os.getpid()})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)


if __name__ == "__main__":
    main("worker", run)

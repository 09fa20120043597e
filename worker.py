"""The worker: runs workflows and activities until told to stop.

``python worker.py`` reads every address from the environment (``overround.settings``). A money workflow whose worker
died is picked up by another within about a second (design, section 3, "Worker settings").
"""

import asyncio
import contextlib
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import structlog
from temporalio.client import Client
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
from overround.logs import configure
from overround.settings import Settings
from workflows.control import ControlWorkflow
from workflows.hedge import HedgeWorkflow
from workflows.names import TRADING
from workflows.order import OrderWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.settlement import SettlementWorkflow

log = structlog.get_logger(__name__)
WORKFLOWS = [OrderWorkflow, HedgeWorkflow, SettlementWorkflow, ControlWorkflow, ReconcileWorkflow]


def runner() -> SandboxedWorkflowRunner:
    """The sandbox, with our own pure modules passed through so that an execution does not import them again."""
    passed = SandboxRestrictions.default.with_passthrough_modules("overround", "workflows")
    return SandboxedWorkflowRunner(restrictions=passed)


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
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
            _ready()
            await _serve(database, stop)
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
        activity_executor=ThreadPoolExecutor(4),
        max_cached_workflows=2000,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


async def _serve(database: object, stop: asyncio.Event) -> None:
    """Say every second that this worker is alive; the guard pulls quotes when nobody does."""
    while not stop.is_set():
        with contextlib.suppress(Exception):
            async with database.begin() as connection:  # type: ignore[attr-defined]
                await beat(connection, "worker", {"pid": os.getpid()})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)


def _ready() -> None:
    if file := os.environ.get("OVERROUND_READY_FILE"):
        Path(file).touch()


def main() -> None:
    """Run, then leave without the interpreter's own shutdown (stack sheet, section 4.2)."""
    code = 0
    try:
        settings = Settings()
        configure(settings.log_level)
        asyncio.run(run(settings))
    except SystemExit as error:
        print(error.code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()

"""The workers: run workflows and activities until told to stop.

``python worker.py trading`` serves quotes, settlements, commands and reconciliations; ``python worker.py hedging`` the
hedges, in a process of its own so that no fill waits behind the odds; ``python worker.py`` both. Addresses come from
the environment (``overround.settings``). A money workflow whose worker died is picked up by another within about a
second (design, section 3, "Worker settings").
"""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
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
from workflows.names import TRADING, hedging
from workflows.order import OrderWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.settlement import SettlementWorkflow

log = structlog.get_logger(__name__)
TASKS_AT_ONCE, CALLS_AT_ONCE = 12, 40
"""Few at once: under overload tasks wait at the server, where no deadline runs, instead of here, where theirs would
pass and the same work be done again."""

BEHIND = 5
"""How nice a worker is that does not hedge: on a busy machine fills, feed and servers come before new quotes."""


@dataclass(frozen=True, slots=True)
class Role:
    """What one worker serves, and under which name of the queue."""

    workflows: list[type]
    activities: tuple[type, ...]
    queue: Callable[[str], str] = str


ROLES = {
    "trading": Role(
        [OrderWorkflow, SettlementWorkflow, ControlWorkflow, ReconcileWorkflow],
        (OrderActivities, SettlementActivities, ReconcileActivities, ControlActivities),
    ),
    "hedging": Role([HedgeWorkflow], (HedgeActivities, UnwindActivities), hedging),
}


WORKFLOWS = [workflow for role in ROLES.values() for workflow in role.workflows]


def runner() -> WorkflowRunner:
    """The sandbox, with our own pure modules passed through so that an execution does not import them again."""
    passed = SandboxRestrictions.default.with_passthrough_modules("overround", "workflows")
    return SandboxedWorkflowRunner(restrictions=passed)


async def run(settings: Settings, roles: Sequence[str] = tuple(ROLES)) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = stop_requested()
    if "hedging" not in roles:
        os.nice(BEHIND)
    client = await connect_temporal(settings)
    database = connect(settings.database_url, pool=20)
    sessions = Sessions(database, settings.secret_key.get_secret_value())
    async with FeedRest(settings.oddspapi_api_key, settings.oddspapi_rest_url) as feed, AsyncExitStack() as working:
        parts = [
            OrderActivities(database, sessions),
            HedgeActivities(database, sessions),
            UnwindActivities(database, sessions),
            SettlementActivities(database, sessions, feed, client),
            ReconcileActivities(database, sessions, client),
            ControlActivities(database, client),
        ]
        for role in roles:
            worker = build(client, ROLES[role], parts, sandbox=settings.workflow_sandbox)
            await working.enter_async_context(worker)
        announce()
        await report(client, database, roles, stop)
    await sessions.close()
    await database.dispose()


def build(client: Client, role: Role, parts: Sequence[object], queue: str = TRADING, *, sandbox: bool = True) -> Worker:
    """The worker of one role; of ``parts``, objects with activities, it takes what the role names."""
    mine = [part for part in parts if isinstance(part, role.activities)]
    found = [getattr(part, name) for part in mine for name in dir(part)]
    return Worker(
        client,
        task_queue=role.queue(queue),
        workflows=role.workflows,
        activities=[item for item in found if hasattr(item, "__temporal_activity_definition")],
        workflow_runner=runner() if sandbox else UnsandboxedWorkflowRunner(),
        max_cached_workflows=2000,
        max_concurrent_workflow_tasks=TASKS_AT_ONCE,
        max_concurrent_local_activities=CALLS_AT_ONCE,
        max_concurrent_activities=CALLS_AT_ONCE,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


async def report(client: Client, database: AsyncEngine, roles: Sequence[str], stop: asyncio.Event) -> None:
    """Say every second that these roles are alive and reach Temporal; the guard pulls quotes when one is not."""
    while not stop.is_set():
        with contextlib.suppress(SQLAlchemyError, RPCError):
            await client.service_client.check_health(timeout=timedelta(seconds=2))
            async with database.begin() as connection:
                for role in roles:
                    await beat(connection, role, {"pid": os.getpid()})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await stop.wait()


def roles_of(arguments: Sequence[str]) -> tuple[str, ...]:
    """The roles the command line names; all of them when it names none. Raises ``SystemExit``."""
    parser = argparse.ArgumentParser(prog="worker.py", description="Run workflows and activities.")
    parser.add_argument("role", nargs="*", choices=[*ROLES, []], help="default: all")
    return tuple(parser.parse_args(arguments).role) or tuple(ROLES)


if __name__ == "__main__":
    serving = roles_of(sys.argv[1:])
    main("worker", lambda settings: run(settings, serving))

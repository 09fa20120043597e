"""Commands to a scope's ``ControlWorkflow``: accepted once it is in its history, finished whatever dies afterwards."""

import asyncio
from typing import Any, TypeVar
from uuid import uuid4

import structlog
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from api.context import Context
from api.errors import Refusal
from overround.domain.control import CancelOrders, ControlRequest, ControlStart, GateResult
from overround.domain.ids import control_workflow
from overround.ledger.gates import GLOBAL
from overround.ledger.keys import KeyOwner
from overround.ledger.trail import label_of
from overround.settings import Settings
from workflows.attributes import attributes
from workflows.names import TASK_TIMEOUT

ANSWER_SECONDS = 20.0
"""A command without an answer by then is reported as undecided; once accepted it is carried out all the same."""
T = TypeVar("T")
log = structlog.get_logger(__name__)


async def connect_lazily(settings: Settings) -> Client | None:
    """A client that connects at its first command, and again after a failure; None when no address is set."""
    if not settings.temporal_address:
        return None
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=pydantic_data_converter,
        lazy=True,
    )


async def by_whom(context: Context, caller: KeyOwner) -> str:
    """How the audit names a client's key: its label, and its number."""
    async with context.engine.connect() as connection:
        label = await label_of(connection, caller.key_id)
    return f"{label} (key {caller.key_id})" if label else f"key {caller.key_id}"


async def command(context: Context, scope: str, request: ControlRequest, update_id: str = "") -> GateResult:
    """Change the trading state of ``scope`` (a client, or ``GLOBAL``). Raises ``Refusal`` 503 while nobody can.

    The same ``update_id`` is the same command: it is carried out once and answered alike.
    """
    return await update(context, scope, "command", request, GateResult, update_id)


async def cancel(context: Context, client: str, request: CancelOrders, update_id: str = "") -> list[int]:
    """Have orders cancelled; their ids once every owner was told. The same ``update_id`` answers the same ids."""
    return await update(context, client, "cancel", request, list[int], update_id)


async def update(context: Context, scope: str, name: str, argument: Any, result: type[T], update_id: str = "") -> T:
    """Run update ``name`` of the scope's ``ControlWorkflow``, starting the workflow if it never ran."""
    if context.temporal is None:
        raise Refusal(503, "Commands cannot be given: TEMPORAL_ADDRESS is not set")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer: T = await context.temporal.execute_update_with_start_workflow(
                name,
                argument,
                start_workflow_operation=_start(scope, context.queue),
                id=update_id or str(uuid4()),
                result_type=result,
            )
            return answer
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise Refusal(503, f"No answer within {ANSWER_SECONDS:.0f} s: the command may still be carried out") from None
    except (RPCError, RuntimeError, WorkflowUpdateFailedError) as error:
        log.warning("command not carried out", scope=scope, update=name, error=type(error).__name__)
        raise Refusal(503, "Commands cannot be given now: the workflow service does not answer") from None


def _start(scope: str, queue: str) -> WithStartWorkflowOperation[Any, None]:
    return WithStartWorkflowOperation(
        "ControlWorkflow",
        ControlStart(scope),
        id=control_workflow(scope),
        task_queue=queue,
        task_timeout=TASK_TIMEOUT,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"Trading state of {scope}",
        search_attributes=attributes(client="" if scope == GLOBAL else scope),
    )

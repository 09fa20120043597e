"""Commands to a scope's ``ControlWorkflow``: accepted once it is in its history, finished whatever dies afterwards."""

import asyncio
from typing import Any, TypeVar
from uuid import uuid4

import structlog
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from api.context import Context
from api.errors import Refusal
from overround.domain.control import CancelOrders, ControlRequest, GateResult
from overround.ledger.keys import KeyOwner
from overround.ledger.trail import label_of
from overround.settings import Settings
from workflows import starts
from workflows.payloads import DATA_CONVERTER

ANSWER_SECONDS = 20.0
"""A command without an answer by then is reported as undecided; once accepted it is carried out all the same."""
T = TypeVar("T")
log = structlog.get_logger(__name__)


async def connect_lazily(settings: Settings) -> Client | None:
    """A client that connects at its first command, and again after a failure; None when no address is set."""
    if not settings.temporal_address:
        return None
    return await Client.connect(
        settings.temporal_address, namespace=settings.temporal_namespace, data_converter=DATA_CONVERTER, lazy=True
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
                start_workflow_operation=starts.control(context.queue, scope),
                id=update_id or str(uuid4()),
                result_type=result,
            )
            return answer
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise Refusal(503, f"No answer within {ANSWER_SECONDS:.0f} s: the command may still be carried out") from None
    except (RPCError, RuntimeError, WorkflowUpdateFailedError) as error:
        log.warning("command not carried out", scope=scope, update=name, error=type(error).__name__)
        raise Refusal(503, "Commands cannot be given now: the workflow service does not answer") from None

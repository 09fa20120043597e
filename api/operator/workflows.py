"""What operators ask of workflows and schedules, and how a refusal or a silence is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from api.commands import ANSWER_SECONDS
from api.context import Context
from api.errors import Refusal

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Unanswered(Refusal):
    """Handed over, and no answer came: it may still happen."""

    def __init__(self) -> None:
        super().__init__(503, f"No answer within {ANSWER_SECONDS:.0f} s: it may still happen")


async def ask(context: Context, what: str, work: Callable[[Client], Awaitable[T]]) -> T:
    """Do ``work``. Raises ``Refusal``: 409 with the words of who refuses, or that ``what`` is not there (any more);
    503 while nobody answers, ``Unanswered`` where it may still happen."""
    if context.temporal is None:
        raise Refusal(503, "Commands cannot be given: TEMPORAL_ADDRESS is not set")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await work(context.temporal)
    except WorkflowUpdateFailedError as error:
        raise Refusal(409, str(getattr(error.cause, "message", error.cause))) from None
    except (TimeoutError, RPCTimeoutOrCancelledError):
        raise Unanswered from None
    except (RPCError, RuntimeError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            raise Refusal(409, f"{what} is not there, or has ended") from None
        log.warning("not carried out", what=what, error=type(error).__name__)
        raise Refusal(503, "The workflow service does not answer") from None


async def answers(context: Context, seconds: float = 2.0) -> str:
    """``answers``, ``silent`` or ``not configured``."""
    if context.temporal is None:
        return "not configured"
    try:
        async with asyncio.timeout(seconds):
            return "answers" if await context.temporal.service_client.check_health() else "silent"
    except (TimeoutError, RPCError, RuntimeError):
        return "silent"

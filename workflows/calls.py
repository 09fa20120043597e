"""How workflows reach the world: one typed call per activity, with its deadline and retry rule.

Fast calls are local activities: they leave inside the workflow task. Every one of them is safe to run again: it finds
what an earlier attempt recorded and probes instead of sending (design, section 3, "Venue calls"). Slow or unknown
matters are regular activities, which operators see and steer.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import exceptions, workflow
from temporalio.common import RetryPolicy

T = TypeVar("T")

FAST_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=1)
)
ATTEMPT = timedelta(seconds=10)
"""One attempt of a fast call; a venue that needs longer has not answered."""
SLOW_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=250), backoff_coefficient=1.6, maximum_interval=timedelta(seconds=5)
)
FAILED = (exceptions.ActivityError, exceptions.ApplicationError, exceptions.TimeoutError)
"""What a call raises in the end: a local activity that failed its own error; one that timed out the first, or the last
when its history is read again."""


async def fast(name: str, argument: Any, result: type[T], *, seconds: float | None = None) -> T:
    """Run ``name`` as a local activity, again after a crash or a database fault; for ever unless ``seconds`` bound it.

    A deadline alone ends only attempts that hang; the number of attempts ends those that fail.
    """
    answer: T = await workflow.execute_local_activity(
        name,
        argument,
        result_type=result,
        start_to_close_timeout=ATTEMPT,
        schedule_to_close_timeout=None if seconds is None else timedelta(seconds=seconds),
        retry_policy=replace(FAST_RETRY, maximum_attempts=0 if seconds is None else int(seconds) + 4),
        local_retry_threshold=ATTEMPT,
    )
    return answer


async def note(name: str, argument: Any) -> None:
    """Run a local activity that only writes down what is already so, until it is written."""
    await workflow.execute_local_activity(
        name, argument, start_to_close_timeout=ATTEMPT, retry_policy=FAST_RETRY, local_retry_threshold=ATTEMPT
    )


async def slow(
    name: str, argument: Any, result: type[T], *, summary: str, minutes: float | None = None, alive: float = 15.0
) -> T:
    """Run ``name`` as a regular activity until it answers, or ``minutes`` have passed; operators read ``summary``.

    An attempt that gives no sign of life for ``alive`` seconds is taken over by another worker.
    """
    answer: T = await workflow.execute_activity(
        name,
        argument,
        result_type=result,
        start_to_close_timeout=timedelta(seconds=30),
        schedule_to_close_timeout=None if minutes is None else timedelta(minutes=minutes),
        heartbeat_timeout=timedelta(seconds=alive),
        retry_policy=SLOW_RETRY,
        summary=summary,
    )
    return answer

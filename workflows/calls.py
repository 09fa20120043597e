"""How workflows reach the world: one typed call per activity, with its deadline and retry rule.

Fast calls are local activities: they leave inside the workflow task. Every one of them is safe to run again: it finds
what an earlier attempt recorded and probes instead of sending (design, section 3, "Venue calls"). Slow or unknown
matters are regular activities, which operators see and steer.
"""

from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

T = TypeVar("T")

FAST_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=1)
)
SLOW_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=250), backoff_coefficient=1.6, maximum_interval=timedelta(seconds=10)
)


async def fast(name: str, argument: Any, result: type[T], *, seconds: float = 10.0) -> T:
    """Run ``name`` as a local activity; retried after a crash or a database fault until ``seconds`` have passed."""
    answer: T = await workflow.execute_local_activity(
        name,
        argument,
        result_type=result,
        start_to_close_timeout=timedelta(seconds=min(seconds, 10.0)),
        schedule_to_close_timeout=timedelta(seconds=seconds),
        retry_policy=FAST_RETRY,
        local_retry_threshold=timedelta(seconds=seconds),
    )
    return answer


async def note(name: str, argument: Any, *, seconds: float = 300.0) -> None:
    """Run a local activity that only writes down what is already so; retried for minutes: nothing else can do it."""
    await workflow.execute_local_activity(
        name,
        argument,
        start_to_close_timeout=timedelta(seconds=10),
        schedule_to_close_timeout=timedelta(seconds=seconds),
        retry_policy=FAST_RETRY,
        local_retry_threshold=timedelta(seconds=10),
    )


async def slow(name: str, argument: Any, result: type[T], *, summary: str, minutes: float = 60.0) -> T:
    """Run ``name`` as a regular activity, retried until it answers; ``summary`` is what the operator reads."""
    answer: T = await workflow.execute_activity(
        name,
        argument,
        result_type=result,
        start_to_close_timeout=timedelta(seconds=30),
        schedule_to_close_timeout=timedelta(minutes=minutes),
        heartbeat_timeout=timedelta(seconds=15),
        retry_policy=SLOW_RETRY,
        summary=summary,
    )
    return answer

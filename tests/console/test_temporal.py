"""The embedded Temporal server."""

from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker


@workflow.defn
class Nap:
    @workflow.run
    async def run(self) -> float:
        started = workflow.time()
        await workflow.sleep(timedelta(milliseconds=100))
        return workflow.time() - started


async def test_a_short_timer_fires_at_once(temporal: Client, task_queue: str) -> None:
    """With the server's defaults this takes a second: a misspelt key in the list shows here."""
    async with Worker(temporal, task_queue=task_queue, workflows=[Nap]):
        slept = [
            await temporal.execute_workflow(Nap.run, id=f"{task_queue}-{i}", task_queue=task_queue) for i in range(3)
        ]
    assert min(slept) < 0.3

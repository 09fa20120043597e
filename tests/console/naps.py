"""A workflow of one short timer, alone in its module: the sandbox imports the whole module for every instance."""

from datetime import timedelta

from temporalio import workflow


@workflow.defn
class Nap:
    """Sleeps 100 ms; returns the seconds that passed by the workflow's clock."""

    @workflow.run
    async def run(self) -> float:
        started = workflow.time()
        await workflow.sleep(timedelta(milliseconds=100))
        return workflow.time() - started

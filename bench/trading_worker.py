"""The engine's worker as it is, which also serves the floor workflow."""

import os
from typing import Any

from temporalio.worker import UnsandboxedWorkflowRunner

import worker
from bench.floor import FloorWorkflow, floor_touch
from overround.process import main

UNSANDBOXED = "OVERROUND_BENCH_UNSANDBOXED"
"""Environment variable: anything in it runs workflows without Temporal's sandbox, for comparison."""


class Floor:
    """The floor's activity in the shape the worker looks for."""

    touch = staticmethod(floor_touch)


def serve() -> None:
    """Run the worker with one workflow and one activity more."""
    build = worker.build

    def with_floor(client: Any, parts: list[object], *rest: Any) -> Any:
        return build(client, [*parts, Floor()], *rest)

    if os.environ.get(UNSANDBOXED):
        worker.runner = UnsandboxedWorkflowRunner  # type: ignore[assignment]
    worker.WORKFLOWS.append(FloorWorkflow)
    worker.build = with_floor  # type: ignore[assignment]
    main("worker", worker.run)


if __name__ == "__main__":
    serve()

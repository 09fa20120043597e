"""The engine's worker as it is, which also serves the floor workflow."""

from typing import Any

import worker
from bench.floor import FloorWorkflow, floor_touch
from overround.process import main


class Floor:
    """The floor's activity in the shape the worker looks for."""

    touch = staticmethod(floor_touch)


def serve() -> None:
    """Run the worker with one workflow and one activity more."""
    build = worker.build

    def with_floor(client: Any, parts: list[object], *rest: Any) -> Any:
        return build(client, [*parts, Floor()], *rest)

    worker.WORKFLOWS.append(FloorWorkflow)
    worker.build = with_floor  # type: ignore[assignment]
    main("worker", worker.run)


if __name__ == "__main__":
    serve()

"""The engine's workers as they are, which also serve the floor workflow."""

import sys
from collections.abc import Sequence
from dataclasses import replace
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

    def with_floor(client: Any, role: worker.Role, parts: Sequence[object], **options: Any) -> Any:
        role = replace(role, workflows=[*role.workflows, FloorWorkflow], activities=(*role.activities, Floor))
        return build(client, role, [*parts, Floor()], **options)

    worker.build = with_floor  # type: ignore[assignment]
    roles = worker.roles_of(sys.argv[1:])
    main("worker", lambda settings: worker.run(settings, roles))


if __name__ == "__main__":
    serve()

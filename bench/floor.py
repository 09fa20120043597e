"""The floor: the Temporal path of the engine doing nothing — signal, workflow, local activity that returns.

It runs in the engine's own worker, so it pays for the same process, sandbox, converter and server.
"""

import os
import time
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow

FILE = "OVERROUND_BENCH_FLOOR"
"""Environment variable naming the file in which local activities note when they ran."""


@activity.defn(name="floor_touch")
async def floor_touch(mark: str) -> None:
    """Note that ``mark`` arrived: one line, mark and monotonic nanoseconds, which all processes of a machine share."""
    with Path(os.environ[FILE]).open("a") as file:  # noqa: ASYNC230 - a line to a file in memory, and nothing else runs
        file.write(f"{mark} {time.monotonic_ns()}\n")


@workflow.defn(name="FloorWorkflow")
class FloorWorkflow:
    """One local activity per signal; signals that come together share one, as quotes do."""

    def __init__(self) -> None:
        self._marks: list[str] = []

    @workflow.signal
    def touch(self, mark: str) -> None:
        """Run the local activity for ``mark``."""
        self._marks.append(mark)

    @workflow.run
    async def run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: bool(self._marks))
            marks, self._marks = self._marks, []
            await workflow.execute_local_activity(
                "floor_touch", " ".join(marks), start_to_close_timeout=timedelta(seconds=10)
            )


def read_marks(file: Path) -> dict[str, float]:
    """Mark to monotonic seconds of the first local activity that carried it."""
    found: dict[str, float] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        *marks, at = line.split()
        for mark in marks:
            found.setdefault(mark, int(at) / 1e9)
    return found

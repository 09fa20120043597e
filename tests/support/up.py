"""``overround up`` as a child process, as an operator starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("POSTGRES", "TEMPORAL", "TEMPORAL_UI", "TEMPORAL_METRICS", "API", "PAPER")
ANY_PORT = {f"OVERROUND_{name}_PORT": "0" for name in PORTS}
REAL = ("-m", "console", "up")
DUMMIES = ("-m", "tests.console.dummies")


def until(condition: Callable[[], bool], seconds: float = 20.0, what: str = "it") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.02)


class Up:
    """One ``up`` in a process group of its own, its output in a file. ``command`` is what Python is given."""

    def __init__(
        self,
        state: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        command: Sequence[str] = REAL,
        output: Path | None = None,
    ) -> None:
        self.state = state
        self.output = output or state.with_name(f"{state.name}-{time.monotonic_ns()}.out")
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), **ANY_PORT, "OVERROUND_STATE_DIR": str(state), **(env or {})}
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, *command, *arguments],
                stdout=file,
                stderr=file,
                cwd=self.output.parent,
                env=self.env,
                process_group=0,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    @property
    def facts(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((self.state / "run.json").read_text())
        return body

    def ready(self, seconds: float = 60) -> "Up":
        until(lambda: "is ready" in self.text or self.process.poll() is not None, seconds, "a ready `up`")
        assert "is ready" in self.text, self.text
        return self

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def refused(self) -> str:
        """It ends by itself, with one line and no traceback; returns that line."""
        assert self.process.wait(30) == 1
        assert "Traceback" not in self.text
        return self.text.strip().splitlines()[-1]


def start(stack: ExitStack, state: Path, *arguments: str, **options: Any) -> Up:
    """An ``up`` that is stopped when ``stack`` unwinds, should it still run."""
    up = Up(state, *arguments, **options)

    def end() -> None:
        if up.process.poll() is None:
            up.process.send_signal(signal.SIGTERM)
            up.process.wait(60)

    stack.callback(end)
    return up

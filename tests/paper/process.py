"""The paper process as a child, for tests."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]


@dataclass
class Child:
    """A running ``python -m overround.paper``."""

    process: subprocess.Popen[str]
    state: Path

    @property
    def facts(self) -> dict[str, Any]:
        return dict(json.loads((self.state / "paper.json").read_text()))

    def get(self, path: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.facts['admin']}{path}", trust_env=False, timeout=10)
        return dict(json.loads(answer.raise_for_status().text))

    def post(self, path: str, body: Any) -> httpx.Response:
        return httpx.post(f"{self.facts['admin']}{path}", json=body, trust_env=False, timeout=10)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> tuple[int, str]:
        """Exit code and last words after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=10)
        return self.process.returncode, err.strip()


def launch(state: Path, *arguments: str, **env: str) -> Child:
    told = {
        **{key: value for key, value in os.environ.items() if not key.startswith("OVERROUND_")},
        "PYTHONPATH": str(ROOT), "OVERROUND_STATE_DIR": str(state), "OVERROUND_PAPER_PORT": "0",
        "OVERROUND_READY_FILE": str(state / "ready"), **env,
    }  # fmt: skip
    argv = [sys.executable, "-m", "overround.paper", *arguments]
    process = subprocess.Popen(argv, env=told, cwd=state, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return Child(process, state)


@contextmanager
def running(state: Path, *arguments: str, **env: str) -> Iterator[Child]:
    """A child that is ready; killed at the end should it still run."""
    (state / "ready").unlink(missing_ok=True)
    child = launch(state, *arguments, **env)
    try:
        deadline = time.monotonic() + 30
        while not (state / "ready").exists():
            assert child.process.poll() is None, child.process.communicate()[1]
            assert time.monotonic() < deadline, "not ready in time"
            time.sleep(0.05)
        yield child
    finally:
        child.process.kill()
        child.process.communicate()

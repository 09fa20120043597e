"""Our own processes, as the supervisor starts them.

A child touches the file named by ``OVERROUND_READY_FILE`` when it serves, stops in order on SIGTERM, and exits with 78
when its configuration cannot work, its last log line saying which setting to change.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from console.embedded.process import Part

ROOT = Path(__file__).resolve().parents[2]
PAPER_PORTS = 32
"""How many consecutive ports the paper venues may use."""

PAPER: dict[str, list[str]] = {"paper": ["-m", "overround.paper"]}
COMMANDS: dict[str, list[str]] = {
    "trading": [str(ROOT / "worker.py"), "trading"],
    "hedging": [str(ROOT / "worker.py"), "hedging"],
    "streamers": ["-m", "streamers"],
    "api": ["-m", "api"],
}
SETTINGS = {"paper": "OVERROUND_PAPER_PORT", "api": "OVERROUND_API_PORT"}


def python_part(name: str, arguments: list[str], state: Path, env: Mapping[str, str]) -> Part:
    """A Python process that says by file when it is ready."""
    ready = state / f"{name}.ready"
    return Part(
        name=name,
        argv=[sys.executable, *arguments],
        log=state / "logs" / f"{name}.log",
        probe=ready.exists,
        prepare=lambda: ready.unlink(missing_ok=True),
        env={**env, **_python_env(), "OVERROUND_READY_FILE": str(ready)},
        setting=SETTINGS.get(name, ""),
    )


def _python_env() -> dict[str, str]:
    """Bytecode is kept even where the machine says not to: without it every start compiles everything again."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": ""}


def parts(commands: Mapping[str, list[str]], state: Path, env: Mapping[str, str]) -> list[Part]:
    """Python processes in the order they start."""
    return [python_part(name, arguments, state, env) for name, arguments in commands.items()]

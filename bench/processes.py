"""What the engine's processes cost: CPU time and memory of whole process trees, from ``/proc``."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU milliseconds spent since the start, children that ended included, and proportional memory in KiB."""

    cpu_ms: float
    memory_kib: int


def usage(root: int) -> Usage:
    """The sum over a process and everything below it; zero once it has ended."""
    pids = tree(root)
    return Usage(sum(_cpu_ms(pid) for pid in pids), sum(_memory_kib(pid) for pid in pids))


def tree(root: int) -> list[int]:
    """``root`` and every process below it."""
    parents = {pid: parent for pid in _all_pids() if (parent := _parent(pid)) is not None}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _all_pids() -> Iterable[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _fields(pid: int) -> list[str]:
    """The fields of ``stat`` after the command's name, from ``state`` on; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(pid: int) -> int | None:
    fields = _fields(pid)
    return int(fields[1]) if fields else None


def _cpu_ms(pid: int) -> float:
    """User and system time of the process and of its children that it has waited for."""
    fields = _fields(pid)
    return sum(int(value) for value in fields[11:15]) * TICK_MS if fields else 0.0


def _memory_kib(pid: int) -> int:
    """Proportional set size: memory shared by several processes is counted once."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)

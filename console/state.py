"""The state directory: who holds it, the ports it remembers, and what ``run.json`` tells other programs."""

import fcntl
import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.embedded.postgres import write_private
from console.embedded.process import StartError, birth, free_port, port_taken

LOCK = "overround.lock"


@dataclass(frozen=True, slots=True)
class Ask:
    """A part that needs ``count`` consecutive ports from ``wanted`` on, as ``setting`` says; 0 has them picked."""

    name: str
    wanted: int
    setting: str
    host: str = "127.0.0.1"
    count: int = 1


class State:
    """One directory, held by one ``up`` at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._lock: int | None = None

    def hold(self) -> None:
        """Take the directory, or raise ``StartError`` when another ``up`` has it. Freed when the process ends."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"OVERROUND_STATE_DIR: {self.folder} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(
                f"another 'overround up' already runs on {self.folder}: stop it, or set OVERROUND_STATE_DIR"
            ) from None

    def clear(self) -> None:
        """Delete everything but the lock and other state directories inside: a replay may be running in one."""
        for entry in self.folder.iterdir():
            if entry.name == LOCK or (entry / LOCK).exists():
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def check_ours(self) -> None:
        """Refuse to clear a directory that no ``up`` has ever used."""
        if not self.folder.exists() or (self.folder / LOCK).exists():
            return
        if not all((entry / LOCK).exists() for entry in self.folder.iterdir()):
            raise StartError(f"OVERROUND_STATE_DIR: {self.folder} was not made by overround and will not be cleared")

    def ports(self, *asks: Ask) -> dict[str, int]:
        """The first port of each part: the one asked for (``StartError`` when taken), or for 0 a remembered free one.

        No two parts get the same. An explicit choice is checked at its first port only.
        """
        remembered, found, given = self._read("ports.json"), dict[str, int](), set[int]()
        for ask in sorted(asks, key=lambda ask: ask.wanted == 0):  # nothing is picked that another part asks for
            if ask.wanted:
                first = _asked(ask, found.values())
            else:
                first = remembered[ask.name] = _picked(ask, remembered.get(ask.name), given)
            found[ask.name] = first
            given.update(range(first, first + ask.count))
        if remembered:
            self._write("ports.json", json.dumps(remembered))
        return found

    def secret(self) -> str:
        """The key that encrypts credentials at rest, made at the first start."""
        file = self.folder / "secret.key"
        if not file.exists() or not file.read_text().strip():
            self._write(file.name, secrets.token_urlsafe(32))
        return file.read_text().strip()

    def write_run(self, facts: dict[str, Any]) -> None:
        """``run.json``, for other programs."""
        self._write("run.json", json.dumps(facts, indent=2) + "\n")

    def read_run(self) -> dict[str, Any]:
        """What runs; empty when nothing does."""
        return self._read("run.json")

    def forget_run(self) -> None:
        for name in ("run.json", "pids.json"):
            (self.folder / name).unlink(missing_ok=True)

    def remember_pids(self, pids: dict[str, int]) -> None:
        born = {str(pid): birth(pid) for pid in pids.values()}
        self._write("pids.json", json.dumps(born))

    def await_leftovers(self, seconds: float = 15.0) -> None:
        """After a killed ``up`` its children are still stopping: wait for them, then kill them."""
        born = {int(pid): when for pid, when in self._read("pids.json").items() if pid.isdigit() and when}
        deadline = time.monotonic() + seconds
        while left := [pid for pid, when in born.items() if birth(pid) == when]:
            if time.monotonic() > deadline:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def _write(self, name: str, text: str) -> None:
        """A file, whole or not at all."""
        fresh = self.folder / f"{name}.new"
        write_private(fresh, text)
        fresh.replace(self.folder / name)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            body = json.loads((self.folder / name).read_text())
        except (OSError, ValueError):
            return {}
        return body if isinstance(body, dict) else {}


def _asked(ask: Ask, others: Collection[int]) -> int:
    problem = "asked for twice" if ask.wanted in others else "taken" if port_taken(ask.wanted, ask.host) else ""
    if problem:
        raise StartError(f"port {ask.wanted} is {problem}: set {ask.setting} to a free one, or to 0 to have one picked")
    return ask.wanted


def _picked(ask: Ask, remembered: object, given: Collection[int]) -> int:
    """The remembered port if it will do, else another, with ``count - 1`` free ones behind it."""
    if type(remembered) is int and remembered > 0 and _all_free(ask, remembered, given):
        return remembered
    for _ in range(100):
        first = free_port(ask.host)
        if _all_free(ask, first, given):
            return first
    raise StartError(f"no {ask.count} free consecutive ports on {ask.host}")


def _all_free(ask: Ask, first: int, given: Collection[int]) -> bool:
    wanted = range(first, first + ask.count)
    return wanted.stop <= 65536 and not any(port in given or port_taken(port, ask.host) for port in wanted)

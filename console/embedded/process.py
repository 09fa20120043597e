"""Child processes that die with their parent, say when they are ready, and log to a file of their own."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOG_LIMIT = 20_000_000
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartError(Exception):
    """Something the operator must change: one clear line that names the setting."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user a child runs as when it may not be root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Part:
    """How to start one child. ``setting`` is what an operator changes when it does not start.

    ``probe`` answers at once whether the child serves; ``prepare`` runs before every launch, restarts included.
    ``grace`` is how many seconds a stopping child has before it is killed.
    """

    name: str
    argv: Sequence[str]
    log: Path
    probe: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    stop_signal: int = signal.SIGTERM
    grace: float = 15.0
    setting: str = ""
    identity: Identity | None = None
    cwd: Path | None = None


class Process:
    """A part and its process. Launch from the main thread only: the death signal is tied to the launching thread."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        return self._popen.pid if self._popen else 0

    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code; negative is the signal that killed it; None while it runs."""
        return self._popen.poll() if self._popen else None

    def launch(self) -> None:
        part = self.part
        part.prepare()
        part.log.parent.mkdir(parents=True, exist_ok=True)
        _rotate(part.log)
        with part.log.open("ab") as log:
            self._log_start = log.tell()
            self._popen = _spawn(part, log.fileno())

    def ready(self) -> bool:
        """Whether it serves. Raises ``StartError`` with its last words when it is dead."""
        if self.alive() and not self.part.probe():
            return False
        if not self.alive():
            raise StartError(self.obituary())
        return True

    def wait_ready(self, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not self.ready():
            if time.monotonic() > deadline:
                hint = f" ({self.part.setting})" if self.part.setting else ""
                raise StartError(f"{self.part.name} was not ready within {seconds:.0f} s{hint}; see {self.part.log}")
            time.sleep(0.02)

    def obituary(self) -> str:
        """Why it is dead, in one line."""
        hint = f" ({self.part.setting})" if self.part.setting else ""
        last = " | ".join(tail(self.part.log, 3, self._log_start)) or "it wrote nothing"
        return f"{self.part.name} stopped with {describe(self.code)}{hint}: {last} [{self.part.log}]"

    def ask_to_stop(self) -> None:
        if self._popen is not None and self._popen.poll() is None:
            self._popen.send_signal(self.part.stop_signal)

    def stop(self) -> None:
        """Ask, wait, and after the grace period kill. Safe to repeat."""
        if self._popen is None:
            return
        self.ask_to_stop()
        try:
            self._popen.wait(self.part.grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()


def _spawn(part: Part, log: int) -> subprocess.Popen[bytes]:
    who = part.identity
    try:
        return subprocess.Popen(
            list(part.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **part.env},
            cwd=part.cwd,
            process_group=0,  # a Ctrl-C in the terminal is the supervisor's to pass on, in order
            preexec_fn=_die_with_parent(part.stop_signal, os.getpid()),  # noqa: PLW1509 - one system call, no locks
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=[] if who else None,
        )
    except OSError as error:
        hint = f" ({part.setting})" if part.setting else ""
        raise StartError(f"{part.name} cannot be started{hint}: {error}") from error


def _die_with_parent(number: int, parent: int) -> Callable[[], None] | None:
    """Linux only: elsewhere a killed supervisor leaves children, and the next start waits for them."""
    if _libc is None:
        return None
    prctl = _libc.prctl

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return arrange


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def tail(log: Path, lines: int, start: int = 0) -> list[str]:
    """The last non-empty lines of a log after byte ``start``, each cut to 300 characters."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 16_384))
        text = file.read().decode("utf-8", "replace")
    return [line.strip()[:300] for line in text.splitlines() if line.strip()][-lines:]


def describe(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def birth(pid: int) -> str:
    """When a process started, which tells a reused pid from it; empty once it has ended (or without /proc)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def running(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    if sys.platform == "linux":
        return bool(birth(pid))
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


FREE_PORTS = range(10_000, 32_000)
"""Below the ports that systems lend to outgoing connections: what is free now stays free until it is used."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on, drawn, so that two who ask at once rarely get the same."""
    for port in random.SystemRandom().sample(FREE_PORTS, 200):
        if not port_taken(port, host):
            return port
    raise StartError(f"no free port on {host} in {FREE_PORTS.start}-{FREE_PORTS.stop}")


def port_taken(port: int, host: str = "127.0.0.1") -> bool:
    """Whether another process listens there (sockets in TIME_WAIT do not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False

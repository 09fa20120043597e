"""Starts parts in order, waits for each one's own readiness, restarts what dies, stops in reverse."""

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FrameType

from console.embedded.process import Part, Process, StartError

BAD_CONFIGURATION = 78
"""A child that exits with this code (``EX_CONFIG``) cannot succeed: its last log line says what to change."""
BACKOFF = (0.2, 1.0, 3.0, 10.0)
"""Seconds before the n-th restart in a row; after the last one the supervisor gives up."""
STEADY = 60.0
"""A child that has served this many seconds starts again at the first backoff."""
TICK = 0.05


class Stopped(Exception):
    """The operator asked to stop."""


class StopRequests:
    """Counts SIGINT and SIGTERM once installed. The first asks to stop, a second one not to wait for anybody."""

    def __init__(self) -> None:
        self.count = 0

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._received)

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

    def check(self) -> None:
        if self.count:
            raise Stopped


@dataclass(slots=True)
class Kept:
    """One part under the supervisor's care."""

    process: Process
    serving_since: float | None = None
    deaths: int = 0
    retry_at: float | None = None

    @property
    def name(self) -> str:
        return self.process.part.name


class Supervisor:
    """Not thread-safe, and only for the main thread (the death signal follows the launching thread)."""

    def __init__(
        self,
        say: Callable[[str], None],
        requests: StopRequests | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._requests = requests or StopRequests()
        self._clock = clock
        self._kept: list[Kept] = []

    @property
    def pids(self) -> dict[str, int]:
        return {kept.name: kept.process.pid for kept in self._kept if kept.process.alive()}

    def adopt(self, process: Process) -> None:
        """Take care of a process that somebody else launched."""
        self._kept.append(Kept(process))

    def launch(self, part: Part) -> None:
        process = Process(part)
        self.adopt(process)
        process.launch()

    def await_ready(self, names: Iterable[str], seconds: float = 60.0) -> None:
        """Wait until each serves. Raises ``StartError`` when one dies or takes too long, ``Stopped`` on request."""
        wanted = set(names)
        waiting = [kept for kept in self._kept if kept.name in wanted]
        deadline = self._clock() + seconds
        while waiting := [kept for kept in waiting if not self._serves(kept)]:
            self._requests.check()
            if self._clock() > deadline:
                first = waiting[0].process.part
                raise StartError(f"{first.name} was not ready within {seconds:.0f} s; see {first.log}")
            time.sleep(TICK)

    def tick(self) -> None:
        """Look after every part once: notice deaths, restart what is due. Raises ``StartError`` to give up."""
        for kept in self._kept:
            if kept.retry_at is not None:
                self._restart_when_due(kept)
            elif not kept.process.alive():
                self._bury(kept)
            elif kept.serving_since is None:
                self._serves(kept)
            elif kept.deaths and self._clock() - kept.serving_since > STEADY:
                kept.deaths = 0

    def watch(self, seconds: float) -> None:
        """Tick for that long."""
        end = self._clock() + seconds
        while self._clock() < end:
            self._requests.check()
            self.tick()
            time.sleep(TICK)

    def stop(self) -> None:
        """Stop in reverse order, each after the one before; a second request kills what is left."""
        for kept in reversed(self._kept):
            kept.retry_at = None
            self._stop(kept.process)

    def _stop(self, process: Process) -> None:
        process.ask_to_stop()
        deadline = self._clock() + process.part.grace
        while process.alive():
            if self._requests.count > 1 or self._clock() > deadline:
                process.kill()
            time.sleep(TICK / 5)

    def _serves(self, kept: Kept) -> bool:
        if kept.serving_since is None and kept.process.ready():
            kept.serving_since = self._clock()
        return kept.serving_since is not None

    def _bury(self, kept: Kept) -> None:
        kept.serving_since = None
        if kept.process.code == BAD_CONFIGURATION:
            raise StartError(kept.process.obituary())
        if kept.deaths >= len(BACKOFF):
            raise StartError(f"giving up after {kept.deaths} restarts: {kept.process.obituary()}")
        pause = BACKOFF[kept.deaths]
        kept.deaths += 1
        kept.retry_at = self._clock() + pause
        self._say(f"{kept.process.obituary()}; restart in {pause:.1f} s")

    def _restart_when_due(self, kept: Kept) -> None:
        if kept.retry_at is not None and self._clock() >= kept.retry_at:
            kept.retry_at = None
            kept.process.launch()

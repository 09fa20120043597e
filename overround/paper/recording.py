"""Plays Betfair Exchange Stream recordings into a world as a bookmaker's markets, to settlement from their results.

The clock: a recording is played on wall time, ``wall start + scaled recorded time``. Every timestamp of the feed is
such a wall time, so ages and staleness shrink and grow with the recording, while nothing outside needs a second clock;
the recording's own time goes along as ``fixture.extra["recordingTime"]``.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from overround.paper.playback import Track
from overround.paper.recorded_market import iso
from overround.paper.recording_scan import scan
from overround.paper.takers import Takers, TakerSettings
from overround.paper.tape import Tape
from overround.paper.world import World

Progress = Callable[[float, datetime], None]


class RecordingSource:
    """A source of recorded fixtures for a world whose exchanges are in place. Raises ``RecordingError`` at once when a
    file cannot be played. ``speed`` is times real time; None compresses quiet spells. ``progress`` is told the share
    done and the clock of the first recording not finished. ``token`` names this playing: a restart with the same one
    continues it even when it was finished. ``steady`` is a clock in seconds that only runs forward."""

    def __init__(
        self,
        world: World,
        paths: Sequence[Path],
        speed: float | None = None,
        *,
        moves_per_second: float = 10.0,
        takers: TakerSettings | None = None,
        progress: Progress | None = None,
        token: str = "",
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.world, self.paused = world, False
        self.takers = Takers(world, takers or TakerSettings(noise_per_second=0.3))
        self._steady, self._progress, self._rate = steady, progress, moves_per_second
        self._allowance, self._time = moves_per_second, 0.0
        self._last: float | None = None
        tape = Tape(self.takers)
        self._tracks = [Track(world, recording, tape, token) for recording in [scan(path, speed) for path in paths]]

    @property
    def finished(self) -> bool:
        """Everything is played and paid."""
        return all(track.finished for track in self._tracks)

    @property
    def moves(self) -> int:
        """Odds changes published so far."""
        return sum(tally.updates for track in self._tracks for tally in track.tallies.values())

    @property
    def done(self) -> float:
        """The share played, of playing time."""
        total = sum(track.recording.seconds for track in self._tracks)
        return sum(track.played for track in self._tracks) / total if total else 1.0

    @property
    def clock(self) -> datetime:
        """The recording's own time, of the first recording not finished."""
        track = next((track for track in self._tracks if not track.finished), self._tracks[-1])
        return datetime.fromisoformat(iso(track.pt))

    async def run(self, interval: float = 0.05) -> None:
        """Play to the end, then stay for whoever still trades, until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(interval)

    def step(self) -> None:
        """Play what is due by now."""
        now = self._steady()
        elapsed = 0.0 if self._last is None else max(0.0, now - self._last)
        self._last = now
        if self.paused:
            return
        self._time, self._allowance = self._time + elapsed, min(self._rate, self._allowance + elapsed * self._rate)
        for track in self._tracks:
            self._allowance -= track.advance(elapsed, may_move=self._allowance >= 1.0)
        self.world.store.commit()
        self.takers.step(self._time, self.fairs())
        if self._progress is not None:
            self._progress(self.done, self.clock)

    def fairs(self) -> dict[str, dict[int, float]]:
        """Fair chances of the markets that are open in the recordings, by outcome id."""
        return {fixture: chances for track in self._tracks for fixture, chances in track.fairs().items()}

    def status(self) -> dict[str, Any]:
        """What an operator sees."""
        return {
            "source": "recording",
            "paused": self.paused,
            "finished": self.finished,
            "done": round(self.done, 4),
            "recordingTime": self.clock.isoformat(timespec="milliseconds"),
            "moves": self.moves,
            "markets": self.summary(),
        }

    def summary(self) -> list[dict[str, Any]]:
        """What was played, per market."""
        return [line for track in self._tracks for line in track.summary()]

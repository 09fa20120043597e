"""A first reading of a recording: that all of it can be played, what is in it, and how long playing takes.

With ``speed`` the recording runs that many times real time. Without it quiet spells are compressed: a gap counts at
most ``QUIET`` seconds, everything is then scaled to fit ``TARGET`` seconds, and a change of status is held for
``HOLD``, so that it can be seen.
"""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from overround.paper.betfair_book import BadChange, Matched, RunnerKey, StreamMarket, runner_key
from overround.paper.betfair_stream import RecordingError, messages

QUIET, TARGET, HOLD = 5.0, 115.0, 0.5


@dataclass(slots=True)
class ScannedMarket:
    """One market of a recording: ids and names gathered from all its definitions. ``starts_at`` is its last announced
    start in epoch ms, ``starts_after`` the wall seconds of playing until then."""

    market_id: str
    definition: dict[str, Any]
    names: dict[RunnerKey, str] = field(default_factory=dict)
    runners: list[RunnerKey] = field(default_factory=list)
    event_name: str = ""
    starts_at: int = 0
    starts_after: float = 0.0
    closes: bool = False

    def learn(self, definition: dict[str, Any]) -> None:
        self.definition = definition
        self.event_name = str(definition.get("eventName") or self.event_name)
        self.starts_at = epoch_ms(definition.get("marketTime")) or self.starts_at
        self.closes = self.closes or definition["status"] == "CLOSED"
        ordered = sorted(definition.get("runners", []), key=lambda runner: runner.get("sortPriority", 0))
        for runner in ordered:
            key = runner_key(runner)
            if key not in self.runners:
                self.runners.append(key)
            if runner.get("name"):
                self.names[key] = str(runner["name"])


@dataclass(slots=True)
class Pace:
    """Wall seconds for recorded gaps: ``rate`` recorded seconds to one, gaps capped at ``quiet`` (None: never)."""

    rate: float
    quiet: float | None

    def wall(self, gap_ms: int, *, held: bool) -> float:
        gap = max(0, gap_ms) / 1000
        if self.quiet is None:
            return gap / self.rate
        return max(min(gap, self.quiet) / self.rate, min(gap, HOLD) if held else 0.0)


@dataclass(slots=True)
class Recording:
    """What the first reading found. ``seconds`` is how long playing takes at its ``pace``."""

    path: Path
    lines: int
    first_pt: int
    markets: dict[str, ScannedMarket]
    pace: Pace
    seconds: float


@dataclass(frozen=True, slots=True)
class Played:
    """One message after it was applied: the markets it touched, with what was matched in each."""

    line: int
    pt: int
    changed: dict[str, list[Matched]]


class Replayer:
    """Applies a recording to ``streams`` message by message. Raises ``RecordingError`` naming the line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.streams: dict[str, StreamMarket] = {}
        self._messages = messages(path)
        self._next = next(self._messages, None)
        self._last: int | None = None
        self._held = False

    def close(self) -> None:
        self._messages.close()

    def upcoming(self) -> tuple[int, bool] | None:
        """Milliseconds to the next message and whether a change of status is held before it; None at the end."""
        if self._next is None:
            return None
        return (0 if self._last is None else max(0, self._next[1]["pt"] - self._last)), self._held

    def apply(self) -> Played:
        """Apply the next message."""
        if self._next is None:
            raise RecordingError(self.path, "has no more messages")
        line, message = self._next
        before = {key: (market.status, market.in_play) for key, market in self.streams.items()}
        try:
            changed = self._apply(message)
        except BadChange as error:
            raise RecordingError(self.path, str(error), line) from None
        self._held = any(before.get(key) not in (None, (m.status, m.in_play)) for key, m in self.streams.items())
        self._last = max(message["pt"], self._last or 0)
        self._next = next(self._messages, None)
        return Played(line, message["pt"], changed)

    def _apply(self, message: dict[str, Any]) -> dict[str, list[Matched]]:
        changed: dict[str, list[Matched]] = {}
        for change in message.get("mc", []):
            if not isinstance(change, dict) or not isinstance(change.get("id"), str):
                raise BadChange("a market change without an id")
            market = self.streams.setdefault(change["id"], StreamMarket(change["id"]))
            changed.setdefault(change["id"], []).extend(market.apply(change))
        return changed


def scan(path: Path, speed: float | None) -> Recording:
    """Read all of a recording once. Raises ``RecordingError`` when it cannot be played."""
    replayer, scanned = Replayer(path), dict[str, ScannedMarket]()
    gaps: list[tuple[int, bool]] = []
    pts: list[int] = []
    line = 0
    while (gap := replayer.upcoming()) is not None:
        played = replayer.apply()
        gaps.append(gap)
        pts.append(played.pt)
        line = played.line
        _learn(scanned, replayer.streams, played)
    if not scanned:
        raise RecordingError(path, "holds no market with a marketDefinition")
    pace = _pace(gaps, speed)
    walls = list(accumulate(pace.wall(gap, held=held) for gap, held in gaps))
    for market in scanned.values():
        at = next((index for index, pt in enumerate(pts) if pt >= market.starts_at), len(pts) - 1)
        market.starts_after = walls[at]
    return Recording(path, line, pts[0], scanned, pace, walls[-1])


def _learn(scanned: dict[str, ScannedMarket], streams: dict[str, StreamMarket], played: Played) -> None:
    for market_id in played.changed:
        definition = streams[market_id].definition
        if definition:
            market = scanned.setdefault(market_id, ScannedMarket(market_id, {}))
            if market.definition is not definition:
                market.learn(definition)


def _pace(gaps: list[tuple[int, bool]], speed: float | None) -> Pace:
    if speed is not None:
        return Pace(speed, None)
    return Pace(max(1.0, sum(min(gap / 1000, QUIET) for gap, _ in gaps) / TARGET), QUIET)


def epoch_ms(text: Any) -> int:
    """Epoch milliseconds of an ISO time, 0 when there is none."""
    try:
        return round(datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp() * 1000)
    except ValueError:
        return 0

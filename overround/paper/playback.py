"""One recording being played: when each message is due, what it changes, and the end."""

from dataclasses import asdict, dataclass
from typing import Any

from overround.paper.recorded_market import RecordedMarket, describe
from overround.paper.recording_scan import Played, Recording, Replayer
from overround.paper.rules import contract_values
from overround.paper.tape import Tape
from overround.paper.world import Topic, World

RESOLVED_AFTER, NEXT_RESOLVED = 1.0, 1.0
"""Wall seconds from the recorded close to the first exchange's payout, and to each further one's."""
ORDER: tuple[Topic, ...] = ("bookmaker", "odds", "fixture")


@dataclass(slots=True)
class Tally:
    """What was played of one market; seconds of the recording unless named otherwise."""

    messages: int = 0
    updates: int = 0
    matched: int = 0
    open_seconds: float = 0.0
    suspended_seconds: float = 0.0
    in_play_seconds: float = 0.0
    suspended_wall_seconds: float = 0.0


class Track:
    """Plays one recording into a world. What was played is saved with what it changed: a new ``Track`` on the same
    store goes on from there. A finished one is played again, with new fixtures, unless ``token`` is the same."""

    def __init__(self, world: World, recording: Recording, tape: Tape, token: str = "") -> None:
        self.world, self.recording, self._tape, self._token = world, recording, tape, token
        self.markets: dict[str, RecordedMarket] = {}
        self.tallies = {key: Tally() for key in recording.markets}
        self.finished, self.pt = False, recording.first_pt
        self._line, self._wall, self._offset, self._time = 0, 0.0, 0.0, 0.0
        self._dirty: dict[str, set[Topic]] = {}
        self._due: list[tuple[float, str, str]] = []
        self._fair: dict[str, dict[str, float]] = {}
        self._replayer = Replayer(recording.path)
        self._begin()

    # -- life -------------------------------------------------------------------------------------------------------

    @property
    def played(self) -> float:
        """Wall seconds of the recording played so far."""
        return self.recording.seconds if self.finished else min(self._offset, self.recording.seconds)

    def advance(self, elapsed: float, *, may_move: bool) -> int:
        """Play on by wall seconds; odds changes published. Without ``may_move`` only changes of state are."""
        if self.finished:
            return 0
        self._wall, self._time, published = self._wall + elapsed, self._time + elapsed, 0
        while (wall := self._next_wall()) is not None and self._offset + wall <= self._wall + 1e-9:
            self._offset += wall
            published += self._play(wall)
        for key in self.markets:
            if may_move or self._dirty.get(key, set()) - {"odds"}:
                published += self._publish(key)
            if not self.markets[key].fixture.suspended:
                filled = self._tape.play(self.markets[key], self._replayer.streams[key], self._time)
                self.tallies[key].matched += filled
        if self._next_wall() is None:
            self._close_rest()
        self._pay()
        self._save()
        return published

    def fairs(self) -> dict[str, dict[int, float]]:
        """Fair chances of the markets that are open now."""
        return {
            market.fixture.fixture_id: market.fair(self._replayer.streams[key])
            for key, market in self.markets.items()
            if market.fixture.status < 2 and not market.fixture.suspended and key in self._replayer.streams
        }

    def summary(self) -> list[dict[str, Any]]:
        return [
            {**describe(market), "file": self.recording.path.name, **_rounded(self.tallies[key])}
            for key, market in self.markets.items()
        ]

    # -- playing ----------------------------------------------------------------------------------------------------

    def _next_wall(self) -> float | None:
        upcoming = self._replayer.upcoming()
        return None if upcoming is None else self.recording.pace.wall(upcoming[0], held=upcoming[1])

    def _play(self, wall: float) -> int:
        self._count_time(wall)
        played, published = self._apply(), 0
        for key, matched in played.changed.items():
            stream, market = self._replayer.streams[key], self.markets[key]
            self.tallies[key].messages += 1
            self._tape.hear(stream, matched)
            topics = market.follow(stream, self.world.now_ms(), played.pt)
            self._dirty.setdefault(key, set()).update(topic for topic in ORDER if topic in topics)
            if stream.status == "CLOSED" and market.fixture.status < 2:
                published += self._close(key)
            elif topics & {"bookmaker", "fixture"}:
                published += self._publish(key)
            if not market.fixture.suspended:
                self._fair[key] = {str(outcome): chance for outcome, chance in market.fair(stream).items()}
        return published

    def _apply(self) -> Played:
        played = self._replayer.apply()
        self._line, self.pt = played.line, max(played.pt, self.pt)
        return played

    def _count_time(self, wall: float) -> None:
        upcoming = self._replayer.upcoming()
        seconds = (upcoming[0] if upcoming else 0) / 1000
        for key, stream in self._replayer.streams.items():
            tally = self.tallies[key]
            if stream.status == "OPEN":
                tally.open_seconds += seconds
            elif stream.status != "CLOSED":
                tally.suspended_seconds += seconds
                tally.suspended_wall_seconds += wall
            if stream.in_play and stream.status != "CLOSED":
                tally.in_play_seconds += seconds

    def _publish(self, key: str) -> int:
        topics = self._dirty.pop(key, set())
        if not topics:
            return 0
        self._save()
        market = self.markets[key]
        for topic in ORDER:
            if topic in topics:
                self.world.tell(market.fixture, topic, market.market.market_id if topic == "odds" else None)
        self.tallies[key].updates += "odds" in topics
        return int("odds" in topics)

    # -- the end ----------------------------------------------------------------------------------------------------

    def _close(self, key: str) -> int:
        self.markets[key].close(self._replayer.streams[key])
        self._dirty[key] = set(ORDER)
        published = self._publish(key)
        self._owe(key)
        return published

    def _owe(self, key: str) -> None:
        for place, name in enumerate(sorted(self.world.exchanges)):
            self._due.append((self._time + RESOLVED_AFTER + place * NEXT_RESOLVED, key, name))

    def _pay(self) -> None:
        for entry in [entry for entry in self._due if entry[0] <= self._time]:
            self._due.remove(entry)
            _, key, name = entry
            market = self.markets[key]
            fair = {int(outcome): chance for outcome, chance in self._fair.get(key, {}).items()}
            values = contract_values(name, market.market, fair)
            self.world.exchanges[name].resolve(market.fixture, market.market, values)
        open_markets = any(market.fixture.status < 2 for market in self.markets.values())
        self.finished = self._next_wall() is None and not self._due and not open_markets

    def _close_rest(self) -> None:
        """A recording that stops before a market closed has no result: the market is void."""
        for key, market in self.markets.items():
            if market.fixture.status < 2:
                self._close(key)

    # -- beginning and going on -------------------------------------------------------------------------------------

    @property
    def _key(self) -> str:
        return f"{self.recording.path.name}:{self.recording.lines}:{self.recording.first_pt}"

    def _begin(self) -> None:
        saved: Any = self.world.store.get("recording", self._key)
        again = saved is not None and self._token and saved["token"] == self._token
        resume = saved is not None and (again or not saved["finished"])
        self._run = 1 if saved is None else saved["run"] + (not resume)
        if resume:
            self._fair = saved["fair"]
            self.tallies |= {key: Tally(**tally) for key, tally in saved["tallies"].items()}
            self._skip_to(saved["line"])
            self._wall = saved["wall"]
        for key, scanned in self.recording.markets.items():
            starts = round(self.world.clock() + scanned.starts_after - self._wall)
            market = self.markets[key] = RecordedMarket(scanned, self._run, starts)
            if (known := self.world.fixtures.get(market.fixture.fixture_id)) is not None:
                market.adopt(known)
            self._list(market)
            if market.fixture.status >= 2:
                self._owe(key)
        self._save()
        self.world.store.commit()

    def _skip_to(self, line: int) -> None:
        while self._line < line and (wall := self._next_wall()) is not None:
            self._apply()
            self._offset += wall

    def _list(self, market: RecordedMarket) -> None:
        for name in sorted(self.world.exchanges):
            self.world.exchanges[name].list_fixture(market.fixture)
        for topic in ("fixture", *ORDER[:2]):
            self.world.tell(market.fixture, topic, market.market.market_id if topic == "odds" else None)

    def _save(self) -> None:
        body = {
            "run": self._run,
            "token": self._token,
            "line": self._line,
            "wall": self._wall,
            "finished": self.finished,
            "fair": self._fair,
            "tallies": {key: asdict(tally) for key, tally in self.tallies.items()},
        }
        self.world.store.put("recording", self._key, body)


def _rounded(tally: Tally) -> dict[str, Any]:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(tally).items()}

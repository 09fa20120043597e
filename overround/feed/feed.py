"""The feed as one thing: stream, REST and state tied together, repairing its own gaps.

Connects first, reads snapshots second and merges (oddspapi sheet, section 2.1). Doubtful fixtures are re-read by REST,
most urgent first; so are fixtures whose bookmaker has been quiet for half of what it is allowed, which confirms prices
that simply do not move.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import structlog
from pydantic import SecretStr

from overround.domain.markets import MarketKey
from overround.feed.books import FeedState
from overround.feed.clock import FeedClock
from overround.feed.events import BadFrame, Connected, Disconnected, SnapshotNeeded, StreamEvent
from overround.feed.frames import ReceiveType
from overround.feed.messages import Fixture
from overround.feed.rest import FeedRest
from overround.feed.rules import Delays
from overround.feed.stream import Cursor, FeedStream, Filter, Pace
from overround.venues import NotFound, RateLimited, VenueError

log = structlog.get_logger(__name__)

READERS = 4
"""Snapshots read at once."""
TICK = 0.25
RETRY_MS = 1000
BAD_FRAMES_KEPT = 100
STARTED_HOURS = 12
"""How long ago a fixture still of interest may have started."""
BEHIND_SECONDS = 0.5
"""How long the stream may lag behind what REST told before it is taken to be frozen."""
LIST_EVERY = 300.0
KEEP_FINISHED_MS = 3_600_000
CATALOGUE_AGAIN_MS = 300_000
CATALOGUE_BATCH = 50
CATALOGUE_BY_SPORT = 100
"""More unknown markets of one sport than this are read with the sport's whole catalogue."""


@dataclass(slots=True)
class Changes:
    """What changed since the last batch. ``connection`` is True when the feed connected, disconnected or failed."""

    markets: set[MarketKey] = field(default_factory=set)
    fixtures: set[str] = field(default_factory=set)
    scores: set[str] = field(default_factory=set)
    connection: bool = False
    bad_frames: list[BadFrame] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.markets or self.fixtures or self.scores or self.connection or self.bad_frames)

    def add(self, other: "Changes") -> None:
        self.markets |= other.markets
        self.fixtures |= other.fixtures
        self.scores |= other.scores
        self.connection |= other.connection
        self.bad_frames = [*self.bad_frames, *other.bad_frames][-BAD_FRAMES_KEPT:]


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """The feed at a glance. ``last_frame_ms`` is the age of the last data frame, None before any; ``doubtful`` counts
    fixtures waiting for a snapshot."""

    connected: bool
    last_frame_ms: int | None
    doubtful: int
    frames: int
    bad_frames: int
    connections: int


class _Reader:
    """One consumer of changes: a batch that grows until it is taken."""

    def __init__(self) -> None:
        self.batch, self.ready = Changes(), asyncio.Event()

    def add(self, changes: Changes) -> None:
        self.batch.add(changes)
        self.ready.set()

    async def take(self) -> Changes:
        await self.ready.wait()
        self.ready.clear()
        taken, self.batch = self.batch, Changes()
        return taken


class Feed:
    """``async with Feed(...) as feed: async for batch in feed.changes(): ...``; read ``feed.state`` with
    ``feed.now_ms()``. ``rest_url`` includes the language. ``quoting`` are the bookmakers quoted from; ``select``
    filters the stream and must let the exchanges' slugs through where native ids are wanted. Of the sports selected,
    today's fixtures are read and those starting within ``horizon_hours``; without a selection, today's.

    ``changes`` raises ``Unauthorised`` or ``Rejected`` once the server will never take the key or login again."""

    def __init__(
        self,
        api_key: SecretStr,
        rest_url: str,
        ws_url: str,
        *,
        select: Filter | None = None,
        quoting: Iterable[str] | None = None,
        market_ids: Iterable[int] | None = None,
        receive_type: ReceiveType = "zstd",
        delays: Delays | None = None,
        clock: FeedClock | None = None,
        pace: Pace | None = None,
        cursor: Cursor | None = None,
        per_minute: int = 100,
        horizon_hours: int = 36,
    ) -> None:
        self._horizon_hours = horizon_hours
        self._select, self._clock, self._pace = select or Filter(), clock or FeedClock(), pace or Pace()
        self.rest = FeedRest(api_key, rest_url, per_minute=per_minute)
        self.stream = FeedStream(
            ws_url, api_key, self._select, receive_type=receive_type, cursor=cursor, clock=self._clock, pace=self._pace
        )
        self.state = FeedState(quoting=quoting, market_ids=market_ids, delays=delays)
        self._readers: list[_Reader] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._list_wanted, self._work = asyncio.Event(), asyncio.Event()
        self._listed, self._unknown = asyncio.Event(), asyncio.Event()
        self._not_before: dict[str, int] = {}
        self._reading: set[str] = set()
        self._asked_markets: dict[int, int] = {}
        self._over_since: dict[str, int] = {}
        self.failure: BaseException | None = None

    def now_ms(self) -> int:
        """Epoch milliseconds of the feed's clock; pass it to ``state.book``."""
        return self._clock.now_ms()

    def status(self) -> FeedStatus:
        last, stats = self.state.last_frame, self.stream.stats
        age = self.now_ms() - last if last else None
        doubtful = self.state.doubtful()
        return FeedStatus(self.state.connected, age, doubtful, stats["frames"], stats["bad"], stats["connections"])

    async def __aenter__(self) -> "Feed":
        work = [self._pump(), self._keep_list(), self._keep_catalogue(), self._keep_time()]
        work += [self._keep_snapshots() for _ in range(READERS)]
        self._tasks = [asyncio.create_task(self._guard(item)) for item in work]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.rest.__aexit__(kind, error, trace)

    async def ready(self, timeout: float = 30.0) -> None:
        """Wait until connected and every listed fixture has its snapshot. Raises ``TimeoutError`` or the failure."""
        async with asyncio.timeout(timeout):
            await self._listed.wait()
            while not self.state.settled() or self._unknown_markets():
                self._raise_failure()
                await asyncio.sleep(0.005)
        self._raise_failure()

    async def changes(self) -> AsyncGenerator[Changes, None]:
        """What changed, batch by batch, for ever; the first is everything known. Slow readers get bigger batches."""
        reader = _Reader()
        reader.add(Changes(self.state.keys(), {item.fixture_id for item in self.state.fixtures()}, connection=True))
        self._readers.append(reader)
        try:
            while True:
                batch = await reader.take()
                self._raise_failure()
                if batch:
                    yield batch
        finally:
            self._readers.remove(reader)

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure

    # -- tasks ------------------------------------------------------------------------------------------------------

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """A task that dies is the feed's failure: nothing it knew may be quoted from."""
        try:
            await work
        except Exception as error:
            self.failure = error
            self.state.apply(Disconnected(self._clock.now(), f"feed failed: {error}", None))
            self._listed.set()
            self._tell(Changes(connection=True))

    async def _pump(self) -> None:
        """Apply the stream as it comes."""
        async with aclosing(aiter(self.stream)) as events:
            async for event in events:
                self._take(event)

    def _take(self, event: StreamEvent) -> None:
        self.state.apply(event)
        if isinstance(event, SnapshotNeeded):
            log.info("feed snapshot needed", reason=event.reason, channels=event.channels)
            self._list_wanted.set()
            self._work.set()
        bad = [event] if isinstance(event, BadFrame) else []
        if bad:
            log.warning("bad feed frame", reason=bad[0].reason, channel=bad[0].channel, fixture=bad[0].fixture_id)
            self._work.set()
        self._tell(Changes(connection=isinstance(event, Connected | Disconnected), bad_frames=bad))

    def _tell(self, extra: Changes) -> None:
        markets, fixtures, scores = self.state.take_dirty()
        if any(key.market_id not in self.state.catalogue for key in markets):
            self._unknown.set()
        extra.add(Changes(markets, fixtures, scores))
        if extra:
            for reader in self._readers:
                reader.add(extra)

    async def _keep_time(self) -> None:
        """Notice silence, wake the snapshot readers, and forget fixtures long over."""
        while True:
            await asyncio.sleep(TICK)
            self.state.expire(self.now_ms())
            self._tell(Changes())
            self._work.set()
            self._forget_old(self.now_ms())

    def _forget_old(self, now: int) -> None:
        over = {item.fixture_id for item in self.state.fixtures() if item.over}
        self._over_since = {key: self._over_since.get(key, now) for key in over}
        for key in [key for key, since in self._over_since.items() if now - since > KEEP_FINISHED_MS]:
            self.state.forget(key)
            self._not_before.pop(key, None)

    # -- repairing by REST ------------------------------------------------------------------------------------------

    async def _keep_list(self) -> None:
        """Read the list of fixtures whenever the stream may have missed one, and now and then."""
        await self._list_wanted.wait()
        while True:
            self._list_wanted.clear()
            if await self._attempt(self._read_list()):
                self._listed.set()
                self._work.set()
                await _wait(self._list_wanted, LIST_EVERY)
            else:
                await asyncio.sleep(1.0)

    async def _read_list(self) -> None:
        asked = self.now_ms()
        for item in await self._list():
            self.state.list_fixture(item, asked)
        self._tell(Changes())

    async def _list(self) -> list[Fixture]:
        if self._select.fixture_ids is not None:
            return await self.rest.fixtures(fixture_ids=self._select.fixture_ids)
        if self._select.sport_ids is None:
            return await self.rest.fixtures_today()
        now = self.now_ms() // 1000
        start, end = now - STARTED_HOURS * 3600, now + self._horizon_hours * 3600
        found = []
        for sport in self._select.sport_ids:
            found += await self.rest.fixtures_today(sport_id=sport)
            found += await self.rest.fixtures(sport_id=sport, start_from=start, start_to=end)
        return found

    async def _keep_snapshots(self) -> None:
        """Read whichever fixture wants it most."""
        while True:
            fixture_id = self._next() if self.state.connected else None
            if fixture_id is None:
                self._work.clear()
                await self._work.wait()
            else:
                await self._read(fixture_id)

    def _next(self) -> str | None:
        now = self.now_ms()
        free = (key for key in self.state.wanted(now) if key not in self._reading)
        return next((key for key in free if self._not_before.get(key, 0) <= now), None)

    async def _read(self, fixture_id: str) -> None:
        self._reading.add(fixture_id)
        try:
            read = await self._attempt(self._read_fixture(fixture_id))
            self._not_before[fixture_id] = self.now_ms() + (0 if read else RETRY_MS)
        finally:
            self._reading.discard(fixture_id)

    async def _read_fixture(self, fixture_id: str) -> None:
        asked = self.now_ms()
        try:
            answer = await self.rest.odds(fixture_id, bookmakers=self._select.bookmakers or ())
        except NotFound:
            self.state.forget(fixture_id)
            return
        if self.state.snapshot(answer, asked):
            asyncio.get_running_loop().call_later(BEHIND_SECONDS, self._abandon_if_silent, asked)
        self._tell(Changes())

    def _abandon_if_silent(self, asked: int) -> None:
        """REST told of a change and the stream has said nothing since: it is frozen, whatever its pongs say."""
        if self.state.connected and self.state.last_frame < asked:
            log.warning("feed stream is frozen", silent_ms=self.now_ms() - self.state.last_frame)
            self.stream.abandon()

    async def _keep_catalogue(self) -> None:
        """Learn the bookmakers' delays, then what every market met means."""
        await self._insist(self._read_bookmakers)
        while True:
            self._unknown.clear()
            await self._insist(self._read_markets)
            await _wait(self._unknown, CATALOGUE_AGAIN_MS / 1000)

    async def _insist(self, read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Read until it works, once a second."""
        for pause in itertools.repeat(1.0):
            if await self._attempt(read()):
                return
            await asyncio.sleep(pause)

    async def _read_bookmakers(self) -> None:
        self.state.learn_bookmakers(await self.rest.bookmakers())
        self._tell(Changes())

    async def _read_markets(self) -> None:
        """Ask for unknown markets; one the feed does not know is asked for again after five minutes."""
        while unknown := self._unknown_markets():
            sport_id, ids = unknown.popitem()
            if len(ids) > CATALOGUE_BY_SPORT:
                found = await self.rest.markets(sport_id=sport_id)
            else:
                ids = ids[:CATALOGUE_BATCH]
                found = await self.rest.markets(market_ids=ids)
            self._asked_markets |= dict.fromkeys(ids, self.now_ms())
            self.state.learn_markets(found)
            self._tell(Changes())

    def _unknown_markets(self) -> dict[int, list[int]]:
        """Sport id to unknown market ids that were not asked for lately."""
        before = self.now_ms() - CATALOGUE_AGAIN_MS
        unknown = {
            sport_id: sorted(key for key in ids if self._asked_markets.get(key, 0) < before)
            for sport_id, ids in self.state.unknown_markets().items()
        }
        return {sport_id: ids for sport_id, ids in unknown.items() if ids}

    async def _attempt(self, call: Coroutine[Any, Any, None]) -> bool:
        """Run a read; a venue error is logged and False."""
        try:
            await call
        except RateLimited as error:
            log.info("feed rate limited", retry_after=error.retry_after)
            return False
        except VenueError as error:
            log.warning("feed read failed", error=str(error))
            return False
        return True


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return

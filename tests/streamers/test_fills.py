"""The fill streamer: whatever the stream, the sweep or the venue does, every trade is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.domain.messages import HedgeOdds
from overround.domain.orders import Seen
from overround.exchanges.base import MarketChanged, OrderUpdate, StreamEvent, StreamGap, VenueFill
from overround.venues import TimedOut
from streamers import fills as module
from streamers.fills import FIRST_LOOK_MS, OVERLAP_MS, FillStreamer
from streamers.odds import Trader
from tests.activities.desk import CAPABILITIES
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, fill, owner, rows
from tests.streamers.desk import FakeSessions
from tests.support.waiting import until

TRADER = Trader("kalshi-demo", CLIENT, "kalshi", "vertex")
NOW = HedgeOdds(D("2.10"), D(500), 1_000, 2_000)


@dataclass
class Venue:
    """Streams what a test puts in; ``fills`` answers with ``listed`` or raises the next failure."""

    capabilities: Any = CAPABILITIES
    events: asyncio.Queue[StreamEvent | Exception] = field(default_factory=asyncio.Queue)
    listed: list[VenueFill] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    reading: Callable[[], None] = lambda: None
    beats: int = 0
    beat_failures: list[Exception] = field(default_factory=list)

    async def stream(self) -> AsyncIterator[StreamEvent]:
        while True:
            event = await self.events.get()
            if isinstance(event, Exception):
                raise event
            yield event

    async def fills(self, since: int) -> list[VenueFill]:
        self.asked.append(since)
        if self.failures:
            raise self.failures.pop(0)
        listed = list(self.listed)
        self.reading()
        return listed

    async def keep_alive(self) -> None:
        self.beats += 1
        if self.beat_failures:
            raise self.beat_failures.pop(0)


@dataclass
class Told:
    """In place of ``Signals``: what was told, and what cannot be for now. ``stuck`` trades never can."""

    fills: list[tuple[str, HedgeOdds | None]] = field(default_factory=list)
    updated: list[list[str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=lambda: {"v-c1"})
    asking: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def facts(self, account: str, venue_order_id: str, client_order_id: str | None) -> Any:
        from types import SimpleNamespace

        assert account == TRADER.account_id
        return SimpleNamespace(owner=owner(), outcome_id=111) if venue_order_id in self.known else None

    async def fill(self, account: str, trade: VenueFill, odds: HedgeOdds | None) -> bool:
        if trade.fill.fill_id in self.stuck:
            raise RuntimeError("this workflow takes no more signals")
        if self.failures:
            raise self.failures.pop(0)
        self.fills.append((trade.fill.fill_id, odds))
        return True

    async def untold(self, account: str, trades: list[VenueFill]) -> list[VenueFill]:
        return [item for item in trades if item.fill.fill_id not in self.names]

    async def updates(self, account: str, updates: list[OrderUpdate]) -> int:
        self.asking.set()
        if self.failures:
            await self.answer.wait()
            raise self.failures.pop(0)
        self.updated.append([f"{item.venue_order_id} {item.seen.ended}" for item in updates])
        return len(updates)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.fills]


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep only after a gap or a failure, and no pause for gathering, unless a test says otherwise."""
    monkeypatch.setattr(module, "SWEEP_SECONDS", 30.0)
    monkeypatch.setattr(module, "GATHER_SECONDS", 0.01)


def made(venue: Venue, told: Told, database: Any = None, changed: list[Any] | None = None) -> FillStreamer:
    def odds_now(client: str, fixture: str, market: int, outcome: int) -> HedgeOdds | None:
        assert (client, fixture, market, outcome) == (CLIENT, owner().fixture_id, 111, 111)
        return NOW

    noted = changed if changed is not None else []
    return FillStreamer(
        TRADER,
        FakeSessions(kalshi=venue),  # type: ignore[arg-type]
        told,  # type: ignore[arg-type]
        database,
        odds_now,
        lambda exchange, market: noted.append((exchange, market)),
    )


@asynccontextmanager
async def running(streamer: FillStreamer) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(streamer.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup):
            await task


def trade(name: str = "t1", order: str = "v-c1") -> VenueFill:
    return VenueFill(order, "c1", "KXNBA-111", fill(name))


def update(order: str = "v-c1", ended: Any = None) -> OrderUpdate:
    return OrderUpdate(order, None, Seen(order, D(0), ended))


async def test_a_trade_of_the_stream_is_told_with_the_price_of_that_moment(venue: Venue, told: Told) -> None:
    async with running(made(venue, told)):
        venue.events.put_nowait(trade())
        await until(lambda: bool(told.fills))
    assert told.fills == [("t1", NOW)]


async def test_a_trade_of_a_stranger_is_told_without_a_price(venue: Venue, told: Told) -> None:
    """``Signals`` decides whether it is an alarm or only early."""
    async with running(made(venue, told)):
        venue.events.put_nowait(trade(order="v-stranger"))
        await until(lambda: bool(told.fills))
    assert told.fills == [("t1", None)]


async def test_the_first_sweep_looks_an_hour_back(venue: Venue, told: Told) -> None:
    venue.listed = [trade("while-we-were-away")]
    async with running(made(venue, told)):
        await until(lambda: bool(told.fills))
    hour_ago = time.time() * 1000 - FIRST_LOOK_MS - OVERLAP_MS
    assert abs(venue.asked[0] - hour_ago) < 5_000
    assert told.names == ["while-we-were-away"]


async def test_later_sweeps_look_back_to_the_last_one_that_succeeded(
    venue: Venue, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    venue.failures = [RuntimeError("no such thing")]
    async with running(made(venue, told)):
        await until(lambda: len(venue.asked) >= 4)
    first, second, third, *_ = venue.asked
    assert first == second, "the failed sweep moved nothing"
    assert third - second > FIRST_LOOK_MS - 60_000
    assert abs(third - (time.time() * 1000 - OVERLAP_MS)) < 5_000


async def test_a_gap_in_the_stream_is_swept_at_once_and_shown(venue: Venue, told: Told, ledger: AsyncEngine) -> None:
    async with running(made(venue, told, ledger)):
        await until(lambda: len(venue.asked) == 1)
        venue.listed = [trade("in-the-gap")]
        venue.events.put_nowait(StreamGap("the stream broke"))
        await until(lambda: told.names == ["in-the-gap"])
    (row,) = await rows(ledger, "SELECT status, status_reason FROM exchange_accounts WHERE account_id = 'kalshi-demo'")
    assert (row.status, row.status_reason) == ("connected", "the stream broke")


async def test_a_gap_that_opens_while_a_sweep_is_read_is_swept_again(
    venue: Venue, told: Told, ledger: AsyncEngine
) -> None:
    """What the sweep has read may be older than the gap."""

    def gap() -> None:
        if len(venue.asked) == 1:
            streamer._sweep_now.set()
            venue.listed = [trade("in-the-gap")]

    venue.reading = gap
    streamer = made(venue, told, ledger)
    async with running(streamer):
        await until(lambda: told.names == ["in-the-gap"])


async def test_a_fill_that_could_not_be_told_is_told_by_the_next_sweep(venue: Venue, told: Told) -> None:
    async with running(made(venue, told)):
        await until(lambda: len(venue.asked) == 1)
        told.failures = [RuntimeError("Temporal is away")]
        venue.listed = [trade("t1")]
        venue.events.put_nowait(trade("t1"))
        await until(lambda: bool(told.fills))
    assert told.names == ["t1"]


async def test_a_trade_that_can_never_be_told_keeps_no_other_from_being_told(
    venue: Venue, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    told.stuck = {"t1"}
    venue.listed = [trade("t1"), trade("t2")]
    async with running(made(venue, told)) as task:
        await until(lambda: "t2" in told.names and len(venue.asked) > 2)
        assert not task.done()
    assert "t1" not in told.names
    assert venue.asked[0] == venue.asked[2], "what was not told is read again"


async def test_a_venue_that_does_not_answer_is_shown_and_swept_again(
    venue: Venue, told: Told, ledger: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    venue.failures = [TimedOut("kalshi", "not answered in time")]
    venue.listed = [trade()]
    async with running(made(venue, told, ledger)):
        await until(lambda: bool(told.fills))
    (row,) = await rows(ledger, "SELECT status, status_reason FROM exchange_accounts WHERE account_id = 'kalshi-demo'")
    assert (row.status, row.status_reason) == ("unreachable", "not answered in time")


class Away:
    """A ledger that does not answer."""

    def begin(self) -> Any:
        raise OSError("the ledger is away")


async def test_a_venue_and_a_ledger_that_are_both_away_end_nothing(
    venue: Venue, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    venue.capabilities = replace(CAPABILITIES, heartbeat_seconds=0.01)
    venue.failures = [TimedOut("kalshi", "silent")]
    venue.beat_failures = [TimedOut("kalshi", "silent")]
    venue.listed = [trade()]
    async with running(made(venue, told, Away())) as task:
        venue.events.put_nowait(StreamGap("reconnected"))
        await until(lambda: bool(told.fills) and venue.beats > 2)
        assert not task.done()


async def test_updates_of_a_moment_are_told_together_and_only_the_newest_of_each(venue: Venue, told: Told) -> None:
    async with running(made(venue, told)):
        for event in (update("v-1"), update("v-2"), update("v-1", "CANCELLED")):
            venue.events.put_nowait(event)
        await until(lambda: bool(told.updated))
    assert told.updated == [["v-1 CANCELLED", "v-2 None"]]


async def test_updates_never_make_a_fill_wait(venue: Venue, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER_SECONDS", 30.0)
    async with running(made(venue, told)):
        for event in (update("v-1"), trade(), update("v-2")):
            venue.events.put_nowait(event)
        await until(lambda: bool(told.fills))
    assert told.updated == []


async def test_an_update_that_could_not_be_told_is_told_again_unless_a_newer_one_came(venue: Venue, told: Told) -> None:
    """Nobody else reads what became of an order for half a minute."""
    told.failures = [RuntimeError("Temporal is away")]
    streamer = made(venue, told)
    async with running(streamer):
        for old in (update("v-1"), update("v-2", "CANCELLED")):
            venue.events.put_nowait(old)
        await told.asking.wait()
        venue.events.put_nowait(update("v-1", "FILLED"))
        await until(lambda: bool(streamer._updates))
        told.answer.set()
        await until(lambda: bool(told.updated))
    assert [sorted(batch) for batch in told.updated] == [["v-1 FILLED", "v-2 CANCELLED"]]


async def test_a_changed_market_is_passed_on(venue: Venue, told: Told) -> None:
    changed: list[Any] = []
    async with running(made(venue, told, changed=changed)):
        venue.events.put_nowait(MarketChanged("KXNBA", "determined"))
        await until(lambda: bool(changed))
    assert changed == [("kalshi", "KXNBA")]


async def test_a_dead_man_switch_is_fed_though_a_beat_fails(venue: Venue, told: Told, ledger: AsyncEngine) -> None:
    venue.capabilities = replace(CAPABILITIES, heartbeat_seconds=0.01)
    venue.beat_failures = [TimedOut("kalshi", "late")]
    async with running(made(venue, told, ledger)):
        await until(lambda: venue.beats >= 3)


async def test_a_venue_without_a_dead_man_switch_gets_no_beats(venue: Venue, told: Told) -> None:
    async with running(made(venue, told)):
        venue.events.put_nowait(trade())
        await until(lambda: bool(told.fills))
    assert venue.beats == 0


async def test_a_stream_that_ends_with_an_error_ends_the_streamer_to_be_started_again(venue: Venue, told: Told) -> None:
    async with running(made(venue, told)) as task:
        venue.events.put_nowait(RuntimeError("bug"))
        await until(task.done)
        with pytest.raises(ExceptionGroup):
            await task

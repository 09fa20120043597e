"""The process of all streamers: one part's trouble is not the others', and what must be written is written."""

import asyncio
import importlib
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.feed.clock import Receipt
from overround.feed.events import BadFrame
from overround.feed.feed import Changes
from overround.ledger.heartbeats import beat
from overround.settings import Settings
from streamers.odds import Trader
from tests.domain.desk import KEY
from tests.ledger.desk import CLIENT, SECRET, rows
from tests.streamers.desk import FakeFeed, FakeTemporal
from tests.support.waiting import until

module = importlib.import_module("streamers.__main__")
TRADER = Trader("kalshi-demo", CLIENT, "kalshi", "vertex")


class Feed(FakeFeed):
    """A feed that yields what a test puts in, to whoever listens."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[asyncio.Queue[Changes]] = []
        self.connected = True

    @property
    def state(self) -> Any:
        known = super().state
        known.connected = self.connected
        return known

    async def changes(self) -> AsyncIterator[Changes]:
        queue: asyncio.Queue[Changes] = asyncio.Queue()
        self.listeners.append(queue)
        while True:
            yield await queue.get()

    def tell(self, changes: Changes) -> None:
        for queue in self.listeners:
            queue.put_nowait(changes)


def bad(channel: str | None, reason: str = "odds row: price is missing") -> BadFrame:
    return BadFrame(Receipt(1.0, 1000), reason, channel, KEY.fixture_id)


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def streamers(ledger: AsyncEngine, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Any:
    async def nothing(*_: Any) -> None:
        return None

    monkeypatch.setattr(module, "ensure_schedules", nothing)
    made: Any = module.Streamers(Settings(secret_key=SecretStr(SECRET)), feed, FakeTemporal(), ledger)
    made._odds.traders = [TRADER]
    return made


async def ends(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def beats(ledger: AsyncEngine) -> set[str]:
    return {row.name for row in await rows(ledger, "SELECT name FROM heartbeats")}


async def test_an_unreadable_frame_is_an_alarm_of_its_channel(streamers: Any, ledger: AsyncEngine) -> None:
    await streamers._write(Changes(bad_frames=[bad("odds"), bad("odds", "another"), bad(None, "not JSON")]))
    found = await rows(ledger, "SELECT kind, subject, message FROM alarms ORDER BY subject")
    assert [(row.kind, row.subject, row.message) for row in found] == [
        ("feed", "feed", "unreadable frame on an unknown channel: not JSON"),
        ("feed", "odds", "unreadable frame on odds: another"),
    ]


async def test_what_the_feed_says_of_fixtures_is_written_though_the_first_try_fails(
    streamers: Any, feed: Feed, ledger: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError("the ledger is away"), OSError("still away")]
    write, sleep = streamers._scores.changed, asyncio.sleep

    async def changed(fixture_ids: Any) -> None:
        if failures:
            raise failures.pop(0)
        await write(fixture_ids)

    async def shortly(seconds: float) -> None:
        await sleep(0)

    monkeypatch.setattr(streamers._scores, "changed", changed)
    task = asyncio.create_task(streamers._follow_scores())
    await until(lambda: bool(feed.listeners))
    with monkeypatch.context() as quick:
        quick.setattr(module.asyncio, "sleep", shortly)
        feed.tell(Changes(fixtures={KEY.fixture_id}))
        async with asyncio.timeout(15):
            while not await rows(ledger, "SELECT 1 FROM fixtures"):
                await sleep(0.01)
    await ends(task)
    assert failures == []


async def test_odds_do_not_wait_for_what_is_being_written(streamers: Any, feed: Feed) -> None:
    looked: list[Any] = []
    streamers._odds = SimpleNamespace(changed=looked.append, everything=lambda: looked.append("everything"))

    async def hangs(_: Any) -> None:
        await asyncio.Event().wait()

    streamers._scores.changed = hangs
    tasks = [asyncio.create_task(work()) for work in (streamers._follow_odds, streamers._follow_scores)]
    await until(lambda: len(feed.listeners) == 2)
    for batch in (Changes(markets={KEY}, fixtures={KEY.fixture_id}), Changes(connection=True)):
        feed.tell(batch)
    await until(lambda: len(looked) == 3)
    await ends(*tasks)
    assert looked == [{KEY}, "everything", set()]


@pytest.mark.parametrize(
    ("connected", "heard_ago", "names"),
    [(True, 0.5, {"streamers", "feed"}), (True, 60, {"streamers"}), (False, 0.5, {"streamers"})],
    ids=["hears", "hears nothing", "is not connected"],
)
async def test_the_feed_has_a_sign_of_life_only_while_it_is_heard(
    streamers: Any, feed: Feed, ledger: AsyncEngine, connected: bool, heard_ago: float, names: set[str]
) -> None:
    feed.connected, streamers._heard_at = connected, time.time() - heard_ago
    streamers._odds.traders = []
    await streamers._watch()
    assert await beats(ledger) == names


async def test_a_fill_streamer_that_failed_is_started_again_and_a_living_one_is_not(
    streamers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    gate = asyncio.Event()

    async def follow(trader: Trader) -> None:
        started.append(trader.account_id)
        if len(started) == 1:
            raise RuntimeError("bug")
        await gate.wait()

    monkeypatch.setattr(streamers, "_follow", follow)
    for _ in range(4):
        await streamers._follow_accounts()
        await asyncio.sleep(0)
    assert started == ["kalshi-demo", "kalshi-demo"]
    streamers._odds.traders = [TRADER, Trader("polymarket-demo", CLIENT, "polymarket", "vertex")]
    await streamers._follow_accounts()
    await asyncio.sleep(0)
    assert started[2:] == ["polymarket-demo"]
    await streamers.close()


async def test_a_task_that_fails_goes_on(streamers: Any) -> None:
    calls: list[int] = []

    async def work() -> None:
        calls.append(1)
        raise RuntimeError("bug")

    task = asyncio.create_task(streamers._every(0, work))
    await until(lambda: len(calls) > 2)
    assert not task.done()
    await ends(task)


async def test_a_changed_instrument_is_asked_for_again(streamers: Any) -> None:
    forgotten: list[Any] = []

    def forget(*which: str) -> set[Any]:
        forgotten.append(which)
        return {KEY}

    streamers._odds.desk = SimpleNamespace(forget=forget)
    streamers._market_changed("kalshi", "KXNBA")
    assert forgotten == [("kalshi", "KXNBA")]


async def test_what_the_guard_finds_stops_the_odds_until_it_is_over(
    streamers: Any, ledger: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamers._odds.traders = []
    monkeypatch.setattr(streamers._guard, "_since", time.monotonic() - 60)
    await streamers._watch()
    assert streamers._odds.stopped == "the trading worker has said nothing for 60 s"
    async with ledger.begin() as connection:
        for worker in ("trading", "hedging"):
            await beat(connection, worker, {})
    await streamers._watch()
    assert streamers._odds.stopped is None

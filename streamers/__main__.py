"""``python -m streamers``: every streamer of this deployment in one process."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.sessions import Sessions
from activities.signals import Signals
from activities.temporal import connect_temporal
from overround.feed.events import BadFrame
from overround.feed.feed import Changes, Feed
from overround.ledger.alarms import raise_alarm
from overround.ledger.db import connect
from overround.ledger.heartbeats import beat
from overround.process import announce, main, stop_requested
from overround.settings import Settings
from streamers.bookmakers import BookmakerWatch
from streamers.fills import FillStreamer
from streamers.guard import Guard
from streamers.odds import OddsStreamer, Trader
from streamers.reminders import Reminders
from streamers.schedules import ensure_schedules
from streamers.scores import ScoreStreamer
from workflows.names import TRADING

log = structlog.get_logger(__name__)
TICK = 0.25
WATCH, BALANCES = 1.0, 15.0


class Streamers:
    """Ties the feed to the odds, score and fill streamers and to the guard."""

    def __init__(
        self, settings: Settings, feed: Feed, client: Client, database: AsyncEngine, *, queue: str = TRADING
    ) -> None:
        self._feed = feed
        self._client = client
        self._database = database
        self._sessions = Sessions(database, settings.secret_key.get_secret_value())
        self._queue = queue
        self._signals = Signals(client, database, task_queue=queue)
        self._odds = OddsStreamer(feed, client, database, self._sessions, queue)
        self._scores = ScoreStreamer(feed, client, database, queue=queue)
        self._bookmakers = BookmakerWatch(database, self._sessions)
        self._guard = Guard(database, self._sessions, self._stop_quoting)
        self._reminders = Reminders(client, database, queue=queue)
        self._following: dict[str, asyncio.Task[None]] = {}
        self._heard_at = 0.0

    async def run(self, ready: asyncio.Event) -> None:
        """Everything, until cancelled."""
        await self._insist(self._odds.tick)
        await self._insist(self._scores.recover)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_odds())
            tasks.create_task(self._follow_scores())
            tasks.create_task(self._every(TICK, self._odds.tick))
            tasks.create_task(self._every(WATCH, self._watch))
            tasks.create_task(self._every(WATCH, self._reminders.look))
            tasks.create_task(self._every(WATCH, self._follow_accounts))
            tasks.create_task(self._every(BALANCES, self._bookmakers.look))
            ready.set()

    async def close(self) -> None:
        """Stop following accounts and close every session."""
        for task in self._following.values():
            task.cancel()
        await asyncio.gather(*self._following.values(), return_exceptions=True)
        await self._odds.close()
        await self._sessions.close()

    def _stop_quoting(self, reason: str | None) -> None:
        self._odds.stopped = reason

    async def _follow_odds(self) -> None:
        """Quotes first: nothing else waits in this loop."""
        async for changes in self._feed.changes():
            self._heard_at = time.time()
            if changes.connection:
                self._odds.everything()
            self._odds.changed(changes.markets)

    async def _follow_scores(self) -> None:
        async for changes in self._feed.changes():
            await self._insist(lambda: self._write(changes))  # noqa: B023 - awaited before the next turn

    async def _write(self, changes: Changes) -> None:
        """Everything here may be repeated."""
        await self._scores.changed(changes.fixtures | changes.scores)
        await self._scores.settle()
        for frame in changes.bad_frames:
            await self._note_bad_frame(frame)

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until it is done: a database or Temporal that is away comes back."""
        while True:
            try:
                return await work()
            except Exception as error:
                log.error("not written yet, trying again", error=repr(error))
                await asyncio.sleep(1.0)

    async def _note_bad_frame(self, frame: BadFrame) -> None:
        """An unreadable frame changed nothing; an operator should know."""
        message = f"unreadable frame on {frame.channel or 'an unknown channel'}: {frame.reason}"
        async with self._database.begin() as connection:
            await raise_alarm(connection, "feed", frame.channel or "feed", message)

    async def _watch(self) -> None:
        await self._guard.watch(self._odds.traders)
        async with self._database.begin() as connection:
            await beat(connection, "streamers", {"pid": os.getpid()})
            if self._feed.state.connected and time.time() - self._heard_at < WATCH * 2:
                await beat(connection, "feed", {"fixtures": len(self._feed.state.fixtures())})

    async def _follow_accounts(self) -> None:
        """One fill streamer per account, started when the account appears and again should it fail."""
        for trader in self._odds.traders:
            task = self._following.get(trader.account_id)
            if task is None or task.done():
                if task is not None:
                    log.warning("fill streamer stopped", account=trader.account_id, error=repr(task.exception()))
                self._following[trader.account_id] = asyncio.create_task(self._follow(trader))
        await ensure_schedules(self._client, [trader.account_id for trader in self._odds.traders], self._queue)

    async def _follow(self, trader: Trader) -> None:
        streamer = FillStreamer(
            trader, self._sessions, self._signals, self._database, self._odds.odds_now, self._market_changed
        )
        await streamer.run()

    def _market_changed(self, exchange: str, venue_market: str) -> None:
        for key in self._odds.desk.forget(exchange, venue_market):
            log.info("instrument changed", exchange=exchange, fixture=key.fixture_id)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Call ``work`` again and again; a fault is logged and does not end the others."""
        while True:
            try:
                await work()
            except Exception as error:
                log.error("streamer task failed, going on", task=getattr(work, "__qualname__", ""), error=repr(error))
            await asyncio.sleep(seconds)


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop, ready = stop_requested(), asyncio.Event()
    client = await connect_temporal(settings)
    database = connect(settings.database_url)
    feed = Feed(settings.oddspapi_api_key, settings.oddspapi_rest_url, settings.oddspapi_ws_url)
    async with feed:
        streamers = Streamers(settings, feed, client, database)
        work = asyncio.create_task(streamers.run(ready))
        await asyncio.wait([work, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            announce()
        await asyncio.wait([work, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        await streamers.close()


if __name__ == "__main__":
    main("streamers", run)

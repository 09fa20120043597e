"""The user and market WebSockets: reconnecting for ever, silence ends a socket (polymarket sheet, sections 6 and 7)."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from overround.exchanges.base import MarketChanged, OrderUpdate, StreamEvent, StreamGap, VenueFill
from overround.exchanges.polymarket.messages import VENUE, TradePart, field, order_row, parse, seen, text, trade_parts
from overround.exchanges.polymarket.signing import Credentials
from overround.venues import Unreadable, VenueError

MAX_FRAME = 8 * 1024 * 1024
REMEMBERED_TRADES = 20_000
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
Handler = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pace:
    """Keep-alive of both sockets in seconds: PING every 10, reconnect after 30 without any frame (section 6)."""

    ping: float = 10.0
    silence: float = 30.0


class Silent(Exception):
    """Nothing arrived, not even a PONG."""


async def _ping(socket: ClientConnection, every: float) -> None:
    while True:
        await socket.send("PING")
        await asyncio.sleep(every)


async def _frames(socket: ClientConnection, silence: float) -> AsyncIterator[list[Any]]:
    """Events of each frame; an empty list for a PONG."""
    while True:
        try:
            async with asyncio.timeout(silence):
                frame = await socket.recv()
        except TimeoutError as error:
            raise Silent(f"no frame for {silence:g} s") from error
        if frame == "PONG":
            yield []
            continue
        body = parse(frame)
        yield body if isinstance(body, list) else [body]


class Streams:
    """Everything one account hears. ``watch`` adds assets whose tick changes and resolutions must be heard."""

    def __init__(
        self,
        user_url: str,
        market_url: str,
        credentials: Callable[[], Credentials],
        wallet: str,
        fill_of: Callable[[TradePart], Awaitable[VenueFill]],
        pace: Pace,
    ) -> None:
        self._user_url, self._market_url = user_url, market_url
        self._credentials, self._wallet, self._fill_of, self._pace = credentials, wallet, fill_of, pace
        self._queue: asyncio.Queue[StreamEvent | BaseException] = asyncio.Queue()
        self._markets: dict[str, str] = {}
        self._grown = asyncio.Event()
        self._told: dict[str, bool] = {}

    def watch(self, market: str, assets: Iterable[str]) -> None:
        """Hear what happens to the assets of a condition."""
        fresh = {asset: market for asset in assets if asset not in self._markets}
        if fresh:
            self._markets.update(fresh)
            self._grown.set()

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Both sockets' events, for ever."""
        tasks = [asyncio.create_task(self._forever(run)) for run in (self._user, self._market)]
        try:
            while True:
                event = await self._queue.get()
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- connections ------------------------------------------------------------------------------------------------

    async def _forever(self, run: Callable[[str, Callable[[], None]], Awaitable[None]]) -> None:
        reason, pause = "first connection", FIRST_PAUSE

        def alive() -> None:
            nonlocal pause
            pause = FIRST_PAUSE

        try:
            while True:
                try:
                    await run(reason, alive)
                except (OSError, TimeoutError, WebSocketException, Silent, VenueError) as error:
                    reason = str(error) or type(error).__name__
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        except Exception as error:
            self._queue.put_nowait(error)

    async def _listen(
        self, url: str, hello: object, started: Callable[[], None], handle: Handler, *helpers: Handler
    ) -> None:
        """Serve one connection until it ends. The first frame proves that the venue has read our hello."""
        async with connect(
            url, open_timeout=5.0, close_timeout=0.5, ping_interval=None, max_size=MAX_FRAME, proxy=None
        ) as socket:
            await socket.send(json.dumps(hello))
            tasks = [asyncio.create_task(_ping(socket, self._pace.ping))]
            tasks += [asyncio.ensure_future(helper(socket)) for helper in helpers]
            try:
                first = True
                async for events in _frames(socket, self._pace.silence):
                    if first:
                        started()
                        first = False
                    for event in events:
                        await handle(event)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _user(self, reason: str, alive: Callable[[], None]) -> None:
        keys = self._credentials()
        auth = {"apiKey": keys.api_key, "secret": keys.secret, "passphrase": keys.passphrase}

        def started() -> None:
            alive()
            self._queue.put_nowait(StreamGap(reason))

        await self._listen(self._user_url, {"type": "user", "auth": auth}, started, self._on_user)

    async def _market(self, reason: str, alive: Callable[[], None]) -> None:
        while not self._markets:
            await self._grown.wait()
            self._grown.clear()
        subscribed = set(self._markets)

        def started() -> None:
            alive()
            if reason != "first connection":
                for market in sorted(set(self._markets.values())):
                    self._queue.put_nowait(MarketChanged(market, f"market stream lost: {reason}"))

        async def grow(socket: ClientConnection) -> None:
            while True:
                await self._grown.wait()
                self._grown.clear()
                fresh = sorted(set(self._markets) - subscribed)
                subscribed.update(fresh)
                if fresh:
                    await socket.send(json.dumps({"operation": "subscribe", "assets_ids": fresh}))

        hello = {"type": "market", "assets_ids": sorted(subscribed), "custom_feature_enabled": True}
        await self._listen(self._market_url, hello, started, self._on_market, grow)

    # -- events -----------------------------------------------------------------------------------------------------

    async def _on_user(self, event: Any) -> None:
        kind = field(event, "event_type", text)
        if kind == "order":
            row = order_row(event)
            self.watch(row.market, [row.asset_id])
            over = field(event, "type", text) == "CANCELLATION"
            self._queue.put_nowait(OrderUpdate(row.order_id, None, seen(row, cancelled=over)))
        elif kind == "trade":
            for part in trade_parts(event, self._credentials().api_key, self._wallet):
                await self._tell(part)

    async def _tell(self, part: TradePart) -> None:
        """One event per fill and one per failure: the same trade comes again on every status change."""
        if self._told.get(part.fill_id) in (part.failed, True):
            return
        fill = await self._fill_of(part)
        self._told[part.fill_id] = part.failed
        if len(self._told) > REMEMBERED_TRADES:
            del self._told[next(iter(self._told))]
        self._queue.put_nowait(fill)

    async def _on_market(self, event: Any) -> None:
        if not isinstance(event, dict):
            raise Unreadable(VENUE, "a market event is not an object")
        kind = event.get("event_type")
        if kind == "tick_size_change":
            old, new = field(event, "old_tick_size", str), field(event, "new_tick_size", str)
            self._queue.put_nowait(MarketChanged(field(event, "market", text), f"tick {old} became {new}"))
        elif kind == "market_resolved":
            self._queue.put_nowait(MarketChanged(field(event, "market", text), "resolved"))

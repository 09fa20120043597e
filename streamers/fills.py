"""The fill streamer of one exchange account: its user stream in, signals out, and a sweep for what streams forget.

Nothing on the private streams is replayed by most venues, so every (re)connect and every few seconds the trades since
the last one are read again; telling a trade twice changes nothing.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.sessions import Sessions
from activities.signals import Signals
from overround.domain.messages import HedgeOdds
from overround.exchanges.base import Exchange, MarketChanged, OrderUpdate, StreamEvent, StreamGap, VenueFill
from overround.ledger.accounts import note_exchange
from overround.venues import VenueError
from streamers.odds import Trader

log = structlog.get_logger(__name__)
SWEEP_SECONDS = 5.0
OVERLAP_MS = 30_000
FIRST_LOOK_MS = 3_600_000
GATHER_SECONDS = 0.5
"""Order updates mostly repeat what the owner's own calls were answered: they are told together, and never make a fill
wait behind them."""

OddsNow = Callable[[str, str, int, int], HedgeOdds | None]


@dataclass(slots=True)
class FillStreamer:
    """Follows one account for ever. ``odds_now`` gives the bookmaker's price to attach to a fill."""

    trader: Trader
    sessions: Sessions
    signals: Signals
    database: AsyncEngine
    odds_now: OddsNow
    market_changed: Callable[[str, str], None]
    _since: int = field(default_factory=lambda: int(time.time() * 1000) - FIRST_LOOK_MS)
    _sweep_now: asyncio.Event = field(default_factory=asyncio.Event)
    _updates: dict[str, OrderUpdate] = field(default_factory=dict)
    _updated: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Stream and sweep until cancelled."""
        exchange = await self.sessions.exchange(self.trader.account_id)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stream(exchange))
            tasks.create_task(self._tell_updates())
            tasks.create_task(self._sweep(exchange))
            if exchange.capabilities.heartbeat_seconds is not None:
                tasks.create_task(self._keep_alive(exchange, exchange.capabilities.heartbeat_seconds))

    async def _stream(self, exchange: Exchange) -> None:
        async for event in exchange.stream():
            try:
                await self._take(event)
            except Exception as error:
                # The sweep reads it again: a fill that could not be told now is told within seconds.
                log.warning("an event could not be told", account=self.trader.account_id, error=str(error))
                self._sweep_now.set()

    async def _take(self, event: StreamEvent) -> None:
        match event:
            case VenueFill():
                await self._fill(event)
            case OrderUpdate():
                self._updates[event.venue_order_id] = event
                self._updated.set()
            case StreamGap(reason):
                await self._note("connected", reason)
                self._sweep_now.set()
            case MarketChanged(venue_market):
                self.market_changed(self.trader.exchange, venue_market)

    async def _tell_updates(self) -> None:
        """Every moment, the newest view of each order that changed."""
        while True:
            await self._updated.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._updated.clear()
            updates, self._updates = list(self._updates.values()), {}
            try:
                await self.signals.updates(self.trader.account_id, updates)
            except Exception as error:
                log.warning("updates could not be told", account=self.trader.account_id, error=str(error))
                self._updates = {update.venue_order_id: update for update in updates} | self._updates
                self._updated.set()

    async def _fill(self, trade: VenueFill) -> None:
        facts = await self.signals.facts(self.trader.account_id, trade.venue_order_id, trade.client_order_id)
        odds = None
        if facts is not None:
            owner = facts.owner
            odds = self.odds_now(owner.client, owner.fixture_id, owner.market_id, facts.outcome_id)
        await self.signals.fill(self.trader.account_id, trade, odds)

    async def _sweep(self, exchange: Exchange) -> None:
        """Read trades again every few seconds, and at once after a gap."""
        while True:
            self._sweep_now.clear()  # a gap that opens from now on is swept again
            started = int(time.time() * 1000)
            try:
                trades = await exchange.fills(self._since - OVERLAP_MS)
                if await self._tell_trades(await self.signals.untold(self.trader.account_id, trades)):
                    self._since = started
            except VenueError as error:
                await self._note("unreachable", error.message)
            except Exception as error:
                log.warning("sweep failed", account=self.trader.account_id, error=str(error))
            try:
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._sweep_now.wait()
            except TimeoutError:
                continue

    async def _tell_trades(self, trades: list[VenueFill]) -> bool:
        """Whether every trade was told: one that cannot be keeps no other waiting, and is read again."""
        every = True
        for trade in trades:
            try:
                await self._fill(trade)
            except Exception as error:
                every = False
                name = trade.fill.fill_id
                log.warning("a trade could not be told", account=self.trader.account_id, trade=name, error=str(error))
        return every

    async def _keep_alive(self, exchange: Exchange, period: float) -> None:
        """Feed the venue's dead-man switch; when we stop, it cancels everything."""
        while True:
            try:
                await exchange.keep_alive()
            except VenueError as error:
                await self._note("unreachable", error.message)
            await asyncio.sleep(period)

    async def _note(self, status: str, reason: str) -> None:
        """Show the account's health; a ledger that is away ends nothing."""
        try:
            async with self.database.begin() as connection:
                await note_exchange(connection, self.trader.account_id, status, reason=reason)
        except Exception as error:
            log.warning("not noted", account=self.trader.account_id, status=status, reason=reason, error=str(error))

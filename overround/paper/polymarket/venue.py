"""The paper Polymarket as a whole: listing, events, time, and its three servers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette

from overround.paper.polymarket.accounts import Accounts, Trader
from overround.paper.polymarket.clob import clob_app
from overround.paper.polymarket.desk import Desk, taker_fee
from overround.paper.polymarket.discovery import data_app, gamma_app
from overround.paper.polymarket.heartbeats import Heartbeats
from overround.paper.polymarket.hub import VENUE, Hub
from overround.paper.polymarket.listing import Condition, Side, conditions_of, native_ids
from overround.paper.polymarket.modes import Modes
from overround.paper.polymarket.render import Renderer, plain_number
from overround.paper.polymarket.trades import Settling
from overround.paper.records import (
    BookSettled,
    EngineEvent,
    OrderAmended,
    OrderEnded,
    OrderPlaced,
    OrderTraded,
    PaperOrder,
    Trade,
    TradeFailed,
)
from overround.paper.world import Changed, PaperFixture, PaperMarket, World

TICK_SECONDS = 0.05
ONE = Decimal(1)


class PaperPolymarket:
    """A ``PaperExchange``. ``clob``, ``gamma`` and ``data`` are ASGI apps for three ports; ``clob`` also keeps time.

    ``mined_after`` and ``final_after`` are milliseconds from a match to its on-chain stages; ``heartbeat_window`` is in
    seconds.
    """

    name = VENUE

    def __init__(
        self,
        world: World,
        accounts: list[Trader],
        *,
        mined_after: int = 1000,
        final_after: int = 2000,
        heartbeat_window: float = 12.0,
    ) -> None:
        self.world, self.engine = world, world.engine
        self.conditions: dict[str, Condition] = {}
        self.assets: dict[str, Condition] = {}
        self.modes = Modes()
        self.heartbeats = Heartbeats(heartbeat_window)
        self.accounts = Accounts(accounts, world.store, time.time)
        self.render = Renderer(self.engine, self.accounts, self.conditions)
        self.desk = Desk(world, self.assets, self.modes)
        self.settling = Settling(world.now_ms, mined_after, final_after)
        self.hub = Hub(self.accounts, world.faults, self.snapshot)
        self._claims: dict[tuple[str, int], tuple[str, Side]] = {}
        self._dirty: set[str] = set()
        self._levels: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {}
        self._live: set[str] = {f.fixture_id for f in world.fixtures.values() if f.status > 0}
        self.clob, self.gamma, self.data = clob_app(self), gamma_app(self), data_app(self)
        for trader in accounts:
            self.engine.fund(VENUE, trader.account, trader.cash)
        self.engine.charge(VENUE, self._fee)
        self.engine.listen(VENUE, self._on_engine)
        for fixture in world.fixtures.values():
            if VENUE in fixture.native:
                self.list_fixture(fixture)
        world.listen(self._on_world)
        world.exchanges[VENUE] = self

    # -- PaperExchange ----------------------------------------------------------------------------------------------

    def list_fixture(self, fixture: PaperFixture) -> None:
        """Create the fixture's conditions and books, and the feed's cross-references to them."""
        listed: list[Condition] = []
        for market in fixture.markets:
            if market.winners == 1 and len(market.outcomes) >= 2:
                listed.extend(conditions_of(fixture, market))
        for condition in listed:
            if condition.condition_id not in self.conditions:
                self.conditions[condition.condition_id] = condition
                self.assets |= dict.fromkeys(condition.assets, condition)
                for outcome_id, side in condition.outcomes.items():
                    self._claims[(fixture.fixture_id, outcome_id)] = (condition.book_id, side)
                self.engine.open_book(condition.book_id, VENUE, nets=False)
        if listed:
            fixture.native[VENUE] = native_ids(listed)

    def suspend(self, fixture: PaperFixture, suspended: bool) -> None:
        """Nothing: this venue trades through a bookmaker's suspension; only a game's start clears its books."""

    def resolve(self, fixture: PaperFixture, market: PaperMarket, values: dict[int, Decimal]) -> None:
        """Pay every condition of the market; a two-way one by the outcome of its first asset."""
        for condition in self._of(fixture, market.market_id):
            first = next(outcome for outcome, side in condition.outcomes.items() if side == "yes")
            if first in values:
                self.engine.settle(condition.book_id, values[first])

    def book_of(self, fixture_id: str, outcome_id: int) -> tuple[str, Side] | None:
        return self._claims.get((fixture_id, outcome_id))

    def _of(self, fixture: PaperFixture, market_id: int | None = None) -> list[Condition]:
        mine = (c for c in self.conditions.values() if c.fixture_id == fixture.fixture_id)
        return [condition for condition in mine if market_id in (None, condition.market_id)]

    # -- switches for tests and operators ---------------------------------------------------------------------------

    def change_tick(self, condition_id: str, tick: Decimal) -> None:
        """Change a tick while the market trades and tell its listeners."""
        condition = self.conditions[condition_id]
        old, condition.tick = condition.tick, tick
        for asset in condition.assets:
            event = {"old_tick_size": plain_number(old), "new_tick_size": plain_number(tick)}
            self._tell_market(condition, "tick_size_change", asset, event)

    def fail_trade(self, trade_id: str) -> None:
        """Bust a trade now."""
        self.engine.fail_trade(trade_id)

    # -- time -------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Keep time while the CLOB is served."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def run(self) -> None:
        """Keep time for ever."""
        while True:
            self.tick()
            await asyncio.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """What happens by itself: chain stages, delayed matches, dead-man switches, public price changes."""
        for trade, status in self.settling.advance():
            if status == "FAILED":
                self.engine.fail_trade(trade.trade_id)
            else:
                self._tell_trade(trade, status)
        self.desk.release_delayed()
        for account in self.heartbeats.fired():
            self.desk.cancel_where(account)
        dirty, self._dirty = self._dirty, set()
        for condition_id in dirty:
            self._tell_levels(self.conditions[condition_id])

    # -- events -----------------------------------------------------------------------------------------------------

    def _fee(self, order: PaperOrder, yes_price: Decimal, size: Decimal, taker: bool) -> Decimal:
        """Makers pay nothing (section 10)."""
        if not taker:
            return Decimal(0)
        return taker_fee(self.conditions[order.book_id.removeprefix(f"{VENUE}:")], yes_price, size)

    def _on_world(self, changed: Changed) -> None:
        """A game's start cancels what rests on it (section 13)."""
        fixture = changed.fixture
        if fixture.status == 0 or fixture.fixture_id in self._live:
            return
        self._live.add(fixture.fixture_id)
        for condition in self._of(fixture):
            book = self.engine.books[condition.book_id]
            for order in [*book.bids, *book.asks]:
                self.engine.cancel(order.order_id, "game started")

    def _on_engine(self, event: EngineEvent) -> None:
        match event:
            case OrderPlaced(order):
                self._tell_order("PLACEMENT", order)
            case OrderTraded(trade, maker, taker):
                self._on_trade(trade, maker, taker)
            case TradeFailed(trade, _, _):
                self._tell_trade(trade, "FAILED")
            case OrderEnded(order, _):
                self._tell_order("CANCELLATION", order)
            case OrderAmended(order):
                self._tell_order("UPDATE", order)
            case BookSettled(book):
                self._resolved(self.conditions[book.book_id.removeprefix(f"{VENUE}:")], book.value or Decimal(0))

    def _on_trade(self, trade: Trade, maker: PaperOrder, taker: PaperOrder) -> None:
        faults = self.world.faults
        self.settling.begin(trade, faults.fires(VENUE, "trade_fails") is not None)
        times = 2 if faults.fires(VENUE, "fill_twice") is not None else 1
        late = faults.fires(VENUE, "fill_late")
        for _ in range(times):
            if late is None:
                self._tell_fill(trade, maker, taker)
            else:
                loop = asyncio.get_running_loop()
                loop.call_later(float(late.get("seconds", 1)), self._tell_fill, trade, maker, taker)

    def _tell_fill(self, trade: Trade, maker: PaperOrder, taker: PaperOrder) -> None:
        self._tell_trade(trade, self.settling.status(trade))
        for order in (maker, taker):
            self._tell_order("UPDATE", order)

    def _tell_trade(self, trade: Trade, status: str) -> None:
        maker, taker = self.engine.orders[trade.maker_order], self.engine.orders[trade.taker_order]
        self._dirty.add(trade.book_id.removeprefix(f"{VENUE}:"))
        for account in {maker.account, taker.account}:
            body = self.render.trade(trade, account, status)
            extra = {"event_type": "trade", "type": "TRADE", "trade_owner": body["owner"], "timestamp": self._stamp()}
            self.hub.tell_account(account, body["market"], {**body, **extra})

    def _tell_order(self, kind: str, order: PaperOrder) -> None:
        self._dirty.add(order.book_id.removeprefix(f"{VENUE}:"))
        body = self.render.order_event(kind, order, self.world.now_ms())
        self.hub.tell_account(order.account, body["market"], body)

    def _stamp(self) -> str:
        return str(self.world.now_ms())

    # -- the market channel -----------------------------------------------------------------------------------------

    def snapshot(self, asset_id: str) -> dict[str, Any] | None:
        condition = self.assets.get(asset_id)
        return None if condition is None else self.render.book(condition, asset_id, self.world.now_ms())

    def _tell_market(self, condition: Condition, kind: str, asset: str, fields: dict[str, Any]) -> None:
        head = {"event_type": kind, "market": condition.condition_id, "timestamp": self._stamp()}
        self.hub.tell_market({asset}, {**head, "asset_id": asset, **fields})

    def _tell_levels(self, condition: Condition) -> None:
        """The levels of each asset that differ from what was told before."""
        for asset in condition.assets:
            bids, asks = now = self.render.levels(condition, asset)
            was = self._levels.get(asset, ({}, {}))
            self._levels[asset] = now
            best = {
                "best_bid": plain_number(max(bids, default=Decimal(0))),
                "best_ask": plain_number(min(asks, default=ONE)),
            }
            changes = [
                {"asset_id": asset, "price": plain_number(p), "size": plain_number(new.get(p, Decimal(0))), **best}
                | {"side": side, "hash": ""}
                for side, old, new in (("BUY", was[0], bids), ("SELL", was[1], asks))
                for p in sorted(old.keys() | new.keys())
                if old.get(p) != new.get(p)
            ]
            if changes:
                self._tell_market(condition, "price_change", asset, {"price_changes": changes})

    def _resolved(self, condition: Condition, value: Decimal) -> None:
        winner = condition.assets[0] if value == ONE else condition.assets[1]
        fields = {
            "id": condition.market_number,
            "assets_ids": list(condition.assets),
            "winning_asset_id": winner if value in (Decimal(0), ONE) else "",
            "winning_outcome": condition.label_of(condition.side_of(winner)) if value in (Decimal(0), ONE) else "",
        }
        for asset in condition.assets:
            self._tell_market(condition, "market_resolved", asset, fields)

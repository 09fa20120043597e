"""The paper Kalshi: lists fixtures, settles them, and holds everything its wire servers use."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from overround.paper.engine import PaperOrder, Trade
from overround.paper.kalshi.auth import Caller, Keyring
from overround.paper.kalshi.broadcast import Broadcast
from overround.paper.kalshi.buckets import Meter
from overround.paper.kalshi.catalogue import Catalogue, KalshiMarket
from overround.paper.kalshi.desk import Desk
from overround.paper.kalshi.grids import STRUCTURES
from overround.paper.kalshi.groups import GroupEvent, Groups, OrderGroup
from overround.paper.kalshi.routes import build
from overround.paper.kalshi.wire import count
from overround.paper.world import NativeIds, PaperFixture, PaperMarket, World

NAME = "kalshi"


class PaperKalshi:
    """One paper Kalshi on a world. ``keys`` is API key id to (public key PEM, account); ``scopes`` narrows a key.

    ``clock`` (epoch seconds) judges signatures and refills buckets, ``skew`` is the accepted difference in seconds,
    ``precision`` the members' balance precision. ``app`` is the ASGI app, to be served at the root: the path is signed.
    """

    name = NAME

    def __init__(
        self,
        world: World,
        keys: Mapping[str, tuple[str, str]],
        *,
        scopes: Mapping[str, frozenset[str]] | None = None,
        tier: str = "basic",
        skew: float = 5.0,
        precision: Decimal = Decimal("0.01"),
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.world, self.engine = world, world.engine
        self.clock = clock or world.clock
        self.keyring = Keyring(keys, scopes or {}, self.clock, skew)
        self.catalogue = Catalogue(world.store)
        self.broadcast = Broadcast(world, self._count_match)
        self.groups = Groups(self._cancel_quietly, self._group_event(), world.store)
        self.desk = Desk(world, self.catalogue, self.groups, precision)
        self.closed_until = 0.0
        self.trading = True
        self._tier, self._meters = tier, dict[str, Meter]()
        self.app: ASGIApp = _KeepSend(build(self))

    def meter(self, caller: Caller) -> Meter:
        """The caller's token buckets, shared by all keys of its account."""
        return self._meters.setdefault(caller.account, Meter(self._tier, self.clock))

    # -- the world's side ---------------------------------------------------------------------------------------------

    def list_fixture(self, fixture: PaperFixture) -> None:
        """Create the event and one market per outcome, and tell the feed's cross-references; harmless to repeat."""
        event = self.catalogue.event_of_fixture(fixture)
        native = NativeIds(event.event_ticker)
        for market in fixture.markets:
            for outcome in market.outcomes:
                listed = self.catalogue.by_outcome.get((fixture.fixture_id, outcome.outcome_id))
                if listed is None:
                    listed = self.catalogue.add_market(fixture, market, outcome, event, self.world.now_ms())
                    self.engine.open_book(listed.book_id, NAME)
                    self._lifecycle(listed, "created")
                native.markets[str(outcome.outcome_id)] = listed.ticker
                native.outcomes[str(outcome.outcome_id)] = listed.ticker
        fixture.native[NAME] = native

    def suspend(self, fixture: PaperFixture, suspended: bool) -> None:
        """Nothing: Kalshi trades through the game (kalshi sheet, section 11: it only pauses as a whole)."""

    def resolve(self, fixture: PaperFixture, market: PaperMarket, values: dict[int, Decimal]) -> None:
        """Determine and settle every market of the fixture's market; a value that is not 0 or 1 makes it scalar."""
        for outcome_id, value in values.items():
            listed = self.catalogue.by_outcome.get((fixture.fixture_id, outcome_id))
            if listed is not None and listed.value is None:
                self._settle(listed, value)

    def book_of(self, fixture_id: str, outcome_id: int) -> tuple[str, Literal["yes", "no"]] | None:
        listed = self.catalogue.by_outcome.get((fixture_id, outcome_id))
        return None if listed is None else (listed.book_id, "yes")

    # -- operations a test or an operator may ask for -----------------------------------------------------------------

    def pause(self, ticker: str, paused: bool) -> None:
        """Deactivate or reactivate one market; orders with ``cancel_order_on_pause`` die with a pause."""
        market = self.catalogue.market(ticker)
        market.status = "inactive" if paused else "active"
        self.catalogue.save(market)
        if paused:
            self.engine.halt(market.book_id, cancel=False, reason="paused")
            self._cancel_on_pause(market)
        else:
            self.engine.resume(market.book_id)
        self._lifecycle(market, "deactivated" if paused else "activated", is_deactivated=paused)

    def pause_trading(self, paused: bool) -> None:
        """The weekly pause (section 11): creates and amends are refused, cancels work."""
        self.trading = not paused
        for market in self.catalogue.markets.values() if paused else ():
            self._cancel_on_pause(market)

    def regrid(self, ticker: str, structure: str) -> None:
        """Change a live market's price structure and announce it."""
        market = self.catalogue.market(ticker)
        market.structure = structure
        self.catalogue.save(market)
        details = {"price_level_structure": structure, "price_ranges": STRUCTURES[structure]}
        self._lifecycle(market, "price_level_structure_updated", **details)

    def close_exchange(self, seconds: float) -> None:
        """A maintenance window from now on: every call is answered 503."""
        self.closed_until = self.clock() + seconds

    def _cancel_on_pause(self, market: KalshiMarket) -> None:
        book = self.engine.books[market.book_id]
        for order in [*book.bids, *book.asks]:
            if order.extra.get("cancel_on_pause") == "1":
                self.engine.cancel(order.order_id, "CancelOnPause")

    # -- inside -------------------------------------------------------------------------------------------------------

    def _settle(self, market: KalshiMarket, value: Decimal) -> None:
        results = {Decimal(0): "no", Decimal(1): "yes"}
        now = self.world.now_ms()
        market.result = results.get(value, "scalar")
        market.status, market.value, market.settled_at = "finalized", str(value), now
        self.catalogue.save(market)
        self.engine.settle(market.book_id, value)
        paid = f"{value:.4f}"
        self._lifecycle(market, "determined", result=market.result, determination_ts=now // 1000, settlement_value=paid)
        self._lifecycle(market, "settled", settled_ts=now // 1000)

    def _lifecycle(self, market: KalshiMarket, kind: str, **details: Any) -> None:
        message = {
            "event_type": kind,
            "market_ticker": market.ticker,
            "event_ticker": market.event_ticker,
            "exchange_index": market.exchange_index,
            **details,
        }
        self.broadcast.tell("market_lifecycle_v2", "market_lifecycle_v2", market.ticker, message)

    def _count_match(self, order: PaperOrder, trade: Trade) -> None:
        if group := order.extra.get("group"):
            self.groups.matched(group, trade.size, trade.at)

    def _cancel_quietly(self, order_id: str, reason: str) -> None:
        self.engine.cancel(order_id, reason)

    def _group_event(self) -> GroupEvent:
        def tell(kind: str, group: OrderGroup) -> None:
            message: dict[str, Any] = {"event_type": kind, "order_group_id": group.group_id}
            message["ts_ms"] = self.world.now_ms()
            if kind in ("created", "limit_updated"):
                message["contracts_limit_fp"] = count(group.limit)
            self.broadcast.tell("order_group_updates", "order_group_updates", None, message, group.account)

        return tell


class _KeepSend:
    """Remembers the server's own ``send`` so that a socket can reach the protocol for ping frames."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._inner({**scope, "raw_send": send}, receive, send)

"""Turns engine events into stream messages for every connected session, and lies when a fault is armed."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from overround.paper.engine import (
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
from overround.paper.kalshi import ledger, render
from overround.paper.kalshi.market_json import tops, traded
from overround.paper.kalshi.socket import Session
from overround.paper.kalshi.wire import count, dollars, iso
from overround.paper.world import World

NAME = "kalshi"
Levels = dict[tuple[str, Decimal], Decimal]


class Broadcast:
    """All sessions of the venue. ``on_trade`` hears every match of an order."""

    def __init__(self, world: World, on_trade: Callable[[PaperOrder, Trade], None]) -> None:
        self._world, self._engine, self._on_trade = world, world.engine, on_trade
        self.sessions: set[Session] = set()
        self.hidden: dict[str, float] = {}
        """Trades not to be shown before an event-loop time (fault ``fill_late``)."""
        self._books: dict[str, Levels] = {}
        self._dirty: set[str] = set()
        self._engine.listen(NAME, self.hear)

    def tell(
        self, channel: str, kind: str, ticker: str | None, message: dict[str, Any], account: str | None = None
    ) -> None:
        """Publish to every session, or to one account's."""
        for session in list(self.sessions):
            if account is None or session.account == account:
                session.publish(channel, kind, ticker, message)

    # -- engine events ------------------------------------------------------------------------------------------------

    def hear(self, event: EngineEvent) -> None:
        match event:
            case OrderPlaced(order) | OrderAmended(order) | OrderEnded(order, _):
                self._order(order)
                self._touch(order.book_id)
            case OrderTraded(trade, maker, taker):
                self._traded(trade, maker, taker)
            case TradeFailed() | BookSettled():
                pass

    def _order(self, order: PaperOrder) -> None:
        ticker = order.book_id.removeprefix("kalshi:")
        self.tell("user_orders", "user_order", ticker, render.order_message(order), order.account)

    def _traded(self, trade: Trade, maker: PaperOrder, taker: PaperOrder) -> None:
        self._misbehave()
        ticker = trade.book_id.removeprefix("kalshi:")
        if late := self._world.faults.fires(NAME, "fill_late"):
            self._later(trade, maker, taker, float(late.get("seconds", 1.0)))
        else:
            self._fills(trade, maker, taker)
        for order in (maker, taker):
            self._on_trade(order, trade)
        self.tell("trade", "trade", ticker, _public_trade(trade, taker))
        self._touch(trade.book_id)

    def _fills(self, trade: Trade, maker: PaperOrder, taker: PaperOrder) -> None:
        self.hidden.pop(trade.trade_id, None)
        twice = self._world.faults.fires(NAME, "fill_twice") is not None
        ticker = trade.book_id.removeprefix("kalshi:")
        for order in (maker, taker):
            if not any(session.account == order.account for session in self.sessions):
                continue
            held = ledger.position(self._engine, order.account, ticker)
            for _ in range(2 if twice else 1):
                message = render.fill_message(trade, order, held)
                self.tell("fill", "fill", ticker, message, order.account)
            self._order(order)
            self._position(order.account, ticker)

    def _later(self, trade: Trade, maker: PaperOrder, taker: PaperOrder, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.hidden[trade.trade_id] = loop.time() + seconds
        loop.call_later(seconds, self._fills, trade, maker, taker)

    def shown(self, trade: Trade) -> bool:
        """Whether REST may list the trade already."""
        return trade.trade_id not in self.hidden

    def _position(self, account: str, ticker: str) -> None:
        if any(
            session.account == account and session.subscriptions.of("market_positions") for session in self.sessions
        ):
            holding = ledger.holdings(self._engine, account).get(ticker, ledger.Holding(ticker))
            message = render.position_message(holding, account)
            self.tell("market_positions", "market_position", ticker, message, account)

    def _misbehave(self) -> None:
        """Stream faults strike when there is something to say."""
        faults = self._world.faults
        if faults.fires(NAME, "bad_frame") is not None:
            for session in self.sessions:
                session.send_raw('{"type":"fill","sid":1,"msg":{"trade_id":')
        if (frozen := faults.fires(NAME, "stream_frozen")) is not None:
            until = asyncio.get_running_loop().time() + float(frozen.get("seconds", 5.0))
            for session in self.sessions:
                session.frozen_until = until
        if faults.fires(NAME, "stream_cut") is not None:
            self.cut()

    def cut(self) -> None:
        """Close every socket; nothing said from now on reaches it."""
        for session in list(self.sessions):
            self.sessions.discard(session)
            session.cut()

    # -- the public book ----------------------------------------------------------------------------------------------

    def snapshot(self, ticker: str) -> dict[str, Any]:
        """The ``orderbook_snapshot`` message; deltas count from here."""
        self._flush(f"kalshi:{ticker}")
        body = render.book_json(self._engine, f"kalshi:{ticker}")
        self._books[ticker] = self._levels(ticker)
        return {
            "market_ticker": ticker,
            "market_id": market_id(ticker),
            "yes_dollars_fp": body["yes_dollars"],
            "no_dollars_fp": body["no_dollars"],
        }

    def _levels(self, ticker: str) -> Levels:
        yes, no = render.sides(self._engine, f"kalshi:{ticker}")
        return {("yes", price): size for price, size in yes} | {("no", price): size for price, size in no}

    def _touch(self, book_id: str) -> None:
        """Publish the book once the engine has finished what it is doing."""
        if not self.sessions or book_id in self._dirty:
            return
        self._dirty.add(book_id)
        asyncio.get_running_loop().call_soon(self._flush, book_id)

    def _flush(self, book_id: str) -> None:
        if book_id not in self._dirty:
            return
        self._dirty.discard(book_id)
        ticker = book_id.removeprefix("kalshi:")
        before, after = self._books.get(ticker, {}), self._levels(ticker)
        self._books[ticker] = after
        for key in sorted(before.keys() | after.keys()):
            if change := after.get(key, Decimal(0)) - before.get(key, Decimal(0)):
                self._delta(ticker, *key, change)
        self._ticker(ticker)

    def _delta(self, ticker: str, side: str, price: Decimal, change: Decimal) -> None:
        now = self._world.now_ms()
        message = {
            "market_ticker": ticker,
            "market_id": market_id(ticker),
            "price_dollars": dollars(price),
            "delta_fp": count(change),
            "side": side,
            "ts": iso(now),
            "ts_ms": now,
        }
        for session in list(self.sessions):
            if any(item.wants(ticker) for item in session.subscriptions.of("orderbook_delta")):
                mine = self._own_reference(session.account, ticker, side, price)
                session.publish("orderbook_delta", "orderbook_delta", ticker, {**message, **mine})

    def _own_reference(self, account: str, ticker: str, side: str, price: Decimal) -> dict[str, Any]:
        """The client id of the account's order at the level that changed, if any."""
        yes_price = price if side == "yes" else Decimal(1) - price
        book = self._engine.books[f"kalshi:{ticker}"]
        for order in book.bids if side == "yes" else book.asks:
            if order.account == account and order.yes_price == yes_price and order.client_ref:
                return {"client_order_id": order.client_ref, "subaccount": 0}
        return {}

    def _ticker(self, ticker: str) -> None:
        if not any(session.subscriptions.of("ticker") for session in self.sessions):
            return
        now, book_id = self._world.now_ms(), f"kalshi:{ticker}"
        last, volume = traded(self._engine, book_id)
        message = {
            "market_ticker": ticker,
            "market_id": market_id(ticker),
            "price_dollars": dollars(last),
            **tops(self._engine, book_id),
            "volume_fp": count(volume),
            "open_interest_fp": count(volume),
            "dollar_volume": int(volume),
            "dollar_open_interest": int(volume),
            "last_trade_size_fp": count(Decimal(0)),
            "ts": now // 1000,
            "ts_ms": now,
        }
        self.tell("ticker", "ticker", ticker, message)


def market_id(ticker: str) -> str:
    return f"m-{ticker}"


def _public_trade(trade: Trade, taker: PaperOrder) -> dict[str, Any]:
    side = "yes" if taker.is_bid else "no"
    return {
        "trade_id": trade.trade_id,
        "market_ticker": trade.book_id.removeprefix("kalshi:"),
        "yes_price_dollars": dollars(trade.yes_price),
        "no_price_dollars": dollars(Decimal(1) - trade.yes_price),
        "count_fp": count(trade.size),
        "taker_side": side,
        "taker_outcome_side": side,
        "taker_book_side": "bid" if taker.is_bid else "ask",
        "is_block_trade": False,
        "ts": trade.at // 1000,
        "ts_ms": trade.at,
    }

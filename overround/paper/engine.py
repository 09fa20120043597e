"""The matching engine and ledger of balances under every paper exchange.

A *book* holds one binary claim in YES terms with price-time priority. Orders name an outcome (``yes`` or ``no``) and an
action; buying NO at ``p`` rests as an ask at ``1 - p``. Cash and holdings are exact Decimals. Everything is synchronous
and deterministic; what changed is told to listeners in the order it happened and saved before the call returns.
"""

from collections.abc import Callable
from decimal import Decimal

from overround.paper.records import (
    ONE,
    ZERO,
    Action,
    Book,
    BookSettled,
    EngineEvent,
    OrderAmended,
    OrderEnded,
    OrderPlaced,
    OrderTraded,
    Outcome,
    PaperOrder,
    Refusal,
    TimeInForce,
    Trade,
    TradeFailed,
    Wallet,
    exchange_of,
    plain,
    restore,
)
from overround.paper.store import Store

__all__ = [
    "ONE",
    "ZERO",
    "Action",
    "Book",
    "BookSettled",
    "Engine",
    "EngineEvent",
    "FeeRule",
    "Listener",
    "OrderAmended",
    "OrderEnded",
    "OrderPlaced",
    "OrderTraded",
    "Outcome",
    "PaperOrder",
    "Refusal",
    "TimeInForce",
    "Trade",
    "TradeFailed",
    "Wallet",
]

Listener = Callable[[EngineEvent], None]
FeeRule = Callable[[PaperOrder, Decimal, Decimal, bool], Decimal]
"""``fee(order, yes_price, size, is_taker)`` in cash, called once per side of each trade, before it is booked."""


def _free(_: PaperOrder, __: Decimal, ___: Decimal, ____: bool) -> Decimal:
    return ZERO


class Engine:
    """All books, orders, trades and wallets of the paper exchanges."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._listeners: dict[str, list[Listener]] = {}
        self._fees: dict[str, FeeRule] = {}
        self._sequence = 0
        self.books: dict[str, Book] = {}
        self.orders: dict[str, PaperOrder] = {}
        self.trades: dict[str, Trade] = {}
        self.wallets: dict[tuple[str, str], Wallet] = {}
        self._resting: dict[tuple[str, str], dict[str, PaperOrder]] = {}
        self._traded: set[str] = set()
        self._load()

    # -- set-up -----------------------------------------------------------------------------------------------------

    def listen(self, exchange: str, listener: Listener) -> None:
        """Call ``listener`` with every event of one exchange."""
        self._listeners.setdefault(exchange, []).append(listener)

    def charge(self, exchange: str, rule: FeeRule) -> None:
        """Set the fee rule of one exchange; without one trading is free."""
        self._fees[exchange] = rule

    def open_book(self, book_id: str, exchange: str, *, nets: bool = True) -> Book:
        """Create a book, or return the one that exists."""
        if book_id not in self.books:
            self.books[book_id] = Book(book_id, exchange, nets)
            self._save_book(self.books[book_id])
            self._store.commit()
        return self.books[book_id]

    def fund(self, exchange: str, account: str, cash: Decimal) -> Wallet:
        """Open a wallet with ``cash``; an existing wallet is returned unchanged."""
        key = (exchange, account)
        if key not in self.wallets:
            self.wallets[key] = Wallet(account, exchange, cash, cash)
            self._save_wallet(self.wallets[key])
            self._store.commit()
        return self.wallets[key]

    # -- trading ----------------------------------------------------------------------------------------------------

    def place(self, order: PaperOrder) -> list[Trade]:
        """Check, match and rest an order; its trades, oldest first. A ``Refusal`` changes nothing."""
        book = self.books.get(order.book_id)
        if book is None:
            raise Refusal("unknown_book", f"no market {order.book_id}")
        if order.order_id in self.orders:
            raise Refusal("duplicate", f"order {order.order_id} exists")
        if not ZERO < order.price < ONE or order.size <= ZERO:
            raise Refusal("invalid", "price must lie between 0 and 1 and size above 0")
        crossing = self._admit(book, order)
        if order.time_in_force == "fok" and sum((o.remaining for o in crossing), ZERO) < order.size:
            raise Refusal("fok", "cannot be filled completely")
        self._require_cover(order)
        self._sequence += 1
        order.sequence = self._sequence
        order.updated_at = self._now()
        self.orders[order.order_id] = order
        self._tell(OrderPlaced(order))
        trades = self._sweep(book, crossing, order)
        if order.status == "open" and order.time_in_force != "gtc":
            self._end(order, "immediate order not filled")
        elif order.status == "open":
            self._rest(book, order)
        self._save_order(order)
        self._store.commit()
        return trades

    def reject(self, order: PaperOrder, reason: str) -> None:
        """Keep and tell of an order that was accepted and cancelled at once, without a place in its book."""
        self.orders[order.order_id] = order
        self._end(order, reason)
        self._store.commit()

    def cancel(self, order_id: str, reason: str) -> Decimal:
        """Take an order off its book; the size removed, zero when it was already over."""
        order = self.orders[order_id]
        if order.status != "open":
            return ZERO
        removed = self._end(order, reason)
        self._store.commit()
        return removed

    def amend(self, order_id: str, *, price: Decimal, size: Decimal, expires_at: int | None) -> list[Trade]:
        """Change an open order; ``size`` is the new total, and one at or below what filled ends the order.

        A new price or a larger size loses queue place and may match. A ``Refusal`` leaves the order as it was.
        """
        order = self.orders[order_id]
        book = self.books[order.book_id]
        if order.status != "open":
            raise Refusal("closed", f"order {order_id} is not open")
        if not ZERO < price < ONE or size <= ZERO:
            raise Refusal("invalid", "price must lie between 0 and 1 and size above 0")
        keeps_place = price == order.price and size <= order.size
        crossing: list[PaperOrder] = []
        if not keeps_place and size > order.filled:
            crossing = self._admit_amended(book, order, price, size)
        order.price, order.size, order.expires_at = price, max(size, order.filled), expires_at
        order.updated_at = self._now()
        self._tell(OrderAmended(order))
        trades: list[Trade] = []
        if order.filled >= order.size:
            self._end(order, "amended to what was filled")
        elif not keeps_place:
            self._unrest(book, order)
            self._sequence += 1
            order.sequence = self._sequence
            trades = self._sweep(book, crossing, order)
            if order.status == "open":
                self._rest(book, order)
        self._save_order(order)
        self._store.commit()
        return trades

    def expire(self, now_seconds: int) -> None:
        """Cancel every order whose expiry has passed."""
        resting = [order for orders in self._resting.values() for order in orders.values()]
        for order in resting:
            if order.expires_at is not None and order.expires_at <= now_seconds:
                self.cancel(order.order_id, "expired")

    def forget(self, order_id: str) -> None:
        """Drop an order that ended without a fill, so that background liquidity does not pile up."""
        order = self.orders.get(order_id)
        if order is not None and order.status == "cancelled" and order_id not in self._traded:
            del self.orders[order_id]
            self._store.delete("order", order_id)
            self._store.commit()

    def fail_trade(self, trade_id: str) -> None:
        """Bust a trade: cash, holdings and fees go back; the orders keep their state but lose the filled size.

        In a settled book the contracts given back are worth what they paid, so holders end as if it never happened.
        """
        trade = self.trades[trade_id]
        if trade.status == "failed":
            return
        trade.status = "failed"
        maker, taker = self.orders[trade.maker_order], self.orders[trade.taker_order]
        for order, fee in ((maker, trade.maker_fee), (taker, trade.taker_fee)):
            self._book(order, trade.yes_price, -trade.size, -fee)
            order.filled -= trade.size
            order.updated_at = self._now()
            if order.status == "filled":
                order.status, order.reason = "cancelled", "trade failed"
            self._save_order(order)
        book = self.books[trade.book_id]
        for account in {maker.account, taker.account}:
            if book.value is not None:
                self._pay(self.wallets[(trade.exchange, account)], book, book.value)
            self._end_uncovered(trade.exchange, account, book)
        self._save_trade(trade)
        self._tell(TradeFailed(trade, maker, taker))
        self._store.commit()

    # -- the end of a market ----------------------------------------------------------------------------------------

    def halt(self, book_id: str, *, cancel: bool, reason: str) -> None:
        """Stop trading in a book, cancelling what rests when ``cancel``."""
        self._close(self.books[book_id], cancel=cancel, reason=reason)
        self._store.commit()

    def resume(self, book_id: str) -> None:
        """Open a halted book again; a settled one stays closed."""
        book = self.books[book_id]
        book.open = book.value is None
        self._save_book(book)
        self._store.commit()

    def settle(self, book_id: str, value: Decimal) -> None:
        """Pay ``value`` per YES and ``1 - value`` per NO contract to every holder and close the book, once."""
        book = self.books[book_id]
        if book.value is not None:
            return
        self._close(book, cancel=True, reason="market resolved")
        book.value = value
        for wallet in self.wallets.values():
            if wallet.exchange == book.exchange:
                self._pay(wallet, book, value)
        self._save_book(book)
        self._tell(BookSettled(book))
        self._store.commit()

    # -- reading ----------------------------------------------------------------------------------------------------

    def holding(self, exchange: str, account: str, book_id: str, outcome: Outcome) -> Decimal:
        return self.wallets[(exchange, account)].holdings.get(f"{book_id}:{outcome}", ZERO)

    def available(self, exchange: str, account: str) -> Decimal:
        """Cash less what open buy orders have reserved."""
        wallet = self.wallets[(exchange, account)]
        reserved = sum(
            (order.price * order.remaining for order in self.open_orders(exchange, account) if order.action == "buy"),
            ZERO,
        )
        return wallet.cash - reserved

    def open_orders(self, exchange: str, account: str) -> list[PaperOrder]:
        """Open orders of one account, oldest first."""
        return sorted(self._resting.get((exchange, account), {}).values(), key=lambda o: o.sequence)

    def trades_of(self, exchange: str, account: str) -> list[tuple[Trade, PaperOrder]]:
        """Every trade of an account with its own order in it, oldest first."""
        mine: list[tuple[Trade, PaperOrder]] = []
        for trade in self.trades.values():
            if trade.exchange != exchange:
                continue
            pair = (self.orders[trade.maker_order], self.orders[trade.taker_order])
            mine.extend((trade, order) for order in pair if order.account == account)
        return mine

    def depth(self, book_id: str) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """YES bids (best first) and YES asks (best first) as (price, size) levels."""
        book = self.books[book_id]
        return _levels(book.bids), _levels(book.asks)

    def crossing(self, order: PaperOrder) -> list[PaperOrder]:
        """The resting orders it would match, best first; one that expired and was not swept yet is no longer there."""
        book, price, now = self.books[order.book_id], order.yes_price, self._now() // 1000
        return [
            o
            for o in (book.asks if order.is_bid else book.bids)
            if (o.yes_price <= price if order.is_bid else o.yes_price >= price)
            and (o.expires_at is None or o.expires_at > now)
        ]

    # -- inside -----------------------------------------------------------------------------------------------------

    def _admit(self, book: Book, order: PaperOrder) -> list[PaperOrder]:
        """Whom it matches; refused when the book is closed or it may not cross."""
        if not book.open:
            raise Refusal("closed", f"market {order.book_id} is not open")
        crossing = self.crossing(order)
        if order.post_only and crossing:
            raise Refusal("post_only_cross", "a post-only order may not cross")
        return crossing

    def _admit_amended(self, book: Book, order: PaperOrder, price: Decimal, size: Decimal) -> list[PaperOrder]:
        before = order.price, order.size
        self._unrest(book, order)
        order.price, order.size = price, size
        try:
            crossing = self._admit(book, order)
            self._require_cover(order)
        finally:
            order.price, order.size = before
            self._rest(book, order)
        return crossing

    def _require_cover(self, order: PaperOrder) -> None:
        if (order.exchange, order.account) not in self.wallets:
            raise Refusal("funds", f"unknown account {order.account}")
        if order.action == "buy":
            if self.available(order.exchange, order.account) < order.price * order.remaining:
                raise Refusal("funds", "not enough balance")
            return
        selling = self._sells(order.exchange, order.account, order.book_id, order.outcome)
        reserved = sum((o.remaining for o in selling), ZERO)
        if self.holding(order.exchange, order.account, order.book_id, order.outcome) - reserved < order.remaining:
            raise Refusal("holdings", "not enough contracts to sell")

    def _sells(self, exchange: str, account: str, book_id: str, outcome: Outcome) -> list[PaperOrder]:
        return [
            o
            for o in self.open_orders(exchange, account)
            if o.book_id == book_id and o.outcome == outcome and o.action == "sell"
        ]

    def _end_uncovered(self, exchange: str, account: str, book: Book) -> None:
        """End resting sells whose contracts are gone (merged into cash, or taken back with a busted trade)."""
        for outcome in ("yes", "no"):
            left = self.holding(exchange, account, book.book_id, outcome)
            for order in self._sells(exchange, account, book.book_id, outcome):
                left -= order.remaining
                if left < ZERO:
                    self._end(order, "not enough contracts")

    def _sweep(self, book: Book, crossing: list[PaperOrder], taker: PaperOrder) -> list[Trade]:
        trades = []
        for resting in crossing:
            if taker.remaining > ZERO and resting.remaining > ZERO:
                trades.append(self._match(book, resting, taker))
                self._end_uncovered(book.exchange, resting.account, book)
                self._end_uncovered(book.exchange, taker.account, book)
        return trades

    def _match(self, book: Book, maker: PaperOrder, taker: PaperOrder) -> Trade:
        size = min(maker.remaining, taker.remaining)
        price = maker.yes_price
        rule = self._fees.get(book.exchange, _free)
        maker_fee, taker_fee = rule(maker, price, size, False), rule(taker, price, size, True)
        number = len(self.trades) + 1
        trade = Trade(
            f"{book.exchange}-t{number}",
            book.exchange,
            book.book_id,
            price,
            size,
            maker.order_id,
            taker.order_id,
            maker_fee,
            taker_fee,
            self._now(),
        )
        self.trades[trade.trade_id] = trade
        self._traded.update((maker.order_id, taker.order_id))
        for order, fee in ((maker, maker_fee), (taker, taker_fee)):
            self._book(order, price, size, fee)
            order.filled += size
            order.updated_at = trade.at
            if order.filled >= order.size:
                order.status = "filled"
        if maker.status == "filled":
            self._unrest(book, maker)
        self._save_trade(trade)
        self._save_order(maker)
        self._tell(OrderTraded(trade, maker, taker))
        return trade

    def _book(self, order: PaperOrder, yes_price: Decimal, size: Decimal, fee: Decimal) -> None:
        wallet = self.wallets[(order.exchange, order.account)]
        price = yes_price if order.outcome == "yes" else ONE - yes_price
        sign = ONE if order.action == "buy" else -ONE
        key = f"{order.book_id}:{order.outcome}"
        wallet.cash -= sign * price * size + fee
        wallet.holdings[key] = wallet.holdings.get(key, ZERO) + sign * size
        order.fees += fee
        self._net(wallet, order.book_id)
        self._save_wallet(wallet)

    def _net(self, wallet: Wallet, book_id: str) -> None:
        """Merge pairs into cash; a side taken below zero by a busted trade is made good by buying pairs back."""
        if not self.books[book_id].nets:
            return
        yes, no = f"{book_id}:yes", f"{book_id}:no"
        pairs = min(wallet.holdings.get(yes, ZERO), wallet.holdings.get(no, ZERO))
        if pairs != ZERO:
            wallet.cash += pairs
            wallet.holdings[yes] = wallet.holdings.get(yes, ZERO) - pairs
            wallet.holdings[no] = wallet.holdings.get(no, ZERO) - pairs

    def _pay(self, wallet: Wallet, book: Book, value: Decimal) -> None:
        for outcome, pays in (("yes", value), ("no", ONE - value)):
            wallet.cash += wallet.holdings.pop(f"{book.book_id}:{outcome}", ZERO) * pays
        self._save_wallet(wallet)

    def _close(self, book: Book, *, cancel: bool, reason: str) -> None:
        book.open = False
        if cancel:
            for order in [*book.bids, *book.asks]:
                self._end(order, reason)
        self._save_book(book)

    def _rest(self, book: Book, order: PaperOrder) -> None:
        side = book.bids if order.is_bid else book.asks
        side.append(order)
        sign = -1 if order.is_bid else 1
        side.sort(key=lambda o: (sign * o.yes_price, o.sequence))
        self._resting.setdefault((order.exchange, order.account), {})[order.order_id] = order

    def _unrest(self, book: Book, order: PaperOrder) -> None:
        side = book.bids if order.is_bid else book.asks
        side[:] = [o for o in side if o is not order]
        self._resting.get((order.exchange, order.account), {}).pop(order.order_id, None)

    def _end(self, order: PaperOrder, reason: str) -> Decimal:
        removed = order.remaining
        self._unrest(self.books[order.book_id], order)
        order.status, order.reason, order.updated_at = "cancelled", reason, self._now()
        self._save_order(order)
        self._tell(OrderEnded(order, removed))
        return removed

    def _tell(self, event: EngineEvent) -> None:
        exchange = event.book.exchange if isinstance(event, BookSettled) else exchange_of(event)
        for listener in self._listeners.get(exchange, []):
            listener(event)

    # -- persistence ------------------------------------------------------------------------------------------------

    def _save_order(self, order: PaperOrder) -> None:
        self._store.put("order", order.order_id, plain(order))

    def _save_trade(self, trade: Trade) -> None:
        self._store.put("trade", trade.trade_id, plain(trade))

    def _save_wallet(self, wallet: Wallet) -> None:
        self._store.put("wallet", f"{wallet.exchange}/{wallet.account}", plain(wallet))

    def _save_book(self, book: Book) -> None:
        self._store.put(
            "book",
            book.book_id,
            {
                "book_id": book.book_id,
                "exchange": book.exchange,
                "nets": book.nets,
                "open": book.open,
                "value": None if book.value is None else str(book.value),
            },
        )

    def _load(self) -> None:
        self.books = {key: restore(Book, body) for key, body in self._store.all("book")}
        self.orders = {key: restore(PaperOrder, body) for key, body in self._store.all("order")}
        self.trades = {key: restore(Trade, body) for key, body in self._store.all("trade")}
        self._traded = {order for trade in self.trades.values() for order in (trade.maker_order, trade.taker_order)}
        for _, body in self._store.all("wallet"):
            wallet = restore(Wallet, body)
            self.wallets[(wallet.exchange, wallet.account)] = wallet
        for order in self.orders.values():
            self._sequence = max(self._sequence, order.sequence)
            if order.status == "open":
                self._rest(self.books[order.book_id], order)


def _levels(side: list[PaperOrder]) -> list[tuple[Decimal, Decimal]]:
    levels: dict[Decimal, Decimal] = {}
    for order in side:
        levels[order.yes_price] = levels.get(order.yes_price, ZERO) + order.remaining
    return list(levels.items())

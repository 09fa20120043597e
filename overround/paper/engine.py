"""The matching engine and ledger of balances under every paper exchange.

A *book* holds one binary claim in YES terms with price-time priority. Orders name an outcome (``yes`` or ``no``) and an
action; buying NO at ``p`` rests as an ask at ``1 - p``. Cash and holdings are exact Decimals. Everything is synchronous and
deterministic; what changed is told to listeners in the order it happened and saved before the call returns.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal, TypeVar

from overround.paper.store import Store

ZERO, ONE = Decimal(0), Decimal(1)
Outcome = Literal["yes", "no"]
Action = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "ioc", "fok"]


class Refusal(Exception):
    """The engine will not take an order. ``code`` is one of ``unknown_book closed post_only_cross funds holdings fok
    no_match``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class PaperOrder:
    """An order as the venue keeps it. ``price`` is in the order's own outcome, sizes in contracts, times epoch ms."""

    order_id: str
    exchange: str
    book_id: str
    account: str
    outcome: Outcome
    action: Action
    price: Decimal
    size: Decimal
    created_at: int
    client_ref: str = ""
    time_in_force: TimeInForce = "gtc"
    post_only: bool = False
    expires_at: int | None = None
    filled: Decimal = ZERO
    fees: Decimal = ZERO
    status: Literal["open", "filled", "cancelled"] = "open"
    reason: str = ""
    updated_at: int = 0
    sequence: int = 0
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def remaining(self) -> Decimal:
        return self.size - self.filled if self.status == "open" else ZERO

    @property
    def is_bid(self) -> bool:
        """True when it rests on the YES bid side."""
        return (self.outcome == "yes") == (self.action == "buy")

    @property
    def yes_price(self) -> Decimal:
        return self.price if self.outcome == "yes" else ONE - self.price


@dataclass(slots=True)
class Trade:
    """A match at the resting order's price. ``status`` becomes ``failed`` when the venue busts it."""

    trade_id: str
    exchange: str
    book_id: str
    yes_price: Decimal
    size: Decimal
    maker_order: str
    taker_order: str
    maker_fee: Decimal
    taker_fee: Decimal
    at: int
    status: Literal["ok", "failed"] = "ok"


@dataclass(slots=True)
class Book:
    """One claim. ``value`` is what a YES contract paid once settled; ``nets`` merges YES and NO holdings into cash."""

    book_id: str
    exchange: str
    nets: bool = True
    open: bool = True
    value: Decimal | None = None
    bids: list[PaperOrder] = field(default_factory=list)
    asks: list[PaperOrder] = field(default_factory=list)


@dataclass(slots=True)
class Wallet:
    """One account's cash and holdings (``book_id:outcome`` to contracts) at one exchange. ``deposited`` is what it began with."""

    account: str
    exchange: str
    cash: Decimal
    deposited: Decimal
    holdings: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    order: PaperOrder


@dataclass(frozen=True, slots=True)
class OrderTraded:
    trade: Trade
    maker: PaperOrder
    taker: PaperOrder


@dataclass(frozen=True, slots=True)
class TradeFailed:
    trade: Trade
    maker: PaperOrder
    taker: PaperOrder


@dataclass(frozen=True, slots=True)
class OrderEnded:
    order: PaperOrder
    removed: Decimal


@dataclass(frozen=True, slots=True)
class OrderAmended:
    order: PaperOrder


@dataclass(frozen=True, slots=True)
class BookSettled:
    book: Book


EngineEvent = OrderPlaced | OrderTraded | TradeFailed | OrderEnded | OrderAmended | BookSettled
Listener = Callable[[EngineEvent], None]
FeeRule = Callable[[PaperOrder, Decimal, Decimal, bool], Decimal]
"""``fee(order, yes_price, size, is_taker)`` in cash, called once per side of each trade, before it is booked."""


def _free(_: PaperOrder, __: Decimal, ___: Decimal, ____: bool) -> Decimal:
    return ZERO


def _plain(record: Any) -> dict[str, Any]:
    body = asdict(record)
    return {key: _text(value) for key, value in body.items()}


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {key: _text(item) for key, item in value.items()}
    return value


T = TypeVar("T")
_DECIMALS = {"price", "size", "filled", "fees", "yes_price", "maker_fee", "taker_fee", "cash", "deposited", "value"}


def _restore(kind: type[T], body: Any) -> T:
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    values = {
        key: Decimal(value) if key in _DECIMALS and value is not None else value
        for key, value in body.items()
        if key in known
    }
    if "holdings" in values:
        values["holdings"] = {key: Decimal(size) for key, size in values["holdings"].items()}
    return kind(**values)


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
        """Check, match and rest an order; its trades, oldest first. Raises ``Refusal`` and changes nothing when refused."""
        book = self.books.get(order.book_id)
        if book is None:
            raise Refusal("unknown_book", f"no market {order.book_id}")
        if not book.open:
            raise Refusal("closed", f"market {order.book_id} is not open")
        crossing = self._crossing(book, order)
        if order.post_only and crossing:
            raise Refusal("post_only_cross", "a post-only order may not cross")
        if order.time_in_force == "fok" and sum((o.remaining for o in crossing), ZERO) < order.size:
            raise Refusal("fok", "cannot be filled completely")
        self._require_cover(order)
        self._sequence += 1
        order.sequence = self._sequence
        order.updated_at = self._now()
        self.orders[order.order_id] = order
        self._tell(OrderPlaced(order))
        trades = [self._match(book, resting, order) for resting in crossing if order.remaining > ZERO]
        if order.status == "open" and order.time_in_force != "gtc":
            self._end(order, "immediate order not filled")
        elif order.status == "open":
            self._rest(book, order)
        self._save_order(order)
        self._store.commit()
        return trades

    def cancel(self, order_id: str, reason: str) -> Decimal:
        """Take an order off its book; the size removed, zero when it was already over."""
        order = self.orders[order_id]
        if order.status != "open":
            return ZERO
        removed = self._end(order, reason)
        self._store.commit()
        return removed

    def amend(self, order_id: str, *, price: Decimal, size: Decimal, expires_at: int | None) -> list[Trade]:
        """Change an open order (``size`` is the new total). A new price or a larger size loses queue place and may match."""
        order = self.orders[order_id]
        book = self.books[order.book_id]
        if order.status != "open":
            raise Refusal("closed", f"order {order_id} is not open")
        keeps_place = price == order.price and size <= order.size
        order.price, order.size, order.expires_at = price, size, expires_at
        order.updated_at = self._now()
        trades: list[Trade] = []
        if not keeps_place:
            self._unrest(book, order)
            self._sequence += 1
            order.sequence = self._sequence
            crossing = self._crossing(book, order)
            trades = [self._match(book, resting, order) for resting in crossing if order.remaining > ZERO]
            if order.status == "open":
                self._rest(book, order)
        if order.status == "open" and order.filled >= order.size:
            self._end(order, "amended to what was filled")
        self._tell(OrderAmended(order))
        self._save_order(order)
        self._store.commit()
        return trades

    def expire(self, now_seconds: int) -> None:
        """Cancel every order whose expiry has passed."""
        for order in list(self.orders.values()):
            if order.status == "open" and order.expires_at is not None and order.expires_at <= now_seconds:
                self.cancel(order.order_id, "expired")

    def fail_trade(self, trade_id: str) -> None:
        """Bust a trade: cash, holdings and fees go back; the orders keep their state but lose the filled size."""
        trade = self.trades[trade_id]
        if trade.status == "failed":
            return
        trade.status = "failed"
        maker, taker = self.orders[trade.maker_order], self.orders[trade.taker_order]
        for order, fee in ((maker, trade.maker_fee), (taker, trade.taker_fee)):
            self._book(order, trade.yes_price, -trade.size, -fee)
            order.filled -= trade.size
            if order.status == "filled":
                order.status, order.reason = "cancelled", "trade failed"
            self._save_order(order)
        self._save_trade(trade)
        self._tell(TradeFailed(trade, maker, taker))
        self._store.commit()

    # -- the end of a market ----------------------------------------------------------------------------------------

    def halt(self, book_id: str, *, cancel: bool, reason: str) -> None:
        """Stop trading in a book, cancelling what rests when ``cancel``."""
        book = self.books[book_id]
        book.open = False
        if cancel:
            for order in [*book.bids, *book.asks]:
                self._end(order, reason)
        self._save_book(book)
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
        self.halt(book_id, cancel=True, reason="market resolved")
        book.value = value
        for wallet in self.wallets.values():
            if wallet.exchange != book.exchange:
                continue
            for outcome, pays in (("yes", value), ("no", ONE - value)):
                size = wallet.holdings.pop(f"{book_id}:{outcome}", ZERO)
                wallet.cash += size * pays
            self._save_wallet(wallet)
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
        resting = (o for book in self.books.values() if book.exchange == exchange for o in (*book.bids, *book.asks))
        return sorted((o for o in resting if o.account == account), key=lambda o: o.sequence)

    def trades_of(self, exchange: str, account: str) -> list[tuple[Trade, PaperOrder]]:
        """Every trade of an account with its own order in it, oldest first."""
        mine = []
        for trade in self.trades.values():
            if trade.exchange != exchange:
                continue
            for order_id in (trade.maker_order, trade.taker_order):
                order = self.orders[order_id]
                if order.account == account:
                    mine.append((trade, order))
        return mine

    def depth(self, book_id: str) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """YES bids (best first) and YES asks (best first) as (price, size) levels."""
        book = self.books[book_id]
        return _levels(book.bids), _levels(book.asks)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _crossing(self, book: Book, order: PaperOrder) -> list[PaperOrder]:
        opposite = book.asks if order.is_bid else book.bids
        price = order.yes_price
        return [o for o in opposite if (o.yes_price <= price if order.is_bid else o.yes_price >= price)]

    def _require_cover(self, order: PaperOrder) -> None:
        if (order.exchange, order.account) not in self.wallets:
            raise Refusal("funds", f"unknown account {order.account}")
        if order.action == "buy":
            if self.available(order.exchange, order.account) < order.price * order.size:
                raise Refusal("funds", "not enough balance")
            return
        reserved = sum(
            (
                o.remaining
                for o in self.open_orders(order.exchange, order.account)
                if o.book_id == order.book_id and o.outcome == order.outcome and o.action == "sell"
            ),
            ZERO,
        )
        if self.holding(order.exchange, order.account, order.book_id, order.outcome) - reserved < order.size:
            raise Refusal("holdings", "not enough contracts to sell")

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
        if not self.books[book_id].nets:
            return
        yes, no = f"{book_id}:yes", f"{book_id}:no"
        pairs = min(wallet.holdings.get(yes, ZERO), wallet.holdings.get(no, ZERO))
        if pairs > ZERO:
            wallet.cash += pairs
            wallet.holdings[yes] -= pairs
            wallet.holdings[no] -= pairs

    def _rest(self, book: Book, order: PaperOrder) -> None:
        side = book.bids if order.is_bid else book.asks
        side.append(order)
        sign = -1 if order.is_bid else 1
        side.sort(key=lambda o: (sign * o.yes_price, o.sequence))

    def _unrest(self, book: Book, order: PaperOrder) -> None:
        side = book.bids if order.is_bid else book.asks
        if order in side:
            side.remove(order)

    def _end(self, order: PaperOrder, reason: str) -> Decimal:
        removed = order.remaining
        self._unrest(self.books[order.book_id], order)
        order.status, order.reason, order.updated_at = "cancelled", reason, self._now()
        self._save_order(order)
        self._tell(OrderEnded(order, removed))
        return removed

    def _tell(self, event: EngineEvent) -> None:
        exchange = event.book.exchange if isinstance(event, BookSettled) else _exchange_of(event)
        for listener in self._listeners.get(exchange, []):
            listener(event)

    # -- persistence ------------------------------------------------------------------------------------------------

    def _save_order(self, order: PaperOrder) -> None:
        self._store.put("order", order.order_id, _plain(order))

    def _save_trade(self, trade: Trade) -> None:
        self._store.put("trade", trade.trade_id, _plain(trade))

    def _save_wallet(self, wallet: Wallet) -> None:
        self._store.put("wallet", f"{wallet.exchange}/{wallet.account}", _plain(wallet))

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
        self.books = {key: _restore(Book, body) for key, body in self._store.all("book")}
        self.orders = {key: _restore(PaperOrder, body) for key, body in self._store.all("order")}
        self.trades = {key: _restore(Trade, body) for key, body in self._store.all("trade")}
        for _, body in self._store.all("wallet"):
            wallet = _restore(Wallet, body)
            self.wallets[(wallet.exchange, wallet.account)] = wallet
        for order in self.orders.values():
            self._sequence = max(self._sequence, order.sequence)
            if order.status == "open":
                self._rest(self.books[order.book_id], order)


def _exchange_of(event: OrderPlaced | OrderTraded | TradeFailed | OrderEnded | OrderAmended) -> str:
    return event.trade.exchange if isinstance(event, OrderTraded | TradeFailed) else event.order.exchange


def _levels(side: list[PaperOrder]) -> list[tuple[Decimal, Decimal]]:
    levels: dict[Decimal, Decimal] = {}
    for order in side:
        levels[order.yes_price] = levels.get(order.yes_price, ZERO) + order.remaining
    return list(levels.items())

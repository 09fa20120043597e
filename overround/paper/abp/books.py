"""What the paper bookmaker remembers: accounts, orders and bets, saved before anything is told to anyone."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from typing import Any, TypeVar

from overround.paper.abp.wire import ZERO, dumps, loads
from overround.paper.store import Store

OVER = {"FILLED", "PARTIALLY_FILLED", "CANCELLED", "REJECTED", "EXPIRED", "FAILED"}
DECIMALS = {"price", "stake", "deposited", "balance", "payout", "factor"}
R = TypeVar("R")


@dataclass(slots=True)
class BookAccount:
    """A client's account at one bookmaker; ``deposited`` and ``balance`` in ``currency``."""

    client: str
    bookmaker: str
    currency: str
    deposited: Decimal
    balance: Decimal
    active: bool = True


@dataclass(slots=True)
class RoutedOrder:
    """An order as the router keeps it. ``price`` is its floor, times are epoch ms. ``held`` stops further bets and
    ``factor`` worsens every price it meets: both come from faults."""

    order_id: int
    client: str
    request_uuid: str
    fixture_id: str
    outcome_id: int
    player_id: int
    price: Decimal
    stake: Decimal
    bookmakers: list[str]
    expires_at: int
    created_at: int
    updated_at: int
    partial: bool = True
    better: bool = True
    user_ref: str | None = None
    status: str = "PENDING"
    reason: str | None = None
    cancelled: bool = False
    held: bool = False
    factor: Decimal = Decimal(1)
    meta: Any = None

    @property
    def over(self) -> bool:
        return self.status in OVER


@dataclass(slots=True)
class BookBet:
    """One bet at one bookmaker. ``payout`` is what settlement has returned to the account so far."""

    bet_id: int
    order_id: int
    client: str
    bookmaker: str
    fixture_id: str
    outcome_id: int
    price: Decimal
    stake: Decimal
    currency: str
    requested_at: int
    placed_at: int = 0
    status: str = "PENDING"
    settlement: str = "UNSETTLED"
    payout: Decimal = ZERO
    settlements: int = 0
    reason: str | None = None
    bookmaker_bet_id: str | None = None


@dataclass(slots=True)
class Books:
    """All of it, written through to the world's store and read back from it."""

    store: Store
    now: Callable[[], int]
    deposit: Decimal
    currency: str
    accounts: dict[tuple[str, str], BookAccount] = field(default_factory=dict)
    orders: dict[int, RoutedOrder] = field(default_factory=dict)
    bets: dict[int, BookBet] = field(default_factory=dict)
    by_order: dict[int, list[BookBet]] = field(default_factory=dict)
    by_fixture: dict[str, list[BookBet]] = field(default_factory=dict)
    by_request: dict[tuple[str, str], list[RoutedOrder]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for _, body in self.store.all("abp_account"):
            account = _restored(BookAccount, body)
            self.accounts[(account.client, account.bookmaker)] = account
        for _, body in self.store.all("abp_order"):
            self._index_order(_restored(RoutedOrder, body))
        for _, body in self.store.all("abp_bet"):
            self._index_bet(_restored(BookBet, body))

    def account(self, client: str, bookmaker: str) -> BookAccount:
        """The client's account, opened with the usual deposit at its first use."""
        key = (client, bookmaker)
        if key not in self.accounts:
            self.save(BookAccount(client, bookmaker, self.currency, self.deposit, self.deposit))
            self.store.commit()
        return self.accounts[key]

    def save(self, record: BookAccount | RoutedOrder | BookBet) -> None:
        """Write one record; the caller commits."""
        body = {key: str(value) if isinstance(value, Decimal) else value for key, value in asdict(record).items()}
        if isinstance(record, BookAccount):
            self.accounts[(record.client, record.bookmaker)] = record
            self.store.put("abp_account", f"{record.client}/{record.bookmaker}", body)
        elif isinstance(record, RoutedOrder):
            record.updated_at = body["updated_at"] = self.now()
            body["meta"] = None if record.meta is None else dumps(record.meta)
            if record.order_id not in self.orders:
                self._index_order(record)
            self.store.put("abp_order", str(record.order_id), body)
        else:
            if record.bet_id not in self.bets:
                self._index_bet(record)
            self.store.put("abp_bet", str(record.bet_id), body)

    def next_order_id(self) -> int:
        return max(self.orders, default=1000) + 1

    def next_bet_id(self) -> int:
        return max(self.bets, default=4999) + 1

    def bets_of(self, order: RoutedOrder) -> list[BookBet]:
        return self.by_order.get(order.order_id, [])

    def fills(self, order: RoutedOrder) -> list[tuple[Decimal, Decimal]]:
        """(price, stake) of every confirmed bet of an order."""
        return [(bet.price, bet.stake) for bet in self.bets_of(order) if bet.status == "CONFIRMED"]

    def filled(self, order: RoutedOrder) -> Decimal:
        return sum((stake for _, stake in self.fills(order)), ZERO)

    def _index_order(self, order: RoutedOrder) -> None:
        self.orders[order.order_id] = order
        self.by_request.setdefault((order.client, order.request_uuid), []).append(order)

    def _index_bet(self, bet: BookBet) -> None:
        self.bets[bet.bet_id] = bet
        self.by_order.setdefault(bet.order_id, []).append(bet)
        self.by_fixture.setdefault(bet.fixture_id, []).append(bet)


def _restored(kind: type[R], body: Any) -> R:
    names = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    values = {
        key: Decimal(value) if key in DECIMALS and isinstance(value, str) else value
        for key, value in body.items()
        if key in names
    }
    if isinstance(meta := values.get("meta"), str):
        values["meta"] = loads(meta)
    return kind(**values)

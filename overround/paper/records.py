"""What the paper engine keeps and tells: orders, trades, books, wallets, events, and their JSON-ready form."""

from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal, TypeVar

ZERO, ONE = Decimal(0), Decimal(1)
Outcome = Literal["yes", "no"]
Action = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "ioc", "fok"]


class Refusal(Exception):
    """The engine will not take an order. ``code`` is one of ``unknown_book closed post_only_cross funds holdings fok
    no_match invalid duplicate``."""

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
    """One account's cash and holdings (``book_id:outcome`` to contracts) at one exchange, first ``deposited``."""

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


def plain(record: Any) -> dict[str, Any]:
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


def restore(kind: type[T], body: Any) -> T:
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {
        key: Decimal(value) if key in _DECIMALS and value is not None else value
        for key, value in body.items()
        if key in known
    }
    if "holdings" in values:
        values["holdings"] = {key: Decimal(size) for key, size in values["holdings"].items()}
    return kind(**values)


def exchange_of(event: OrderPlaced | OrderTraded | TradeFailed | OrderEnded | OrderAmended) -> str:
    return event.trade.exchange if isinstance(event, OrderTraded | TradeFailed) else event.order.exchange

"""What the engine asks of an exchange. One adapter per folder implements ``Exchange``; each item here names its meaning
for all eleven venues, so an adapter only translates.

Prices are probability prices of the contract *bought* (``Instrument.position`` says how the venue expresses it),
sizes are contracts paying 1. Reads raise ``overround.venues`` errors. Writes are attempted once, never retried by the
client, and report per order what is known: an answer that was lost is ``Lost``, never a failure.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from overround.domain.markets import Instrument
from overround.domain.orders import Absent, Accepted, Fill, Lost, Refused, Seen

TimeInForce = Literal["gtc", "ioc"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the venue can do (design, section 5); the README of each adapter folder prints the same as a table.

    ``client_order_ids``: the venue stores and returns our id. ``known_before_send``: its order id is computed by us
    before sending (Polymarket digest). ``max_batch`` orders a placement. ``expiring_orders``: per-order expiry that
    ``renew`` can extend. ``heartbeat_seconds``: period of ``keep_alive`` for the account-wide dead-man switch, None
    without one. ``private_stream_replays``: the user stream resends what was missed; when False a reconnect must be
    followed by reads. ``quiet_seconds``: how long a sent order may stay invisible before an empty answer is
    conclusive.
    """

    client_order_ids: bool
    known_before_send: bool
    max_batch: int
    amend: bool
    post_only: bool
    expiring_orders: bool
    heartbeat_seconds: float | None
    private_stream_replays: bool
    quiet_seconds: float


@dataclass(frozen=True, slots=True)
class PlaceRequest:
    """One order to send. ``expires_at`` is epoch seconds or None. Resting orders are post-only; ``ioc`` is for unwinds.

    ``signed_at`` is the epoch ms a signing venue puts into the order; the same intent must carry the same value on
    every run, so that its order id is the same. 0 means now.
    """

    client_order_id: str
    instrument: Instrument
    action: Literal["buy", "sell"]
    price: Decimal
    size: Decimal
    time_in_force: TimeInForce = "gtc"
    expires_at: int | None = None
    signed_at: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it will leave: persisted before the first byte so that a retry sends the very same bytes.

    ``venue_order_id`` is set where the id is known before sending. ``payload`` is the venue-ready body (signed if the
    venue signs orders); it holds no secret and is only re-sent by ``probe`` rules of the venue's sheet.
    """

    request: PlaceRequest
    payload: str
    venue_order_id: str | None = None


PlaceResult = Accepted | Refused | Lost
CancelResult = Seen | Refused | Lost


@dataclass(frozen=True, slots=True)
class OrderRef:
    """How to name an order to the venue: our id always, the venue's when known."""

    client_order_id: str
    venue_order_id: str | None
    instrument: Instrument
    placed_at: int = 0
    expires_at: int | None = None
    size: Decimal = Decimal(0)
    price: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order as the venue lists it."""

    venue_order_id: str
    client_order_id: str | None
    contract: str
    price: Decimal
    size: Decimal
    filled: Decimal


@dataclass(frozen=True, slots=True)
class VenueFill:
    """A trade of ours as the venue reports it. ``failed`` reverses a trade reported earlier under the same id."""

    venue_order_id: str
    client_order_id: str | None
    contract: str
    fill: Fill
    failed: bool = False


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """The venue's view of one of our orders, from the user stream."""

    venue_order_id: str
    client_order_id: str | None
    seen: Seen


@dataclass(frozen=True, slots=True)
class StreamGap:
    """The user stream (re)connected: anything before this moment may be missing and must be read by REST."""

    reason: str


@dataclass(frozen=True, slots=True)
class MarketChanged:
    """A market's grid, state or fees changed: its instruments must be read again."""

    venue_market: str
    reason: str


StreamEvent = VenueFill | OrderUpdate | StreamGap | MarketChanged


@dataclass(frozen=True, slots=True)
class Balance:
    """Cash in the account's currency. ``available`` excludes what rests or is locked, ``total`` includes it."""

    currency: str
    available: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """Net holding of one contract; negative is the opposite position."""

    contract: str
    size: Decimal


@dataclass(frozen=True, slots=True)
class Resolution:
    """How the venue settled a contract: ``value`` is what one contract of ``contract`` pays (0..1), None while open.

    ``fee`` is what the venue charged at settlement for the account, in account currency.
    """

    venue_market: str
    contract: str
    value: Decimal | None
    status: str
    fee: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class NativeIds:
    """The feed's own native ids of one market on this exchange, by outcome (oddspapi sheet, section 3.1)."""

    event: str | None
    market: str | None
    outcomes: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VenueContract:
    """One contract as the venue's metadata describes it; ``label`` is the participant or side in the venue's words."""

    contract: str
    label: str
    best_bid: Decimal | None
    best_ask: Decimal | None


@dataclass(frozen=True, slots=True)
class VenueMarket:
    """A venue market's metadata, enough to prove or refuse a mapping. ``instruments`` holds, per feed outcome, the
    contract that pays 1 when that outcome does not happen, in our terms."""

    venue_market: str
    title: str
    participants: tuple[str, ...]
    starts_at: int | None
    open: bool
    contracts: dict[int, VenueContract]
    instruments: dict[int, Instrument]


class Exchange(Protocol):
    """An account's session at one exchange. Use as an async context manager."""

    name: str
    capabilities: Capabilities

    async def __aenter__(self) -> "Exchange": ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def market(self, fixture_id: str, market_id: int, ids: NativeIds) -> VenueMarket:
        """Metadata of the market the feed's native ids point at; ``NotFound`` or ``Unreadable`` otherwise."""
        ...

    def prepare(self, request: PlaceRequest) -> Prepared:
        """Build (and sign) the request without sending; raises ``Rejected`` for what has the wrong shape."""
        ...

    async def place(self, orders: Sequence[Prepared]) -> list[PlaceResult]:
        """Send prepared orders, at most ``capabilities.max_batch``; one result per order, in order."""
        ...

    async def cancel(self, orders: Sequence[OrderRef]) -> list[CancelResult]:
        """Cancel by id, one result per order: ``Seen`` with its end and filled size, ``Refused`` when the venue says it
        cannot be cancelled (already over: probe it), ``Lost`` when nobody knows."""
        ...

    async def cancel_market(self, venue_market: str) -> None:
        """Cancel everything of this account in one venue market."""
        ...

    async def cancel_all(self) -> None:
        """Cancel everything of this account."""
        ...

    async def renew(self, orders: Sequence[OrderRef], expires_at: int) -> list[CancelResult]:
        """Extend the expiry of resting orders without losing queue place; only with ``expiring_orders``."""
        ...

    async def keep_alive(self) -> None:
        """Feed the account's dead-man switch; only with ``heartbeat_seconds``."""
        ...

    async def find(self, order: OrderRef) -> Seen | Absent | Lost:
        """What the venue knows of one order, asked by our own id where the venue's is unknown. ``Absent`` only when the
        answer is conclusive by the venue's sheet; otherwise ``Lost`` (ask again later)."""
        ...

    async def open_orders(self) -> list[OpenOrder]:
        """Every open order of the account: all pages, or an error. An incomplete list is never returned."""
        ...

    async def fills(self, since: int) -> list[VenueFill]:
        """Every trade since epoch milliseconds ``since``: all pages, or an error."""
        ...

    async def positions(self) -> list[VenuePosition]: ...

    async def balance(self) -> Balance: ...

    async def resolution(self, venue_market: str, contract: str) -> Resolution:
        """The venue's word on a contract's settlement."""
        ...

    def stream(self) -> AsyncIterator[StreamEvent]:
        """The account's user stream, reconnecting for ever; starts (and restarts) with ``StreamGap``."""
        ...

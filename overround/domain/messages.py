"""What travels between streamers, workflows and activities. Workflow payloads hold account ids, never secrets.

Times are epoch milliseconds unless named otherwise.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from overround.domain.config import TradingConfig
from overround.domain.control import Hold
from overround.domain.markets import Instrument, MarketBook
from overround.domain.orders import Evidence, Fill, Order, OrderSpec


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose market an ``OrderWorkflow`` owns: one exchange account, one feed market."""

    client: str
    account_id: str
    exchange: str
    fixture_id: str
    market_id: int
    tournament_id: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What prices are computed with: settings and instruments, sent whenever they change."""

    config: TradingConfig
    instruments: tuple[Instrument, ...]


@dataclass(frozen=True, slots=True)
class QuoteSignal:
    """The odds a quote was decided from. The newest replaces older ones. ``terms`` is None when unchanged."""

    book: MarketBook
    sent_at: int
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """Something learnt about one order."""

    client_order_id: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class HedgeProgress:
    """How far an order's hedge is: contracts filled and payout hedged. ``state`` OPEN stops quoting the market."""

    client_order_id: str
    outcome_id: int
    target: Decimal
    done: Decimal
    state: Literal["HEDGING", "DONE", "UNKNOWN", "OPEN"]


@dataclass(frozen=True, slots=True)
class RecordedOrder:
    """An order as the ledger holds it, told to an owner that may have lost it in a crash."""

    order: Order


@dataclass(frozen=True, slots=True)
class Gate:
    """May this market be quoted? ``reason`` names what forbids it, None when it may."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class OrderStart:
    """An ``OrderWorkflow``'s input, also what it hands to its next run."""

    owner: Owner
    terms: Terms | None = None
    book: MarketBook | None = None
    book_at: int = 0
    orders: tuple[Order, ...] = ()
    hedges: tuple[HedgeProgress, ...] = ()
    step: int = 0
    chain: str = ""
    gate: str | None = None
    closing: str | None = None
    sent_at: int = 0
    dropped: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class PlaceOrders:
    """Orders to claim in the ledger and send. ``known`` are the owner's open orders, so that lost ones surface."""

    owner: Owner
    workflow_id: str
    run_id: str
    config: TradingConfig
    instruments: tuple[Instrument, ...]
    specs: tuple[OrderSpec, ...]
    started_at: int
    decided_from: int = 0


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """One order's result. ``recorded`` is the ledger's spec where an earlier attempt had already claimed the id;
    ``blocked`` names the gate or limit that kept it from being claimed (then it does not exist)."""

    client_order_id: str
    evidence: Evidence | None
    recorded: OrderSpec | None = None
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class TouchOrders:
    """Orders to cancel, renew or probe: enough to name them to the venue."""

    owner: Owner
    orders: tuple[Order, ...]
    instruments: tuple[Instrument, ...]
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class ProjectOrders:
    """Order states to write to the ledger as decided at ``version`` (epoch ms of the workflow task); rows written by a
    later task are left alone."""

    owner: Owner
    workflow_id: str
    run_id: str
    orders: tuple[Order, ...]
    version: int


@dataclass(frozen=True, slots=True)
class HedgeOdds:
    """The bookmaker's price of the outcome when a fill was seen; ``changed_at`` on the feed's clock."""

    price: Decimal
    limit: Decimal | None
    changed_at: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class HedgedOrder:
    """The exchange order a ``HedgeWorkflow`` hedges. ``others`` are the market's other outcomes, for reversals."""

    client: str
    account_id: str
    exchange: str
    client_order_id: str
    order_workflow: str
    fixture_id: str
    market_id: int
    outcome_id: int
    price: Decimal
    config: TradingConfig
    instrument: Instrument | None = None
    others: tuple[int, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class FillSignal:
    """A trade of the order (or, ``failed``, the end of one that never happened), with the odds known at that moment."""

    fill: Fill
    failed: bool = False
    odds: HedgeOdds | None = None


@dataclass(frozen=True, slots=True)
class SaleTrade:
    """A trade of a sale that unwinds a hedge's position (or, ``failed``, the end of one that never happened)."""

    client_order_id: str
    fill: Fill
    failed: bool = False


@dataclass(frozen=True, slots=True)
class PlacedBet:
    """One accepted part of a bet at the bookmaker; ``placed_at`` in milliseconds since 1970."""

    bet_id: str
    bookmaker_bet_id: str
    price: Decimal
    stake: Decimal
    currency: str
    placed_at: int


@dataclass(frozen=True, slots=True)
class Unwind:
    """Sell ``size`` contracts back on the exchange at ``min_price`` or more: the last resort."""

    order: HedgedOrder
    workflow_id: str
    run_id: str
    client_order_id: str
    size: Decimal
    min_price: Decimal
    sent_at: int


@dataclass(frozen=True, slots=True)
class HedgeStart:
    """A ``HedgeWorkflow``'s input, also what it hands to its next run. ``selling`` is a sale that may still go on."""

    order: HedgedOrder
    fills: tuple[Fill, ...] = ()
    failed: tuple[str, ...] = ()
    step: int = 0
    chain: str = ""
    state: Literal["HEDGING", "DONE", "UNKNOWN", "OPEN"] = "HEDGING"
    selling: Unwind | None = None
    sales: tuple[SaleTrade, ...] = ()


@dataclass(frozen=True, slots=True)
class HedgeTotals:
    """Where a hedge stands by the ledger: contracts to cover, payout covered, in flight, handed to the pool."""

    target: Decimal
    done: Decimal
    in_flight: Decimal
    pooled: Decimal

    @property
    def residual(self) -> Decimal:
        """Contracts neither covered nor in flight nor pooled; negative when over-hedged."""
        return self.target - self.done - self.in_flight - self.pooled


@dataclass(frozen=True, slots=True)
class HedgeStep:
    """One attempt: record fills, claim what is to be covered, send one bet. ``floor`` is the lowest odds accepted."""

    order: HedgedOrder
    workflow_id: str
    run_id: str
    request_id: str
    attempt: int
    fills: tuple[Fill, ...]
    failed: tuple[str, ...]
    slippage: Decimal
    odds: HedgeOdds | None
    expires_at: int
    bookmaker_index: int = 0
    sales: tuple[SaleTrade, ...] = ()


@dataclass(frozen=True, slots=True)
class HedgeStepResult:
    """What an attempt did. ``outcome``: nothing to do, too small for a bet, a bet's report, or no price to bet at.
    ``parts`` are what the bookmaker accepted."""

    totals: HedgeTotals
    outcome: Literal["COVERED", "DUST", "BET", "PENDING", "REFUSED", "UNKNOWN", "NO_PRICE", "NO_ACCOUNT"]
    request_id: str = ""
    refusal: str = ""
    reason: str = ""
    odds: Decimal | None = None
    stake: Decimal | None = None
    min_stake: Decimal | None = None
    parts: tuple[PlacedBet, ...] = ()


@dataclass(frozen=True, slots=True)
class AwaitBet:
    """A bet whose outcome is pending or unknown, to be probed until the bookmaker says what happened."""

    order: HedgedOrder
    workflow_id: str
    run_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class PoolDust:
    """Hand a residual below the bookmaker's minimum to the pool of its client and outcome."""

    order: HedgedOrder
    workflow_id: str
    run_id: str
    step: int
    payout: Decimal


@dataclass(frozen=True, slots=True)
class HedgeState:
    """A hedge's row to write, and its alarm to raise (OPEN, UNKNOWN) or clear."""

    order: HedgedOrder
    workflow_id: str
    run_id: str
    state: Literal["HEDGING", "DONE", "UNKNOWN", "OPEN"]
    reason: str
    fills: tuple[Fill, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FixtureStatus:
    """A fixture's state on the feed: 0 pregame, 1 live, 2 finished, 3 cancelled; ``scores`` by period."""

    fixture_id: str
    status_id: int
    scores: dict[str, tuple[int, int]] = field(default_factory=dict)

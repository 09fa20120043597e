"""The objects of the API as its OpenAPI document shows them (mm-api sheet, section 5).

Answers are built by ``overround.ledger`` and written by ``ExactJSON``; the contract tests hold each against its model.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

from overround.domain.orders import OrderStatus

Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""Money, a price or a size: a JSON number with all its digits; read it as a decimal, not as a float."""
Settlement = Literal["UNDECIDED", "WON", "LOST", "VOID", "HALF_WON", "HALF_LOST"]
MatchedStatus = Literal["NOT_MATCHED", "PARTIALLY_MATCHED", "FULLY_MATCHED"]
BetStatus = Literal["sent", "pending", "matched", "partial", "rejected", "unknown"]
TradingState = Literal["live", "manual_paused", "manual_stopped", "soft_paused", "system_stopped", "emergency"]
Item = TypeVar("Item")


class Shape(BaseModel):
    """camelCase on the wire, nothing besides what is declared."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Page(Shape, Generic[Item]):
    """A page of a list, newest first; pages count from 1."""

    items: list[Item]
    page: int
    page_size: int
    total: int
    total_pages: int


class Me(Shape):
    client: str
    client_name: str
    active: bool


class Order(Shape):
    """An exchange order. ``orderCents`` is a probability price in 0-1; stakes are contracts paying 1."""

    order_id: int
    fixture_id: str
    outcome_id: int
    exchange: str
    exchange_order_id: str | None
    exchange_outcome_id: str
    order_status: OrderStatus
    matched_status: MatchedStatus
    order_cents: Number
    order_stake: Number
    matched_stake: Number
    settlement_status: Settlement
    bookmaker_outcome_price: Number
    bookmaker_outcome_limit: Number | None
    created_at: datetime
    matched_at: datetime | None


class OrderSummary(Shape):
    total_orders: int
    fixture_count: int
    exchange_count: int
    total_stake: Number
    total_matched: Number
    total_open: Number
    filled_count: int
    cancelled_count: int
    open_count: int


class Bet(Shape):
    """A hedge bet of one order; stakes in the bookmaker's currency, prices decimal odds."""

    bet_id: int
    order_id: int
    client: str
    bookmaker: str
    bookmaker_bet_id: str | None
    fixture_id: str
    outcome_id: int
    placed_price: Number | None
    placed_stake: Number
    bet_status: BetStatus
    decline_reason: str | None
    settlement_status: Settlement | None
    placed_at: datetime | None


class BetSummary(Shape):
    total_bets: int
    fixture_count: int
    bookmaker_count: int
    total_stake: Number
    total_matched: Number
    total_open: Number
    matched_count: int
    rejected_count: int
    open_count: int


class FixtureStatus(Shape):
    live: bool
    status_id: int
    status_name: str


class Sport(Shape):
    sport_id: int
    sport_name: str


class Tournament(Shape):
    tournament_id: int
    tournament_name: str


class Participants(Shape):
    participant1_name: str
    participant2_name: str


class Fixture(Shape):
    """The odds feed's fixture; ``scores`` by period."""

    fixture_id: str
    status: FixtureStatus
    sport: Sport
    tournament: Tournament
    start_time: datetime
    participants: Participants
    scores: dict[str, Any]
    clock: dict[str, Any]
    updated_at: datetime


class Position(Shape):
    """What is held on one exchange against one outcome. ``contracts`` pay 1 unless the outcome happens; ``residual`` of
    them are not hedged; ``worstCaseExposure`` is the most that can still be lost, resting orders included."""

    fixture_id: str
    market_id: int
    outcome_id: int
    exchange: str
    order_count: int
    matched_stake: Number
    contracts: Number
    average_price: Number | None
    cost: Number
    fees: Number
    hedged_payout: Number
    hedge_stake: Number
    residual: Number
    open_stake: Number
    worst_case_exposure: Number
    realized_pnl: Number
    unrealized_pnl: Number
    settlement_status: Settlement
    updated_at: datetime


class Account(Shape):
    account_id: str
    exchange: str
    active: bool
    status: str
    status_reason: str
    currency: str
    balance: Number | None
    available: Number | None
    balance_at: datetime | None
    created_at: datetime


class ProfitAndLoss(Shape):
    """``pnl`` is realised plus unrealised; ``turnover`` and ``totalMatchedStake`` are matched contracts."""

    pnl: Number
    realized_pnl: Number
    unrealized_pnl: Number
    total_matched_stake: Number
    turnover: Number
    fees: Number
    settled_count: int
    unsettled_count: int
    from_date: date | None
    to_date: date | None


class TradingStatus(Shape):
    client: str
    client_name: str
    odds_format: Literal["american", "decimal", "hong_kong", "fractional"]
    status: TradingState
    trading_active: bool
    manual_paused: bool
    manual_paused_at: datetime | None
    manual_pause_reason: str | None
    manual_stopped: bool
    manual_stopped_at: datetime | None
    manual_stop_reason: str | None
    system_trading_blocked: bool
    emergency_active: bool
    system_stopped: bool
    soft_paused: bool
    system_reason: str | None
    system_duration_seconds: Number | None


class Invalid(Shape):
    """Which parameter is wrong, and how."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(Shape):
    """An error: ``detail`` as documented, with the members of RFC 9457 beside it."""

    detail: str | list[Invalid]
    type: str
    title: str
    status: int
    instance: str
    code: str
    request_id: str

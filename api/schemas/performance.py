"""Positions, accounts and profit (mm-api sheet, sections 5.8, 5.9, 5.11)."""

from datetime import date, datetime

from api.schemas.base import Number, Settlement, Shape


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

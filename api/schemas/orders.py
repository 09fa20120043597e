"""Orders and hedge bets (mm-api sheet, sections 5.2 to 5.6)."""

from datetime import datetime
from typing import Literal

from typing_extensions import TypeAliasType

from api.schemas.base import Number, Settlement, Shape
from overround.domain.orders import OrderStatus

MatchedStatus = TypeAliasType("MatchedStatus", Literal["NOT_MATCHED", "PARTIALLY_MATCHED", "FULLY_MATCHED"])
BetStatus = TypeAliasType("BetStatus", Literal["sent", "pending", "matched", "partial", "rejected", "unknown"])


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

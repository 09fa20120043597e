"""The objects of the API as its OpenAPI document shows them (mm-api sheet, section 5)."""

from api.schemas.base import Invalid, Number, Page, Problem, Settlement, Shape
from api.schemas.control import (
    Cancel,
    Cancelled,
    CancelMany,
    Control,
    Me,
    NotCancelled,
    PartialFailure,
    TradingAnswer,
    TradingStatus,
)
from api.schemas.fixtures import Fixture, FixtureStatus, Participants, Sport, Tournament
from api.schemas.orders import Bet, BetSummary, Order, OrderSummary
from api.schemas.performance import Account, Position, ProfitAndLoss

__all__ = [
    "Account",
    "Bet",
    "BetSummary",
    "Cancel",
    "CancelMany",
    "Cancelled",
    "Control",
    "Fixture",
    "FixtureStatus",
    "Invalid",
    "Me",
    "NotCancelled",
    "Number",
    "Order",
    "OrderSummary",
    "Page",
    "PartialFailure",
    "Participants",
    "Position",
    "Problem",
    "ProfitAndLoss",
    "Settlement",
    "Shape",
    "Sport",
    "Tournament",
    "TradingAnswer",
    "TradingStatus",
]

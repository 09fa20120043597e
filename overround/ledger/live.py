"""Rows that are not over, in the very words of the partial indexes that hold them.

Written out with their values: with parameters in it, a prepared statement could not use those indexes.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, literal_column

from overround.bookmakers.base import IN_FLIGHT
from overround.domain.orders import OPEN, OrderStatus


def _among(column: str, states: Iterable[str]) -> str:
    listed = ", ".join(f"'{state}'" for state in states)
    return f"{column} IN ({listed})"


ORDER_OPEN: ColumnElement[bool] = literal_column(
    _among("orders.status", (status for status in OrderStatus if status in OPEN))
)
"""Orders that may still trade: index ``orders_open``."""

ORDER_AT_RISK: ColumnElement[bool] = literal_column(
    "orders.settlement = 'UNDECIDED' AND (orders.filled > 0 OR orders.remaining > 0)"
)
"""Orders that may still gain or lose: index ``orders_at_risk``."""

HEDGE_OPEN: ColumnElement[bool] = literal_column(_among("hedges.state", ("HEDGING", "UNKNOWN", "OPEN")))
"""Hedges that are not done: index ``hedges_open``."""

BET_IN_FLIGHT: ColumnElement[bool] = literal_column(_among("bets.status", IN_FLIGHT))
"""Bets without a final answer."""

BET_STANDING: ColumnElement[bool] = literal_column(
    f"bets.settlement IS NULL AND (bets.placed_stake > 0 OR {BET_IN_FLIGHT})"
)
"""Bets that may still gain or lose: index ``bets_standing``."""

"""What each paper exchange's contracts pay when a market ends, also where that differs from the bookmaker's void.

Source: pricing sheet, section 5.7: Kalshi pays the last fair price, Polymarket 50-50, and in a cancelled three-way
match team contracts lose while the draw contract wins.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from overround.paper.world import OutcomeResult, PaperMarket

ONE, ZERO, HALF = Decimal(1), Decimal(0), Decimal("0.5")
CENT = Decimal("0.01")
DRAW_NAMES = frozenset({"x", "draw", "the draw", "tie"})


def contract_values(exchange: str, market: PaperMarket, fair: Mapping[int, float]) -> dict[int, Decimal]:
    """Outcome id to what its YES contract pays, from ``market.results`` and the last fair chances."""
    all_void = all(result in ("CANCELLED", "PUSH") for result in market.results.values())
    return {
        outcome_id: _value(exchange, market, outcome_id, result, fair.get(outcome_id), all_void)
        for outcome_id, result in market.results.items()
    }


def _value(
    exchange: str, market: PaperMarket, outcome_id: int, result: OutcomeResult, fair: float | None, all_void: bool
) -> Decimal:
    if result == "WIN":
        return ONE
    if result == "LOSE":
        return ZERO
    if exchange == "kalshi":
        return HALF if fair is None else Decimal(str(fair)).quantize(CENT, ROUND_HALF_EVEN)
    if exchange == "polymarket" and not all_void:
        return ZERO
    if exchange == "polymarket" and len(market.outcomes) > 2:
        return ONE if market.outcome(outcome_id).name.strip().lower() in DRAW_NAMES else ZERO
    return HALF

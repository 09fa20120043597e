"""What a fill costs: trade fee, rounding fee and the per-order accumulator (kalshi sheet, section 13)."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

ZERO, ONE = Decimal(0), Decimal(1)
TRADE_FEE_STEP = Decimal("0.000001")
TAKER = Decimal("0.07")
MAKER = {
    "quadratic": ZERO,
    "quadratic_with_maker_fees": Decimal("0.0175"),
    "quadratic_with_combo_maker_fees": Decimal("0.035"),
}


def _to(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step


def coefficient(fee_type: str, multiplier: Decimal, is_taker: bool) -> Decimal:
    """The factor of ``C * P * (1 - P)``."""
    return multiplier * (TAKER if is_taker else MAKER[fee_type])


def trade_fee(factor: Decimal, size: Decimal, price: Decimal, step: Decimal = TRADE_FEE_STEP) -> Decimal:
    """``factor * size * price * (1 - price)`` rounded up to ``step``."""
    return _to(factor * size * price * (ONE - price), step, ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class Charge:
    """One fill's cost. ``accumulator`` is the order's after this fill, ``balance_change`` is before the rebate."""

    net: Decimal
    rounding: Decimal
    rebate: Decimal
    accumulator: Decimal
    balance_change: Decimal


def charge(revenue: Decimal, fee: Decimal, accumulator: Decimal, precision: Decimal) -> Charge:
    """Floor the balance change to ``precision``; hand one unit back once the accumulator exceeds it.

    ``revenue`` is negative for a buyer. A rebate larger than the fee is kept for a later fill: the net fee is never
    negative (undocumented corner, section 13).
    """
    change = _to(revenue - fee, precision, ROUND_FLOOR)
    rounding = revenue - fee - change
    collected = accumulator + rounding
    gives_back = collected > precision and fee + rounding >= precision
    rebate = precision if gives_back else ZERO
    return Charge(fee + rounding - rebate, rounding, rebate, collected - rebate, change)

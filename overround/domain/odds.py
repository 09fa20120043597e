"""Odds notations, implied probabilities and the net odds of a hedge leg (pricing sheet, sections 0.2 and 2.2).

Decimal odds ``d`` are the total return per unit staked, always above 1. Exact rationals are available as ``Fraction``;
the ``Decimal`` forms carry 34 significant digits.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Literal

from overround.domain.numbers import CONTEXT, ONE, ZERO, BadNumber, divide, exact

Rounding = Literal["nearest", "up", "down"]
SX_UNIT = Decimal(10) ** 20
_MODES = {"nearest": ROUND_HALF_EVEN, "up": ROUND_CEILING, "down": ROUND_FLOOR}


class InvalidOdds(BadNumber):
    """A price that no open market can have (a placeholder, a settled price, another notation)."""

    code = "INVALID_ODDS"


def decimal_odds(value: str | int | Decimal) -> Decimal:
    """The finite decimal odds in ``value``; anything at or below 1 is a settled or placeholder price and is refused."""
    try:
        odds = exact(value)
    except BadNumber as error:
        raise InvalidOdds(str(error)) from error
    if odds <= ONE:
        raise InvalidOdds(f"decimal odds must be above 1, got {value}")
    return odds


def probability(value: str | int | Decimal) -> Decimal:
    """The finite probability price in ``value``, strictly between 0 and 1."""
    price = exact(value)
    if not ZERO < price < ONE:
        raise BadNumber(f"a probability price lies strictly between 0 and 1, got {value}")
    return price


def implied(odds: Decimal) -> Decimal:
    """Raw implied probability ``1/d``, margin included."""
    return divide(ONE, decimal_odds(odds))


def from_probability(price: Decimal) -> Decimal:
    """Decimal odds ``1/p``."""
    return divide(ONE, probability(price))


def booksum(odds: tuple[Decimal, ...]) -> Fraction:
    """``S``: the sum of the implied probabilities, exactly."""
    return sum((1 / Fraction(price) for price in odds), Fraction(0))


def to_decimal(value: Fraction) -> Decimal:
    """``value`` to 34 significant digits."""
    return divide(Decimal(value.numerator), Decimal(value.denominator))


def american_fraction(american: int) -> Fraction:
    """Exact decimal odds of American ``american``; nothing exists strictly between -100 and +100."""
    if isinstance(american, bool) or not isinstance(american, int) or abs(american) < 100:
        raise InvalidOdds(f"American odds are integers at or beyond 100 either way, got {american!r}")
    return 1 + (Fraction(american, 100) if american > 0 else Fraction(100, -american))


def from_american(american: int) -> Decimal:
    """Decimal odds of American odds: ``-110`` is ``1.909090...``."""
    return to_decimal(american_fraction(american))


def american_probability(american: int) -> Decimal:
    """Implied probability of American odds."""
    return to_decimal(1 / american_fraction(american))


def to_american(odds: Decimal | Fraction, rounding: Rounding = "nearest") -> int:
    """American odds of decimal ``odds``; ``up`` is the bettor's better side (-110 up is -109), even money is +100.

    A value strictly between the integers -100 and +100 cannot arise: both mean even money.
    """
    exact_odds = Fraction(odds)
    if exact_odds <= 1:
        raise InvalidOdds(f"decimal odds must be above 1, got {odds}")
    profit = exact_odds - 1
    number = profit * 100 if profit >= 1 else -100 / profit
    rounded = int(to_decimal(number).to_integral_value(_MODES[rounding]))
    return 100 if rounded == -100 else rounded


def probability_to_american(price: Decimal, rounding: Rounding = "nearest") -> int:
    """American odds of a probability price."""
    return to_american(1 / Fraction(probability(price)), rounding)


def from_fractional(numerator: int, denominator: int) -> Decimal:
    """Decimal odds of the British fraction ``numerator/denominator``."""
    if numerator <= 0 or denominator <= 0:
        raise InvalidOdds(f"fractional odds need two positive integers, got {numerator}/{denominator}")
    return to_decimal(1 + Fraction(numerator, denominator))


def to_fractional(odds: Decimal) -> tuple[int, int]:
    """The British fraction of decimal odds in lowest terms."""
    profit = Fraction(decimal_odds(odds)) - 1
    return profit.numerator, profit.denominator


def from_hong_kong(price: Decimal) -> Decimal:
    """``d = 1 + h``."""
    return decimal_odds(ONE + exact(price))


def to_hong_kong(odds: Decimal) -> Decimal:
    """``h = d - 1``."""
    return decimal_odds(odds) - ONE


def from_malay(price: Decimal) -> Decimal:
    """``0 < m <= 1: d = 1 + m``; ``-1 <= m < 0: d = 1 - 1/m``."""
    number = exact(price)
    if number == ZERO or abs(number) > ONE:
        raise InvalidOdds(f"Malay odds lie in [-1, 1] without 0, got {price}")
    return ONE + number if number > ZERO else CONTEXT.subtract(ONE, divide(ONE, number))


def to_malay(odds: Decimal) -> Decimal:
    """Malay odds; even money is +1."""
    profit = to_hong_kong(odds)
    return profit if profit <= ONE else divide(-ONE, profit)


def from_indonesian(price: Decimal) -> Decimal:
    """``n >= 1: d = 1 + n``; ``n <= -1: d = 1 - 1/n``."""
    number = exact(price)
    if abs(number) < ONE:
        raise InvalidOdds(f"Indonesian odds are at or beyond 1 either way, got {price}")
    return ONE + number if number > ZERO else CONTEXT.subtract(ONE, divide(ONE, number))


def to_indonesian(odds: Decimal) -> Decimal:
    """Indonesian odds; even money is +1."""
    profit = to_hong_kong(odds)
    return profit if profit >= ONE else divide(-ONE, profit)


def sx_maker_price(percentage_odds: int) -> Decimal:
    """The maker's own probability price of SX ``percentageOdds``, exact."""
    return probability(Decimal(percentage_odds) / SX_UNIT)


def sx_taker_price(percentage_odds: int) -> Decimal:
    """What the taker pays against SX ``percentageOdds``, exact."""
    return CONTEXT.subtract(ONE, sx_maker_price(percentage_odds))


def to_sx(price: Decimal) -> int:
    """SX ``percentageOdds`` of the maker's own probability price, rounded down (sheet 2.5)."""
    return int((probability(price) * SX_UNIT).to_integral_value(ROUND_FLOOR))


def from_sx(percentage_odds: int) -> Decimal:
    """Decimal odds of SX ``percentageOdds`` seen by the maker."""
    return divide(ONE, sx_maker_price(percentage_odds))


def net_odds(
    odds: Decimal, commission: Decimal = ZERO, *, stake_tax: Decimal = ZERO, return_tax: Decimal = ZERO
) -> Decimal:
    """Odds net of what the hedge venue takes (sheet 2.2): rates are fractions, at least 0 and below 1.

    ``commission`` on the winnings of this bet (an upper bound for commission on net market winnings),
    ``stake_tax`` on the stake, ``return_tax`` on the gross return.
    """
    for rate in (commission, stake_tax, return_tax):
        if not ZERO <= rate < ONE:
            raise BadNumber(f"a rate lies in [0, 1), got {rate}")
    net = CONTEXT.add(ONE, CONTEXT.multiply(decimal_odds(odds) - ONE, ONE - commission))
    return divide(CONTEXT.multiply(net, ONE - return_tax), ONE + stake_tax)


def net_odds_of_contract(price: Decimal, rate: Decimal) -> Decimal:
    """Net odds of a contract bought as taker at ``price`` with quadratic fee ``rate``: ``1/d' = b + k*b*(1-b)``."""
    cost = probability(price) + rate * price * (ONE - price)
    return divide(ONE, cost)


def volume_commission(odds: Decimal, rate: Decimal) -> Decimal:
    """Commission ``f*min(risk, win)`` charged win or lose, per contract hedged with a stake of ``1/d`` (sheet 2.2)."""
    return divide(rate * min(ONE, decimal_odds(odds) - ONE), odds)

"""Hedge sizes and price protection in closed form (pricing sheet, sections 3.2 to 3.6).

Always size by payout: a stake ``s`` at odds ``d`` covers ``s*d`` contracts. The general problem is in ``maxmin``.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Context, Decimal, localcontext

from overround.domain.fees import FeeSchedule
from overround.domain.numbers import CENT, CONTEXT, ONE, ZERO, divide, round_half_up

_UP = Context(prec=34, rounding=ROUND_CEILING)


class NoFloor(ValueError):
    """Price, fee and wanted edge leave nothing to pay the bookmaker with: no odds are good enough."""


def exact_stake(payout: Decimal, odds: Decimal, fx: Decimal = ONE) -> Decimal:
    """``q/(d*fx)``: the stake in the bookmaker's currency whose return is ``payout`` in base currency."""
    return divide(payout, odds * fx)


def stake_for(payout: Decimal, odds: Decimal, step: Decimal = CENT, fx: Decimal = ONE) -> Decimal:
    """``exact_stake`` to the nearest ``step``, ties up; what is left is ``uncovered`` and joins the next fill."""
    return round_half_up(exact_stake(payout, odds, fx), step)


def uncovered(payout: Decimal, stake: Decimal, odds: Decimal, fx: Decimal = ONE) -> Decimal:
    """Contracts still open after a stake: ``q - s*d*fx``, negative when over-hedged."""
    with localcontext(CONTEXT):
        return payout - stake * odds * fx


def dutch(payout: Decimal, odds: Sequence[Decimal], step: Decimal = CENT) -> list[Decimal]:
    """Stakes ``q/d_j`` on every other outcome of a bought contract."""
    return [stake_for(payout, price, step) for price in odds]


def lay_stake(payout: Decimal, odds: Decimal, commission: Decimal = ZERO) -> Decimal:
    """Backer's stake ``q/(L-c)`` that hedges ``q`` bought contracts by laying them at ``odds``."""
    return divide(payout, odds - commission)


def back_against_lay(stake: Decimal, lay_odds: Decimal, commission: Decimal, odds: Decimal) -> Decimal:
    """Stake ``b(L-c)/d`` that hedges a lay of ``b`` at ``L`` under commission on net winnings (sheet 2.3)."""
    return divide(stake * (lay_odds - commission), odds)


def back_against_back(stake: Decimal, back_odds: Decimal, commission: Decimal, odds: Decimal) -> Decimal:
    """Stake ``b(1+(O-1)(1-c))/d`` on the other side of a back of ``b`` at ``O`` (sheet 2.3)."""
    return divide(stake * (ONE + (back_odds - ONE) * (ONE - commission)), odds)


def payout_to_cover(size: Decimal, price: Decimal, fee: FeeSchedule) -> Decimal:
    """Contracts to cover so that both results are equal: a commission due only on a win shrinks the payout.

    For every other fee it is ``size`` itself, because a fixed fee leaves the stake unchanged (sheet 3.2).
    """
    if fee.kind != "net_winnings":
        return size
    return CONTEXT.multiply(size, ONE - fee.per_contract(price, "maker"))


def floor_odds(price: Decimal, fee: Decimal, min_edge: Decimal) -> Decimal:
    """Lowest odds at which hedging ``o`` keeps ``min_edge`` per contract bought at ``price``: ``1/(1 - c - fee - e)``.

    ``min_edge`` may be negative: the loss accepted to be flat. Rounded up in the 34th digit. Raises ``NoFloor``.
    """
    room = CONTEXT.subtract(ONE, price + fee + min_edge)
    if room <= ZERO:
        raise NoFloor(f"buying at {price} with fee {fee} cannot keep {min_edge}")
    return _UP.divide(ONE, room)


def floor_odds_of_sale(price: Decimal, fee: Decimal, min_edge: Decimal) -> Decimal:
    """Lowest odds for the hedge of a contract sold at ``price``: ``1/(p - fee - e)``."""
    return floor_odds(ONE - price, fee, min_edge)


def slippage(quoted: Decimal, actual: Decimal) -> Decimal:
    """Cost per contract of being hedged at ``actual`` instead of ``quoted`` odds; positive when worse."""
    return CONTEXT.subtract(divide(ONE, actual), divide(ONE, quoted))


def odds_of_payouts(parts: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """Effective odds of ``(payout, odds)`` parts: their payout-weighted harmonic mean (sheet 3.4)."""
    with localcontext(CONTEXT):
        rows = list(parts)
        return sum((x for x, _ in rows), ZERO) / sum((x / d for x, d in rows), ZERO)


def odds_of_stakes(parts: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """Effective odds of ``(stake, odds)`` parts: their stake-weighted mean, the same number as ``odds_of_payouts``."""
    with localcontext(CONTEXT):
        rows = list(parts)
        return sum((s * d for s, d in rows), ZERO) / sum((s for s, _ in rows), ZERO)


def capacity(limit: Decimal, odds: Decimal) -> Decimal:
    """Contracts a bookmaker's stake limit can hedge: ``limit*d`` (sheet 4.4)."""
    return CONTEXT.multiply(limit, odds)

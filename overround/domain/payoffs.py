"""Payoff vectors: the profit of a position in every outcome, and how they add up (pricing sheet, sections 3.1 and 5).

A vector maps each outcome of a settlement partition to profit in base currency, plus ``VOID``: everything refunded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

from overround.domain.numbers import CONTEXT, ONE, ZERO

Outcome = str | int
Vector = dict[Outcome, Decimal]
VOID = "VOID"


@dataclass(frozen=True, slots=True)
class Trade:
    """Contracts bought or sold at a probability price; each pays 1 when an outcome in ``on`` happens.

    ``fee`` is a fixed amount paid at the fill and kept on a void; ``abnormal`` the settlement value the venue pays when
    it cancels instead of refunding (0.5 for a 50-50 rule), None for a refund at the entry price.
    """

    side: Literal["buy", "sell"]
    on: frozenset[Outcome]
    price: Decimal
    size: Decimal
    fee: Decimal = ZERO
    abnormal: Decimal | None = None

    def pays(self, value: Decimal) -> Decimal:
        """Profit when the contract settles at ``value``."""
        gain = self.size * (value - self.price)
        return (gain if self.side == "buy" else -gain) - self.fee

    def profit(self, outcome: Outcome) -> Decimal:
        if outcome == VOID:
            return self.pays(self.price if self.abnormal is None else self.abnormal)
        return self.pays(ONE if outcome in self.on else ZERO)


@dataclass(frozen=True, slots=True)
class Bet:
    """A back or lay bet at decimal odds; ``stake`` is the backer's, in its own currency.

    ``commission`` reduces a winning bet, ``volume_commission`` is ``f*min(stake, stake*(odds-1))`` win or lose,
    ``fx`` converts its currency to base.
    """

    side: Literal["back", "lay"]
    on: frozenset[Outcome]
    odds: Decimal
    stake: Decimal
    commission: Decimal = ZERO
    volume_commission: Decimal = ZERO
    fx: Decimal = ONE

    def profit(self, outcome: Outcome) -> Decimal:
        if outcome == VOID:
            return ZERO
        backer = self.stake * (self.odds - ONE) if outcome in self.on else -self.stake
        gross = backer if self.side == "back" else -backer
        kept = gross * (ONE - self.commission) if gross > ZERO else gross
        return (kept - self.volume_commission * self.stake * min(ONE, self.odds - ONE)) * self.fx


Leg = Trade | Bet


def payoff(leg: Leg, outcomes: Iterable[Outcome]) -> Vector:
    """The vector of one leg, ``VOID`` included (sheet 5.1)."""
    with localcontext(CONTEXT):
        return {outcome: leg.profit(outcome) for outcome in (*outcomes, VOID)}


def add(*vectors: Mapping[Outcome, Decimal]) -> Vector:
    """The sum of vectors; an outcome missing in one counts as 0 there."""
    total: Vector = {}
    with localcontext(CONTEXT):
        for vector in vectors:
            for outcome, amount in vector.items():
                total[outcome] = total.get(outcome, ZERO) + amount
    return total


def scale(vector: Mapping[Outcome, Decimal], factor: Decimal) -> Vector:
    """``factor`` times the vector."""
    return {outcome: CONTEXT.multiply(amount, factor) for outcome, amount in vector.items()}


def position(legs: Sequence[Leg], outcomes: Sequence[Outcome]) -> Vector:
    """The net vector ``W`` of all legs over ``outcomes`` and ``VOID``."""
    return add(dict.fromkeys((*outcomes, VOID), ZERO), *(payoff(leg, outcomes) for leg in legs))


def real(vector: Mapping[Outcome, Decimal]) -> Vector:
    """The vector without ``VOID``: outcomes that can be traded and hedged."""
    return {outcome: amount for outcome, amount in vector.items() if outcome != VOID}


def worst(vector: Mapping[Outcome, Decimal]) -> Decimal:
    """The worst real outcome's profit."""
    return min(real(vector).values())


def spread(vector: Mapping[Outcome, Decimal]) -> Decimal:
    """``max W - min W`` over real outcomes: 0 for a fully hedged position."""
    amounts = real(vector).values()
    return CONTEXT.subtract(max(amounts), min(amounts))


def marked(vector: Mapping[Outcome, Decimal], fair: Mapping[Outcome, Decimal]) -> Decimal:
    """Unrealised profit at fair probabilities: ``sum(p_o * W_o)`` (sheet 5.2)."""
    with localcontext(CONTEXT):
        return sum((fair[outcome] * amount for outcome, amount in real(vector).items()), ZERO)

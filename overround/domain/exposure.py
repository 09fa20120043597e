"""Worst cases, realised profit and inventory skew (pricing sheet, sections 4.1, 4.4 and 5.2).

Limits are checked on pessimistic vectors: what hurts is assumed to happen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

from overround.domain.numbers import CONTEXT, ONE, ZERO, divide
from overround.domain.payoffs import Outcome, Vector, add, real, worst


def with_open_orders(held: Mapping[Outcome, Decimal], orders: Iterable[Mapping[Outcome, Decimal]]) -> Vector:
    """The worst profit per outcome if any subset of open orders fills: ``W_o + sum(min(0, w_ko))``, exact.

    Each vector of ``orders`` is what the order adds when it fills completely.
    """
    losses = ({outcome: min(ZERO, amount) for outcome, amount in order.items()} for order in orders)
    return add(held, *losses)


def exposure(held: Mapping[Outcome, Decimal], orders: Iterable[Mapping[Outcome, Decimal]] = ()) -> Decimal:
    """What a market can lose at worst with every open order counted; 0 when it can only win."""
    return max(ZERO, -worst(with_open_orders(held, orders)))


def outcome_exposure(
    held: Mapping[Outcome, Decimal], outcome: Outcome, orders: Iterable[Mapping[Outcome, Decimal]] = ()
) -> Decimal:
    """What is lost at worst if ``outcome`` happens."""
    return max(ZERO, -with_open_orders(held, orders)[outcome])


def uncertain_hedge(held: Mapping[Outcome, Decimal], hedge: Mapping[Outcome, Decimal]) -> Vector:
    """A hedge in state unknown, for limits: filled where that hurts, not filled where that hurts (sheet 3.3)."""
    return with_open_orders(held, [hedge])


def hedge_room(limit: Decimal, odds: Decimal, reserved: Decimal) -> Decimal:
    """Contracts that may still rest on an outcome: stake limit times odds, less what all venues already reserve."""
    return max(ZERO, CONTEXT.subtract(CONTEXT.multiply(limit, odds), reserved))


@dataclass(frozen=True, slots=True)
class Holding:
    """One token's position by average cost: signed contracts, average entry price, and what closing trades realised.

    Fees are realised when paid.
    """

    size: Decimal = ZERO
    average: Decimal = ZERO
    realised: Decimal = ZERO

    def trade(self, side: Literal["buy", "sell"], size: Decimal, price: Decimal, fee: Decimal = ZERO) -> "Holding":
        """The holding after a fill: what closes realises ``(exit - entry)*q``, what is left opens at ``price``."""
        with localcontext(CONTEXT):
            signed = size if side == "buy" else -size
            if self.size * signed >= ZERO:
                total = self.size + signed
                cost = self.size * self.average + signed * price
                return Holding(total, divide(cost, total) if total else ZERO, self.realised - fee)
            closed = min(abs(self.size), size)
            gain = closed * (price - self.average) * (ONE if self.size > ZERO else -ONE)
            left = self.size + signed
            average = self.average if left * self.size > ZERO else price if left else ZERO
            return Holding(left, average, self.realised + gain - fee)

    def settle(self, value: Decimal) -> "Holding":
        """The holding after the token paid ``value`` per contract."""
        if self.size == ZERO:
            return self
        return self.trade("sell" if self.size > ZERO else "buy", abs(self.size), value)

    def unrealised(self, mark: Decimal) -> Decimal:
        """Open profit at a mark price."""
        with localcontext(CONTEXT):
            return self.size * (mark - self.average)


def tilted(fair: Mapping[Outcome, Decimal], held: Mapping[Outcome, Decimal], tolerance: Decimal) -> Vector:
    """Reservation prices ``p*exp(-W/b)`` normalised: exponential utility with risk tolerance ``b`` in currency (4.1).

    A hedged vector (equal ``W``) leaves the fair prices as they are.
    """
    with localcontext(CONTEXT):
        low = worst(held)
        weights = {outcome: price * ((low - held[outcome]) / tolerance).exp() for outcome, price in fair.items()}
        total = sum(weights.values(), ZERO)
        return {outcome: weight / total for outcome, weight in weights.items()}


def certainty(fair: Mapping[Outcome, Decimal], held: Mapping[Outcome, Decimal], tolerance: Decimal) -> Decimal:
    """Certainty equivalent ``-b*ln(sum(p*exp(-W/b)))`` of a position, in currency."""
    with localcontext(CONTEXT):
        low = worst(held)
        tail = sum((price * ((low - held[outcome]) / tolerance).exp() for outcome, price in fair.items()), ZERO)
        return low - tolerance * tail.ln()


def reservation_bid(
    fair: Mapping[Outcome, Decimal],
    held: Mapping[Outcome, Decimal],
    on: frozenset[Outcome],
    size: Decimal,
    tolerance: Decimal,
) -> Decimal:
    """The price per contract at which buying ``size`` contracts on ``on`` neither helps nor hurts (sheet 4.1)."""
    gained = add(real(held), {outcome: size for outcome in fair if outcome in on})
    with localcontext(CONTEXT):
        return (certainty(fair, gained, tolerance) - certainty(fair, held, tolerance)) / size

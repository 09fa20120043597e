"""The hedge with the best worst case, solved exactly (pricing sheet, section 3.1).

Maximise ``min_o (W_o + sum_i s_i*r_io)`` over ``0 <= s_i <= cap_i``; of all optima take the least turnover. A simplex
in rationals with Bland's rule and a two-level objective: no tolerance, no rounding, always terminating.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Literal

from overround.domain.numbers import ONE, ZERO
from overround.domain.odds import to_decimal
from overround.domain.payoffs import Outcome, real

_Goal = tuple[Fraction, Fraction]


class Unbounded(ValueError):
    """The hedge prices contain an arbitrage: cap the stakes first."""


@dataclass(frozen=True, slots=True)
class Hedge:
    """Something that can be traded to hedge: ``back`` and ``lay`` at decimal odds, ``buy`` and ``sell`` of contracts.

    ``commission`` on a winning bet, ``volume_commission`` ``f*min(risk, win)`` win or lose, ``taker_rate`` the
    quadratic fee of contracts. ``low`` and ``high`` bound the stake (backer's stake, or contracts) in its own currency.
    """

    name: str
    kind: Literal["back", "lay", "buy", "sell"]
    on: frozenset[Outcome]
    price: Decimal
    step: Decimal = Decimal("0.01")
    low: Decimal = ZERO
    high: Decimal | None = None
    commission: Decimal = ZERO
    volume_commission: Decimal = ZERO
    taker_rate: Decimal = ZERO
    fx: Decimal = ONE

    def rate(self, outcome: Outcome) -> Fraction:
        """``r_io``: base-currency profit per unit of stake when ``outcome`` happens."""
        return Fraction(self.fx) * (
            self._bet(outcome in self.on) if self._is_bet else self._contract(outcome in self.on)
        )

    @property
    def _is_bet(self) -> bool:
        return self.kind in ("back", "lay")

    def _bet(self, happens: bool) -> Fraction:
        win = Fraction(self.price) - 1
        gross = (win if happens else Fraction(-1)) * (1 if self.kind == "back" else -1)
        kept = gross * (1 - Fraction(self.commission)) if gross > 0 else gross
        return kept - Fraction(self.volume_commission) * min(Fraction(1), win)

    def _contract(self, happens: bool) -> Fraction:
        price = Fraction(self.price)
        gain = (1 if happens else 0) - price
        return (gain if self.kind == "buy" else -gain) - Fraction(self.taker_rate) * price * (1 - price)

    @property
    def turnover(self) -> Fraction:
        """Base currency turned over per unit of stake."""
        return Fraction(self.fx) * (1 if self._is_bet else Fraction(self.price))


@dataclass(frozen=True, slots=True)
class Plan:
    """Stakes by instrument name and the vector they lead to. ``equalised``: every outcome ends at the same profit."""

    stakes: dict[str, Decimal]
    result: dict[Outcome, Decimal]
    worst: Decimal
    equalised: bool


_Row = list[Fraction]


def _pivot(rows: list[_Row], goals: list[_Row], basis: list[int], leave: int, enter: int) -> None:
    divisor = rows[leave][enter]
    rows[leave] = [value / divisor for value in rows[leave]]
    pivot = rows[leave]
    for row in [*(row for at, row in enumerate(rows) if at != leave), *goals]:
        factor = row[enter]
        if factor:
            row[:] = [value - factor * other for value, other in zip(row, pivot, strict=True)]
    basis[leave] = enter


def _entering(goals: list[_Row]) -> int | None:
    """Bland's rule, two-level objective: the first column that improves the first goal, or the second at par."""
    first, second = goals
    for column in range(len(first) - 1):
        if first[column] < 0 or (first[column] == 0 and second[column] < 0):
            return column
    return None


def _leaving(rows: list[_Row], basis: list[int], enter: int) -> int:
    ratios = [(row[-1] / row[enter], basis[at], at) for at, row in enumerate(rows) if row[enter] > 0]
    if not ratios:
        raise Unbounded("the hedge instruments contain an arbitrage: cap the stakes first")
    return min(ratios)[2]


def _simplex(rows: list[_Row], goals: list[_Row], basis: list[int]) -> None:
    while (enter := _entering(goals)) is not None:
        _pivot(rows, goals, basis, _leaving(rows, basis, enter), enter)


def _program(
    before: Mapping[Outcome, Decimal], hedges: Sequence[Hedge], most: Decimal | None
) -> tuple[list[_Row], list[_Row], list[int]]:
    """Tableau over ``(u, s_1..s_n, slacks | rhs)`` with ``t = min W + u``: the origin is feasible."""
    base = min(map(Fraction, before.values()))
    limits: list[tuple[_Row, Fraction]] = [
        ([Fraction(1), *(-hedge.rate(outcome) for hedge in hedges)], Fraction(amount) - base)
        for outcome, amount in before.items()
    ]
    for at, hedge in enumerate(hedges):
        if hedge.high is not None:
            limits.append(
                ([Fraction(int(column == at + 1)) for column in range(len(hedges) + 1)], Fraction(hedge.high))
            )
    if most is not None:
        limits.append(([Fraction(0), *(hedge.turnover for hedge in hedges)], Fraction(most)))
    count, width = len(limits), len(hedges) + 1
    rows = [
        [*row, *(Fraction(int(at == slack)) for slack in range(count)), rhs] for at, (row, rhs) in enumerate(limits)
    ]
    tail = [Fraction(0)] * (count + 1)
    goals = [
        [Fraction(-1), *(Fraction(0) for _ in hedges), *tail],
        [Fraction(0), *(hedge.turnover for hedge in hedges), *tail],
    ]
    return rows, goals, list(range(width, width + count))


def _after(
    before: Mapping[Outcome, Decimal], hedges: Sequence[Hedge], stakes: Sequence[Fraction]
) -> dict[Outcome, Fraction]:
    return {
        outcome: Fraction(amount)
        + sum(stake * hedge.rate(outcome) for stake, hedge in zip(stakes, hedges, strict=True))
        for outcome, amount in before.items()
    }


def _planned(before: Mapping[Outcome, Decimal], hedges: Sequence[Hedge], stakes: Sequence[Fraction]) -> Plan:
    after = _after(before, hedges, stakes)
    return Plan(
        {hedge.name: to_decimal(stake) for hedge, stake in zip(hedges, stakes, strict=True)},
        {outcome: to_decimal(amount) for outcome, amount in after.items()},
        to_decimal(min(after.values())),
        len(set(after.values())) == 1,
    )


def _optimum(before: Mapping[Outcome, Decimal], hedges: Sequence[Hedge], most: Decimal | None) -> list[Fraction]:
    rows, goals, basis = _program(before, hedges, most)
    _simplex(rows, goals, basis)
    values = dict(zip(basis, (row[-1] for row in rows), strict=True))
    return [values.get(at + 1, Fraction(0)) for at in range(len(hedges))]


def best_hedge(vector: Mapping[Outcome, Decimal], hedges: Sequence[Hedge], max_turnover: Decimal | None = None) -> Plan:
    """The exact optimum without stake steps and minima; ``max_turnover`` caps the sum of stakes in base currency.

    Raises ``Unbounded`` when uncapped prices contain an arbitrage. ``VOID`` in ``vector`` is ignored.
    """
    before = real(vector)
    return _planned(before, hedges, _optimum(before, hedges, max_turnover))


def _multiples(hedge: Hedge, stake: Fraction) -> list[Fraction]:
    """Stakes the venue accepts next to the exact one: two multiples of the step each way, or nothing, or its limits.

    An instrument used up to its limit stays there.
    """
    if stake == 0:
        return [Fraction(0)]
    step = Fraction(hedge.step)
    at = stake // step
    near = [(at + offset) * step for offset in (-1, 0, 1, 2)]
    low = -(-Fraction(hedge.low) // step) * step
    high = None if hedge.high is None else Fraction(hedge.high) // step * step
    if stake == hedge.high and high is not None and high >= low:
        return [high]
    fits = {value for value in (*near, low) if value >= low and (high is None or value <= high)}
    return sorted({Fraction(0), *(value for value in fits if value > 0)})


def rounded_hedge(
    vector: Mapping[Outcome, Decimal], hedges: Sequence[Hedge], max_turnover: Decimal | None = None
) -> Plan:
    """The best worst case among legal stakes around the optimum; ties go to the smaller turnover (sheet 3.6).

    A stake whose exact value is 0 stays 0; one below its minimum is skipped or raised, whichever is better.
    """
    before = real(vector)
    choices = [
        _multiples(hedge, stake) for hedge, stake in zip(hedges, _optimum(before, hedges, max_turnover), strict=True)
    ]

    def merit(stakes: Sequence[Fraction]) -> _Goal:
        turnover = sum((stake * hedge.turnover for stake, hedge in zip(stakes, hedges, strict=True)), Fraction(0))
        return min(_after(before, hedges, stakes).values()), -turnover

    return _planned(before, hedges, max(product(*choices), key=merit))

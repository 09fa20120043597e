"""Fixture exposure on a grid of final scores: one number for all markets that depend on the score (sheet 5.3)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from overround.domain.grading import Pick, Score, Settlement, contract_profit, contract_value, grade, mirrored, profit
from overround.domain.numbers import ZERO


@dataclass(frozen=True, slots=True)
class ScoreLeg:
    """A bet (``back``, ``lay``) or contracts (``buy``, ``sell``) on something the final score decides.

    Bets: ``price`` is decimal odds, ``size`` the backer's stake. Contracts: probability price and count. ``fee`` is
    what was paid whatever happens.
    """

    pick: Pick
    side: Literal["back", "lay", "buy", "sell"]
    price: Decimal
    size: Decimal
    fee: Decimal = ZERO

    def profit(self, score: Score | None) -> Decimal:
        """Profit at a final score; None is an abandoned match with every stake refunded."""
        return self._gross(grade(self.pick, score)) - self.fee

    def _gross(self, settlement: Settlement) -> Decimal:
        if self.side == "back":
            return profit(settlement, "back", self.size, self.price)
        if self.side == "lay":
            return profit(mirrored(settlement), "lay", self.size, self.price)
        return contract_profit(self.side, self.size, self.price, contract_value(settlement, self.price))


def scores(most: int = 10) -> Iterator[Score]:
    """Every score up to ``most`` each; the last row and column stand for "that many or more"."""
    return (Score(home, away) for home in range(most + 1) for away in range(most + 1))


def profits(legs: Sequence[ScoreLeg], most: int = 10) -> dict[Score, Decimal]:
    """Profit of all legs together in every cell. ``most`` must exceed the largest line by one."""
    return {score: total(legs, score) for score in scores(most)}


def total(legs: Iterable[ScoreLeg], score: Score | None) -> Decimal:
    """Profit of all legs at one score."""
    return sum((leg.profit(score) for leg in legs), ZERO)


def worst_score(legs: Sequence[ScoreLeg], most: int = 10) -> tuple[Score, Decimal]:
    """The worst cell and its profit; exposure is its negative."""
    cells = profits(legs, most)
    score = min(cells, key=lambda cell: cells[cell])
    return score, cells[score]

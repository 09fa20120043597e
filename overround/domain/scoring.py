"""Our own results of a feed market from the final score, where a score decides it (oddspapi sheet, section 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from overround.domain.grading import Pick, Score, Settlement, grade

TWO_SIDES = ("home", "away")
SELECTIONS: dict[tuple[str, int], tuple[str, tuple[str, ...]]] = {
    ("moneyline", 2): ("moneyline_2way", TWO_SIDES),
    ("1x2", 2): ("moneyline_2way", TWO_SIDES),
    ("1x2", 3): ("1x2", ("home", "draw", "away")),
    ("drawnobet", 2): ("draw_no_bet", TWO_SIDES),
    ("bothteamsscore", 2): ("btts", ("yes", "no")),
    ("totals", 2): ("total", ("over", "under")),
    ("spreads", 2): ("asian_handicap", TWO_SIDES),
}
"""Feed market type and number of outcomes to our market and the selections in the order of the outcome ids."""

PERIODS = {"result": ("result",), "fulltime": ("fulltime", "result")}
"""Which of the feed's score periods decides a market of a period, in order of preference."""


@dataclass(frozen=True, slots=True)
class MarketMeaning:
    """What a feed market is: its catalogue row as far as grading needs it; ``outcomes`` in catalogue order."""

    market_id: int
    market_type: str
    period: str
    outcomes: Sequence[int]
    handicap: Decimal | None = None


def own_results(meaning: MarketMeaning, scores: Mapping[str, tuple[int, int]]) -> dict[int, Settlement]:
    """Outcome id to settlement; empty when the type is not decided by the score or the score is not there."""
    known = SELECTIONS.get((meaning.market_type, len(meaning.outcomes)))
    final = next((scores[name] for name in PERIODS.get(meaning.period, ()) if name in scores), None)
    if known is None or final is None:
        return {}
    market, selections = known
    score = Score(*final)
    return {
        outcome: grade(Pick(market, selection, _line(market, selection, meaning.handicap)), score)
        for outcome, selection in zip(meaning.outcomes, selections, strict=True)
    }


def _line(market: str, selection: str, handicap: Decimal | None) -> Decimal | None:
    """The handicap belongs to participant 1; the other side has its negative."""
    if handicap is None or market not in ("total", "asian_handicap"):
        return None
    return -handicap if market == "asian_handicap" and selection == "away" else handicap

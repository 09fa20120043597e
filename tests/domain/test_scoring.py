"""Our own results from the score, by feed market type (oddspapi sheet, section 5)."""

from decimal import Decimal

import pytest

from overround.domain.scoring import MarketMeaning, own_results
from tests.domain.vectors import D

TWO, THREE = (11, 12), (11, 12, 13)


def graded(kind: str, outcomes: tuple[int, ...], home: int, away: int, line: Decimal | None = None) -> list[str]:
    meaning = MarketMeaning(1, kind, "result", outcomes, line)
    results = own_results(meaning, {"result": (home, away)})
    return [str(results[outcome]) for outcome in outcomes]


@pytest.mark.parametrize(
    ("kind", "outcomes", "line", "score", "words"),
    [
        ("moneyline", TWO, None, (101, 99), ["WON", "LOST"]),
        ("moneyline", TWO, None, (99, 101), ["LOST", "WON"]),
        ("1x2", THREE, None, (1, 1), ["LOST", "WON", "LOST"]),
        ("1x2", THREE, None, (2, 1), ["WON", "LOST", "LOST"]),
        ("1x2", THREE, None, (0, 3), ["LOST", "LOST", "WON"]),
        ("1x2", TWO, None, (3, 2), ["WON", "LOST"]),
        ("drawnobet", TWO, None, (1, 1), ["VOID", "VOID"]),
        ("bothteamsscore", TWO, None, (1, 1), ["WON", "LOST"]),
        ("bothteamsscore", TWO, None, (4, 0), ["LOST", "WON"]),
        ("totals", TWO, D("2.5"), (2, 1), ["WON", "LOST"]),
        ("totals", TWO, D(3), (2, 1), ["VOID", "VOID"]),
        ("totals", TWO, D("2.75"), (2, 1), ["HALF_WON", "HALF_LOST"]),
        ("spreads", TWO, D("-0.75"), (2, 1), ["HALF_WON", "HALF_LOST"]),
        ("spreads", TWO, D("-1.5"), (2, 1), ["LOST", "WON"]),
        ("spreads", TWO, D("0.25"), (1, 1), ["HALF_WON", "HALF_LOST"]),
    ],
)
def test_the_final_score_decides(
    kind: str, outcomes: tuple[int, ...], line: Decimal | None, score: tuple[int, int], words: list[str]
) -> None:
    assert graded(kind, outcomes, *score, line) == words


def test_what_the_score_does_not_decide_is_left_to_others() -> None:
    scores = {"result": (2, 1)}
    assert own_results(MarketMeaning(1, "correctscore", "result", TWO), scores) == {}
    assert own_results(MarketMeaning(1, "moneyline", "result", THREE), scores) == {}
    assert own_results(MarketMeaning(1, "moneyline", "p1", TWO), scores) == {}
    assert own_results(MarketMeaning(1, "moneyline", "result", TWO), {}) == {}


def test_ninety_minutes_count_where_the_market_is_of_ninety_minutes() -> None:
    scores = {"result": (2, 1), "fulltime": (1, 1)}
    regular = own_results(MarketMeaning(1, "1x2", "fulltime", THREE), scores)
    assert [regular[outcome] for outcome in THREE] == ["LOST", "WON", "LOST"]
    assert own_results(MarketMeaning(1, "moneyline", "result", TWO), scores)[11] == "WON"

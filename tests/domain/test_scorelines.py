"""Fixture exposure over a grid of final scores (pricing sheet 5.3)."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.grading import Pick, Score
from overround.domain.scorelines import ScoreLeg, profits, scores, total, worst_score
from tests.domain.vectors import D, exactly

OVER = ScoreLeg(Pick("total", "over", D("2.5")), "sell", D("0.52"), D(200))
HOME = ScoreLeg(Pick("1x2", "home"), "buy", D("0.46"), D(300))
QUARTER = ScoreLeg(Pick("asian_handicap", "home", D("-0.75")), "lay", D("1.95"), D(150))
LEGS = st.builds(
    ScoreLeg,
    st.sampled_from(
        [
            Pick("1x2", "home"),
            Pick("1x2", "draw"),
            Pick("total", "over", D("2.5")),
            Pick("asian_handicap", "away", D("0.5")),
            Pick("btts", "yes"),
            Pick("correct_score", "1-1"),
        ]
    ),
    st.sampled_from(["buy", "sell"]),
    st.decimals(D("0.05"), D("0.95"), places=2),
    st.integers(1, 300).map(D),
)


def test_the_worked_example_of_the_sheet() -> None:
    alone = [worst_score([leg])[1] for leg in (OVER, HOME, QUARTER)]
    assert alone == [-96, -138, D("-142.5")]
    score, profit = worst_score([OVER, HOME, QUARTER])
    assert profit == -84
    assert score.home <= score.away
    assert score.home + score.away >= 3
    assert total([OVER, HOME, QUARTER], Score(1, 0)) == D("194.75")


def test_an_abandoned_match_refunds_all_but_fees() -> None:
    assert total([OVER, HOME, QUARTER], None) == 0
    assert total([ScoreLeg(HOME.pick, "buy", D("0.46"), D(300), fee=D("1.5"))], None) == D("-1.5")


@exactly
@given(st.lists(LEGS, min_size=1, max_size=6))
def test_the_grid_is_never_worse_than_the_sum_of_lonely_worst_cases(legs: list[Any]) -> None:
    assert worst_score(legs, 5)[1] >= sum((worst_score([leg], 5)[1] for leg in legs), D(0))


@exactly
@given(st.lists(LEGS, min_size=1, max_size=4))
def test_a_larger_grid_finds_nothing_worse_beyond_the_largest_line(legs: list[Any]) -> None:
    assert worst_score(legs, 4)[1] == worst_score(legs, 7)[1]


def test_buying_and_selling_the_same_thing_leaves_the_spread_everywhere() -> None:
    bought = ScoreLeg(HOME.pick, "buy", D("0.46"), D(100))
    sold = ScoreLeg(HOME.pick, "sell", D("0.49"), D(100))
    assert set(profits([bought, sold]).values()) == {D(3)}


@pytest.mark.parametrize("most", [0, 3, 10])
def test_every_score_of_the_grid_appears_once(most: int) -> None:
    cells = list(scores(most))
    assert len(cells) == len(set(cells)) == (most + 1) ** 2


def test_a_back_and_its_lay_cancel_in_every_cell() -> None:
    back = ScoreLeg(QUARTER.pick, "back", D("1.95"), D(150))
    assert set(profits([back, QUARTER]).values()) == {D(0)}


def test_over_prices_fall_with_the_line_at_every_score() -> None:
    lines = [D(n) / 2 for n in range(1, 9)]
    for score in scores(4):
        paid = [ScoreLeg(Pick("total", "over", line), "back", D(2), D(10)).profit(score) for line in lines]
        assert all(low >= high for low, high in pairwise(paid))

"""The model's chances add up, follow the score, and are what then happens."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.pricing_model import MatchState, drift, new_match, play, probabilities, unit_over
from overround.paper.sports import SPORTS, Sport

SPORT = pytest.mark.parametrize("sport", SPORTS, ids=lambda sport: sport.name)

SOCCER = SPORTS[0]


def finished(sport: Sport, state: MatchState, rng: Random, steps: int = 60) -> int:
    """Plays to the end; the index of the outcome that won."""
    for step in range(1, steps + 1):
        play(sport, state, step / steps, rng)
    assert state.over
    first, second = state.score
    if sport.three_way:
        return 0 if first > second else 1 if first == second else 2
    return 0 if first > second else 1


def test_the_seed_s_fourteen_two_way_outcomes_and_the_three_way_are_there() -> None:
    ids = sorted(outcome for sport in SPORTS for outcome, _ in sport.outcomes)
    two_way = [base + side for base in (111, 121, 131, 141, 151, 161, 171) for side in (0, 1)]
    assert ids == [101, 102, 103, *two_way]


@SPORT
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), done=st.floats(0, 1))
def test_chances_are_a_partition_at_every_moment(sport: Sport, seed: int, done: float) -> None:
    rng = Random(seed)
    state = new_match(sport, rng)
    play(sport, state, done, rng)
    drift(state, rng)
    chances = probabilities(sport, state)
    assert len(chances) == len(sport.outcomes)
    assert sum(chances) == pytest.approx(1)
    assert all(0 <= chance <= 1 for chance in chances)


@SPORT
def test_a_finished_match_is_certain(sport: Sport) -> None:
    rng = Random(4)
    state = replace(new_match(sport, rng), opinion=0.0)
    winner = finished(sport, state, rng)
    assert probabilities(sport, state)[winner] == pytest.approx(1)


@SPORT
def test_what_the_model_says_happens_that_often(sport: Sport) -> None:
    rng, wins, expected, matches = Random(11), 0, 0.0, 500
    for _ in range(matches):
        state = replace(new_match(sport, rng), opinion=0.0)
        play(sport, state, 0.4, rng)
        expected += probabilities(sport, state)[0]
        wins += finished(sport, state, rng) == 0
    assert wins / matches == pytest.approx(expected / matches, abs=0.05)


def test_a_goal_moves_the_price_more_late_than_early() -> None:
    soccer = SOCCER

    def gain(done: float) -> float:
        level, ahead = (MatchState(0.0, done=done, score=score) for score in ((0, 0), (1, 0)))
        return probabilities(soccer, ahead)[0] - probabilities(soccer, level)[0]

    assert gain(0.9) > gain(0.1) > 0.15


def test_opinion_moves_the_sides_apart_and_stays_bounded() -> None:
    rng, state = Random(1), MatchState(0.0)
    seen = set()
    for _ in range(2000):
        drift(state, rng)
        seen.add(round(state.opinion, 2))
    assert len(seen) > 10
    assert max(map(abs, seen)) <= 0.25
    high, low = (probabilities(SOCCER, MatchState(0.0, opinion=o)) for o in (0.2, -0.2))
    assert high[0] > low[0]
    assert high[2] < low[2]


@pytest.mark.parametrize(
    ("won", "lost", "over"), [(6, 4, True), (6, 5, False), (7, 5, True), (7, 6, True), (5, 0, False)]
)
def test_a_set_needs_two_games_ahead_or_the_tie_break(won: int, lost: int, over: bool) -> None:
    assert unit_over(won, lost, 6, 7) is over


@SPORT
def test_period_scores_add_up_to_the_result(sport: Sport) -> None:
    rng = Random(8)
    state = new_match(sport, rng)
    finished(sport, state, rng)
    if sport.model == "race":
        assert len(state.units) == sum(state.score) <= 3
    else:
        assert tuple(map(sum, zip(*state.units, strict=True))) == state.score
        assert len(state.units) == sport.periods

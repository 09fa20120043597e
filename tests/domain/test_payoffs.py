"""Payoff vectors: conservation, void columns and marks (pricing sheet 5.1, 5.2, 5.7 and invariants 7.8, 7.9)."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.payoffs import (
    VOID,
    Bet,
    Leg,
    Trade,
    Vector,
    add,
    marked,
    payoff,
    position,
    real,
    scale,
    spread,
    worst,
)
from tests.domain.vectors import D, exactly

OUTCOMES = ["home", "draw", "away"]
HOME, DRAW = frozenset({"home"}), frozenset({"draw"})
AMOUNTS = st.decimals(D("0.01"), D(1000), places=2)
TRADES = st.builds(
    Trade,
    st.sampled_from(["buy", "sell"]),
    st.sampled_from([HOME, DRAW, frozenset({"draw", "away"})]),
    st.decimals(D("0.01"), D("0.99"), places=2),
    AMOUNTS,
    st.decimals(D(0), D(2), places=2),
)
BETS = st.builds(
    Bet,
    st.sampled_from(["back", "lay"]),
    st.sampled_from([HOME, DRAW]),
    st.decimals(D("1.01"), D(20), places=2),
    AMOUNTS,
    st.sampled_from([D(0), D("0.02"), D("0.05")]),
)


@pytest.mark.parametrize(
    ("leg", "happens", "otherwise"),
    [
        (Trade("buy", HOME, D("0.45"), D(100), D("0.5")), "54.5", "-45.5"),
        (Trade("sell", HOME, D("0.45"), D(100), D("0.5")), "-55.5", "44.5"),
        (Bet("back", HOME, D("2.10"), D(100)), "110", "-100"),
        (Bet("lay", HOME, D("2.10"), D(100)), "-110", "100"),
        (Bet("back", HOME, D("2.10"), D(100), commission=D("0.05")), "104.5", "-100"),
        (Bet("lay", HOME, D("2.10"), D(100), commission=D("0.05")), "-110", "95"),
        (Bet("back", HOME, D("1.95"), D(100), volume_commission=D("0.01")), "94.05", "-100.95"),
        (Bet("back", HOME, D("2.00"), D(100), fx=D("1.1")), "110", "-110"),
    ],
)
def test_what_each_leg_pays(leg: Leg, happens: str, otherwise: str) -> None:
    vector = payoff(leg, OUTCOMES)
    assert vector["home"] == D(happens)
    assert vector["draw"] == vector["away"] == D(otherwise)


def test_a_void_refunds_everything_but_fees() -> None:
    assert payoff(Trade("buy", HOME, D("0.45"), D(100), D("0.5")), OUTCOMES)[VOID] == D("-0.5")
    assert payoff(Bet("back", HOME, D(2), D(10)), OUTCOMES)[VOID] == 0


@pytest.mark.parametrize(("side", "expected"), [("buy", "-120"), ("sell", "120")])
def test_a_fifty_fifty_cancellation_is_no_refund(side: Literal["buy", "sell"], expected: str) -> None:
    token = Trade(side, HOME, D("0.62"), D(1000), abnormal=D("0.5"))
    assert payoff(token, OUTCOMES)[VOID] == D(expected)


def test_a_hedge_that_is_void_alone_shows_in_the_void_column() -> None:
    legs: list[Leg] = [
        Trade("buy", HOME, D("0.62"), D(1000), abnormal=D("0.5")),
        Bet("back", frozenset({"draw", "away"}), D("2.7"), D("370.37")),
    ]
    held = position(legs, OUTCOMES)
    assert worst(held) > 0
    assert held[VOID] == -120


@exactly
@given(st.lists(TRADES | BETS, min_size=1, max_size=8), st.sampled_from([*OUTCOMES, VOID]))
def test_profit_by_legs_is_profit_by_vector_at_the_realised_outcome(legs: list[Any], outcome: str) -> None:
    assert position(legs, OUTCOMES)[outcome] == sum((leg.profit(outcome) for leg in legs), D(0))


@exactly
@given(BETS)
def test_back_and_lay_of_one_bet_cancel_without_commission(bet: Bet) -> None:
    back = Bet("back", bet.on, bet.odds, bet.stake)
    lay = Bet("lay", bet.on, bet.odds, bet.stake)
    assert set(position([back, lay], OUTCOMES).values()) == {D(0)}


@exactly
@given(TRADES, st.sampled_from(OUTCOMES))
def test_buying_no_is_selling_yes(trade: Trade, outcome: str) -> None:
    others = frozenset(OUTCOMES) - trade.on
    flipped = Trade("sell" if trade.side == "buy" else "buy", others, 1 - trade.price, trade.size, trade.fee)
    assert flipped.profit(outcome) == trade.profit(outcome)


@exactly
@given(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), st.decimals(D("0.1"), D("500"), places=2))
def test_the_mark_of_a_fully_hedged_book_does_not_matter(weights: tuple[D, D, D], locked: D) -> None:
    total = sum(weights, D(0))
    fair: Vector = {outcome: weight / total for outcome, weight in zip(OUTCOMES, weights, strict=True)}
    hedged: Vector = dict.fromkeys(OUTCOMES, locked)
    assert spread(hedged) == 0
    assert abs(marked({**hedged, VOID: D(-3)}, fair) - locked) < D("1e-20")


def test_an_open_position_is_marked_at_its_expected_value() -> None:
    held = position([Trade("buy", HOME, D("0.45"), D(100))], OUTCOMES)
    assert marked(held, {"home": D("0.5"), "draw": D("0.25"), "away": D("0.25")}) == 5


def test_the_void_column_is_not_an_outcome_to_hedge() -> None:
    held = position([Trade("buy", HOME, D("0.45"), D(100), abnormal=D(0))], OUTCOMES)
    assert VOID not in real(held)
    assert worst(held) == -45
    assert spread(held) == 100


def test_vectors_add_and_scale() -> None:
    assert add({"a": D(1)}, {"a": D(2), "b": D(3)}) == {"a": 3, "b": 3}
    assert scale({"a": D(2)}, D("1.5")) == {"a": 3}
    assert position([], ["a"]) == {"a": 0, VOID: 0}

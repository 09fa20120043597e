"""Worst cases, realised profit and skew (pricing sheet 3.3, 4.1, 4.4, 5.2 and invariants 7.6, 7.8)."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.exposure import (
    Holding,
    certainty,
    exposure,
    hedge_room,
    outcome_exposure,
    reservation_bid,
    tilted,
    uncertain_hedge,
    with_open_orders,
)
from overround.domain.payoffs import Bet, Trade, Vector, add, payoff, worst
from tests.domain.vectors import D, exactly, near

OUTCOMES = ["A", "B"]
A = frozenset({"A"})
AMOUNTS = st.decimals(D(-500), D(500), places=2)
VECTORS = st.fixed_dictionaries({"A": AMOUNTS, "B": AMOUNTS})
FILLS = st.tuples(
    st.sampled_from(["buy", "sell"]), st.integers(1, 200).map(D), st.decimals(D("0.05"), D("0.95"), places=2)
)


@exactly
@given(VECTORS, st.lists(VECTORS, max_size=5))
def test_the_worst_case_is_exactly_that_of_the_worst_subset_of_fills(held: Vector, orders: list[Vector]) -> None:
    pessimistic = with_open_orders(held, orders)
    for outcome in OUTCOMES:
        subsets = (
            held[outcome] + sum((o[outcome] for o, filled in zip(orders, fills, strict=True) if filled), D(0))
            for fills in product([False, True], repeat=len(orders))
        )
        assert pessimistic[outcome] == min(subsets)


@exactly
@given(VECTORS, st.lists(VECTORS, min_size=1, max_size=5), st.integers(0, 4))
def test_cancelling_any_order_never_worsens_the_worst_case(held: Vector, orders: list[Vector], at: int) -> None:
    fewer = [order for index, order in enumerate(orders) if index != at % len(orders)]
    assert exposure(held, orders) >= exposure(held, fewer) >= exposure(held)


def test_a_market_that_can_only_win_has_no_exposure() -> None:
    assert exposure({"A": D(3), "B": D(5)}) == 0
    assert outcome_exposure({"A": D(3), "B": D(-5)}, "B") == 5
    assert outcome_exposure({"A": D(3), "B": D(-5)}, "A") == 0


def test_an_unfilled_buy_counts_as_if_filled_where_it_hurts() -> None:
    order = payoff(Trade("buy", A, D("0.4"), D(100)), OUTCOMES)
    assert exposure({"A": D(0), "B": D(0)}, [order]) == 40
    assert exposure({"A": D(0), "B": D(30)}, [order]) == 10


def test_an_unknown_hedge_is_taken_at_its_worst_both_ways() -> None:
    held: Vector = {"A": D(-45), "B": D(55)}
    hedge = payoff(Bet("back", A, D("1.9"), D("52.63")), OUTCOMES)
    pessimistic = uncertain_hedge(held, hedge)
    assert pessimistic["A"] == -45
    assert pessimistic["B"] == D("2.37")


def test_hedge_capacity_is_shared_by_all_that_rests() -> None:
    assert hedge_room(D(200), D("1.92"), D(84)) == 300
    assert hedge_room(D(200), D("1.92"), D(500)) == 0


def test_average_cost_realises_only_what_closes() -> None:
    held = Holding().trade("buy", D(100), D("0.40"), D("0.2")).trade("buy", D(100), D("0.50"))
    assert (held.size, held.average, held.realised) == (D(200), D("0.45"), D("-0.2"))
    closed = held.trade("sell", D(50), D("0.55"))
    assert (closed.size, closed.average, closed.realised) == (D(150), D("0.45"), D("4.8"))
    assert closed.unrealised(D("0.47")) == 3


def test_a_holding_that_turns_over_opens_the_rest_at_the_new_price() -> None:
    held = Holding().trade("buy", D(100), D("0.40")).trade("sell", D(150), D("0.60"))
    assert (held.size, held.average, held.realised) == (D(-50), D("0.60"), D(20))
    assert held.trade("buy", D(50), D("0.55")) == Holding(D(0), D(0), D("22.5"))


def test_settling_nothing_changes_nothing() -> None:
    assert Holding(realised=D(7)).settle(D(1)) == Holding(realised=D(7))


@exactly
@given(st.lists(FILLS, min_size=1, max_size=10), st.sampled_from([D(0), D(1), D("0.5")]))
def test_realised_profit_after_settlement_is_cash_in_minus_cash_out(fills: list[tuple[str, D, D]], value: D) -> None:
    held, cash, size = Holding(), D(0), D(0)
    for side, amount, price in fills:
        held = held.trade("buy" if side == "buy" else "sell", amount, price, D("0.01"))
        signed = amount if side == "buy" else -amount
        cash -= signed * price + D("0.01")
        size += signed
    assert held.size == size
    assert abs(held.settle(value).realised - (cash + size * value)) < D("1e-20")


def test_the_tilt_reproduces_the_sheet() -> None:
    two_way = tilted({"A": D("0.5"), "B": D("0.5")}, {"A": D(500), "B": D(0)}, D(5000))
    assert near(two_way["A"], "0.4750", "0.00005")
    fair: Vector = {"home": D("0.45"), "draw": D("0.27"), "away": D("0.28")}
    three = tilted(fair, {"home": D(-80), "draw": D(20), "away": D(20)}, D(1000))
    for outcome, price in (("home", "0.4749"), ("draw", "0.2578"), ("away", "0.2673")):
        assert near(three[outcome], price, "0.00005")


@exactly
@given(AMOUNTS, st.integers(100, 10000).map(D))
def test_a_hedged_book_is_not_skewed(locked: D, tolerance: D) -> None:
    fair: Vector = {"A": D("0.3"), "B": D("0.7")}
    for outcome, price in tilted(fair, {"A": locked, "B": locked}, tolerance).items():
        assert abs(price - fair[outcome]) < D("1e-25")


@exactly
@given(VECTORS, st.integers(50, 10000).map(D))
def test_tilted_prices_stay_probabilities_and_lean_against_the_inventory(held: Vector, tolerance: D) -> None:
    fair: Vector = {"A": D("0.4"), "B": D("0.6")}
    skewed = tilted(fair, held, tolerance)
    assert abs(sum(skewed.values(), D(0)) - 1) < D("1e-25")
    assert all(0 < price < 1 for price in skewed.values())
    assert (skewed["A"] - fair["A"]) * (held["A"] - held["B"]) <= D("1e-25")


def test_a_reservation_bid_tends_to_the_tilted_price_and_falls_with_size() -> None:
    fair: Vector = {"A": D("0.4"), "B": D("0.6")}
    held: Vector = {"A": D(100), "B": D(-50)}
    tilt = tilted(fair, held, D(1000))["A"]
    small = reservation_bid(fair, held, A, D("0.0001"), D(1000))
    assert near(small, tilt, "0.000001")
    assert reservation_bid(fair, held, A, D(100), D(1000)) < small


@pytest.mark.parametrize("tolerance", ["0.5", "100", "1000000"])
def test_certainty_lies_between_the_worst_and_the_mean(tolerance: str) -> None:
    fair: Vector = {"A": D("0.4"), "B": D("0.6")}
    held: Vector = {"A": D(100), "B": D(-50)}
    sure = certainty(fair, held, D(tolerance))
    assert worst(held) <= sure <= D("0.4") * 100 - D("0.6") * 50


def test_vectors_with_a_void_column_are_bounded_too() -> None:
    held = add({"A": D(1), "B": D(1), "VOID": D(0)}, {"VOID": D(-9)})
    assert exposure(held) == 0

"""The exact max-min hedge against the golden vectors and its laws (pricing sheet 3.1, 3.3, 3.6 and invariant 7.5)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.maxmin import Hedge, Plan, Unbounded, best_hedge, rounded_hedge
from overround.domain.numbers import round_down
from overround.domain.payoffs import Bet, Leg, Trade, Vector, position, scale, spread, worst
from tests.domain.vectors import D, cases, exactly, label, near

A, B = frozenset({"A"}), frozenset({"B"})
SIZES = st.decimals(D(1), D(2000), places=0)
PRICES = st.decimals(D("0.05"), D("0.95"), places=2)
ODDS = st.decimals(D("1.10"), D(8), places=2)


def leg(row: Any) -> Leg:
    on = frozenset(row["on"])
    if row["type"] in ("buy", "sell"):
        return Trade(row["type"], on, D(row["price"]), D(row["quantity"]), D(row.get("fee", "0")))
    return Bet(row["type"], on, D(row["odds"]), D(row["stake"]), D(row.get("commission_on_net_win", "0")))


def hedge(row: Any) -> Hedge:
    return Hedge(
        row["id"],
        row["type"],
        frozenset(row["on"]),
        D(row.get("odds", row.get("price"))),
        D(row["step"]),
        D(row.get("min", "0")),
        D(row["max"]) if "max" in row else None,
        D(row.get("commission_on_win", "0")),
        D(row.get("volume_commission", "0")),
        D(row.get("taker_rate", "0")),
        D(row.get("fx", "1")),
    )


def assert_plan(plan: Plan, expected: Any, kind: str) -> None:
    for name, stake in expected[f"stakes_{kind}"].items():
        assert near(plan.stakes[name], stake)
    for outcome, amount in expected[f"pnl_{kind}"].items():
        assert near(plan.result[outcome], amount)
    assert near(plan.worst, expected[f"worst_{kind}"])


@pytest.mark.parametrize("case", cases("hedge"), ids=label)
def test_every_case_of_the_vectors(case: Any) -> None:
    expected = case["expected"]
    before = position([leg(row) for row in case["positions"]], case["outcomes"])
    for outcome, amount in expected["payoff_before"].items():
        assert near(before[outcome], amount)
    assert near(worst(before), expected["worst_before"])
    hedges = [hedge(row) for row in case["hedge_instruments"]]
    exact, rounded = best_hedge(before, hedges), rounded_hedge(before, hedges)
    assert_plan(exact, expected, "exact")
    assert exact.equalised == expected["equalised"]
    assert_plan(rounded, expected, "rounded")
    assert near(spread(rounded.result), expected["residual_spread"])


def sold(size: D, price: D) -> Vector:
    return position([Trade("sell", A, price, size)], ["A", "B"])


def back(odds: D, on: frozenset[str] = A, **more: Any) -> Hedge:
    return Hedge(f"back_{'_'.join(sorted(on))}", "back", frozenset(on), odds, **more)


@exactly
@given(SIZES, PRICES, ODDS)
def test_an_unbound_hedge_equalises_every_outcome(size: D, price: D, odds: D) -> None:
    plan = best_hedge(sold(size, price), [back(odds)])
    assert plan.equalised
    assert abs(plan.stakes["back_A"] - size / odds) < D("1e-20")
    assert abs(plan.worst - size * (price - 1 / odds)) < D("1e-20")


@exactly
@given(SIZES, PRICES, ODDS)
def test_a_hedged_book_needs_no_further_hedge(size: D, price: D, odds: D) -> None:
    before = sold(size, price)
    once = best_hedge(before, [back(odds)])
    again = best_hedge(once.result, [back(odds)])
    assert again.stakes["back_A"] < D("1e-20")
    assert rounded_hedge(once.result, [back(odds)]).worst >= once.worst - D("1e-20")


@exactly
@given(SIZES, PRICES, ODDS, st.integers(2, 9))
def test_scaled_fills_scale_the_stakes(size: D, price: D, odds: D, factor: int) -> None:
    one = best_hedge(sold(size, price), [back(odds)])
    many = best_hedge(scale(sold(size, price), D(factor)), [back(odds)])
    assert abs(many.stakes["back_A"] - factor * one.stakes["back_A"]) < D("1e-20")


@exactly
@given(st.lists(st.tuples(SIZES, PRICES), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_fills_changes_nothing(fills: list[tuple[D, D]], random: Any) -> None:
    legs: list[Leg] = [Trade("sell", A, price, size) for size, price in fills]
    shuffled = list(legs)
    random.shuffle(shuffled)
    assert position(legs, ["A", "B"]) == position(shuffled, ["A", "B"])
    first = best_hedge(position(legs, ["A", "B"]), [back(D("1.9"))])
    assert best_hedge(position(shuffled, ["A", "B"]), [back(D("1.9"))]) == first


@exactly
@given(SIZES, PRICES, ODDS, ODDS)
def test_no_other_stake_has_a_better_worst_case(size: D, price: D, odds: D, other: D) -> None:
    before = sold(size, price)
    hedges = [back(odds, high=D(100)), back(other, B, high=D(100))]
    plan = best_hedge(before, hedges)
    for a in range(0, 101, 20):
        for b in range(0, 101, 20):
            happens_a = before["A"] + a * (odds - 1) - b
            happens_b = before["B"] - a + b * (other - 1)
            assert min(happens_a, happens_b) <= plan.worst + D("1e-20")


@exactly
@given(SIZES, PRICES, ODDS, st.sampled_from(["0.01", "0.1", "1", "5"]))
def test_rounded_stakes_are_legal_and_cost_at_most_half_a_step_of_odds(size: D, price: D, odds: D, step: str) -> None:
    before = sold(size, price)
    plan, exact = rounded_hedge(before, [back(odds, step=D(step))]), best_hedge(before, [back(odds)])
    assert round_down(plan.stakes["back_A"], D(step)) == plan.stakes["back_A"]
    assert exact.worst - plan.worst <= D(step) * max(odds - 1, D(1)) + D("1e-20")
    assert spread(plan.result) <= odds * D(step)


def test_an_arbitrage_without_caps_is_named_not_looped() -> None:
    with pytest.raises(Unbounded, match="arbitrage"):
        best_hedge(sold(D(100), D("0.5")), [back(D("2.1")), back(D("2.2"), B)])


def test_a_turnover_cap_bounds_an_arbitrage() -> None:
    plan = best_hedge(sold(D(100), D("0.5")), [back(D("2.1")), back(D("2.2"), B)], max_turnover=D(300))
    assert abs(sum(plan.stakes.values(), D(0)) - 300) < D("1e-20")
    assert plan.equalised


def test_the_better_book_is_emptied_before_the_worse_is_used() -> None:
    plan = best_hedge(sold(D(1000), D("0.55")), [Hedge("worse", "back", A, D("1.86")), back(D("1.92"), high=D(200))])
    assert plan.stakes["back_A"] == 200
    assert near(plan.stakes["worse"], "331.182795698925")


def test_without_instruments_the_position_stays_as_it_is() -> None:
    plan = best_hedge(sold(D(100), D("0.55")), [])
    assert plan.worst == -45
    assert not plan.equalised


def test_a_hedge_that_only_hurts_is_not_used() -> None:
    plan = best_hedge(sold(D(100), D("0.55")), [back(D("1.9"), B)])
    assert plan.stakes["back_B"] == 0


def test_below_the_minimum_stake_over_hedging_is_weighed_against_waiting() -> None:
    tiny = back(D("1.90"), step=D("0.5"), low=D(5))
    assert rounded_hedge(sold(D(6), D("0.55")), [tiny]).stakes["back_A"] == 5
    assert rounded_hedge(sold(D(2), D("0.55")), [tiny]).stakes["back_A"] == 0


def test_ten_instruments_over_four_outcomes_are_solved_at_once() -> None:
    outcomes = ["A", "B", "C", "D"]
    before = position([Trade("sell", frozenset({"A"}), D("0.4"), D(500)), Trade("buy", B, D("0.2"), D(300))], outcomes)
    hedges = [
        Hedge(f"{outcome}{book}", "back", frozenset({outcome}), D(odds) - D(book) / 20, high=D(90))
        for outcome, odds in zip(outcomes, ("2.4", "4.2", "5.5", "9"), strict=True)
        for book in range(3)
    ][:10]
    plan = best_hedge(before, hedges)
    assert plan.worst > worst(before)
    assert all(0 <= stake <= 90 for stake in plan.stakes.values())
    assert rounded_hedge(before, hedges).worst <= plan.worst
    assert rounded_hedge(before, hedges).worst >= plan.worst - D("0.1")


def test_selling_back_a_purchase_on_the_exchange() -> None:
    bought = position([Trade("buy", A, D("0.45"), D(100))], ["A", "B"])
    plan = best_hedge(bought, [Hedge("unwind", "sell", A, D("0.47"), D(1), taker_rate=D("0.05"))])
    assert plan.equalised
    assert plan.stakes["unwind"] == 100
    assert plan.worst == 100 * (D("0.02") - D("0.05") * D("0.47") * D("0.53"))

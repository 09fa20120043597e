"""Closed forms of hedge sizes and price protection (pricing sheet 2.3, 3.2 to 3.6)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.fees import FeeSchedule
from overround.domain.hedging import (
    NoFloor,
    back_against_back,
    back_against_lay,
    capacity,
    dutch,
    exact_stake,
    floor_odds,
    floor_odds_of_sale,
    lay_stake,
    odds_of_payouts,
    odds_of_stakes,
    payout_to_cover,
    slippage,
    stake_for,
    uncovered,
)
from tests.domain.vectors import D, exactly, near

SIZES = st.decimals(D("0.01"), D(5000), places=2)
ODDS = st.decimals(D("1.02"), D(50), places=2)


def test_worked_examples_of_the_sheet() -> None:
    assert stake_for(D(100), D("1.90")) == D("52.63")
    assert dutch(D(200), [D("3.50"), D("4.40")]) == [D("57.14"), D("45.45")]
    assert near(back_against_lay(D(100), D("2.10"), D("0.05"), D("2.20")), "93.181818181818")
    assert near(back_against_back(D(100), D("2.10"), D("0.05"), D("2.00")), "102.25")
    assert near(floor_odds_of_sale(D("0.55"), D("0.004"), D("-0.01")), "1.798561151079")
    assert near(lay_stake(D(200), D("2.04"), D("0.02")), "99.009900990099")


def test_a_stake_in_another_currency_uses_the_rate_unrounded() -> None:
    assert near(exact_stake(D(500), D("2.75"), D("1.0842")), "167.698009424628")
    assert stake_for(D(500), D("2.75"), fx=D("1.0842")) == D("167.70")


@exactly
@given(SIZES, ODDS, st.sampled_from([D("0.01"), D("0.1"), D(1), D(5)]))
def test_the_nearest_stake_leaves_at_most_half_a_step_of_payout(payout: D, odds: D, step: D) -> None:
    stake = stake_for(payout, odds, step)
    assert stake % step == 0
    assert abs(uncovered(payout, stake, odds)) <= odds * step / 2


@exactly
@given(st.lists(SIZES, min_size=1, max_size=12), ODDS)
def test_residuals_carried_forward_never_pile_up(fills: list[D], odds: D) -> None:
    open_payout, staked = D(0), D(0)
    for size in fills:
        stake = max(D(0), stake_for(open_payout + size, odds))
        staked += stake
        open_payout = uncovered(open_payout + size, stake, odds)
        assert abs(open_payout) <= odds * D("0.005") or open_payout < 0
    assert uncovered(sum(fills, D(0)), staked, odds) == open_payout


@exactly
@given(
    st.decimals(D("0.02"), D("0.95"), places=3),
    st.decimals(D(0), D("0.01"), places=4),
    st.decimals(D("-0.03"), D("0.02"), places=3),
)
def test_the_floor_keeps_the_edge_and_anything_lower_does_not(price: D, fee: D, edge: D) -> None:
    floor = floor_odds(price, fee, edge)
    kept = 1 - Fraction(price) - Fraction(fee) - 1 / Fraction(floor)
    assert kept >= Fraction(edge)
    lower = floor * (1 - D("1e-20"))
    assert 1 - Fraction(price) - Fraction(fee) - 1 / Fraction(lower) < Fraction(edge)


@pytest.mark.parametrize(("price", "edge"), [("0.99", "0.02"), ("0.98", "0.02"), ("0.5", "0.5")])
def test_where_no_odds_are_good_enough_there_is_no_floor(price: str, edge: str) -> None:
    with pytest.raises(NoFloor):
        floor_odds(D(price), D(0), D(edge))


def test_a_negative_edge_lowers_the_floor() -> None:
    assert floor_odds(D("0.45"), D(0), D("-0.02")) < floor_odds(D("0.45"), D(0), D(0))


def test_slippage_is_a_cost_when_odds_shorten() -> None:
    assert near(slippage(D("1.90"), D("1.84")), "0.017162471396")
    assert slippage(D("1.84"), D("1.90")) < 0


@exactly
@given(st.lists(st.tuples(SIZES, ODDS), min_size=1, max_size=6))
def test_both_definitions_of_effective_odds_agree(parts: list[tuple[D, D]]) -> None:
    by_payout = odds_of_payouts((stake * odds, odds) for stake, odds in parts)
    by_stake = odds_of_stakes(parts)
    assert abs(by_payout - by_stake) < D("1e-25") * by_stake
    assert min(odds for _, odds in parts) - D("1e-25") <= by_stake <= max(odds for _, odds in parts) + D("1e-25")


def test_averaging_odds_by_payout_arithmetically_would_be_wrong() -> None:
    effective = odds_of_payouts([(D(100), D(2)), (D(100), D(3))])
    assert effective == D("2.4")


def test_a_stake_limit_covers_its_return() -> None:
    assert capacity(D(200), D("1.92")) == 384


def test_commission_on_a_win_shrinks_the_payout_to_cover() -> None:
    betfair = FeeSchedule("net_winnings", D("0.05"), D("0.05"))
    lay_odds, stake = D("2.10"), D(100)
    size, price = stake * lay_odds, 1 - 1 / lay_odds
    covered = payout_to_cover(size, price, betfair)
    assert abs(covered / D("2.20") - back_against_lay(stake, lay_odds, D("0.05"), D("2.20"))) < D("1e-20")


def test_a_fixed_fee_leaves_the_payout_as_it_is() -> None:
    assert payout_to_cover(D(100), D("0.5"), FeeSchedule("quadratic", D("0.0175"))) == 100

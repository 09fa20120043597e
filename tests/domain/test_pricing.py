"""Hedge-anchored prices: directed rounding, fees, clamps (pricing sheet 2 and invariant 7.2, 7.3)."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.fees import FeeSchedule
from overround.domain.grid import PriceGrid, betfair_ladder, cents, ranges, uniform
from overround.domain.pricing import (
    FREE,
    Quote,
    ask_price,
    bid_price,
    break_even_back,
    break_even_lay,
    buy_price,
    complement,
    fair_quote,
    family_is_safe,
    hedged_quote,
    in_band,
    locked_profit,
    locked_sale,
    logit,
    post_only_ask,
    post_only_bid,
    safer,
    within_logits,
)
from tests.domain.vectors import D, exactly, near

KALSHI = FeeSchedule("quadratic", D("0.0175"), D("0.07"), step=D("0.01"))
TAPERED = ranges(
    (D(start), D(end), D(step))
    for start, end, step in (("0", "0.1", "0.001"), ("0.1", "0.9", "0.01"), ("0.9", "1", "0.001"))
)
ODDS = st.decimals(D("1.02"), D(50), places=2)
EDGES = st.decimals(D("0"), D("0.05"), places=3)
SIZES = st.sampled_from([D(1), D(3), D(10), D("33.33"), D(250), D(10000)])
FEES = st.sampled_from(
    [
        FREE,
        KALSHI,
        FeeSchedule("quadratic", D("0.07"), D("0.07")),
        FeeSchedule("quadratic", D("0.25"), D("0.25"), exponent=D(2)),
        FeeSchedule("quadratic", D("0.05"), D("0.05"), exponent=D("0.5")),
        FeeSchedule("net_winnings", D("0.05"), D("0.05")),
        FeeSchedule("risk_or_win", D("0.01"), D("0.01")),
        FeeSchedule("premium", D("-0.002"), D("0.003")),
    ]
)
GRIDS = st.sampled_from([cents(), uniform(D("0.001")), TAPERED, betfair_ladder(), betfair_ladder("back_odds")])


def test_the_worked_example_of_the_sheet() -> None:
    quote = hedged_quote((D("1.90"), D("2.00")), 0, D("0.01"), FREE, cents())
    assert quote == Quote(D("0.49"), D("0.54"))


def test_the_engines_price_is_the_bid_against_one_outcome() -> None:
    assert buy_price(D("1.90"), D("0.01"), FREE, cents()) == D("0.46")
    assert buy_price(D("1.90"), D("0.01"), KALSHI, cents(), D(100)) == D("0.45")
    assert buy_price(D("1.90"), D("0.01"), FREE, uniform(D("0.001"))) == D("0.463")


def test_a_lay_is_priced_on_the_ladder_itself() -> None:
    grid = betfair_ladder()
    price = buy_price(D("2.20"), D(0), FREE, grid)
    assert price is not None
    assert grid.odds_of(price) == D("2.20")
    dearer = buy_price(D("2.20"), D("0.01"), FREE, grid)
    assert dearer is not None
    assert grid.odds_of(dearer) == D("2.14")


@pytest.mark.parametrize("odds", ["1.005", "1.01"])
def test_no_legal_price_is_none_not_the_cheapest(odds: str) -> None:
    assert buy_price(D(odds), D("0.01"), FREE, cents()) is None
    assert ask_price(D(odds), D("0.01"), FREE, cents()) is None


def keeps_edge(price: D, odds: D, edge: D, fee: FeeSchedule, size: D) -> bool:
    """The inequality of sheet 2.2 in exact rationals, written out independently of the code under test."""
    p, rate = Fraction(price), Fraction(max(D(0), fee.maker))
    if fee.kind == "quadratic" and fee.exponent == 1:
        due = rate * p * (1 - p) * Fraction(size)
    elif fee.kind == "net_winnings":
        due = rate * (1 - p) * Fraction(size)
    elif fee.kind == "risk_or_win":
        due = rate * min(p, 1 - p) * Fraction(size)
    elif fee.kind in ("free", "premium"):
        due = rate * p * Fraction(size)
    else:
        due = Fraction(fee.per_contract(price)) * Fraction(size)
    if fee.step:
        due = -(-due // Fraction(fee.step)) * Fraction(fee.step)
    slack = Fraction(1, 10**26)
    return p + due / Fraction(size) + 1 / Fraction(odds) <= 1 - Fraction(edge) + slack


@exactly
@given(ODDS, EDGES, FEES, GRIDS, SIZES)
def test_the_price_keeps_its_edge_and_the_next_dearer_one_does_not(
    odds: D, edge: D, fee: FeeSchedule, grid: PriceGrid, size: D
) -> None:
    price = buy_price(odds, edge, fee, grid, size)
    legal = [
        p for at in range(grid.count) if (p := grid.price_at(at)) is not None and keeps_edge(p, odds, edge, fee, size)
    ]
    assert price == (max(legal) if legal else None)


@exactly
@given(ODDS, EDGES, FEES, SIZES)
def test_an_ask_is_the_cheapest_sale_that_keeps_its_edge(odds: D, edge: D, fee: FeeSchedule, size: D) -> None:
    grid = cents()
    found = ask_price(odds, edge, fee, grid, size)
    legal = [
        p
        for at in range(grid.count)
        if (p := grid.price_at(at)) is not None and locked_sale(p, fee, odds, size) >= edge
    ]
    assert found == (min(legal) if legal else None)


@exactly
@given(st.lists(ODDS, min_size=2, max_size=5), EDGES, FEES)
def test_the_hedged_spread_is_at_least_margin_and_edges(odds: list[D], edge: D, fee: FeeSchedule) -> None:
    booksum = sum((1 / Fraction(price) for price in odds), Fraction(0))
    quotes = [hedged_quote(odds, at, edge, fee, uniform(D("0.001"))) for at in range(len(odds))]
    for quote in quotes:
        if quote.bid is not None and quote.ask is not None:
            assert Fraction(quote.ask) - Fraction(quote.bid) >= booksum - 1 + 2 * Fraction(edge)
    if booksum > 1:
        assert family_is_safe(quotes)


def test_a_family_that_sells_the_whole_set_below_one_is_unsafe() -> None:
    assert not family_is_safe([Quote(None, D("0.30")), Quote(None, D("0.30")), Quote(None, D("0.39"))])
    assert not family_is_safe([Quote(D("0.60"), None), Quote(D("0.41"), None)])
    assert family_is_safe([Quote(None, D("0.30")), Quote(None, None), Quote(None, D("0.39"))])
    assert not family_is_safe([Quote(D("0.50"), D("0.52")), Quote(D("0.48"), D("0.50"))], edge=D("0.03"))


def test_locked_profit_of_both_sides() -> None:
    assert near(locked_profit(D("0.45"), FREE, D("1.90")), "0.023684210526")
    assert near(locked_sale(D("0.55"), FREE, D("1.90")), "0.023684210526")
    assert near(locked_profit(D("0.45"), KALSHI, D("1.90"), D(1)), "0.013684210526")


@exactly
@given(ODDS, EDGES, FEES, SIZES)
def test_buying_the_complement_locks_what_selling_would(odds: D, edge: D, fee: FeeSchedule, size: D) -> None:
    price = buy_price(odds, edge, fee, cents(), size)
    if price is not None:
        assert locked_profit(price, fee, odds, size) >= edge
        if fee.kind in ("free", "quadratic", "risk_or_win"):
            assert abs(locked_profit(price, fee, odds, size) - locked_sale(1 - price, fee, odds, size)) < D("1e-30")


def test_commission_on_net_winnings_bounds_lay_and_back() -> None:
    assert break_even_lay(D("2.20"), D("0.05")) == D("2.14")
    assert near(break_even_back(D("2.00"), D("0.05")), "2.052631578947")


def test_the_commission_bound_never_lays_above_break_even() -> None:
    grid, fee = betfair_ladder(), FeeSchedule("net_winnings", D("0.05"), D("0.05"))
    for odds in ("1.50", "2.20", "3.40", "8"):
        price = buy_price(D(odds), D(0), fee, grid)
        assert price is not None
        assert grid.odds_of(price) <= break_even_lay(D(odds), D("0.05"))


def test_a_fair_anchored_quote_straddles_the_fair_value() -> None:
    assert fair_quote(D("0.512"), D("0.02"), FREE, cents()) == Quote(D("0.49"), D("0.54"))


def test_the_safer_of_two_quotes_is_the_wider() -> None:
    assert safer(Quote(D("0.49"), D("0.54")), Quote(D("0.50"), D("0.53"))) == Quote(D("0.49"), D("0.54"))
    assert safer(Quote(None, D("0.54")), Quote(D("0.50"), None)) == Quote(None, None)


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [
        ("0.49", None, "0.49"),
        ("0.49", "0.50", "0.49"),
        ("0.50", "0.50", "0.49"),
        ("0.55", "0.50", "0.49"),
        ("0.55", "0.505", "0.50"),
        ("0.02", "0.01", None),
    ],
)
def test_a_bid_never_touches_the_best_ask(bid: str, ask: str | None, expected: str | None) -> None:
    clamped = post_only_bid(D(bid), None if ask is None else D(ask), cents())
    assert clamped == (None if expected is None else D(expected))


@pytest.mark.parametrize(
    ("ask", "bid", "expected"),
    [
        ("0.51", None, "0.51"),
        ("0.51", "0.50", "0.51"),
        ("0.50", "0.50", "0.51"),
        ("0.45", "0.50", "0.51"),
        ("0.45", "0.505", "0.51"),
        ("0.98", "0.99", None),
    ],
)
def test_an_ask_never_touches_the_best_bid(ask: str, bid: str | None, expected: str | None) -> None:
    clamped = post_only_ask(D(ask), None if bid is None else D(bid), cents())
    assert clamped == (None if expected is None else D(expected))


def test_the_price_band_drops_what_lies_outside() -> None:
    low, high = D("0.03"), D("0.97")
    assert in_band(D("0.03"), low, high) == D("0.03")
    assert in_band(D("0.02"), low, high) is None
    assert in_band(None, low, high) is None


def test_the_no_side_is_never_rounded_again() -> None:
    assert complement(D("0.463")) == D("0.537")


def test_the_sanity_band_is_in_log_odds() -> None:
    assert near(logit(D("0.75")), "1.098612288668")
    assert within_logits(D("0.55"), D("0.50"), D("0.5"))
    assert not within_logits(D("0.70"), D("0.30"), D("0.5"))
    assert not within_logits(D("0.02"), D("0.05"), D("0.5"))


def test_a_bid_against_several_outcomes_dutches_them() -> None:
    assert bid_price((D("3.50"), D("4.40")), D(0), FREE, cents()) == D("0.48")


def test_pricing_is_fast_enough_for_every_odds_update() -> None:
    grid = uniform(D("0.0001"))
    buy_price(D("1.9"), D("0.01"), KALSHI, grid, D(100))
    fastest = min(_timed(grid) for _ in range(20))
    assert fastest < 0.001


def _timed(grid: PriceGrid) -> float:
    started = time.perf_counter()
    buy_price(D("1.9"), D("0.01"), KALSHI, grid, D(100))
    return time.perf_counter() - started

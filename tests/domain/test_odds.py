"""Odds notations: exact conversions, round trips, and what is refused (pricing sheet 0.2, 2.2)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.numbers import BadNumber
from overround.domain.odds import (
    InvalidOdds,
    american_fraction,
    american_probability,
    booksum,
    decimal_odds,
    from_american,
    from_fractional,
    from_hong_kong,
    from_indonesian,
    from_malay,
    from_probability,
    from_sx,
    implied,
    net_odds,
    net_odds_of_contract,
    probability,
    probability_to_american,
    sx_maker_price,
    sx_taker_price,
    to_american,
    to_fractional,
    to_hong_kong,
    to_indonesian,
    to_malay,
    to_sx,
    volume_commission,
)
from tests.domain.vectors import D, exactly, near

AMERICAN = st.integers(100, 20000).flatmap(lambda a: st.sampled_from([a, -a]))
ODDS = st.decimals(D("1.001"), D(1000), places=3)


@pytest.mark.parametrize("bad", ["1", "1.00", "0", "-110", "NaN", "Infinity", "-Infinity", "abc", ""])
def test_a_price_no_open_market_can_have_is_refused(bad: str) -> None:
    with pytest.raises(InvalidOdds) as refused:
        decimal_odds(bad)
    assert refused.value.code == "INVALID_ODDS"


def test_a_float_is_never_taken_for_odds() -> None:
    with pytest.raises(InvalidOdds):
        decimal_odds(1.9)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["0", "1", "-0.2", "1.01"])
def test_a_probability_price_at_or_beyond_the_ends_is_refused(bad: str) -> None:
    with pytest.raises(BadNumber):
        probability(bad)


@pytest.mark.parametrize(
    ("american", "exact"),
    [
        (-110, Fraction(21, 11)),
        (100, Fraction(2)),
        (-100, Fraction(2)),
        (150, Fraction(5, 2)),
        (-10000, Fraction(101, 100)),
    ],
)
def test_american_odds_are_exact_fractions(american: int, exact: Fraction) -> None:
    assert american_fraction(american) == exact


@pytest.mark.parametrize("bad", [0, 99, -99, 1, True])
def test_nothing_exists_between_minus_100_and_plus_100(bad: int) -> None:
    with pytest.raises(InvalidOdds):
        american_fraction(bad)


@exactly
@given(AMERICAN)
def test_american_odds_survive_a_round_trip(american: int) -> None:
    expected = 100 if american == -100 else american
    assert to_american(american_fraction(american)) == expected
    assert to_american(from_american(american)) == expected


def test_every_american_integer_survives_at_the_seam_of_even_money() -> None:
    for american in [*range(-260, -100), *range(100, 260)]:
        assert to_american(from_american(american)) == american
    assert to_american(from_american(-100)) == 100


@exactly
@given(AMERICAN, AMERICAN)
def test_american_odds_are_ordered_by_what_they_pay_not_by_their_integer(a: int, b: int) -> None:
    ranks = [*range(-20000, -100), *range(100, 20001)]
    rank = {value: at for at, value in enumerate(ranks)} | {-100: ranks.index(100)}
    assert (american_fraction(a) < american_fraction(b)) == (rank[a] < rank[b])


@exactly
@given(ODDS)
def test_directed_american_rounding_never_overshoots(odds: D) -> None:
    up, down = american_fraction(to_american(odds, "up")), american_fraction(to_american(odds, "down"))
    assert down <= Fraction(odds) <= up


def test_just_short_of_even_money_rounds_to_it_or_below() -> None:
    assert to_american(D("1.999")) == 100
    assert to_american(D("1.999"), "down") == -101
    assert to_american(D("2.001"), "up") == 101


def test_american_odds_of_impossible_decimals_are_refused() -> None:
    with pytest.raises(InvalidOdds):
        to_american(D(1))


def test_american_probabilities() -> None:
    assert near(american_probability(-110), "0.523809523810")
    assert american_probability(300) == D("0.25")
    assert probability_to_american(D("0.25")) == 300
    assert probability_to_american(D("0.60")) == -150
    assert probability_to_american(D("0.5")) == 100


def test_fractional_odds() -> None:
    assert from_fractional(5, 2) == D("3.5")
    assert to_fractional(D("3.5")) == (5, 2)
    with pytest.raises(InvalidOdds):
        from_fractional(0, 5)


@exactly
@given(ODDS)
def test_asian_notations_survive_a_round_trip(odds: D) -> None:
    assert from_hong_kong(to_hong_kong(odds)) == odds
    assert abs(from_malay(to_malay(odds)) - odds) < D("1e-30") * odds * odds
    assert abs(from_indonesian(to_indonesian(odds)) - odds) < D("1e-30") * odds * odds


@pytest.mark.parametrize(
    ("convert", "price", "odds"),
    [
        (from_malay, "0.9", "1.9"),
        (from_malay, "-0.8", "2.25"),
        (from_indonesian, "1.25", "2.25"),
        (from_indonesian, "-1.25", "1.8"),
        (from_hong_kong, "0.9", "1.9"),
    ],
)
def test_asian_notations(convert: object, price: str, odds: str) -> None:
    assert callable(convert)
    assert convert(D(price)) == D(odds)


@pytest.mark.parametrize(
    ("convert", "price"),
    [(from_malay, "0"), (from_malay, "1.2"), (from_indonesian, "0.5"), (from_hong_kong, "0"), (from_hong_kong, "-0.5")],
)
def test_asian_prices_outside_their_range_are_refused(convert: object, price: str) -> None:
    assert callable(convert)
    with pytest.raises(InvalidOdds):
        convert(D(price))


def test_sx_percentage_odds_are_the_makers_own_price_exactly() -> None:
    assert sx_maker_price(52250000000000000000) == D("0.5225")
    assert sx_taker_price(52250000000000000000) == D("0.4775")
    assert to_sx(D("0.5225")) == 52250000000000000000
    assert from_sx(50000000000000000000) == 2


@exactly
@given(ODDS)
def test_decimal_odds_and_probability_invert_each_other(odds: D) -> None:
    assert abs(from_probability(implied(odds)) - odds) <= odds * D("1e-33")


def test_the_booksum_is_exact_where_decimals_are_not() -> None:
    assert booksum((D(3), D(3), D(3))) == 1
    assert booksum((D("1.01"), D(101))) == 1


def test_net_odds_after_what_the_hedge_venue_takes() -> None:
    assert net_odds(D("1.92")) == D("1.92")
    assert net_odds(D("1.92"), D("0.02")) == D("1.9016")
    assert near(net_odds(D(2), stake_tax=D("0.05")), "1.904761904762")
    assert net_odds(D(2), return_tax=D("0.05")) == D("1.9")
    assert near(1 / net_odds_of_contract(D("0.53"), D("0.05")), "0.542455")


@pytest.mark.parametrize("rate", ["-0.01", "1", "1.5"])
def test_a_rate_that_is_no_fraction_is_refused(rate: str) -> None:
    with pytest.raises(BadNumber):
        net_odds(D(2), D(rate))


def test_commission_charged_win_or_lose_costs_the_smaller_of_risk_and_win() -> None:
    assert near(volume_commission(D("1.95"), D("0.01")), "0.004871794872")
    assert volume_commission(D(4), D("0.01")) == D("0.0025")

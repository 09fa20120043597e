"""Margin removal against the golden vectors and its laws (pricing sheet 1 and 7.1)."""

import time
from decimal import localcontext
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from overround.domain.devig import (
    RESIDUE,
    Fair,
    Method,
    Steady,
    Undefined,
    chain,
    devig,
    fair_values,
    places,
    steady_values,
)
from overround.domain.odds import booksum
from tests.domain.vectors import D, cases, exactly, label

PARAMETER = {"power": "k", "shin": "z", "odds_ratio": "c", "goto_conversion": "step"}
EIGHTEEN_DIGITS = D("1e-18")
PRICES = st.decimals(D("1.02"), D(60), places=2)
BOOKS = st.lists(PRICES, min_size=2, max_size=6).map(tuple)


def prices(case: Any) -> tuple[D, ...]:
    return tuple(D(price) for price in case["odds"])


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("case", cases("devig"), ids=label)
def test_every_method_reproduces_the_vectors_to_18_digits(case: Any, method: Method) -> None:
    expected = case["results"][method.value]
    if not expected["valid"]:
        with pytest.raises(Undefined):
            devig(prices(case), method)
        return
    fair = devig(prices(case), method)
    for ours, theirs in zip(fair.probabilities, expected["probabilities"], strict=True):
        assert abs(ours - D(theirs)) <= EIGHTEEN_DIGITS
    if method.value in PARAMETER:
        assert fair.parameter is not None
        assert abs(fair.parameter - D(expected[PARAMETER[method.value]])) <= EIGHTEEN_DIGITS


@pytest.mark.parametrize("case", cases("devig"), ids=label)
def test_booksum_margin_and_hold_are_named_and_right(case: Any) -> None:
    fair = devig(prices(case), Method.MULTIPLICATIVE)
    assert abs(fair.booksum - D(case["booksum"])) <= EIGHTEEN_DIGITS
    assert abs(fair.margin - D(case["margin"])) <= EIGHTEEN_DIGITS
    assert abs(fair.hold - (1 - 1 / D(case["booksum"]))) <= EIGHTEEN_DIGITS


def attempt(odds: tuple[D, ...], method: Method) -> Fair:
    try:
        return devig(odds, method)
    except Undefined:
        assume(False)
        raise


@exactly
@given(BOOKS, st.sampled_from(Method))
def test_probabilities_sum_to_one_inside_the_unit_interval_in_order(odds: tuple[D, ...], method: Method) -> None:
    fair = attempt(odds, method)
    assert abs(sum(fair.probabilities, D(0)) - 1) <= RESIDUE
    assert all(0 < p < 1 for p in fair.probabilities)
    ranked = sorted(zip(odds, fair.probabilities, strict=True))
    for (short, likely), (long, unlikely) in pairwise(ranked):
        assert likely > unlikely if short < long else abs(likely - unlikely) < RESIDUE


@exactly
@given(BOOKS, st.sampled_from(Method), st.randoms(use_true_random=False))
def test_the_order_of_outcomes_does_not_matter(odds: tuple[D, ...], method: Method, random: Any) -> None:
    fair = attempt(odds, method)
    order = list(range(len(odds)))
    random.shuffle(order)
    shuffled = devig(tuple(odds[at] for at in order), method)
    for at, p in zip(order, shuffled.probabilities, strict=True):
        assert abs(p - fair.probabilities[at]) < RESIDUE


@exactly
@given(st.integers(2, 12), st.sampled_from(Method), PRICES)
def test_a_symmetric_book_is_uniform_under_every_method(n: int, method: Method, price: D) -> None:
    assume(price > n * D("0.5"))
    for p in attempt((price,) * n, method).probabilities:
        assert abs(p * n - 1) < RESIDUE


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("odds", [("2", "2"), ("1.25", "5"), ("3", "3", "3"), ("1.01", "101"), ("2", "4", "4")])
def test_a_fair_book_is_left_as_it_is(odds: tuple[str, ...], method: Method) -> None:
    fair = devig(tuple(map(D, odds)), method)
    for price, p in zip(odds, fair.probabilities, strict=True):
        assert abs(p * D(price) - 1) < D("1e-30")


@exactly
@given(PRICES, PRICES)
def test_two_way_shin_is_additive_with_the_closed_form_of_z(a: D, b: D) -> None:
    assume(booksum((a, b)) > 1)
    shin, additive = attempt((a, b), Method.SHIN), attempt((a, b), Method.ADDITIVE)
    for one, other in zip(shin.probabilities, additive.probabilities, strict=True):
        assert abs(one - other) < D("1e-20")
    with localcontext() as context:
        context.prec = 50
        total, delta = 1 / a + 1 / b, 1 / a - 1 / b
        z = (total - 1) * (delta * delta - total) / (total * (delta * delta - 1))
    assert shin.parameter is not None
    assert abs(shin.parameter - z) < D("1e-20")


@exactly
@given(PRICES, PRICES)
def test_two_way_odds_ratio_has_its_closed_form(a: D, b: D) -> None:
    assume(booksum((a, b)) != 1)
    with localcontext() as context:
        context.prec = 50
        c = (1 / ((a - 1) * (b - 1))).sqrt()
    found = devig((a, b), Method.ODDS_RATIO).parameter
    assert found is not None
    assert abs(found - c) < D("1e-24") * max(D(1), c)


@exactly
@given(BOOKS)
def test_odds_ratio_is_one_constant_shift_of_the_log_odds(odds: tuple[D, ...]) -> None:
    fair = attempt(odds, Method.ODDS_RATIO)
    assert fair.parameter is not None
    for price, p in zip(odds, fair.probabilities, strict=True):
        shift = (price - 1).ln() + (p / (1 - p)).ln()
        assert abs(shift + fair.parameter.ln()) < D("1e-20")


@exactly
@given(BOOKS)
def test_additive_is_differential_margin_weighting(odds: tuple[D, ...]) -> None:
    fair = attempt(odds, Method.ADDITIVE)
    n = len(odds)
    for price, p in zip(odds, fair.probabilities, strict=True):
        assert abs(1 / p - n * price / (n - fair.margin * price)) < D("1e-18") / p


def test_the_strength_of_the_longshot_correction_is_as_tabled() -> None:
    odds = (D("1.01"), D(21), D(101))
    favourite = {
        method: devig(odds, method).probabilities[0] for method in ("multiplicative", "shin", "odds_ratio", "power")
    }
    assert list(favourite) == sorted(favourite, key=lambda method: favourite[method])
    for method in (Method.ADDITIVE, Method.GOTO_CONVERSION):
        with pytest.raises(Undefined):
            devig(odds, method)


def test_fallback_is_recorded_beside_the_value() -> None:
    fair = fair_values((D("1.01"), D(21), D(101)), "additive")
    assert (fair.requested, fair.method) == (Method.ADDITIVE, Method.POWER)
    assert fair_values((D("1.9"), D("1.9"))).method is Method.POWER
    assert fair_values((D("2.02"), D("2.02")), Method.SHIN).method is Method.POWER


def test_the_chain_ends_with_multiplicative_and_never_repeats() -> None:
    assert chain(Method.SHIN) == (Method.SHIN, Method.POWER, Method.MULTIPLICATIVE)
    assert chain(Method.POWER) == (Method.POWER, Method.MULTIPLICATIVE)


@pytest.mark.parametrize(
    ("odds", "winners"),
    [
        (("1.00", "15"), 1),
        (("0", "2"), 1),
        (("-110", "-110"), 1),
        (("NaN", "2"), 1),
        (("Infinity", "2"), 1),
        (("2.00",), 1),
        ((), 1),
        (("2", "2"), 2),
        (("2", "2"), 0),
    ],
)
def test_a_placeholder_price_ends_in_undefined_not_in_a_crash(odds: tuple[str, ...], winners: int) -> None:
    with pytest.raises(Undefined):
        fair_values(tuple(map(D, odds)), winners=winners)


@exactly
@given(st.lists(st.decimals(D("1.0001"), D(5000), places=4), min_size=2, max_size=8).map(tuple))
def test_power_and_odds_ratio_converge_on_any_book(odds: tuple[D, ...]) -> None:
    for method in (Method.POWER, Method.ODDS_RATIO):
        assert abs(sum(devig(odds, method).probabilities, D(0)) - 1) <= RESIDUE
    if booksum(odds) >= 1:
        assert abs(sum(devig(odds, Method.SHIN).probabilities, D(0)) - 1) <= RESIDUE


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="normalise"):
        fair_values((D("1.9"), D("1.9")), "normalise")


def test_place_markets_scale_to_the_number_of_winners() -> None:
    odds = (D("1.40"), D("1.50"), D("2.50"), D("4.00"), D("5.00"), D("6.00"))
    fair = fair_values(odds, Method.SHIN, winners=3)
    assert (fair.method, fair.requested) == (Method.MULTIPLICATIVE, Method.SHIN)
    assert abs(sum(fair.probabilities, D(0)) - 3) < RESIDUE
    assert abs(fair.probabilities[0] / fair.probabilities[3] - D(4) / D("1.4")) < RESIDUE
    assert abs(fair.margin - (fair.booksum / 3 - 1)) < RESIDUE


def test_a_place_probability_above_one_is_refused() -> None:
    with pytest.raises(Undefined):
        places((D("1.02"), D(40), D(40)), 2)


def test_a_method_flip_is_held_back_until_it_lasts() -> None:
    calm, wild = (D("1.90"), D("2.20"), D(30)), (D("1.01"), D(21), D(101))
    memory = Steady()
    used = []
    for odds in (calm, wild, calm, calm, calm, wild, calm, calm, calm, calm):
        fair, memory = steady_values(odds, Method.GOTO_CONVERSION, memory, patience=4)
        used.append(fair.method)
        assert fair.requested is Method.GOTO_CONVERSION
    goto, power = Method.GOTO_CONVERSION, Method.POWER
    assert used == [goto, power, power, power, power, power, power, power, power, goto]


def test_a_three_way_power_solve_stays_under_two_milliseconds() -> None:
    odds = (D("2.60"), D("2.40"), D("4.30"))
    fastest = min(_timed(odds) for _ in range(20))
    assert fastest < 0.002


def _timed(odds: tuple[D, ...]) -> float:
    started = time.perf_counter()
    devig.__wrapped__(odds, Method.POWER)
    return time.perf_counter() - started

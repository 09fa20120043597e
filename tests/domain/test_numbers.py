"""Exact numbers: what is refused, and roundings that never cross their direction (pricing sheet 0.1)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.numbers import BadNumber, divide, exact, round_down, round_half_up, round_up
from tests.domain.vectors import D, exactly

VALUES = st.decimals(D(-10000), D(10000), places=31)
STEPS = st.sampled_from([D("0.01"), D("0.0001"), D("0.02"), D("0.25"), D("0.5"), D(1), D(5), D(10)])


@pytest.mark.parametrize("bad", ["NaN", "sNaN", "Infinity", "-Infinity", "", "one", "1,5", "0x10"])
def test_what_is_no_finite_number_is_refused(bad: str) -> None:
    with pytest.raises(BadNumber):
        exact(bad)


@pytest.mark.parametrize("bad", [0.1, True, None, [1]])
def test_a_float_or_another_type_is_a_bug_not_a_number(bad: object) -> None:
    with pytest.raises(BadNumber):
        exact(bad)  # type: ignore[arg-type]


def test_strings_integers_and_decimals_are_taken_as_written() -> None:
    assert str(exact("1.90")) == "1.90"
    assert exact(3) == 3
    assert exact(D("0.1")) == D("0.1")


@exactly
@given(VALUES, STEPS)
def test_rounding_down_and_up_enclose_the_value_by_less_than_a_step(value: Decimal, step: Decimal) -> None:
    down, up = round_down(value, step), round_up(value, step)
    assert Fraction(down) <= Fraction(value) <= Fraction(up)
    assert Fraction(up) - Fraction(down) in (0, Fraction(step))
    assert (Fraction(down) / Fraction(step)).denominator == 1


@exactly
@given(VALUES, STEPS)
def test_the_nearest_multiple_is_within_half_a_step(value: Decimal, step: Decimal) -> None:
    assert abs(Fraction(round_half_up(value, step)) - Fraction(value)) <= Fraction(step) / 2


def test_a_value_of_many_digits_is_not_rounded_twice() -> None:
    just_below = D("0.9999999999999999999999999999999999")
    assert round_down(just_below, D("0.01")) == D("0.99")
    assert round_up(D("1.0000000000000000000000000000000001"), D("0.01")) == D("1.01")
    assert round_half_up(D("0.0049999999999999999999999999999999"), D("0.01")) == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.005", "0.01"), ("-0.005", "-0.01"), ("0.0049", "0"), ("-0.0049", "0"), ("2.675", "2.68")],
)
def test_ties_move_away_from_zero(value: str, expected: str) -> None:
    assert round_half_up(D(value), D("0.01")) == D(expected)


@pytest.mark.parametrize(
    ("value", "down", "up"), [("-0.015", "-0.02", "-0.01"), ("0.015", "0.01", "0.02"), ("0.02", "0.02", "0.02")]
)
def test_negative_amounts_round_by_value_not_by_size(value: str, down: str, up: str) -> None:
    assert round_down(D(value), D("0.01")) == D(down)
    assert round_up(D(value), D("0.01")) == D(up)


def test_division_carries_34_digits() -> None:
    assert str(divide(D(1), D(3))) == "0." + "3" * 34

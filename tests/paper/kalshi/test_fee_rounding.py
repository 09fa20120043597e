"""Fees, rounding and the accumulator, from the formula upwards (kalshi sheet, section 13)."""

from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.kalshi.fees import MAKER, TAKER, charge, coefficient, trade_fee
from tests.paper.kalshi.desk import D, Desk

CENT, CENTICENT = D("0.01"), D("0.0001")
prices = st.integers(1, 9999).map(lambda n: D(n) / 10000)
sizes = st.integers(1, 1_000_000).map(lambda n: D(n) / 100)
factors = st.sampled_from([TAKER, *MAKER.values()])
precisions = st.sampled_from([CENT, CENTICENT])


@settings(max_examples=40, deadline=None)
@given(factors, sizes, prices)
def test_trade_fee_is_the_exact_product_rounded_up_to_a_millionth(factor: D, size: D, price: D) -> None:
    exact = Fraction(factor) * Fraction(size) * Fraction(price) * (1 - Fraction(price))
    fee = trade_fee(factor, size, price)
    assert 0 <= Fraction(fee) - exact < Fraction(1, 1_000_000)
    assert fee == fee.quantize(D("0.000001"), ROUND_CEILING)


@settings(max_examples=40, deadline=None)
@given(factors, sizes, prices)
def test_yes_and_no_pay_the_same_fee(factor: D, size: D, price: D) -> None:
    assert trade_fee(factor, size, price) == trade_fee(factor, size, 1 - price)


fills = st.lists(st.tuples(sizes, prices, st.booleans()), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None)
@given(fills, precisions, st.booleans())
def test_over_an_order_the_member_pays_the_fees_and_less_than_two_units_more(
    done: list[tuple[D, D, bool]], precision: D, buying: bool
) -> None:
    accumulator = trade_fees = net = D(0)
    for size, price, taker in done:
        fee = trade_fee(TAKER if taker else MAKER["quadratic_with_maker_fees"], size, price)
        revenue = -price * size if buying else price * size
        result = charge(revenue, fee, accumulator, precision)
        assert result.net >= 0
        assert result.balance_change % precision == 0
        assert revenue - result.net == result.balance_change + result.rebate
        assert 0 <= result.rounding < precision
        accumulator, trade_fees, net = result.accumulator, trade_fees + fee, net + result.net
    assert net == trade_fees + accumulator, "what was rounded away and not given back is in the accumulator"


@settings(max_examples=40, deadline=None)
@given(sizes, prices, precisions)
def test_rebate_comes_only_once_more_than_a_unit_is_collected(size: D, price: D, precision: D) -> None:
    fee = trade_fee(TAKER, size, price)
    first = charge(-price * size, fee, D(0), precision)
    assert first.rebate == 0
    full = charge(-price * size, fee, precision, precision)
    assert full.rebate == (precision if full.rounding and fee + full.rounding >= precision else 0)


@pytest.mark.parametrize(
    ("fee_type", "multiplier", "taker", "expected"),
    [
        ("quadratic", "1", True, "0.07"),
        ("quadratic", "1", False, "0"),
        ("quadratic_with_maker_fees", "1", False, "0.0175"),
        ("quadratic_with_combo_maker_fees", "1", False, "0.035"),
        ("quadratic_with_maker_fees", "0.5", True, "0.035"),
        ("quadratic_with_maker_fees", "2", False, "0.035"),
    ],
)
def test_multiplier_scales_both_sides(fee_type: str, multiplier: str, taker: bool, expected: str) -> None:
    assert coefficient(fee_type, D(multiplier), taker) == D(expected)


async def test_worked_example_of_the_sheet_is_what_both_sides_are_billed(desk: Desk) -> None:
    """100 at 0.50: the taker pays 1.75, the maker of a charged series 0.4375, billed 0.44."""
    maker = (await desk.ann.placed("bid", "0.50", "100"))["order_id"]
    taker = (await desk.bob.placed("ask", "0.50", "100"))["order_id"]
    billed = {}
    for member, order in ((desk.ann, maker), (desk.bob, taker)):
        (fill,) = (await member.read("/portfolio/fills", order_id=order))["fills"]
        billed[member.name] = (fill["fee_cost"], fill["is_taker"], str(await member.cash()))
    assert billed == {"ann": ("0.4400", False, "949.5600"), "bob": ("1.7500", True, "948.2500")}


async def test_many_odd_fills_of_one_order_cost_little_more_than_one_fill(desk: Desk) -> None:
    """The accumulator hands back what per-fill rounding took."""
    order = (await desk.ann.placed("bid", "0.37", "30"))["order_id"]
    for _ in range(30):
        desk.rest("no", "0.63", "1")
    shown = (await desk.ann.read(f"/portfolio/orders/{order}"))["order"]
    exact = trade_fee(coefficient("quadratic_with_maker_fees", D(1), False), D(30), D("0.37"))
    assert exact <= Decimal(shown["maker_fees_dollars"]) < exact + 2 * CENT
    assert (await desk.ann.cash()) % CENT == 0
    assert shown["taker_fees_dollars"] == "0.0000"


async def test_average_fee_and_price_of_an_order_that_swept_several_levels(desk: Desk) -> None:
    desk.rest("no", "0.60", "10")
    desk.rest("no", "0.55", "10")
    placed = await desk.ann.placed("bid", "0.45", "20")
    assert D(placed["average_fill_price"]) == D("0.4250")
    fees = [D(f["fee_cost"]) for f in (await desk.ann.read("/portfolio/fills"))["fills"]]
    assert D(placed["average_fee_paid"]) * 20 == sum(fees)

"""The paper venue's fees and grids, and our mirrored view of them, against the vectors."""

from decimal import Decimal
from typing import Any

import pytest

from overround.domain.fees import FeeSchedule
from overround.exchanges.kalshi import messages as wire
from overround.paper.kalshi.fees import charge, coefficient, trade_fee
from overround.paper.kalshi.grids import STRUCTURES, on_grid
from overround.venues import Unreadable
from tests.exchanges.kalshi.desk import VECTORS

D = Decimal


@pytest.mark.parametrize("case", VECTORS["fees"]["cases"], ids=lambda case: str(case["name"]))
def test_fee_vector(case: dict[str, Any]) -> None:
    accumulator, total = D(0), D(0)
    for fill in case["fills"]:
        size, price = D(fill["count"]), D(fill["price"])
        fee = D(fill["trade_fee"])
        if case["coefficient"] is not None:
            assert trade_fee(D(case["coefficient"]), size, price, D(case["trade_fee_step"])) == fee
        result = charge(-size * price, fee, accumulator, D(case["balance_precision"]))
        assert result.rounding == D(fill["rounding_fee"])
        assert accumulator + result.rounding == D(fill["accumulator_before_rebate"])
        assert result.rebate == D(fill["rebate"])
        assert result.net == D(fill["net_fee"])
        assert result.balance_change == D(fill["balance_change_before_rebate"])
        accumulator = result.accumulator
        assert accumulator == D(fill["accumulator_after_rebate"])
        total += result.net
    assert total == D(case["total_net_fee"])


def test_rebate_larger_than_the_fee_is_kept_for_later() -> None:
    result = charge(D("-0.50"), D(0), D("0.0105"), D("0.01"))
    assert (result.net, result.rebate, result.accumulator) == (D(0), D(0), D("0.0105"))


@pytest.mark.parametrize(
    ("fee_type", "taker", "maker"),
    [
        ("quadratic", "0.07", "0"),
        ("quadratic_with_maker_fees", "0.07", "0.0175"),
        ("quadratic_with_combo_maker_fees", "0.07", "0.035"),
    ],
)
def test_both_sides_know_the_same_coefficients(fee_type: str, taker: str, maker: str) -> None:
    series = {"fee_type": fee_type, "fee_multiplier": D("0.5")}
    assert wire.fee_schedule({}, series) == FeeSchedule("quadratic", maker=D(maker) / 2, taker=D(taker) / 2)
    assert coefficient(fee_type, D("0.5"), True) == D(taker) / 2
    assert coefficient(fee_type, D("0.5"), False) == D(maker) / 2


def test_event_overrides_its_series() -> None:
    event = {"fee_type_override": "quadratic", "fee_multiplier_override": D(2)}
    series = {"fee_type": "quadratic_with_maker_fees", "fee_multiplier": D(1)}
    assert wire.fee_schedule(event, series) == FeeSchedule("quadratic", maker=D(0), taker=D("0.14"))


@pytest.mark.parametrize("fee_type", ["flat", "cubic"])
def test_unknown_fee_type_is_refused(fee_type: str) -> None:
    with pytest.raises(Unreadable, match="fee type"):
        wire.fee_schedule({}, {"fee_type": fee_type, "fee_multiplier": D(1)})


def test_missing_multiplier_is_refused() -> None:
    with pytest.raises(Unreadable, match="fee_multiplier"):
        wire.fee_schedule({}, {"fee_type": "quadratic"})


@pytest.mark.parametrize("case", VECTORS["price_grids"], ids=lambda case: str(case["name"]))
def test_price_grid_vector(case: dict[str, Any]) -> None:
    assert STRUCTURES[case["name"]] == case["price_ranges"]
    grid = wire.mirrored_grid({"price_ranges": case["price_ranges"]})
    for price in case["valid"]:
        assert on_grid(D(price), case["price_ranges"])
        assert wire.on_grid(1 - D(price), grid)
    for price in case["invalid"]:
        assert not on_grid(D(price), case["price_ranges"])
        assert not wire.on_grid(1 - D(price), grid)


@pytest.mark.parametrize(
    "ranges", [[], None, [{"start": "0", "end": "1", "step": "0.03"}], [{"start": "0", "end": "1", "step": "0"}]]
)
def test_grid_that_makes_no_sense_is_refused(ranges: Any) -> None:
    with pytest.raises(Unreadable, match="price_ranges"):
        wire.mirrored_grid({"price_ranges": ranges})

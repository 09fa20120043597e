"""Which prices may be ordered on each named grid (kalshi sheet, section 4)."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.kalshi.grids import STRUCTURES, on_grid
from tests.paper.kalshi.desk import ORDERS, D, Desk

prices = st.integers(0, 10_000).map(lambda n: D(n) / 10_000)


def steps(price: D, structure: str) -> D:
    """The step in force at a price, written from the sheet's table."""
    if structure == "deci_cent" or (structure == "tapered_deci_cent" and (price < D("0.1") or price > D("0.9"))):
        return D("0.001")
    return D("0.01")


@settings(max_examples=50, deadline=None)
@given(prices, st.sampled_from(sorted(STRUCTURES)))
def test_price_is_orderable_when_it_is_inside_and_on_its_step(price: D, structure: str) -> None:
    expected = 0 < price < 1 and price % steps(price, structure) == 0
    assert on_grid(price, STRUCTURES[structure]) is expected


@settings(max_examples=50, deadline=None)
@given(prices, st.sampled_from(sorted(STRUCTURES)))
def test_grids_are_the_same_seen_from_the_other_side(price: D, structure: str) -> None:
    ranges = STRUCTURES[structure]
    assert on_grid(price, ranges) is on_grid(1 - price, ranges)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_ranges_cover_everything_without_a_gap(structure: str) -> None:
    ranges = STRUCTURES[structure]
    assert (D(ranges[0]["start"]), D(ranges[-1]["end"])) == (D(0), D(1))
    assert all(before["end"] == after["start"] for before, after in pairwise(ranges))


@pytest.mark.parametrize(
    ("structure", "price", "status"),
    [("linear_cent", "0.055", 400), ("deci_cent", "0.055", 201), ("tapered_deci_cent", "0.055", 201),
     ("tapered_deci_cent", "0.505", 400), ("deci_cent", "0.5055", 400)],
)  # fmt: skip
async def test_changed_grid_binds_the_next_order_and_leaves_resting_ones(
    desk: Desk, structure: str, price: str, status: int
) -> None:
    kept = (await desk.ann.placed("bid", "0.04", "5"))["order_id"]
    desk.venue.regrid(desk.ticker(), structure)
    assert (await desk.ann.order("bid", price, "5")).status_code == status
    assert desk.engine.orders[kept].status == "open"
    market = (await desk.ann.read(f"/markets/{desk.ticker()}"))["market"]
    assert (market["price_level_structure"], market["price_ranges"]) == (structure, STRUCTURES[structure])


async def test_order_left_off_a_coarser_grid_may_be_renewed_only_on_it(desk: Desk) -> None:
    desk.venue.regrid(desk.ticker(), "deci_cent")
    order = (await desk.ann.placed("bid", "0.405", "5"))["order_id"]
    desk.venue.regrid(desk.ticker(), "linear_cent")
    body = {"ticker": desk.ticker(), "side": "bid", "count": "5"}
    assert (await desk.ann.call("POST", f"{ORDERS}/{order}/amend", {**body, "price": "0.405"})).status_code == 400
    assert (await desk.ann.call("POST", f"{ORDERS}/{order}/amend", {**body, "price": "0.40"})).status_code == 200

"""Price grids: legal prices, directed rounding and exact ladder odds (pricing sheet 2.5, 2.6 and invariant 7.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.grid import (
    Band,
    PriceGrid,
    american_ladder,
    betfair_finest,
    betfair_ladder,
    cents,
    listed,
    mirrored,
    ranges,
    uniform,
)
from overround.domain.numbers import BadNumber
from tests.domain.vectors import D, exactly, load

LADDERS = load("price_ladders")
TAPERED = ranges(
    (D(start), D(end), D(step))
    for start, end, step in (("0", "0.1", "0.001"), ("0.1", "0.9", "0.01"), ("0.9", "1", "0.001"))
)
NOVIG = ranges(
    (D(start), D(end), D(step))
    for start, end, step in (("0.001", "0.05", "0.001"), ("0.05", "0.95", "0.005"), ("0.95", "0.999", "0.001"))
)
SMARKETS = listed(D(price) / 10000 for price in LADDERS["smarkets_percent"]["sdk_9_4_4"]["prices"])
AMERICAN = american_ladder([*range(-10000, -100, 100), -101, 100, *range(105, 205, 5), 250, 500, 10000])
GRIDS = {
    "cents": cents(),
    "deci_cent": uniform(D("0.001")),
    "finest_token": uniform(D("0.0001")),
    "tapered": TAPERED,
    "novig": NOVIG,
    "smarkets": SMARKETS,
    "american": AMERICAN,
    "lay": betfair_ladder(),
    "back": betfair_ladder("back_odds"),
    "lay_finest": betfair_finest(),
    "back_finest": betfair_finest("back_odds"),
}
NAMES = st.sampled_from(sorted(GRIDS))
LIMITS = st.decimals(D("-0.05"), D("1.05"), places=7)


def test_the_betfair_ladder_is_the_published_350_odds_both_ways() -> None:
    expected = [D(price) for price in LADDERS["betfair_classic"]["prices"]]
    lay, back = betfair_ladder("lay_odds"), betfair_ladder("back_odds")
    assert lay.count == back.count == LADDERS["betfair_classic"]["count"]
    assert [lay.odds_of(price) for price in every(lay)] == expected
    assert [back.odds_of(price) for price in every(back)] == expected[::-1]


def test_matchbook_uses_the_same_ladder() -> None:
    lay = betfair_ladder()
    assert [lay.odds_of(price) for price in every(lay)] == [D(p) for p in LADDERS["matchbook_decimal"]["prices"]]


def test_the_finest_betfair_ladder_has_every_hundredth() -> None:
    grid, facts = betfair_finest(), LADDERS["betfair_finest"]
    assert grid.count == facts["count"]
    first, last = grid.price_at(0), grid.price_at(grid.count - 1)
    assert first is not None
    assert last is not None
    assert (grid.odds_of(first), grid.odds_of(last)) == (D(facts["min"]), D(facts["max"]))


def test_the_smarkets_table_is_kept_as_it_is() -> None:
    table = LADDERS["smarkets_percent"]["sdk_9_4_4"]
    assert SMARKETS.count == table["count"]
    assert [int(price * 10000) for price in every(SMARKETS)] == table["prices"]


def every(grid: PriceGrid) -> list[D]:
    return [price for at in range(grid.count) if (price := grid.price_at(at)) is not None]


@pytest.mark.parametrize(
    ("grid", "valid", "invalid"),
    [
        (cents(), ["0.01", "0.5000", "0.99"], ["0.005", "0.555", "0.0000", "1.0000"]),
        (
            TAPERED,
            ["0.001", "0.099", "0.10", "0.55", "0.90", "0.901", "0.999"],
            ["0.0005", "0.101", "0.555", "0.9015", "0", "1"],
        ),
        (uniform(D("0.001")), ["0.001", "0.555"], ["0.0005", "0.55555", "0", "1", "-0.001", "1.001"]),
    ],
    ids=["linear_cent", "tapered_deci_cent", "deci_cent"],
)
def test_kalshi_grids_take_what_the_venue_takes(grid: PriceGrid, valid: list[str], invalid: list[str]) -> None:
    assert all(grid.contains(D(price)) for price in valid)
    assert not any(grid.contains(D(price)) for price in invalid)


def test_counts_of_known_grids() -> None:
    assert cents().count == 99
    assert NOVIG.count == 279
    assert TAPERED.count == 99 + 80 + 1 + 99 - 0


def test_a_shared_end_point_is_one_price() -> None:
    assert TAPERED.step_up(D("0.099")) == D("0.1")
    assert TAPERED.step_up(D("0.1")) == D("0.11")
    assert TAPERED.step_up(D("0.89"), 2) == D("0.901")
    assert TAPERED.step_down(D("0.901")) == D("0.9")
    assert TAPERED.ticks_between(D("0.098"), D("0.12")) == 4
    assert TAPERED.ticks_between(D("0.12"), D("0.098")) == -4


def test_steps_past_the_ends_leave_the_grid() -> None:
    grid = cents()
    assert grid.step_down(D("0.01")) is None
    assert grid.step_up(D("0.99")) is None
    assert grid.step_down(D("0.05"), 4) == D("0.01")
    assert grid.step_up(D("0.05"), -4) == D("0.01")
    assert grid.price_at(-1) is None
    assert grid.price_at(99) is None


@pytest.mark.parametrize("price", ["0.005", "0", "1", "0.123", "-1", "2"])
def test_stepping_from_an_off_grid_price_is_refused(price: str) -> None:
    with pytest.raises(BadNumber, match="not on the price grid"):
        cents().step_up(D(price))


def test_a_limit_of_many_digits_is_not_rounded_up_first() -> None:
    assert cents().floor(D("0.98999999999999999999999999999999999999")) == D("0.98")
    assert cents().ceil(D("0.98000000000000000000000000000000000001")) == D("0.99")


def test_rounding_beyond_the_ends() -> None:
    grid = cents()
    assert grid.floor(D("0.0099")) is None
    assert grid.ceil(D("0.9901")) is None
    assert grid.floor(D(5)) == D("0.99")
    assert grid.ceil(D(-5)) == D("0.01")


@exactly
@given(NAMES, LIMITS)
def test_floor_and_ceil_enclose_the_limit_by_at_most_one_tick(name: str, limit: D) -> None:
    grid = GRIDS[name]
    below, above = grid.floor(limit), grid.ceil(limit)
    if below is not None:
        assert below <= limit
        following = grid.step_up(below)
        assert following is None or following > limit
    if above is not None:
        assert above >= limit
        previous = grid.step_down(above)
        assert previous is None or previous < limit
    if below is not None and above is not None:
        assert grid.ticks_between(below, above) == (0 if grid.contains(limit) else 1)
    assert below is not None or above is not None


@exactly
@given(NAMES, st.integers(0, 10**6))
def test_every_legal_price_rounds_to_itself_and_knows_its_ordinal(name: str, seed: int) -> None:
    grid = GRIDS[name]
    price = grid.price_at(seed % grid.count)
    assert price is not None
    assert grid.floor(price) == grid.ceil(price) == price
    assert grid.contains(price)
    assert grid.ordinal(price) == seed % grid.count
    assert 0 < price < 1


@pytest.mark.parametrize("name", ["cents", "tapered", "novig", "smarkets", "american", "lay", "back"])
def test_prices_rise_with_their_ordinal(name: str) -> None:
    prices = every(GRIDS[name])
    assert prices == sorted(set(prices))


@exactly
@given(st.sampled_from(["lay", "back", "lay_finest", "back_finest"]), st.integers(0, 10**6))
def test_the_exact_ladder_odds_come_back_from_a_price(name: str, seed: int) -> None:
    grid = GRIDS[name]
    price = grid.price_at(seed % grid.count)
    assert price is not None
    odds = grid.odds_of(price)
    assert any((odds - band.start) % band.step == 0 for band in grid.bands if band.start <= odds <= band.end)
    exact = 1 - 1 / odds if name.startswith("lay") else 1 / odds
    assert abs(price - exact) < D("1e-27")


def test_a_lay_is_rounded_down_in_odds_and_a_back_up() -> None:
    lay = betfair_ladder("lay_odds")
    price = lay.floor(D(1) - D("0.5363"))
    assert price is not None
    assert lay.odds_of(price) == D("1.86")
    back = betfair_ladder("back_odds")
    cap = back.floor(D("0.49"))
    assert cap is not None
    assert back.odds_of(cap) == D("2.06")


@pytest.mark.parametrize(
    ("odds", "down", "up"), [("3.02", "3", "3.05"), ("2.01", "2", "2.02"), ("1.864", "1.86", "1.87")]
)
def test_the_band_is_found_by_the_ladder_not_by_one_modulus(odds: str, down: str, up: str) -> None:
    lay = betfair_ladder("lay_odds")
    limit = 1 - 1 / D(odds)
    below, above = lay.floor(limit), lay.ceil(limit)
    assert below is not None
    assert above is not None
    assert (lay.odds_of(below), lay.odds_of(above)) == (D(down), D(up))


def test_american_rungs_sort_by_what_they_cost() -> None:
    grid = american_ladder([-110, -105, 100, 105, 110, -120])
    assert [grid.odds_of(price) for price in every(grid)] == [110, 105, 100, -105, -110, -120]
    fair = grid.floor(D("0.5238"))
    assert fair is not None
    assert grid.odds_of(fair) == -105


def test_minus_100_is_plus_100() -> None:
    assert american_ladder([-100, 100]).count == 1


def test_an_american_rung_that_is_no_integer_is_refused() -> None:
    with pytest.raises(BadNumber):
        PriceGrid("american", ladder=(D("110.5"),)).floor(D("0.5"))


@pytest.mark.parametrize(
    "band", [Band(D("0.1"), D("0.2"), D(0)), Band(D("0.1"), D("0.2"), D("-0.01")), Band(D("0.3"), D("0.2"), D("0.01"))]
)
def test_a_band_that_is_none_is_refused(band: Band) -> None:
    with pytest.raises(BadNumber, match="not a price band"):
        PriceGrid("probability", (band,)).floor(D("0.5"))


def test_overlapping_bands_are_refused() -> None:
    with pytest.raises(BadNumber, match="overlap"):
        ranges([(D("0"), D("0.5"), D("0.1")), (D("0.4"), D("1"), D("0.1"))]).floor(D("0.5"))


def test_a_gap_between_bands_holds_no_price() -> None:
    grid = ranges([(D("0.1"), D("0.2"), D("0.01")), (D("0.8"), D("0.9"), D("0.01"))])
    assert grid.floor(D("0.5")) == D("0.2")
    assert grid.ceil(D("0.5")) == D("0.8")
    assert grid.step_up(D("0.2")) == D("0.8")


def test_an_empty_grid_has_no_price() -> None:
    grid = PriceGrid("listed")
    assert grid.floor(D("0.5")) is None
    assert grid.ceil(D("0.5")) is None


@pytest.mark.parametrize("name", ["cents", "tapered", "novig", "smarkets"])
def test_the_no_side_is_exactly_the_complement(name: str) -> None:
    grid = GRIDS[name]
    assert every(mirrored(grid)) == [1 - price for price in reversed(every(grid))]


def test_mirroring_a_band_that_does_not_end_on_its_step() -> None:
    grid = ranges([(D("0.02"), D("0.99"), D("0.05"))])
    assert every(mirrored(grid)) == [1 - price for price in reversed(every(grid))]


def test_the_complement_of_a_lay_is_a_back_and_of_american_odds_their_negative() -> None:
    assert mirrored(betfair_ladder("lay_odds")) == betfair_ladder("back_odds")
    assert mirrored(betfair_ladder("back_odds")) == betfair_ladder("lay_odds")
    flipped = mirrored(american_ladder([-110, 100, 120]))
    assert [flipped.odds_of(price) for price in every(flipped)] == [110, 100, -120]


@exactly
@given(NAMES)
def test_mirroring_twice_changes_no_legal_price(name: str) -> None:
    grid = GRIDS[name]
    again = mirrored(mirrored(grid))
    assert again.count == grid.count
    assert again.price_at(0) == grid.price_at(0)
    assert again.price_at(grid.count - 1) == grid.price_at(grid.count - 1)

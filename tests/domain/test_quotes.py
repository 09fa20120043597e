"""From odds to desired quotes: every reason not to quote, and what every quote keeps (invariants 7.3 and 7.10)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.config import TradingConfig
from overround.domain.fees import FeeSchedule
from overround.domain.grid import PriceGrid, betfair_ladder, cents, uniform
from overround.domain.markets import Instrument, MarketBook, MarketKey
from overround.domain.pricing import locked_profit
from overround.domain.quotes import Desired, desired_quotes, unquotable
from tests.domain.desk import book, instrument, price, settings
from tests.domain.vectors import D, exactly

BOTH = (instrument(111), instrument(112))


def quotes(of: MarketBook | None = None, *instruments: Instrument, **changes: Any) -> tuple[Desired, ...]:
    return desired_quotes(of or book(), instruments or BOTH, settings(**changes))


def test_each_outcome_is_offered_below_its_hedge_price() -> None:
    first, second = quotes()
    assert (first.outcome_id, first.price, first.size) == (111, D("0.46"), D(50))  # 1 - 1/1.90 - 0.01 = 0.4636
    assert (second.outcome_id, second.price) == (112, D("0.47"))  # 1 - 1/1.95 - 0.01 = 0.4771
    assert (first.odds, first.limit, first.priced_at, first.level) == (D("1.90"), D(500), 1_000, 0)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (book(pull="suspended"), "suspended"),
        (book(price(111, "1.90"), price(112, "1.95", active=False)), "no open price"),
        (book(price(111, "1.90"), price(112, "1")), "no open price"),
        (book(price(111, "1.90"), price(112, "0")), "no open price"),
        (book(price(111, "1.90"), price(112, "NaN")), "no open price"),
        (book(price(111, "1.90")), "no open price"),
        (book(price(111, "2.10"), price(112, "3.40")), "less than a whole book"),
        (book(*(price(at, "9", active=at != 4) for at in range(1, 6))), "less than a whole book"),
        (book(price(111, "1.90"), price(112, "1.95"), winners=2), "less than a whole book"),
    ],
)
def test_a_book_with_a_hole_is_not_quoted_from(bad: MarketBook, why: str) -> None:
    assert why in (unquotable(bad) or "")
    assert quotes(bad) == ()


def test_a_non_runner_of_a_large_field_takes_no_other_price_with_it() -> None:
    field = book(*(price(at, "3.9", active=at != 5) for at in range(1, 6)))
    some = desired_quotes(field, [instrument(1), instrument(5)], settings(outcomes=(1, 5)))
    assert [quote.outcome_id for quote in some] == [1]


def test_only_outcomes_that_are_configured_and_mapped_are_quoted() -> None:
    assert [quote.outcome_id for quote in quotes(None, instrument(112))] == [112]
    assert [quote.outcome_id for quote in quotes(outcomes=(111,))] == [111]
    assert quotes(outcomes=()) == ()
    assert quotes(enabled=False) == ()


def test_an_instrument_of_another_market_is_never_quoted_from_this_book() -> None:
    assert quotes(None, instrument(111, key=MarketKey("id1100013200000002", 111))) == ()


def test_the_bookmakers_limit_bounds_the_size() -> None:
    limited = book(price(111, "1.90", "20"), price(112, "1.95", None))
    first, second = quotes(limited, hedge_share=D("0.5"))
    assert first.size == D(19)  # 20 * 1.90 * 0.5
    assert second.size == D(50)
    shallow, deep = quotes(limited, instrument(111), hedge_share=D("0.5"), levels=2)
    assert shallow.size == deep.size == D(9)  # all levels together stay inside the limit


@pytest.mark.parametrize("limit", ["0", "0.5", "-3"])
def test_no_hedge_capacity_is_no_quote(limit: str) -> None:
    assert quotes(book(price(111, "1.90", limit), price(112, "1.95")), instrument(111)) == ()
    none_needed = instrument(111, min_size=D(0))
    assert all(quote.size > 0 for quote in quotes(book(price(111, "1.90", limit), price(112, "1.95")), none_needed))


def test_too_small_for_the_venue_is_no_quote() -> None:
    assert quotes(None, instrument(111, min_size=D(51))) == ()
    assert quotes(None, instrument(111, min_notional=D("23.01"))) == ()  # 50 * 0.46 = 23
    assert len(quotes(None, instrument(111, min_notional=D(23)))) == 1


def test_prices_outside_the_band_are_left_out() -> None:
    assert quotes(None, instrument(111), min_price=D("0.47")) == ()
    assert quotes(None, instrument(111), max_price=D("0.45")) == ()
    assert [q.price for q in quotes(None, instrument(111), levels=3, level_ticks=2, min_price=D("0.43"))] == [
        D("0.46"), D("0.44"),
    ]  # fmt: skip


def test_levels_step_away_from_the_best_price() -> None:
    ladder = quotes(None, instrument(111), levels=3, level_ticks=2)
    assert [(quote.level, quote.price) for quote in ladder] == [(0, D("0.46")), (1, D("0.44")), (2, D("0.42"))]


def test_odds_too_short_for_any_legal_price_give_none() -> None:
    assert quotes(book(price(111, "1.01"), price(112, "21"))) == (
        Desired(112, 0, D("0.94"), D(50), D(21), D(500), 1_000),
    )


def test_the_size_that_is_sent_decides_how_fee_rounding_bites() -> None:
    rounded = FeeSchedule("quadratic", maker=D("0.0175"), step=D("0.01"))
    tiny = book(price(111, "1.90", "1.1"), price(112, "1.95"))
    (quote,) = quotes(tiny, instrument(111, fee=rounded), hedge_share=D(1))
    assert quote.size == D(2)
    assert locked_profit(quote.price, rounded, quote.odds, quote.size) >= D("0.01")


ODDS = st.decimals(D("1.01"), D(30), places=2)
WHOLE = st.builds(
    lambda chance, booksum: tuple(
        (1 / (side * booksum)).quantize(D("0.01"), "ROUND_DOWN") for side in (chance, 1 - chance)
    ),
    st.decimals(D("0.03"), D("0.97"), places=3).filter(lambda chance: D("0.03") < chance < D("0.97")),
    st.decimals(D(1), D("1.03"), places=3),
)
"""Odds of both sides of a book that adds up to at least one."""
GRIDS = st.sampled_from([cents(), uniform(D("0.001")), betfair_ladder()])
FEES = st.sampled_from(
    [
        FeeSchedule("free"),
        FeeSchedule("quadratic", maker=D("0.0175")),
        FeeSchedule("quadratic", maker=D("0.07"), step=D("0.01")),
        FeeSchedule("net_winnings", maker=D("0.05")),
        FeeSchedule("risk_or_win", maker=D("0.01"), step=D("0.0001")),
    ]
)
CONFIGS = st.builds(
    lambda margin, size, levels, share: settings(margin=margin, size=size, levels=levels, hedge_share=share),
    st.decimals(D(0), D("0.1"), places=3),
    st.decimals(D(1), D(500), places=0),
    st.integers(1, 4),
    st.decimals(D("0.1"), D(1), places=1),
)


@exactly
@given(WHOLE, st.decimals(D(1), D(900), places=0), CONFIGS, GRIDS, FEES)
def test_every_quote_keeps_its_margin_after_fees_on_the_grid_inside_the_limit(
    odds: tuple[Decimal, Decimal], limit: Decimal, config: TradingConfig, grid: PriceGrid, fee: FeeSchedule
) -> None:
    first, second = odds
    of = book(price(111, first, str(limit)), price(112, second, str(limit)))
    made = desired_quotes(of, [instrument(111, grid, fee), instrument(112, grid, fee)], config)
    for quote in made:
        assert grid.contains(quote.price)
        assert config.min_price <= quote.price <= config.max_price
        assert locked_profit(quote.price, fee, quote.odds, quote.size) >= config.margin
        assert quote.size % 1 == 0
        assert 1 <= quote.size <= config.size
    for outcome in (111, 112):
        mine = [quote for quote in made if quote.outcome_id == outcome]
        assert sum((quote.size for quote in mine), D(0)) <= limit * (first if outcome == 111 else second)
        assert len({quote.price for quote in mine}) == len({quote.level for quote in mine}) == len(mine)


HOLES = st.sampled_from(["suspended", "inactive", "missing", "unpriced", "unmapped", "not configured", "disabled"])


@exactly
@given(ODDS, ODDS, HOLES, st.integers(0, 1))
def test_stale_suspended_incomplete_or_unmapped_input_never_produces_an_order(
    first: Decimal, second: Decimal, hole: str, at: int
) -> None:
    odds = [first, second]
    names = [111, 112]
    prices = [
        price(name, "1" if hole == "unpriced" and at == index else odds[index],
              active=not (hole == "inactive" and at == index))
        for index, name in enumerate(names)
        if not (hole == "missing" and at == index)
    ]  # fmt: skip
    of = book(*prices, pull="bookmaker stale" if hole == "suspended" else None)
    mapped = () if hole == "unmapped" else BOTH
    config = settings(enabled=hole != "disabled", outcomes=() if hole == "not configured" else (111, 112))
    assert desired_quotes(of, mapped, config) == ()

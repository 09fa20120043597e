"""Books that may not be priced from are refused with their code (pricing sheet 1.1, invariant 7.10)."""

from typing import Any

import pytest

from overround.domain.books import BadBook, band_of, check_book, check_lines, check_odds
from overround.domain.markets import MarketBook, MarketKey, OutcomePrice
from tests.domain.vectors import D, label, load

OUTCOMES = {"two_way": 2, "three_way": 3}


@pytest.mark.parametrize("case", load("devig")["invalid_inputs"], ids=label)
def test_every_invalid_input_is_refused_with_its_code(case: Any) -> None:
    with pytest.raises(BadBook) as refused:
        check_odds(case["odds"], OUTCOMES[case["kind"]])
    assert refused.value.code in case["expect"]


def refused_as(odds: list[str | D | None], outcomes: int, winners: int = 1) -> str:
    with pytest.raises(BadBook) as refused:
        check_odds(odds, outcomes, winners)
    return refused.value.code


def test_a_good_book_comes_back_as_decimals() -> None:
    assert check_odds(["1.90", D("2.00")], 2) == (D("1.90"), D("2.00"))


def test_a_dropped_draw_is_suspect_as_a_two_way_book() -> None:
    assert refused_as(["3.00", "3.10"], 2) == "SUSPECT_BOOK"


def test_an_underround_beyond_three_percent_is_suspect() -> None:
    assert refused_as(["2.10", "2.10"], 2) == "SUSPECT_BOOK"
    assert check_odds(["2.05", "2.05"], 2) == (D("2.05"), D("2.05"))


def test_the_band_follows_the_number_of_outcomes_and_of_winners() -> None:
    assert band_of(2)[1] < band_of(3)[1] < band_of(12)[1]
    place: list[str | D | None] = ["1.40", "1.50", "2.50", "4.00", "5.00", "6.00"]
    assert refused_as(place, 6) == "SUSPECT_BOOK"
    assert refused_as(place, 6, winners=3) == "SUSPECT_BOOK"
    assert len(check_odds(place, 6, winners=2)) == 6


def price(outcome: int, odds: str, *, active: bool = True, changed_at: int = 1_000_000) -> OutcomePrice:
    return OutcomePrice(outcome, D(odds), None, active, changed_at)


def book(*prices: OutcomePrice) -> MarketBook:
    return MarketBook(MarketKey("id1", 101), "vertex", prices, live=False, received_at=1_000_500)


def code_of(subject: MarketBook, outcomes: int, max_lag_ms: int | None = None) -> str:
    with pytest.raises(BadBook) as refused:
        check_book(subject, outcomes, max_lag_ms)
    return refused.value.code


def test_one_suspended_outcome_makes_the_market_unpriceable() -> None:
    subject = book(price(101, "2.10"), price(102, "3.40"), price(103, "3.60", active=False))
    assert code_of(subject, 3) == "INCOMPLETE_MARKET"


def test_a_price_left_behind_by_its_siblings_is_missing() -> None:
    subject = book(price(1, "1.90"), price(2, "2.00", changed_at=900_000))
    assert check_book(subject, 2) == (D("1.90"), D("2.00"))
    assert code_of(subject, 2, max_lag_ms=60_000) == "INCOMPLETE_MARKET"


def test_an_empty_book_is_incomplete() -> None:
    assert code_of(book(), 2) == "INCOMPLETE_MARKET"


def test_sides_of_different_lines_are_not_one_market() -> None:
    check_lines(D("-0.5"), D("0.5"), "handicap")
    check_lines(D("2.5"), D("2.5"), "total")
    for kind, first, second in (("handicap", "-0.5", "0.75"), ("total", "2.5", "2.75")):
        with pytest.raises(BadBook) as refused:
            check_lines(D(first), D(second), "handicap" if kind == "handicap" else "total")
        assert refused.value.code == "LINE_MISMATCH"


def test_the_error_says_what_and_why_but_carries_a_plain_code() -> None:
    with pytest.raises(BadBook, match=r"SUSPECT_BOOK: booksum per winner 0\.6667") as refused:
        check_odds(["3.00", "3.00"], 2)
    assert refused.value.reason.startswith("booksum")

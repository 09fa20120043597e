"""How long a cancelled order is not replaced."""

from overround.domain.control import Hold
from overround.domain.holds import HOLD_SECONDS, hold, in_force
from overround.domain.markets import MarketBook
from tests.domain.desk import book, price
from tests.domain.vectors import D

NOW = 1_000_000
UNTIL = NOW + HOLD_SECONDS * 1000


def moved(odds: str) -> MarketBook:
    return book(price(111, odds), price(112, "1.95"))


def test_a_hold_remembers_the_odds_and_when_it_ends() -> None:
    assert hold((), {112, 111}, book(), NOW) == (Hold(111, D("1.90"), UNTIL), Hold(112, D("1.95"), UNTIL))


def test_a_second_hold_of_an_outcome_takes_the_place_of_the_first() -> None:
    first = hold((), {111, 112}, book(), NOW)
    second = hold(first, {111}, moved("2.10"), NOW + 5)
    assert set(second) == {first[1], Hold(111, D("2.10"), UNTIL + 5)}


def test_it_ends_with_the_odds_or_with_its_time_and_each_outcome_by_itself() -> None:
    held = hold((), {111, 112}, book(), NOW)
    assert in_force(held, book(), UNTIL - 1) == held
    assert in_force(held, moved("1.91"), NOW) == (held[1],)
    assert in_force(held, book(), UNTIL) == ()


def test_odds_that_are_not_known_are_no_change() -> None:
    held = hold((), {111}, book(), NOW)
    assert in_force(held, None, NOW) == held
    assert in_force(held, book(price(112, "1.95")), NOW) == held
    unpriced = hold((), {111}, None, NOW)
    assert in_force(unpriced, moved("2.50"), UNTIL - 1) == unpriced
    assert in_force(unpriced, book(), UNTIL) == ()

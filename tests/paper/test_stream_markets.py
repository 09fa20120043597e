"""Market changes of the Exchange Stream in any order: images, deltas, levels and matched volume (betfair sheet, 6)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.betfair_book import BadChange, Matched, StreamMarket

D = Decimal
A, B = 101, 102
prices = st.sampled_from([D("1.5"), D("2"), D("2.02"), D("3"), D("4.1")])
sizes = st.sampled_from([D(0), D(0), D(5), D("12.5"), D(40)])
ladders = st.lists(st.tuples(prices, sizes).map(list), max_size=4)
runner_changes = st.fixed_dictionaries(
    {"id": st.sampled_from([A, B])}, optional={"atb": ladders, "atl": ladders, "trd": ladders}
)
changes = st.lists(st.tuples(st.booleans(), st.lists(runner_changes, max_size=3)), max_size=12)


class Naive:
    """The rules of the sheet, word by word: an image forgets everything, an empty ladder clears, size 0 removes."""

    def __init__(self) -> None:
        self.ladders: dict[tuple[int, str], dict[Decimal, Decimal]] = {}
        self.first = True

    def apply(self, image: bool, runners: list[dict[str, Any]]) -> list[tuple[int, Decimal, Decimal]]:
        image, self.first = image or self.first, False
        if image:
            self.ladders = {}
        matched = []
        for change in runners:
            for name in ("atb", "atl", "trd"):
                if name not in change:
                    continue
                ladder = {} if not change[name] else dict(self.ladders.get((change["id"], name), {}))
                before = dict(ladder)
                for price, size in change[name]:
                    ladder.pop(price, None)
                    if size:
                        ladder[price] = size
                self.ladders[(change["id"], name)] = ladder
                if name == "trd":
                    grown = ((price, size - before.get(price, D(0))) for price, size in ladder.items())
                    matched += [(change["id"], price, more) for price, more in grown if more > 0]
        return [] if image else matched


@settings(max_examples=40, deadline=None)
@given(changes)
def test_any_course_of_changes_gives_the_books_and_trades_the_rules_say(plan: list[tuple[bool, Any]]) -> None:
    market, naive = StreamMarket("1.1"), Naive()
    for image, runners in plan:
        matched = market.apply({"id": "1.1", "img": image, "rc": runners})
        expected = [Matched((key, D(0)), price, size) for key, price, size in naive.apply(image, runners)]
        assert sorted(matched, key=str) == sorted(expected, key=str)
        for (key, name), ladder in naive.ladders.items():
            book = market.runners[(key, D(0))]
            assert book.ladders[name] == ladder
            if name != "trd":
                best = book.best_back() if name == "atb" else book.best_lay()
                chosen = (max if name == "atb" else min)(ladder) if ladder else None
                assert best == (None if chosen is None else (chosen, ladder[chosen]))
        known = {key for key, _ in naive.ladders}
        assert all(key in known or not any(book.ladders.values()) for (key, _), book in market.runners.items())


@settings(max_examples=30, deadline=None)
@given(changes, changes)
def test_image_in_the_middle_makes_what_came_before_not_matter(before: Any, after: Any) -> None:
    with_past, without = StreamMarket("1.1"), StreamMarket("1.1")
    for image, runners in before:
        with_past.apply({"img": image, "rc": runners})
    seen = []
    for market in (with_past, without):
        market.apply({"img": True, "rc": []})
        for image, runners in after:
            market.apply({"img": image, "rc": runners})
        seen.append({key: book.ladders for key, book in market.runners.items()})
    assert seen[0] == seen[1]


def opened(*runners: dict[str, Any], **definition: Any) -> StreamMarket:
    """A market defined with two runners, then changed."""
    market = StreamMarket("1.1")
    listed = [{"id": key, "status": "ACTIVE", "sortPriority": place} for place, key in enumerate((A, B), 1)]
    market.apply({"img": True, "marketDefinition": {"status": "OPEN", "runners": listed, **definition}})
    market.apply({"rc": list(runners)})
    return market


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ({"atb": [[D(2), D(5)]], "batb": [[0, D(3), D(9)]]}, (D(2), D(5))),
        ({"batb": [[0, D(3), D(9)], [1, D("2.9"), D(1)]]}, (D(3), D(9))),
        ({"bdatb": [[0, D(3), D(9)]]}, (D(3), D(9))),
        ({"batb": [[0, D(3), D(9)]], "bdatb": [[0, D("3.1"), D(7)]]}, (D(3), D(9))),
        ({"batb": [[1, D(3), D(9)]]}, None),
        ({"batb": [[0, D(3), D(0)]]}, None),
        ({}, None),
    ],
)
def test_best_price_comes_from_the_deepest_ladder_recorded(change: dict[str, Any], back: Any) -> None:
    assert opened({"id": A, **change}).runners[(A, D(0))].best_back() == back


def test_handicaps_make_runners_of_the_same_selection_apart() -> None:
    market = opened({"id": A, "atb": [[D(2), D(1)]]}, {"id": A, "hc": D("-1.5"), "atb": [[D(5), D(1)]]})
    prices = {key: book.best_back() for key, book in market.runners.items() if key[0] == A}
    assert prices == {(A, D(0)): (D(2), D(1)), (A, D("-1.5")): (D(5), D(1))}


def test_definition_replaces_the_last_one_and_keeps_the_ladders() -> None:
    market = opened({"id": A, "atb": [[D(2), D(1)]]})
    market.apply({"marketDefinition": {"status": "SUSPENDED", "inPlay": True}})
    assert (market.status, market.in_play) == ("SUSPENDED", True)
    assert market.runners[(A, D(0))].best_back() == (D(2), D(1))


def test_refused_change_says_what_is_wrong_with_the_definition_too() -> None:
    market = opened()
    with pytest.raises(BadChange, match="status"):
        market.apply({"marketDefinition": {"status": "OPEN", "runners": [{"id": A}]}})
    with pytest.raises(BadChange, match="status"):
        market.apply({"marketDefinition": {"runners": []}})


@pytest.mark.parametrize(
    ("value", "kept"), [("NaN", None), ("Infinity", None), (None, None), (D("2.5"), D("2.5")), (3, D(3))]
)
def test_starting_prices_and_last_price_may_be_unknown(value: Any, kept: Any) -> None:
    assert opened({"id": A, "spn": value}).runners[(A, D(0))].scalars["spn"] == kept


@pytest.mark.parametrize("bad", [True, "2.5", 2.5, [], {}])
def test_price_that_is_no_exact_number_is_refused(bad: Any) -> None:
    with pytest.raises(BadChange, match="ltp"):
        opened({"id": A, "ltp": bad})
    with pytest.raises(BadChange, match="atb"):
        opened({"id": A, "atb": [[bad, D(1)]]})


def test_closed_tape_says_nothing_was_matched_when_volume_shrinks() -> None:
    market = opened({"id": A, "trd": [[D(2), D(50)]]})
    assert market.apply({"rc": [{"id": A, "trd": [[D(2), D(20)]]}]}) == []
    assert market.apply({"rc": [{"id": A, "trd": [[D(2), D(60)]]}]}) == [Matched((A, D(0)), D(2), D(40))]
    assert market.tape_recorded

"""The order table under every order and repetition of evidence (design, section 3; pricing sheet 3.3)."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.orders import (
    TERMINAL,
    Absent,
    Accepted,
    Evidence,
    Fill,
    Lost,
    Matched,
    Order,
    OrderStatus,
    Refused,
    Seen,
    Unmatched,
    apply,
    begin_cancel,
)
from tests.domain.test_orders import SPEC, after
from tests.domain.vectors import D, exactly

SIX, FOUR = (Fill(name, D(size), D("0.46"), D(0), 2_000) for name, size in (("f1", 6), ("f2", 4)))


@pytest.mark.parametrize(
    ("story", "filled", "status"),
    [
        ([Accepted("v1"), Matched(SIX), Matched(FOUR), Seen("v1", D(10), "FILLED")], "10", "FILLED"),
        ([Accepted("v1"), Matched(SIX), Seen("v1", D(6), "CANCELLED")], "6", "CANCELLED"),
        ([Accepted("v1"), Matched(SIX), Seen("v1", D(6), "EXPIRED"), Matched(FOUR)], "10", "FILLED"),
        ([Lost("timeout"), Seen("v1", D(0), None), Matched(SIX), Matched(FOUR)], "10", "FILLED"),
        ([Accepted("v1"), Matched(SIX), Unmatched("f1"), Seen("v1", D(0), "CANCELLED")], "0", "CANCELLED"),
    ],
)
def test_a_story_told_in_any_order_and_twice_ends_the_same(story: Sequence[Evidence], filled: str, status: str) -> None:
    for told in permutations(story):
        for order in (after(*told), after(*told, *told), after(*(item for item in told for _ in range(2)))):
            assert order.filled == D(filled)
            assert order.status == status
            assert order.venue_order_id == "v1" or not any(isinstance(item, Accepted) for item in told)


POOL = [
    Accepted("v1"),
    Lost("timeout"),
    Refused("X", "no"),
    Absent(),
    Seen("v1", D(0), None),
    Seen("v1", D(6), None),
    Seen("v1", D(6), "CANCELLED"),
    Seen("v1", D(0), "EXPIRED"),
    Seen("v1", D(10), "FILLED"),
    Matched(SIX),
    Matched(FOUR),
    Unmatched("f2"),
]


@exactly
@given(st.lists(st.sampled_from(POOL), max_size=10), st.randoms(use_true_random=False))
def test_no_fill_is_ever_lost_and_no_failed_one_counted(evidence: list[Any], random: Any) -> None:
    failed = {item.fill_id for item in evidence if isinstance(item, Unmatched)}
    told = {item.fill.fill_id: item.fill.size for item in evidence if isinstance(item, Matched)}
    expected = sum((size for name, size in told.items() if name not in failed), D(0))
    shuffled = evidence * 2
    random.shuffle(shuffled)
    for order in (after(*evidence), after(*shuffled)):
        assert order.filled == expected
        assert order.remaining <= SPEC.size - order.filled
        assert order.filled < SPEC.size or order.status is OrderStatus.FILLED


def test_an_order_filled_after_its_cancel_is_filled() -> None:
    order = after(Accepted("v1"), Seen("v1", D(0), "CANCELLED"), Matched(SIX), Matched(FOUR))
    assert (order.status, order.filled, order.remaining) == (OrderStatus.FILLED, D(10), D(0))


def test_an_acknowledged_order_the_venue_no_longer_has_stops_being_asked_about() -> None:
    order = after(Accepted("v1"), Matched(SIX), Lost("timeout"), Absent())
    assert (order.status, order.filled, order.unknown) == (OrderStatus.CANCELLED, D(6), False)
    assert after(Accepted("v1"), Lost("cancel timed out"), Absent()).status in TERMINAL


def test_a_late_absence_does_not_end_an_order_that_is_known_to_rest() -> None:
    order = after(Lost("timeout"), Accepted("v1"))
    assert apply(order, Absent()) is order


def test_a_cancel_that_ends_the_order_is_over() -> None:
    cancelled = apply(begin_cancel(after(Accepted("v1"))), Seen("v1", D(6), "CANCELLED"))
    assert (cancelled.cancelling, cancelled.status) == (False, OrderStatus.CANCELLED)
    filled = apply(begin_cancel(after(Accepted("v1"))), Seen("v1", D(10), "FILLED"))
    assert (filled.cancelling, filled.status) == (False, OrderStatus.FILLED)


def test_an_unknown_order_keeps_its_size_reserved() -> None:
    order = after(Lost("timeout"))
    assert (order.remaining, order.open) == (SPEC.size, True)
    assert Order(SPEC).version == 0

"""The order table: evidence in any order, more than once, never loses a fill (design 3; invariant 7.5)."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.orders import (
    OPEN,
    TERMINAL,
    Absent,
    Accepted,
    Evidence,
    Fill,
    Lost,
    Matched,
    Order,
    OrderSpec,
    OrderStatus,
    Refused,
    Seen,
    Unmatched,
    apply,
    begin_cancel,
    cancel_answered,
)
from tests.domain.vectors import D, exactly

SPEC = OrderSpec("c1", 101, D("0.46"), D(10), D("1.90"), None, 1_000)
SIX = Fill("f1", D(6), D("0.46"), D("0.01"), 2_000)
FOUR = Fill("f2", D(4), D("0.46"), D("0.01"), 2_001)


def after(*evidence: Evidence) -> Order:
    order = Order(SPEC)
    for item in evidence:
        order = apply(order, item)
    return order


@pytest.mark.parametrize(
    ("evidence", "status", "filled"),
    [
        ([], "PENDING_PLACEMENT", "0"),
        ([Accepted("v1")], "PLACED", "0"),
        ([Accepted("v1"), Matched(SIX)], "PARTIAL", "6"),
        ([Accepted("v1"), Matched(SIX), Matched(FOUR)], "FILLED", "10"),
        ([Refused("POST_ONLY", "would cross")], "FAILED", "0"),
        ([Absent()], "FAILED", "0"),
        ([Lost("timeout")], "PENDING_PLACEMENT", "0"),
        ([Accepted("v1"), Seen("v1", D(0), "CANCELLED")], "CANCELLED", "0"),
        ([Accepted("v1"), Seen("v1", D(0), "EXPIRED")], "EXPIRED", "0"),
        ([Accepted("v1"), Matched(SIX), Seen("v1", D(6), "CANCELLED")], "CANCELLED", "6"),
    ],
)
def test_the_ordinary_lives_of_an_order(evidence: Sequence[Evidence], status: str, filled: str) -> None:
    order = after(*evidence)
    assert order.status == status
    assert order.filled == D(filled)


def test_a_fill_before_the_placements_answer_counts() -> None:
    order = after(Matched(SIX), Accepted("v1"))
    assert (order.status, order.filled, order.venue_order_id) == (OrderStatus.PARTIAL, D(6), "v1")


def test_a_fill_overtaken_by_its_cancel_is_not_lost() -> None:
    order = after(Accepted("v1"), Seen("v1", D(0), "CANCELLED"), Matched(SIX))
    assert (order.status, order.filled) == (OrderStatus.CANCELLED, D(6))
    assert after(Accepted("v1"), Seen("v1", D(0), "CANCELLED"), Matched(SIX), Matched(FOUR)).status == "FILLED"


def test_the_same_fill_twice_is_one_fill() -> None:
    once = after(Accepted("v1"), Matched(SIX))
    assert apply(once, Matched(SIX)) is once


def test_a_lost_answer_is_unknown_until_the_venue_says() -> None:
    lost = after(Lost("timeout"))
    assert lost.unknown
    assert lost.open
    found = apply(lost, Seen("v1", D(0), None))
    assert (found.unknown, found.status) == (False, OrderStatus.PLACED)
    assert apply(lost, Absent()).status == "FAILED"


@pytest.mark.parametrize("late", [Refused("X", "late"), Absent()])
def test_an_order_that_traded_cannot_be_said_never_to_have_existed(late: Evidence) -> None:
    order = after(Matched(SIX), late)
    assert (order.status, order.filled) == (OrderStatus.PARTIAL, D(6))


def test_a_failed_trade_gives_its_size_back_and_stays_failed() -> None:
    order = after(Accepted("v1"), Matched(SIX), Unmatched("f1"), Matched(SIX))
    assert order.filled == 0
    assert order.failed_fills == ("f1",)
    whole = after(Accepted("v1"), Matched(SIX), Matched(FOUR), Unmatched("f2"))
    assert (whole.status, whole.filled) == (OrderStatus.CANCELLED, D(6))


def test_a_cancel_is_marked_once_and_may_be_tried_again() -> None:
    order = begin_cancel(after(Accepted("v1")))
    assert order.cancelling
    assert not cancel_answered(order).cancelling
    quiet = after(Accepted("v1"))
    assert cancel_answered(quiet) is quiet


def test_what_the_venue_reports_filled_is_not_offered_again() -> None:
    order = after(Accepted("v1"), Seen("v1", D(7), None))
    assert (order.filled, order.remaining) == (D(0), D(3))
    assert after(Accepted("v1"), Seen("v1", D(0), "EXPIRED")).remaining == 0


FILLS = tuple(Fill(f"f{at}", D(size), D("0.46"), D(0), 2_000 + at) for at, size in enumerate((1, 2, 3, 4)))
EVIDENCE = st.sampled_from(
    [
        Accepted("v1"),
        Lost("timeout"),
        Seen("v1", D(0), None),
        Seen("v1", D(3), "CANCELLED"),
        *(Matched(fill) for fill in FILLS),
    ]
)


@exactly
@given(st.lists(EVIDENCE, max_size=12), st.randoms(use_true_random=False))
def test_fills_survive_any_order_and_any_repetition(evidence: list[Any], random: Any) -> None:
    order = after(*evidence)
    expected = {item.fill.fill_id: item.fill for item in evidence if isinstance(item, Matched)}
    assert order.fills == expected
    repeated = evidence * 2
    random.shuffle(repeated)
    assert after(*repeated).fills == expected
    assert order.filled == sum((fill.size for fill in expected.values()), D(0))


@exactly
@given(st.lists(EVIDENCE, max_size=12))
def test_the_version_counts_changes_and_repetition_changes_nothing(evidence: list[Any]) -> None:
    order = Order(SPEC)
    for item in evidence:
        following = apply(order, item)
        assert following.version == order.version + (0 if following is order else 1)
        order = following
        if isinstance(item, Matched):
            assert apply(order, item) is order


@exactly
@given(st.lists(EVIDENCE, max_size=12), EVIDENCE)
def test_a_dead_order_never_rests_again(evidence: list[Any], late: Any) -> None:
    order = after(*evidence)
    if order.status in TERMINAL:
        following = apply(order, late)
        assert following.status not in OPEN
        assert following.remaining == 0
    assert order.filled <= order.spec.size

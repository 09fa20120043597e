"""Replace or keep: the table of pricing sheet 4.6, top-ups of 4.7, and plans that settle down."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.grid import uniform
from overround.domain.orders import Accepted, Order, OrderSpec, OrderStatus, apply, begin_cancel
from overround.domain.plan import Plan, plan
from overround.domain.quotes import Desired
from tests.domain.desk import instrument, resting, settings, wanted
from tests.domain.vectors import D, exactly

BOTH = (instrument(111), instrument(112))


def planned(desired: list[Desired], live: list[Order], naked: dict[int, str] | None = None, **changes: Any) -> Plan:
    sizes = {outcome: D(size) for outcome, size in (naked or {}).items()}
    return plan(desired, live, BOTH, settings(**changes), sizes)


def test_an_empty_slot_is_filled() -> None:
    assert planned([wanted()], []) == Plan((), (wanted(),))
    assert not planned([], [])


@pytest.mark.parametrize(
    ("order", "action"),
    [
        (resting("a"), "keep"),
        (resting("a", size="40"), "keep"),  # a shortfall below a quarter is not worth a second order
        (resting("a", size="30"), "top up 20"),
        (resting("a", size="60"), "cancel"),  # more than the operator's own size
        (resting("a", price="0.47"), "cancel"),  # mispriced against us by one tick
        (resting("a", price="0.45"), "keep"),  # one tick better may wait
        (resting("a", price="0.44"), "cancel"),  # two ticks are worth the queue place
    ],
)
def test_the_table_of_replace_or_keep(order: Order, action: str) -> None:
    made = planned([wanted()], [order])
    if action == "cancel":
        assert made == Plan(("a",), ())
    elif action == "keep":
        assert not made
    else:
        assert made == Plan((), (wanted(size=action.removeprefix("top up ")),))


def test_odds_that_moved_within_a_tick_change_nothing() -> None:
    assert not planned([wanted(odds=D("1.91"), priced_at=2_000)], [resting("a")])


def test_a_smaller_limit_keeps_the_queue_place_while_the_hedge_still_fits() -> None:
    tighter = wanted(size="42", limit=D(45))  # 45 * 1.90 = 85.5 contracts can be hedged
    assert not planned([tighter], [resting("a")])
    assert planned([replace(tighter, limit=D(23))], [resting("a")]).cancel == ("a",)  # 43.7 can be hedged
    assert planned([wanted(size="35", limit=D(45))], [resting("a")]).cancel == ("a",)  # more than a quarter too much


def test_two_orders_that_are_too_much_together_lose_the_younger() -> None:
    live = [resting("old", size="30"), resting("new", size="20")]
    assert not planned([wanted()], live)
    assert planned([wanted(size="30")], live, size=D(30)) == Plan(("new",), ())


def test_a_quote_that_vanished_is_cancelled_at_every_level() -> None:
    live = [resting("a"), resting("b", level=1, price="0.44"), resting("c", outcome=112)]
    assert planned([], live).cancel == ("a", "b", "c")
    assert planned([wanted()], live).cancel == ("b", "c")


def test_an_order_whose_instrument_is_gone_is_cancelled() -> None:
    assert planned([], [resting("a", outcome=999)]).cancel == ("a",)


def test_an_order_that_a_tick_change_left_off_the_grid_goes() -> None:
    coarse = [instrument(111, uniform(D("0.1")))]
    assert plan([wanted("0.4")], [resting("a", "0.35")], coarse, settings(), {}).cancel == ("a",)


def test_nothing_is_placed_before_the_cancel_is_confirmed() -> None:
    old = resting("a", price="0.47")
    assert planned([wanted()], [old]) == Plan(("a",), ())
    assert not planned([wanted()], [begin_cancel(old)])
    assert planned([wanted()], [replace(old, status=OrderStatus.CANCELLED)]).place == (wanted(),)


@pytest.mark.parametrize("doubt", [{"unknown": True}, {"cancelling": True}])
def test_nothing_is_placed_or_cancelled_where_an_order_is_in_doubt(doubt: dict[str, Any]) -> None:
    assert not planned([wanted()], [resting("a", size="10", **doubt)])
    assert not planned([], [resting("a", **doubt)])
    elsewhere = planned([wanted(), wanted(outcome=112)], [resting("a", **doubt)])
    assert elsewhere.place == (wanted(outcome=112),)


def test_a_fill_is_quoted_again_only_once_it_is_hedged() -> None:
    half = replace(resting("a"), status=OrderStatus.PARTIAL, reported=D(25))
    assert not planned([wanted()], [half], {111: "25"})
    assert not planned([wanted()], [half], {111: "13"})  # only 12 hedged: not worth an order yet
    assert planned([wanted()], [half]).place == (wanted(size="25"),)
    assert not planned([wanted()], [], {111: "50"})


def test_what_is_naked_is_shared_by_the_levels() -> None:
    made = planned([wanted(), wanted("0.44", level=1)], [], {111: "20"}, levels=2)
    assert [quote.size for quote in made.place] == [D(40), D(40)]


def test_a_top_up_too_small_for_the_venue_waits() -> None:
    large = (instrument(111, min_size=D(30)),)
    assert not plan([wanted()], [resting("a", size="25")], large, settings(), {})
    dear = (instrument(111, min_notional=D(12)),)
    assert not plan([wanted()], [resting("a", size="25")], dear, settings(), {})


def test_a_sell_that_unwinds_is_none_of_the_quoters_business() -> None:
    sell = resting("a")
    assert not planned([], [replace(sell, spec=replace(sell.spec, action="sell"))])


SLOTS = st.tuples(st.sampled_from([111, 112]), st.integers(0, 1))
QUOTES = st.dictionaries(SLOTS, st.tuples(st.integers(40, 50), st.integers(1, 50)), max_size=4)
ORDERS = st.lists(
    st.tuples(SLOTS, st.integers(38, 52), st.integers(1, 60), st.sampled_from(["", "", "unknown", "cancelling"])),
    max_size=6,
)


def carried_out(made: Plan, live: list[Order], step: int) -> list[Order]:
    """The orders after every cancel and placement of ``made`` was confirmed."""
    kept = [order for order in live if order.spec.client_order_id not in made.cancel]
    for at, quote in enumerate(made.place):
        name = f"p{step}-{at}"
        spec = OrderSpec(name, quote.outcome_id, quote.price, quote.size, quote.odds, quote.limit, 1, quote.level)
        kept.append(apply(Order(spec), Accepted(f"v-{name}")))
    return kept


@exactly
@given(QUOTES, ORDERS)
def test_a_plan_carried_out_leaves_nothing_to_do(quotes: Any, orders: Any) -> None:
    desired = [wanted(f"0.{cents}", str(size), level, outcome) for (outcome, level), (cents, size) in quotes.items()]
    live = [
        resting(f"o{at}", f"0.{cents}", str(size), level, outcome, **({doubt: True} if doubt else {}))
        for at, ((outcome, level), cents, size, doubt) in enumerate(orders)
    ]
    made = planned(desired, live, levels=2)
    in_doubt = {(order.spec.outcome_id, order.spec.level) for order in live if order.unknown or order.cancelling}
    touched = {(quote.outcome_id, quote.level) for quote in made.place}
    cancelled = {order.spec.client_order_id: order for order in live if order.spec.client_order_id in made.cancel}
    assert not touched & in_doubt
    assert not touched & {(order.spec.outcome_id, order.spec.level) for order in cancelled.values()}
    for step in range(2):
        live = carried_out(made, live, step)
        made = planned(desired, live, levels=2)
    assert not made
    limits = {(quote.outcome_id, quote.level): quote for quote in desired}
    for slot, quote in limits.items():
        mine = [order for order in live if (order.spec.outcome_id, order.spec.level) == slot and slot not in in_doubt]
        assert all(order.spec.price <= quote.price for order in mine)
        assert sum((order.remaining for order in mine), D(0)) <= D(50)


def dropping(desired: list[Desired], live: list[Order], dropped: set[str], held: set[int]) -> Plan:
    return plan(desired, live, BOTH, settings(), {}, dropped, held)


def test_a_dropped_order_goes_however_well_it_is_priced_and_its_neighbours_stay() -> None:
    live = [resting("a"), resting("b", outcome=112, price="0.47")]
    both = [wanted(), wanted("0.47", outcome=112)]
    assert dropping(both, live, {"a"}, {111}) == Plan(("a",), ())


def test_a_dropped_order_is_left_alone_while_it_is_unknown_or_being_cancelled() -> None:
    for doubtful in (replace(resting("a"), unknown=True), begin_cancel(resting("a"))):
        assert not dropping([wanted()], [doubtful], {"a"}, {111})


def test_a_held_outcome_gets_nothing_new_and_keeps_what_is_priced_well() -> None:
    assert not dropping([wanted()], [], set(), {111})
    assert not dropping([wanted()], [resting("a", size="20")], set(), {111}), "no top-up"
    assert dropping([wanted()], [resting("a", price="0.47")], set(), {111}) == Plan(("a",), ())


def test_what_is_not_held_is_quoted_all_the_same() -> None:
    both = [wanted(), wanted("0.47", outcome=112)]
    assert dropping(both, [], set(), {111}) == Plan((), (both[1],))

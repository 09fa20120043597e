"""Random trading on the paper venue: money and positions always add up."""

from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.kalshi import PaperKalshi
from overround.paper.kalshi.intake import Ticket
from overround.paper.kalshi.ledger import holdings, position
from overround.paper.kalshi.wire import ApiError, cents, dollars, iso
from overround.paper.store import Store
from overround.paper.world import World
from tests.exchanges.kalshi.desk import D, basketball

PEOPLE = ("ann", "bob", "cy")
START = D(1000)
EXPECTED = {"insufficient_balance", "reduce_only"}


def _ticket(ticker: str, side: Literal["bid", "ask"], price: int, size: int, **more: Any) -> Ticket:
    plain: dict[str, Any] = {"time_in_force": "gtc", "prevention": "maker", "client_order_id": "", "post_only": False}
    plain |= {"reduce_only": False, "expires_at": None, "cancel_on_pause": False, "group": "", "exchange_index": None}
    return Ticket(ticker=ticker, side=side, size=D(size) / 100, price=D(price) / 100, **(plain | more))


def _venue() -> tuple[World, PaperKalshi, str]:
    world = World(Store(None))
    venue = PaperKalshi(world, {})
    fixture = basketball()
    venue.list_fixture(fixture)
    for person in PEOPLE:
        world.engine.fund("kalshi", person, START)
    return world, venue, fixture.native["kalshi"].outcomes["111"]


STEP = st.tuples(
    st.sampled_from(PEOPLE),
    st.sampled_from(["bid", "ask"]),
    st.integers(1, 99),
    st.integers(1, 5000),
    st.sampled_from(["gtc", "ioc", "fok"]),
    st.sampled_from(["maker", "taker_at_cross"]),
    st.booleans(),
)


def _play(venue: PaperKalshi, ticker: str, steps: list[Any]) -> None:
    for person, side, price, size, time_in_force, prevention, reduces in steps:
        more = {"prevention": prevention, "reduce_only": reduces and time_in_force == "ioc"}
        try:
            venue.desk.create(person, _ticket(ticker, side, price, size, time_in_force=time_in_force, **more))
        except ApiError as error:
            if error.code not in EXPECTED:
                raise


@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_money_is_neither_made_nor_lost(steps: list[Any]) -> None:
    world, venue, ticker = _venue()
    _play(venue, ticker, steps)
    trades = world.engine.trades.values()
    fees = sum((trade.maker_fee + trade.taker_fee for trade in trades), D(0))
    wallets = [world.engine.wallets[("kalshi", person)] for person in PEOPLE]
    held = sum((wallet.holdings.get(f"kalshi:{ticker}:yes", D(0)) for wallet in wallets), D(0))
    assert sum((wallet.cash for wallet in wallets), D(0)) + held + fees == START * len(PEOPLE)
    assert all(trade.maker_fee >= 0 and trade.taker_fee >= 0 for trade in trades)
    assert all(wallet.cash == wallet.cash.quantize(D("0.01")) for wallet in wallets)
    world.store.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, max_size=25), st.sampled_from(["0", "1", "0.5"]))
def test_positions_and_results_agree_with_cash(steps: list[Any], value: str) -> None:
    world, venue, ticker = _venue()
    _play(venue, ticker, steps)
    for person in PEOPLE:
        folded = holdings(world.engine, person).get(ticker)
        now = position(world.engine, person, ticker)
        assert (folded.position if folded else D(0)) == now
        wallet = world.engine.wallets[("kalshi", person)]
        if folded:
            value_at_cost = wallet.cash + folded.cost - START
            assert abs(value_at_cost - (folded.realised - folded.fees)) < D("1e-20")
    cash = {person: world.engine.wallets[("kalshi", person)].cash for person in PEOPLE}
    due = {person: position(world.engine, person, ticker) for person in PEOPLE}
    world.engine.settle(f"kalshi:{ticker}", D(value))
    for person in PEOPLE:
        paid = world.engine.wallets[("kalshi", person)].cash - cash[person]
        pays = D(value) if due[person] > 0 else D(value) - 1
        assert paid == due[person] * pays
    world.store.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_nobody_ever_trades_with_themselves(steps: list[Any]) -> None:
    world, venue, ticker = _venue()
    _play(venue, ticker, steps)
    orders = world.engine.orders
    for trade in world.engine.trades.values():
        assert orders[trade.maker_order].account != orders[trade.taker_order].account
    world.store.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_order_totals_are_the_sums_of_their_fills(steps: list[Any]) -> None:
    world, venue, ticker = _venue()
    _play(venue, ticker, steps)
    for order in world.engine.orders.values():
        mine = [t for t in world.engine.trades.values() if order.order_id in (t.maker_order, t.taker_order)]
        fees = sum((t.maker_fee if t.maker_order == order.order_id else t.taker_fee for t in mine), D(0))
        told = D(order.extra.get("maker_fees", "0")) + D(order.extra.get("taker_fees", "0"))
        assert fees == told == order.fees
        assert sum((t.size for t in mine), D(0)) == order.filled
    world.store.close()


@pytest.mark.parametrize(
    ("value", "text"), [("0.42", "0.4200"), ("1", "1.0000"), ("0.00501", "0.005010"), ("-0.5", "-0.5000")]
)
def test_dollars_lose_nothing(value: str, text: str) -> None:
    assert dollars(Decimal(value)) == text


def test_cents_round_down_and_times_are_utc() -> None:
    assert (cents(D("1.999")), cents(D("-0.001"))) == (199, -1)
    assert iso(1703123456789) == "2023-12-21T01:50:56.789Z"

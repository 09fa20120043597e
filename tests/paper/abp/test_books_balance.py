"""However orders, prices, results and restarts fall together, the bookmaker's books add up (bookmakers sheet, 5)."""

import asyncio
from collections import defaultdict
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.abp.results import STATUS, payout
from overround.paper.abp.wire import dumps, epoch_ms, loads, next_stake_cap, stamp
from tests.paper.abp.desk import AWAY, DRAW, HOME, D, Desk, open_desk

BOOKS = ("vertex", "sharpbet", "vertex,sharpbet")


def check(desk: Desk) -> None:
    """Everything an auditor can say from the witness alone."""
    seen = desk.paper.witness()
    orders = {order["orderId"]: order for order in seen["orders"]}
    moved: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    filled: dict[int, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for bet in seen["bets"]:
        if bet["betStatus"] == "CONFIRMED":
            moved[(bet["client"], bet["bookmaker"])] += (bet["payout"] or D(0)) - bet["placedStake"]
            filled[bet["orderId"]].append((bet["placedPrice"], bet["placedStake"]))
        else:
            assert bet["payout"] is None
    for account in seen["accounts"]:
        assert account["balance"] == account["deposited"] + moved[(account["client"], account["bookmaker"])]
        assert account["balance"] >= 0
    for order_id, fills in filled.items():
        order, staked = orders[order_id], sum(stake for _, stake in fills)
        assert order["filledStake"] == staked
        assert staked <= order["orderStake"]
        assert sum(price * stake for price, stake in fills) >= order["orderPrice"] * staked, "the average holds"
    for order in orders.values():
        if order["orderStatus"] == "FILLED":
            assert order["filledStake"] == order["orderStake"]
        elif order["orderStatus"] in ("REJECTED", "EXPIRED"):
            assert order["filledStake"] == 0
        elif order["orderStatus"] == "PARTIALLY_FILLED":
            assert 0 < order["filledStake"] < order["orderStake"]


async def a_day(desk: Desk, rng: Random) -> None:
    """Bets by two clients at prices that move, suspensions, kick-off, cancels, and time."""
    placed: list[int] = []
    for step in range(40):
        outcome = desk.outcome(rng.choice((HOME, DRAW, AWAY)))
        outcome.price = (outcome.price or D(2)) * D(str(round(rng.uniform(0.97, 1.03), 3)))
        outcome.limit = D(rng.randrange(20, 200))
        desk.match.suspended = rng.random() < 0.1
        desk.match.status = int(step > 20)
        price = round(float(outcome.price) * rng.uniform(0.95, 1.02), 2)
        body = desk.order(
            rng.randrange(1, 150), max(1.01, price), outcomeId=outcome.outcome_id, bookmakers=rng.choice(BOOKS),
            acceptPartialStake=rng.random() < 0.8 or None, acceptBetterOdds=rng.random() < 0.9,
        )  # fmt: skip
        if body["bookmakers"] == BOOKS[2]:
            body["acceptPartialStake"] = True
        answer = await desk.place(body, key=rng.choice(("key-ann", "key-bob")))
        placed += [order["orderId"] for order in answer["acceptedOrders"]]
        if placed and rng.random() < 0.2:
            await desk.call("POST", "/cancel-orders", {"orderIds": [rng.choice(placed)]})
        desk.clock.now += rng.choice((0.0, 0.3, 1.5, 6.0))
        await asyncio.sleep(0.003)
        check(desk)


@pytest.mark.parametrize("seed", range(4))
async def test_books_add_up_through_a_mixed_day_and_after_it(seed: int) -> None:
    rng = Random(seed)
    async with open_desk(refusal_rate=0.1, seed=seed, deposit=D(1500)) as desk:
        await a_day(desk, rng)
        desk.clock.now += 60
        for result in ("WIN", "LOSE", "CANCELLED", "WIN"):
            desk.settle(result)
            check(desk)
        await desk.at_rest()
        check(desk)
        assert any(order.status == "FILLED" for order in desk.paper.books.orders.values())


@pytest.mark.parametrize("seed", range(2))
async def test_restarted_books_are_the_same_books(seed: int) -> None:
    async with open_desk() as desk:
        await a_day(desk, Random(seed))
        before = desk.paper.witness()
        again = Desk(desk.rules, desk.store, desk.clock)
        assert again.paper.witness() == before
        check(again)


STAKES = st.integers(1, 10**7).map(lambda cents: D(cents) / 100)
ODDS = st.integers(1001, 50_000).map(lambda mills: D(mills) / 1000)


@settings(max_examples=40, deadline=None)
@given(STAKES, ODDS)
def test_half_results_lie_between_the_whole_ones_and_void_returns_the_stake(stake: D, price: D) -> None:
    returned = {status: payout(status, stake, price) for status in STATUS.values()}
    assert returned["LOST"] <= returned["HALF_LOST"] <= returned["VOID"] <= returned["HALF_WON"] <= returned["WON"]
    assert returned["PUSH"] == returned["VOID"] == stake
    assert abs(returned["HALF_WON"] * 2 - returned["WON"] - stake) <= D("0.02")
    assert all(value == value.quantize(D("0.01")) for value in returned.values())


fills = st.lists(st.tuples(ODDS, STAKES), max_size=5)


@settings(max_examples=40, deadline=None)
@given(ODDS, fills, ODDS)
def test_stake_at_the_cap_keeps_the_average_and_a_cent_more_breaks_it(floor: D, done: Any, price: D) -> None:
    cap = next_stake_cap(floor, done, price)
    earned, staked = sum((p * s for p, s in done), D(0)), sum((s for _, s in done), D(0))
    if cap is None:
        assert price >= floor
        return
    assert price < floor
    if earned >= floor * staked:
        exact = cap.quantize(D("0.0001"), "ROUND_DOWN")
        assert earned + price * exact >= floor * (staked + exact)
        more = cap + D("0.01")
        assert earned + price * more < floor * (staked + more)
    else:
        assert cap == 0


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(-(10**9), 10**9, places=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_json_crosses_the_wire_unchanged(value: Any) -> None:
    assert loads(dumps(value)) == value


@pytest.mark.parametrize("value", [1.5, {"a": 0.1}, [1.0], float("nan")])
def test_money_never_leaves_as_a_float(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4_102_444_800_000))
def test_times_cross_the_wire_to_the_millisecond(at: int) -> None:
    assert epoch_ms(stamp(at)) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [("2026-01-01T00:00:00Z", 1767225600000), ("2026-01-01T01:00:00+01:00", 1767225600000),
     ("2026-01-01T00:00:00", 1767225600000), ("2026-01-01T00:00:00.123456Z", 1767225600123)],
)  # fmt: skip
def test_times_are_read_in_every_usual_form(text: str, at: int) -> None:
    assert epoch_ms(text) == at

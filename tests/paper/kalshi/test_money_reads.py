"""A member's balance, positions, settlements and queue, each against what was traded (kalshi sheet, 6 and 14)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.kalshi.ledger import Holding
from tests.paper.kalshi.desk import AWAY, HOME, ORDERS, D, Desk

IOC = {"time_in_force": "immediate_or_cancel"}


async def bought(desk: Desk, yes: bool, price: str, count: str, *, of: int = HOME) -> None:
    """Ann takes that many from somebody outside."""
    other = "no" if yes else "yes"
    desk.rest(other, str(1 - D(price)) if yes else price, count, of=of)
    await desk.ann.placed("bid" if yes else "ask", price, count, of=of, **IOC)


async def position(desk: Desk, of: int = HOME, **query: Any) -> Any:
    rows = (await desk.ann.read("/portfolio/positions", ticker=desk.ticker(of), **query))["market_positions"]
    return rows[0] if rows else None


async def test_balance_is_what_is_not_bound_by_resting_orders(desk: Desk) -> None:
    await desk.ann.placed("bid", "0.40", "100")
    await desk.ann.placed("ask", "0.70", "100", of=AWAY)  # buys NO at 0.30
    assert await desk.ann.cash() == 1000 - 40 - 30
    await desk.ann.call("DELETE", ORDERS)
    balance = await desk.ann.read("/portfolio/balance")
    assert (balance["balance"], balance["balance_dollars"]) == (100_000, "1000.0000")
    assert balance["balance_breakdown"] == [{"exchange_index": 0, "balance": "1000.0000"}]


async def test_resting_order_takes_exactly_the_last_cent(desk: Desk) -> None:
    await desk.ann.placed("bid", "0.40", "2500")
    assert await desk.ann.cash() == 0
    refused = await desk.ann.order("bid", "0.01", "0.01")
    assert (refused.status_code, refused.json()["code"]) == (400, "insufficient_balance")


async def test_no_position_is_negative_and_netting_realises(desk: Desk) -> None:
    await bought(desk, False, "0.60", "10")
    row = await position(desk)
    assert (row["position_fp"], row["market_exposure_dollars"]) == ("-10.00", "4.0000")
    await bought(desk, True, "0.50", "4")
    row = await position(desk)
    assert (row["position_fp"], row["market_exposure_dollars"]) == ("-6.00", "2.4000")
    assert row["realized_pnl_dollars"] == "0.4000"  # four NO bought at 0.40 and given back at 0.50


async def test_settled_and_unsettled_positions_are_told_apart(desk: Desk) -> None:
    await bought(desk, True, "0.40", "10")
    await bought(desk, True, "0.30", "10", of=101)
    desk.resolve("1", "0")
    assert await position(desk) is None
    settled = await position(desk, settlement_status="settled")
    assert (settled["position_fp"], settled["market_exposure_dollars"]) == ("0.00", "0.0000")
    every = (await desk.ann.read("/portfolio/positions", settlement_status="all"))["market_positions"]
    assert {row["ticker"] for row in every} == {desk.ticker(HOME), desk.ticker(101)}
    held = await desk.ann.read("/portfolio/positions", settlement_status="all", count_filter="position")
    assert [row["ticker"] for row in held["market_positions"]] == [desk.ticker(101)]


async def test_positions_may_be_asked_for_by_event(desk: Desk) -> None:
    await bought(desk, True, "0.40", "10")
    await bought(desk, True, "0.30", "10", of=101)
    event = desk.fixtures[1].native["kalshi"].event
    rows = (await desk.ann.read("/portfolio/positions", event_ticker=event))["market_positions"]
    assert [row["ticker"] for row in rows] == [desk.ticker(101)]


@pytest.mark.parametrize(
    ("yes", "home", "revenue", "value"),
    [(True, "1", 1000, 100), (True, "0", 0, 0), (False, "1", 0, 100), (False, "0.35", 650, 35)],
)
async def test_settlement_row_says_what_was_paid(desk: Desk, yes: bool, home: str, revenue: int, value: int) -> None:
    await bought(desk, yes, "0.40", "10")
    before = await desk.ann.cash()
    desk.clock.now += 60
    desk.resolve(home, str(1 - D(home)))
    (row,) = (await desk.ann.read("/portfolio/settlements"))["settlements"]
    assert (row["revenue"], row["value"]) == (revenue, value)
    assert (row["yes_count_fp"], row["no_count_fp"]) == (("10.00", "0.00") if yes else ("0.00", "10.00"))
    assert await desk.ann.cash() == before + D(revenue) / 100
    later = int(desk.clock.now) + 1
    assert (await desk.ann.read("/portfolio/settlements", min_ts=later))["settlements"] == []


async def test_member_without_an_account_has_nothing(desk: Desk) -> None:
    del desk.engine.wallets[("kalshi", "bob")]
    assert (await desk.bob.read("/portfolio/balance"))["balance_dollars"] == "0.0000"
    assert (await desk.bob.read("/portfolio/positions"))["market_positions"] == []
    reducing = await desk.bob.order("bid", "0.40", "1", reduce_only=True, **IOC)
    assert (reducing.status_code, reducing.json()["code"]) == (400, "reduce_only")
    assert (await desk.bob.order("bid", "0.40", "1")).json()["code"] == "insufficient_balance"


async def test_queue_position_counts_who_came_first_at_our_price(desk: Desk) -> None:
    desk.rest("yes", "0.40", "7")
    mine = (await desk.ann.placed("bid", "0.40", "10"))["order_id"]
    desk.rest("yes", "0.40", "5")
    desk.rest("yes", "0.41", "100")
    path = f"/portfolio/orders/{mine}/queue_position"
    assert (await desk.ann.read(path))["queue_position_fp"] == "7.00"
    body = {"ticker": desk.ticker(), "side": "bid", "price": "0.40", "count": "11"}
    await desk.ann.call("POST", f"{ORDERS}/{mine}/amend", body)
    assert (await desk.ann.read(path))["queue_position_fp"] == "12.00"
    await desk.ann.placed("bid", "0.40", "1", of=AWAY)
    every = (await desk.ann.read("/portfolio/orders/queue_positions"))["queue_positions"]
    assert [row["queue_position_fp"] for row in every] == ["12.00", "0.00"]
    narrowed = await desk.ann.read("/portfolio/orders/queue_positions", market_tickers=desk.ticker(AWAY))
    assert [row["market_ticker"] for row in narrowed["queue_positions"]] == [desk.ticker(AWAY)]


async def test_orders_are_listed_by_market_event_status_and_time(desk: Desk) -> None:
    first = (await desk.ann.placed("bid", "0.40", "1"))["order_id"]
    desk.clock.now += 60
    second = (await desk.ann.placed("bid", "0.41", "1", of=AWAY))["order_id"]
    await desk.ann.call("DELETE", f"{ORDERS}/{first}", market_ticker=desk.ticker())

    async def listed(**query: Any) -> list[str]:
        return [row["order_id"] for row in (await desk.ann.read("/portfolio/orders", **query))["orders"]]

    assert await listed() == [second, first]
    assert await listed(status="canceled") == [first]
    assert await listed(status="resting") == [second]
    assert await listed(status="executed") == []
    assert await listed(ticker=desk.ticker(AWAY)) == [second]
    assert await listed(event_ticker=f"KXNONE,{desk.fixtures[0].native['kalshi'].event}") == [second, first]
    assert await listed(min_ts=int(desk.clock.now)) == [second]
    assert await listed(max_ts=int(desk.clock.now) - 1) == [first]


trades = st.lists(
    st.tuples(st.booleans(), st.integers(1, 50).map(D), st.integers(1, 99).map(lambda c: D(c) / 100)), max_size=30
)


@settings(max_examples=40, deadline=None)
@given(trades)
def test_cost_and_result_always_account_for_the_money_spent(done: list[tuple[bool, D, D]]) -> None:
    """Money out = cost of what is held - result, whatever the order of buying and selling."""
    holding, spent = Holding("T"), D(0)
    for at, (buys_yes, size, price) in enumerate(done):
        before = holding.position
        holding.add(buys_yes, size, price, D(0), at)
        closed = min(size, max(-before if buys_yes else before, D(0)))
        spent += size * (price if buys_yes else 1 - price) - closed  # a closed pair pays 1
    assert abs(holding.cost - holding.realised - spent) < D("1e-18")
    assert holding.cost >= -D("1e-18")
    assert holding.position == sum((size if yes else -size for yes, size, _ in done), D(0))
    assert holding.volume == sum((size for _, size, _ in done), D(0))

"""What outlives a pause, a resolution and the venue's own restart (kalshi sheet, sections 8, 9, 11 and 14)."""

from pathlib import Path

import pytest

from overround.paper.store import Store
from tests.paper.kalshi.desk import AWAY, HOME, ORDERS, D, Desk


@pytest.mark.parametrize("pause", ["market", "week"])
async def test_pause_takes_the_orders_that_asked_for_it_and_no_others(desk: Desk, pause: str) -> None:
    kept = (await desk.ann.placed("bid", "0.40", "5"))["order_id"]
    gone = (await desk.ann.placed("bid", "0.41", "5", cancel_order_on_pause=True))["order_id"]
    elsewhere = (await desk.ann.placed("bid", "0.41", "5", of=AWAY, cancel_order_on_pause=True))["order_id"]
    if pause == "market":
        desk.venue.pause(desk.ticker(), True)
    else:
        desk.venue.pause_trading(True)
    status = {name: desk.engine.orders[name].status for name in (kept, gone, elsewhere)}
    assert status == {kept: "open", gone: "cancelled", elsewhere: "open" if pause == "market" else "cancelled"}


@pytest.mark.parametrize("call", ["create", "batch", "amend"])
async def test_weekly_pause_refuses_creating_and_amending(desk: Desk, call: str) -> None:
    order = (await desk.ann.placed("bid", "0.40", "5"))["order_id"]
    desk.venue.pause_trading(True)
    body = desk.body("bid", "0.39", "5")
    amended = {"ticker": desk.ticker(), "side": "bid", "price": "0.40", "count": "4"}
    path, sent = {
        "create": (ORDERS, body),
        "batch": (f"{ORDERS}/batched", {"orders": [body]}),
        "amend": (f"{ORDERS}/{order}/amend", amended),
    }[call]
    assert (await desk.ann.call("POST", path, sent)).status_code == 503
    assert desk.engine.orders[order].size == 5
    desk.venue.pause_trading(False)
    assert (await desk.ann.call("POST", path, sent)).status_code in (200, 201)


async def test_orders_are_cancelled_in_a_paused_market_but_not_renewed(desk: Desk) -> None:
    order = (await desk.ann.placed("bid", "0.40", "5"))["order_id"]
    desk.venue.pause(desk.ticker(), True)
    body = {"ticker": desk.ticker(), "side": "bid", "price": "0.40", "count": "5", "expiration_time": 0}
    refused = await desk.ann.call("POST", f"{ORDERS}/{order}/amend", body)
    assert (refused.status_code, refused.json()["code"]) == (400, "market_inactive")
    gone = await desk.ann.call("DELETE", f"{ORDERS}/{order}", market_ticker=desk.ticker())
    assert (gone.status_code, gone.json()["reduced_by"]) == (200, "5.00")


async def test_resting_orders_disappear_when_the_market_ends_and_their_money_is_free(desk: Desk) -> None:
    await desk.ann.placed("bid", "0.40", "100")
    desk.resolve("1", "0")
    assert await desk.ann.cash() == 1000
    late = await desk.ann.order("bid", "0.40", "1")
    assert (late.status_code, late.json()["code"]) == (400, "market_inactive")


async def test_resolution_is_paid_once_whatever_is_said_later(desk: Desk) -> None:
    desk.rest("no", "0.60", "10")
    await desk.ann.placed("bid", "0.40", "10")
    desk.resolve("1", "0")
    paid = await desk.ann.cash()
    desk.resolve("0", "1")
    assert await desk.ann.cash() == paid
    assert (await desk.ann.read(f"/markets/{desk.ticker()}"))["market"]["result"] == "yes"


@pytest.mark.parametrize("shard", ["right", "every", "wrong", "none"])
async def test_cancel_reaches_an_order_of_another_shard_only_when_told_where(desk: Desk, shard: str) -> None:
    desk.venue.catalogue.markets[desk.ticker()].exchange_index = 2
    order = (await desk.ann.placed("bid", "0.40", "5"))["order_id"]
    query = {
        "right": {"exchange_index": 2},
        "every": {"exchange_index": -1},
        "wrong": {"exchange_index": 1},
        "none": {},
    }
    answer = await desk.ann.call("DELETE", f"{ORDERS}/{order}", **query[shard])
    assert answer.status_code == (200 if shard in ("right", "every") else 404)


async def test_everything_a_member_sees_is_the_same_after_a_restart(tmp_path: Path) -> None:
    desk = Desk(Store(tmp_path / "world.db"))
    desk.rest("no", "0.60", "7")
    await desk.ann.placed("bid", "0.40", "10", client_order_id="first")
    await desk.ann.placed("ask", "0.70", "3", of=AWAY, expiration_time=int(desk.clock.now) + 60)
    await desk.ann.placed("bid", "0.45", "5", post_only=True)
    desk.venue.regrid(desk.ticker(AWAY), "deci_cent")
    desk.venue.resolve(desk.fixtures[1], desk.fixtures[1].markets[0], {101: D(1), 102: D(0), 103: D(0)})
    reads = [
        "/portfolio/orders", "/portfolio/fills", "/portfolio/positions", "/portfolio/settlements",
        "/portfolio/balance", "/portfolio/orders/queue_positions", "/markets", "/events", f"/markets/{desk.ticker()}",
    ]  # fmt: skip
    before = [await desk.ann.read(path) for path in reads]
    desk.store.close()
    again = Desk(Store(tmp_path / "world.db"), desk.clock)
    assert [await again.ann.read(path) for path in reads] == before


async def test_restarted_venue_still_knows_used_names_fees_and_queue(desk: Desk) -> None:
    desk.rest("yes", "0.40", "5")
    await desk.ann.placed("bid", "0.40", "10", client_order_id="first")
    desk.rest("no", "0.60", "6")
    again = desk.restarted()
    assert (await again.ann.order("bid", "0.40", "1", client_order_id="first")).status_code == 409
    (order,) = (await again.ann.read("/portfolio/orders"))["orders"]
    assert (order["fill_count_fp"], order["remaining_count_fp"]) == ("1.00", "9.00")
    again.rest("no", "0.60", "9", account="late")
    (order,) = (await again.ann.read("/portfolio/orders"))["orders"]
    fees = [D(fill["fee_cost"]) for fill in (await again.ann.read("/portfolio/fills"))["fills"]]
    assert D(order["maker_fees_dollars"]) == sum(fees)


async def test_order_whose_time_ran_out_while_the_venue_was_down_does_not_trade(desk: Desk) -> None:
    expiry = int(desk.clock.now) + 10
    await desk.ann.placed("bid", "0.40", "10", expiration_time=expiry)
    desk.clock.now += 11
    again = desk.restarted()
    taker = again.rest("no", "0.60", "10")
    assert taker.filled == 0
    again.engine.expire(int(again.clock.now))
    assert again.engine.depth(f"kalshi:{again.ticker(HOME)}")[0] == []

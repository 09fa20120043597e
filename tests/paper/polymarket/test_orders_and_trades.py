"""Orders from placement to their end as REST tells them (polymarket sheet, sections 5.3 to 5.5 and 7)."""

from typing import Any

import pytest

from tests.paper.polymarket.desk import D, Desk

FOK_TEXT = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_TEXT = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."


async def statuses(desk: Desk) -> list[str]:
    return [row["status"] for row in (await desk.ann.read("/data/trades"))["data"]]


@pytest.mark.parametrize(
    ("kind", "size", "answer", "filled"),
    [
        ("GTC", "15", "matched", 10),
        ("FAK", "15", "matched", 10),
        ("FOK", "10", "matched", 10),
        ("FOK", "15", FOK_TEXT, 0),
    ],
)
async def test_marketable_order_by_its_kind(desk: Desk, kind: str, size: str, answer: str, filled: int) -> None:
    desk.rest(desk.asset(122), "0.60", "10")
    body = await desk.ann.place(desk.asset(121), "BUY", "0.40", size, kind)
    assert (body if isinstance(body, str) else body["status"]) == answer
    assert sum(trade.size for trade in desk.engine.trades.values()) == filled
    rests = [order.remaining for order in desk.engine.open_orders("polymarket", "ann")]
    assert rests == ([D(5)] if kind == "GTC" else [])


async def test_fill_and_kill_is_killed_by_an_order_that_expired_meanwhile(desk: Desk) -> None:
    """Nothing answers ``live`` that does not rest."""
    desk.rest(desk.asset(122), "0.60", "10", expires_at=int(desk.clock.now) + 5)
    desk.clock.now += 6
    assert await desk.ann.place(desk.asset(121), "BUY", "0.40", "10", "FAK") == FAK_TEXT


@pytest.mark.parametrize("kind", ["FOK", "FAK"])
async def test_killed_digest_is_never_taken_later_not_even_by_a_restarted_venue(desk: Desk, kind: str) -> None:
    body = desk.ann.order(desk.asset(121), "BUY", "0.40", "10", kind)
    assert (await desk.ann.call("POST", "/order", body)).status_code == 400
    for venue in (desk, desk.restarted()):
        venue.rest(venue.asset(122), "0.60", "10")
        again = await venue.ann.call("POST", "/order", body)
        assert "Duplicated" in again.json()["error"]
    assert desk.engine.trades == {}


async def test_digest_of_a_live_order_is_taken_once_also_after_a_restart(desk: Desk) -> None:
    body = desk.ann.order(desk.asset(121), "BUY", "0.40", "10")
    await desk.ann.call("POST", "/order", body)
    again = desk.restarted()
    assert "Duplicated" in (await again.ann.call("POST", "/order", body)).json()["error"]
    assert len(again.engine.open_orders("polymarket", "ann")) == 1


async def test_trade_is_shown_in_each_sides_own_asset(desk: Desk) -> None:
    """A buyer of YES and a buyer of NO meet: both bought, at prices that add up to one."""
    maker = await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    taker = await desk.bob.placed(desk.asset(122), "BUY", "0.60", "10")
    (mine,) = (await desk.ann.read("/data/trades"))["data"]
    (theirs,) = (await desk.bob.read("/data/trades"))["data"]
    assert (mine["trader_side"], theirs["trader_side"]) == ("MAKER", "TAKER")
    assert (mine["taker_order_id"], mine["asset_id"], mine["price"]) == (taker, desk.asset(122), "0.6")
    (part,) = mine["maker_orders"]
    assert (part["order_id"], part["asset_id"], part["price"], part["matched_amount"]) == (
        maker,
        desk.asset(121),
        "0.4",
        "10",
    )
    assert part["owner"] == desk.ann.keys["apiKey"]
    assert mine["outcome"] == "Grace"
    assert part["outcome"] == "Ada"


async def test_trade_gets_its_hash_when_it_is_mined_and_is_confirmed_after(desk: Desk) -> None:
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    desk.rest(desk.asset(122), "0.60", "10")
    seen = []
    for wait in (0.0, 0.9, 0.2, 1.0):
        desk.pass_time(wait)
        (row,) = (await desk.ann.read("/data/trades"))["data"]
        seen.append((row["status"].removeprefix("TRADE_STATUS_"), bool(row["transaction_hash"])))
    assert seen == [("MATCHED", False), ("MATCHED", False), ("MINED", True), ("CONFIRMED", True)]


async def test_failed_trade_gives_everything_back_to_both(desk: Desk) -> None:
    desk.world.faults.arm("polymarket", "trade_fails")
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    await desk.bob.placed(desk.asset(122), "BUY", "0.60", "10")
    assert desk.engine.holding("polymarket", "ann", desk.condition().book_id, "yes") == 10
    desk.pass_time(1.1)
    assert await statuses(desk) == ["TRADE_STATUS_RETRYING"]
    desk.pass_time(1.0)
    assert await statuses(desk) == ["TRADE_STATUS_FAILED"]
    for name in ("ann", "bob"):
        wallet = desk.engine.wallets[("polymarket", name)]
        assert (wallet.cash, set(wallet.holdings.values())) == (D(1000), {D(0)})


async def test_trades_are_asked_for_by_time_market_asset_and_id(desk: Desk) -> None:
    start = int(desk.clock.now)
    for outcome, other in ((121, 122), (122, 121), (121, 122)):
        await desk.ann.placed(desk.asset(outcome), "BUY", "0.40", "5")
        desk.rest(desk.asset(other), "0.60", "5")
        desk.clock.now += 10

    async def ids(**query: Any) -> list[str]:
        return [row["id"] for row in (await desk.ann.read("/data/trades", **query))["data"]]

    one, two, three = await ids()
    assert await ids(after=start + 10) == [two, three]
    assert await ids(before=start + 9) == [one]
    assert await ids(id=two) == [two]
    assert await ids(asset_id=desk.asset(121)) == [two], "the taker's asset"
    assert await ids(market=desk.condition().condition_id) == [one, two, three]
    assert await ids(market="0x0") == []
    assert (await desk.bob.read("/data/trades"))["data"] == []


async def test_open_orders_are_asked_for_by_market_asset_and_id_page_by_page(desk: Desk) -> None:
    first = await desk.ann.placed(desk.asset(121), "BUY", "0.40", "5")
    second = await desk.ann.placed(desk.asset(122), "BUY", "0.41", "5")
    soccer = await desk.ann.placed(desk.asset(101), "BUY", "0.42", "5")

    async def ids(**query: Any) -> list[str]:
        return [row["id"] for row in (await desk.ann.read("/data/orders", **query))["data"]]

    assert await ids() == [first, second, soccer]
    assert await ids(asset_id=desk.asset(122)) == [second]
    assert await ids(market=desk.condition(101).condition_id) == [soccer]
    assert await ids(id=first) == [first]
    desk.world.faults.arm("polymarket", "page_short")
    short = await desk.ann.read("/data/orders")
    assert len(short["data"]) == 1
    broken = await desk.ann.call("GET", "/data/orders", next_cursor=short["next_cursor"])
    assert broken.status_code == 500


async def test_orders_over_many_pages_are_each_listed_once(desk: Desk) -> None:
    book = desk.condition().book_id
    desk.engine.wallets[("polymarket", "ann")].cash = D(100_000)
    for _ in range(230):
        desk.rest(desk.asset(121), "0.10", "5", account="ann")
    cursor, seen = "MA==", []
    while cursor != "LTE=":
        page = await desk.ann.read("/data/orders", next_cursor=cursor)
        assert page["count"] == len(page["data"]) <= 100
        seen += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
    assert seen == [order.order_id for order in desk.engine.books[book].bids]
    assert len(seen) == 230


@pytest.mark.parametrize("whose", ["ann", "bob", "nobody"])
async def test_order_is_found_by_its_owner_alone(desk: Desk, whose: str) -> None:
    name = "0x00" if whose == "nobody" else await getattr(desk, whose).placed(desk.asset(), "BUY", "0.40", "5")
    found = await desk.ann.read(f"/data/order/{name}")
    assert (found is not None) == (whose == "ann")


async def test_delayed_order_is_neither_live_nor_lost_and_anothers_business(desk: Desk) -> None:
    desk.condition().seconds_delay = 1
    desk.rest(desk.asset(122), "0.60", "10")
    body = await desk.ann.place(desk.asset(121), "BUY", "0.40", "10")
    assert body["status"] == "delayed"
    assert (await desk.ann.read(f"/data/order/{body['orderID']}"))["status"] == "DELAYED"
    assert await desk.bob.read(f"/data/order/{body['orderID']}") is None
    assert (await desk.ann.read("/data/orders"))["data"] == []
    assert desk.engine.trades == {}


async def test_delayed_order_meets_the_book_of_the_moment_it_is_released(desk: Desk) -> None:
    desk.condition().seconds_delay = 1
    gone = desk.rest(desk.asset(122), "0.60", "10")
    body = await desk.ann.place(desk.asset(121), "BUY", "0.40", "10")
    desk.engine.cancel(gone.order_id, "gone")
    due, order = desk.venue.desk.delayed[body["orderID"]]
    desk.venue.desk.delayed[body["orderID"]] = (due - 10, order)
    desk.venue.tick()
    found = await desk.ann.read(f"/data/order/{body['orderID']}")
    assert (found["status"], found["size_matched"]) == ("LIVE", "0")


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("cancel", "CANCELED"),
        ("expire", "CANCELED_EXPIRED_ORDER"),
        ("resolve", "CANCELED_MARKET_RESOLVED"),
        ("fill", "MATCHED"),
    ],
)
async def test_ended_order_says_how_it_ended(desk: Desk, end: str, status: str) -> None:
    name = await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    if end == "cancel":
        answer = (await desk.ann.call("DELETE", "/order", {"orderID": name})).json()
        assert answer == {"canceled": [name], "not_canceled": {}}
    elif end == "expire":
        desk.engine.orders[name].expires_at = int(desk.clock.now)
        desk.engine.expire(int(desk.clock.now))
    elif end == "resolve":
        desk.resolve("1")
    else:
        desk.rest(desk.asset(122), "0.60", "10")
    assert (await desk.ann.read(f"/data/order/{name}"))["status"] == status


async def test_cancelling_by_asset_market_and_all_takes_only_ours(desk: Desk) -> None:
    names = {outcome: await desk.ann.placed(desk.asset(outcome), "BUY", "0.30", "5") for outcome in (121, 122, 101)}
    theirs = await desk.bob.placed(desk.asset(121), "BUY", "0.30", "5")

    async def cancelled(path: str, body: Any = None) -> list[str]:
        done: list[str] = (await desk.ann.call("DELETE", path, body)).json()["canceled"]
        return done

    assert await cancelled("/cancel-market-orders", {"asset_id": desk.asset(122)}) == [names[122]]
    market = desk.condition(121).condition_id
    assert await cancelled("/cancel-market-orders", {"market": market}) == [names[121]]
    assert await cancelled("/cancel-all") == [names[101]]
    assert await cancelled("/cancel-all") == []
    refused = await desk.ann.call("DELETE", "/orders", [theirs, names[101]])
    assert set(refused.json()["not_canceled"]) == {theirs, names[101]}
    assert desk.engine.orders[theirs].status == "open"


async def test_balance_is_in_millionths_of_what_is_held(desk: Desk) -> None:
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    desk.rest(desk.asset(122), "0.60", "7.5")

    async def balance(kind: str, **more: str) -> str:
        text: str = (await desk.ann.read("/balance-allowance", asset_type=kind, **more))["balance"]
        return text

    assert await balance("COLLATERAL") == "997000000"
    assert await balance("CONDITIONAL", token_id=desk.asset(121)) == "7500000"
    assert await balance("CONDITIONAL", token_id=desk.asset(122)) == "0"

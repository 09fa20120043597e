"""Gamma, the public CLOB and the Data API (polymarket sheet, sections 6, 7 and 11)."""

import json
from typing import Any

import pytest

from tests.paper.polymarket.desk import D, Desk


async def test_two_way_market_is_one_condition_and_a_wider_one_a_neg_risk_event(desk: Desk) -> None:
    events = {event["slug"]: event for event in await desk.get("gamma", "/events")}
    tennis, soccer = events["paper-atp"], events["paper-epl"]
    assert [len(event["markets"]) for event in (tennis, soccer)] == [1, 3]
    assert [event["negRisk"] for event in (tennis, soccer)] == [False, True]
    assert json.loads(tennis["markets"][0]["outcomes"]) == ["Ada", "Grace"]
    assert [market["groupItemTitle"] for market in soccer["markets"]] == ["Reds", "Draw", "Blues"]
    assert {tuple(json.loads(market["outcomes"])) for market in soccer["markets"]} == {("Yes", "No")}


async def test_event_is_found_by_id_slug_and_in_the_list(desk: Desk) -> None:
    (listed,) = await desk.get("gamma", "/events", slug="paper-atp")
    assert await desk.get("gamma", f"/events/{listed['id']}") == listed
    assert await desk.get("gamma", "/events/slug/paper-atp") == listed
    (market,) = listed["markets"]
    assert await desk.get("gamma", f"/markets/{market['id']}") == market


@pytest.mark.parametrize("path", ["/events/1", "/events/slug/none", "/markets/1"])
async def test_what_is_not_listed_is_not_found(desk: Desk, path: str) -> None:
    assert await desk.get("gamma", path) == 404


@pytest.mark.parametrize(("path", "name"), [("/events/keyset", "events"), ("/markets/keyset", "markets")])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_keyset_pages_join_to_the_offset_list(desk: Desk, path: str, name: str, limit: int) -> None:
    whole = await desk.get("gamma", f"/{name}")
    joined: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        body = await desk.get("gamma", path, limit=limit, **cursor)
        assert 0 < len(body[name]) <= limit
        joined += body[name]
        if "next_cursor" not in body:
            break
        cursor = {"after_cursor": body["next_cursor"]}
    assert joined == whole
    assert await desk.get("gamma", f"/{name}", offset=1, limit=1) == whole[1:2]


@pytest.mark.parametrize(
    ("first", "prices", "winners"),
    [("1", ["1", "0"], [True, False]), ("0", ["0", "1"], [False, True]), ("0.5", ["0.5", "0.5"], [False, False])],
)
async def test_resolved_market_is_closed_and_shows_what_it_paid(
    desk: Desk, first: str, prices: list[str], winners: list[bool]
) -> None:
    desk.resolve(first)
    assert [event["slug"] for event in await desk.get("gamma", "/events")] == ["paper-epl"]
    (event,) = await desk.get("gamma", "/events", closed="true")
    (market,) = event["markets"]
    assert (market["closed"], market["acceptingOrders"], market["umaResolutionStatus"]) == (True, False, "resolved")
    assert json.loads(market["outcomePrices"]) == prices
    full = await desk.get("clob", f"/markets/{market['conditionId']}")
    assert [token["winner"] for token in full["tokens"]] == winners


async def test_clob_and_gamma_describe_the_same_market(desk: Desk) -> None:
    desk.venue.change_tick(desk.condition().condition_id, D("0.001"))
    desk.rest(desk.asset(121), "0.41", "10")
    desk.rest(desk.asset(122), "0.57", "10")
    asset, condition = desk.asset(121), desk.condition().condition_id
    (market,) = await desk.get("gamma", "/markets", condition_ids=condition)
    compact = await desk.get("clob", f"/clob-markets/{condition}")
    assert (market["bestBid"], market["bestAsk"]) == (0.41, 0.43)
    assert (await desk.get("clob", "/tick-size", token_id=asset))["minimum_tick_size"] == compact["mts"] == 0.001
    assert market["orderPriceMinTickSize"] == 0.001
    assert (await desk.get("clob", "/neg-risk", token_id=asset))["neg_risk"] is compact["nr"] is False
    assert (await desk.get("clob", "/neg-risk", token_id=desk.asset(101)))["neg_risk"] is True
    assert (await desk.get("clob", "/fee-rate", token_id=asset))["base_fee"] == 300
    assert compact["fd"] == {"r": market["feeSchedule"]["rate"], "e": 1, "to": True}
    by_token = await desk.get("clob", f"/markets-by-token/{desk.asset(122)}")
    assert (by_token["condition_id"], by_token["primary_token_id"]) == (condition, asset)
    every = await desk.get("clob", "/markets")
    assert (every["next_cursor"], every["count"]) == ("LTE=", 4)


@pytest.mark.parametrize(
    "path", ["/book", "/tick-size", "/neg-risk", "/fee-rate", "/markets/0x1", "/markets-by-token/1", "/clob-markets/1"]
)
async def test_unknown_token_or_condition_is_404(desk: Desk, path: str) -> None:
    assert await desk.get("clob", path, token_id="1") == 404


async def test_books_of_both_tokens_mirror_each_other(desk: Desk) -> None:
    desk.rest(desk.asset(121), "0.41", "10")
    desk.rest(desk.asset(121), "0.39", "5")
    desk.rest(desk.asset(122), "0.57", "8")
    asked = json.dumps([{"token_id": desk.asset(121)}, {"token_id": desk.asset(122)}, {"token_id": "1"}])
    first, second = (await desk.send("clob", "POST", "/books", content=asked)).json()
    assert [level["price"] for level in first["bids"]] == ["0.39", "0.41"]
    for mine, other in (("bids", "asks"), ("asks", "bids")):
        mirrored = [(str(1 - D(level["price"])), level["size"]) for level in second[other]]
        assert [(level["price"], level["size"]) for level in first[mine]] == mirrored
    assert first == await desk.get("clob", "/book", token_id=desk.asset(121))


async def test_hash_of_a_book_changes_with_the_book_alone(desk: Desk) -> None:
    before = (await desk.get("clob", "/book", token_id=desk.asset()))["hash"]
    assert (await desk.get("clob", "/book", token_id=desk.asset()))["hash"] == before
    desk.rest(desk.asset(), "0.40", "5")
    assert (await desk.get("clob", "/book", token_id=desk.asset()))["hash"] != before


async def held(desk: Desk) -> None:
    """Ann holds ten of Ada's token at 0.45 on average and five of the draw's NO."""
    for price, size in (("0.40", "5"), ("0.50", "5")):
        await desk.ann.placed(desk.asset(121), "BUY", price, size)
        desk.rest(desk.asset(122), str(1 - D(price)), size)
    no_draw = desk.condition(102).assets[1]
    desk.rest(desk.asset(102), "0.30", "5")
    await desk.ann.placed(no_draw, "BUY", "0.70", "5")


async def test_positions_carry_cost_fees_and_outcome(desk: Desk) -> None:
    await held(desk)
    rows = (await desk.get("data", "/v2/positions", user=desk.ann.wallet))["data"]
    ada, draw = rows
    assert (ada["token_id"], ada["current_size"], ada["outcome"]) == (desk.asset(121), "10", "Ada")
    assert D(ada["avg_price"]) == D("0.45")
    assert (D(ada["entry_cost_usdc"]), D(ada["entry_fees_usdc"])) == (D("4.5"), D(0))
    assert (draw["outcome"], draw["outcome_index"], draw["negative_risk"]) == ("No", 1, True)
    assert D(draw["entry_fees_usdc"]) == D("0.0315")  # 5 x 0.03 x 0.21, taken
    legacy = await desk.get("data", "/positions", user=desk.ann.wallet.lower())
    assert [row["size"] for row in legacy] == [10, 5]
    assert [row["asset"] for row in legacy] == [row["token_id"] for row in rows]


@pytest.mark.parametrize("limit", [1, 2])
async def test_positions_come_in_pages(desk: Desk, limit: int) -> None:
    await held(desk)
    sizes, query = [], {"limit": limit, "user": desk.ann.wallet}
    while True:
        body = await desk.get("data", "/v2/positions", **query)
        sizes += [row["current_size"] for row in body["data"]]
        if not body["pagination"]["has_more"]:
            break
        query["cursor"] = body["pagination"]["next_cursor"]
    assert sizes == ["10", "5"]


async def test_positions_end_with_the_market_and_strangers_have_none(desk: Desk) -> None:
    await held(desk)
    desk.resolve("1")
    rows = (await desk.get("data", "/v2/positions", user=desk.ann.wallet))["data"]
    assert [row["outcome"] for row in rows] == ["No"]
    assert (await desk.get("data", "/v2/positions", user="0x0"))["data"] == []
    assert await desk.get("data", "/positions") == []


async def test_sold_out_position_is_gone_and_a_failed_trade_leaves_no_cost(desk: Desk) -> None:
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    desk.rest(desk.asset(122), "0.60", "10")
    desk.rest(desk.asset(121), "0.38", "10")
    sold = await desk.ann.place(desk.asset(121), "SELL", "0.38", "10", "FOK")
    assert sold["status"] == "matched"
    assert (await desk.get("data", "/v2/positions", user=desk.ann.wallet))["data"] == []
    desk.world.faults.arm("polymarket", "trade_fails")
    await desk.ann.placed(desk.asset(121), "BUY", "0.20", "10")
    desk.rest(desk.asset(122), "0.80", "10")
    desk.pass_time(1.1)
    desk.pass_time(1.1)
    assert (await desk.get("data", "/v2/positions", user=desk.ann.wallet))["data"] == []

"""Whatever is sent to the bookmaker, the answer names the field and nothing is recorded (bookmakers sheet, 5)."""

import json
from typing import Any

import pytest

from tests.paper.abp.desk import FIXTURE, Desk


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("orderStake", "1e30"),
        ("orderStake", "1e999999"),
        ("orderStake", "NaN"),
        ("orderStake", "Infinity"),
        ("orderStake", "-5"),
        ("orderStake", '"50"'),
        ("orderPrice", "1e400"),
        ("orderPrice", "NaN"),
        ("orderPrice", "1.0"),
        ("outcomeId", "1.5"),
        ("playerId", "true"),
        ("requestUuid", "[]"),
        ("bookmakers", "{}"),
        ("bookmakers", '" , "'),
        ("expiresAt", "17"),
        ("expiresAt", '"2099-01-01T00:00:00Z"'),
    ],
)
async def test_impossible_value_is_unprocessable_and_named(desk: Desk, field: str, value: str) -> None:
    order = json.dumps(desk.order())
    text = f'{{"orders":[{order[:-1]},"{field}":{value}}}]}}'  # the later of two equal names counts
    answer = await desk.call("POST", "/place-orders", text)
    assert answer.status_code == 422, answer.text
    assert field in answer.text or "JSON" in answer.text
    assert desk.paper.books.orders == {}


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '{"orders":{}}', '{"orders":[]}', '{"orders":[1]}'])
async def test_body_without_orders_is_unprocessable(desk: Desk, body: str) -> None:
    assert (await desk.call("POST", "/place-orders", body)).status_code == 422


async def test_hundred_orders_are_taken_and_one_more_is_not(desk: Desk) -> None:
    orders = [desk.order(1) for _ in range(101)]
    assert (await desk.call("POST", "/place-orders", {"orders": orders})).status_code == 422
    assert desk.paper.books.orders == {}
    assert len((await desk.place(*orders[:100]))["acceptedOrders"]) == 100


async def test_one_bad_order_spoils_the_whole_request(desk: Desk) -> None:
    body = {"orders": [desk.order(), desk.order(orderStake=0)]}
    answer = await desk.call("POST", "/place-orders", body)
    assert (answer.status_code, "orders[1].orderStake" in answer.text) == (422, True)
    assert desk.paper.books.orders == {}


@pytest.mark.parametrize("meta", [{"a": 1.25, "b": [0.75, {"c": 2.5}]}, 0.5, "text", [1, None, True], None])
async def test_meta_comes_back_as_it_was_sent_also_after_a_restart(desk: Desk, meta: Any) -> None:
    placed = await desk.placed(meta=meta)
    assert placed["meta"] == meta
    again = Desk(desk.rules, desk.store, desk.clock)
    (order,) = (await again.read("/orders"))["orders"]
    assert order["meta"] == meta


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"orderIds": 5},
        {"requestUuids": 5},
        {"requestUuids": None},
        {"requestUuids": "00000000-0000-0000-0000-000000000001"},
        {"orderIds": {"1001": 1}},
    ],
)
async def test_malformed_cancel_is_unprocessable_and_cancels_nothing(desk: Desk, body: Any) -> None:
    placed = await desk.placed(50, 2.5)
    assert (await desk.call("POST", "/cancel-orders", body)).status_code == 422
    assert not desk.paper.books.orders[placed["orderId"]].over


@pytest.mark.parametrize("path", ["/orders", "/bets"])
@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "-1"}, {"limit": "\u00b2"}, {"limit": "many"}])
async def test_page_nobody_can_give_is_unprocessable(desk: Desk, path: str, query: dict[str, str]) -> None:
    assert (await desk.call("GET", path, **query)).status_code == 422


@pytest.mark.parametrize("query", [{}, {"fixtureId": FIXTURE}, {"fixtureId": FIXTURE, "outcomeId": "x"}])
async def test_betslip_without_a_selection_is_unprocessable(desk: Desk, query: dict[str, str]) -> None:
    assert (await desk.call("GET", "/betslip", **query)).status_code == 422


LOGIN = {"type": "login", "apiKey": "key-ann", "channels": ["orders"]}


@pytest.mark.parametrize(
    "hello",
    [
        "no json",
        "[]",
        {"type": "hello"},
        {**LOGIN, "apiKey": "none"},
        {**LOGIN, "apiKey": ["key-ann"]},
        {**LOGIN, "channels": "orders"},
        {**LOGIN, "channels": [["orders"]]},
        {**LOGIN, "channels": [{}]},
        {**LOGIN, "channels": ["weather"]},
        {**LOGIN, "channels": None},
    ],
)
async def test_bad_login_is_told_and_closed_with_4401(desk: Desk, hello: Any) -> None:
    async with desk.stream() as line:
        await line.send(hello)
        answer = await line.frame()
        assert (answer["type"], answer["code"]) == ("error", "LOGIN_FAILED")
        assert await line.end() == 4401


async def test_message_that_is_no_ping_is_answered_and_the_socket_goes_on(desk: Desk) -> None:
    async with desk.stream() as line:
        await line.send(LOGIN)
        assert (await line.frame())["type"] == "login_ok"
        for message in ("no json", "[]", '{"type":"dance"}'):
            await line.send(message)
            assert (await line.frame())["code"] == "BAD_MESSAGE"
        await line.send({"type": "ping"})
        assert (await line.frame())["type"] == "pong"


async def test_client_sees_only_his_own_orders_bets_and_sockets(desk: Desk) -> None:
    async with desk.stream() as line:
        await line.send({**LOGIN, "apiKey": "key-bob", "channels": ["orders", "bets", "balance", "settlements"]})
        await line.frame()
        mine = await desk.placed()
        desk.settle("WIN")
        bet = mine["bets"][0]["betId"]
        assert (await desk.read("/orders", key="key-bob"))["orders"] == []
        assert (await desk.read("/bets", key="key-bob"))["bets"] == []
        assert (await desk.call("GET", f"/bets/{bet}", key="key-bob")).status_code == 403
        assert (await desk.call("GET", "/bets/999")).status_code == 404
        assert (await desk.read(f"/bets/{bet}"))["settlementStatus"] == "WON"
        theirs = await desk.call("POST", "/cancel-orders", {"orderIds": [mine["orderId"]]}, key="key-bob")
        assert (theirs.json()["cancelledCount"], theirs.json()["notCancelled"]["orders"]) == (0, [])
        assert await line.quiet()

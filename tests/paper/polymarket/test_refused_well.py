"""Whatever is sent, the venue answers in its own words and never with an error of the server (polymarket sheet, 8)."""

import time
from typing import Any

import pytest

from tests.paper.asgi import http
from tests.paper.polymarket.desk import D, Desk

MALFORMED = "Invalid order payload"


@pytest.mark.parametrize(
    ("method", "path", "body", "text"),
    [
        ("POST", "/order", "no json", MALFORMED),
        ("POST", "/order", [], MALFORMED),
        ("POST", "/order", {"order": []}, MALFORMED),
        ("POST", "/orders", {"order": {}}, MALFORMED),
        ("DELETE", "/order", {"orderID": 5}, "Invalid orderID"),
        ("DELETE", "/order", ["x"], "Invalid orderID"),
        ("DELETE", "/orders", {"a": 1}, "Invalid payload"),
        ("DELETE", "/orders", [["x"]], "Invalid payload"),
        ("DELETE", "/orders", [{"id": "x"}], "Invalid payload"),
        ("DELETE", "/orders", ["x"] * 3001, "Too many orders in payload, max allowed: 3000"),
        ("DELETE", "/cancel-market-orders", [], "Invalid market"),
        ("DELETE", "/cancel-market-orders", {"market": "0x1"}, "Invalid market"),
        ("DELETE", "/cancel-market-orders", {"market": ["0x1"]}, "Invalid market"),
        ("DELETE", "/cancel-market-orders", {"asset_id": {}}, "Invalid market"),
        ("DELETE", "/cancel-market-orders", {}, "Invalid market"),
    ],
)
async def test_malformed_write_is_refused_in_the_venues_words(
    desk: Desk, method: str, path: str, body: Any, text: str
) -> None:
    order = await desk.ann.placed(desk.asset(), "BUY", "0.40", "10")
    answer = await desk.ann.call(method, path, body)
    assert (answer.status_code, answer.json()["error"]) == (400, text)
    assert desk.engine.orders[order].status == "open"


@pytest.mark.parametrize("body", ["no json", [], "7"])
async def test_heartbeat_that_is_no_object_counts_as_one_without_an_id(desk: Desk, body: Any) -> None:
    first = (await desk.ann.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})).json()["heartbeat_id"]
    answer = await desk.ann.call("POST", "/v1/heartbeats", body)
    assert (answer.status_code, answer.json()["heartbeat_id"]) == (400, first)


@pytest.mark.parametrize(
    ("path", "query", "text"),
    [
        ("/data/orders", {"next_cursor": "?"}, "invalid order params payload"),
        ("/data/orders", {"next_cursor": "-5"}, "invalid order params payload"),
        ("/data/trades", {"next_cursor": "?"}, "Invalid trade params payload"),
        ("/data/trades", {"after": "yesterday"}, "Invalid trade params payload"),
        ("/data/trades", {"before": "now"}, "Invalid trade params payload"),
        ("/balance-allowance", {"asset_type": "GOLD"}, "Invalid asset type"),
        ("/balance-allowance", {"asset_type": "CONDITIONAL", "token_id": "1"}, "Invalid token id"),
        ("/balance-allowance", {"asset_type": "CONDITIONAL"}, "Invalid token id"),
    ],
)
async def test_read_with_wrong_parameters_is_refused(desk: Desk, path: str, query: dict[str, str], text: str) -> None:
    answer = await desk.ann.call("GET", path, **query)
    assert (answer.status_code, answer.json()["error"]) == (400, text)


@pytest.mark.parametrize("content", ["no json", "{}", "[1]", '[{"token_id":[]}]', "null"])
async def test_books_of_a_malformed_question_are_refused(desk: Desk, content: str) -> None:
    answer = await desk.send("clob", "POST", "/books", content=content)
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid payload")


@pytest.mark.parametrize(
    ("app", "path", "query"),
    [
        ("gamma", "/events", {"offset": "x"}),
        ("gamma", "/events", {"limit": "-1"}),
        ("gamma", "/markets", {"limit": "many"}),
        ("gamma", "/markets/keyset", {"after_cursor": "x"}),
        ("gamma", "/events/keyset", {"limit": "0"}),
        ("data", "/v2/positions", {"cursor": "x"}),
        ("data", "/v2/positions", {"limit": "x"}),
    ],
)
async def test_page_nobody_can_give_is_unprocessable(desk: Desk, app: str, path: str, query: dict[str, str]) -> None:
    assert await desk.get(app, path, user=desk.ann.wallet, **query) == 422


HUGE = "9" * 70


@pytest.mark.parametrize(
    "change",
    [
        {"makerAmount": HUGE, "takerAmount": HUGE},
        {"makerAmount": "0"},
        {"takerAmount": "0"},
        {"makerAmount": "\u00b2"},
        {"expiration": "\u0664"},
        {"timestamp": "-1"},
        {"side": "HOLD"},
        {"salt": -1},
        {"signatureType": True},
        {"signatureType": 9},
        {"signature": "0x"},
        {"signature": "no"},
        {"signature": "0x" + "zz" * 65},
        {"maker": "nobody"},
        {"metadata": "0x1"},
        {"tokenId": "1"},
    ],
)
async def test_order_with_an_impossible_field_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    body = desk.ann.order(desk.asset(), "BUY", "0.40", "10")
    body["order"] |= change
    answer = await desk.ann.call("POST", "/order", body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert desk.engine.open_orders("polymarket", "ann") == []


async def test_amount_beyond_all_money_is_refused_even_when_it_is_signed(desk: Desk) -> None:
    amount = 10**40
    text = await desk.ann.place(desk.asset(), "BUY", "0.40", "10", makerAmount=amount * 2, takerAmount=amount * 5)
    assert isinstance(text, str)
    assert desk.engine.open_orders("polymarket", "ann") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLY_SIGNATURE", "caf\xe9"),
        ("POLY_SIGNATURE", ""),
        ("POLY_TIMESTAMP", "9" * 5000),
        ("POLY_TIMESTAMP", "\xb2"),
        ("POLY_TIMESTAMP", "soon"),
        ("POLY_API_KEY", "none"),
        ("POLY_PASSPHRASE", "caf\xe9"),
        ("POLY_ADDRESS", "0x1"),
    ],
)
async def test_private_headers_nobody_could_have_made_are_401(desk: Desk, name: str, value: str) -> None:
    headers = {**desk.ann.headers("GET", "/data/orders", ""), name: value}
    async with http(desk.venue.clob) as client:
        raw = [(key.encode(), text.encode("latin-1")) for key, text in headers.items()]
        answer = await client.get("/data/orders", headers=raw)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLY_SIGNATURE", "0x" + "00" * 65),
        ("POLY_SIGNATURE", "0x" + "ff" * 65),
        ("POLY_SIGNATURE", "0x1234"),
        ("POLY_SIGNATURE", "hello"),
        ("POLY_ADDRESS", "0x1"),
        ("POLY_ADDRESS", "nobody"),
        ("POLY_TIMESTAMP", "soon"),
        ("POLY_NONCE", "-1"),
        ("POLY_NONCE", "x"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/auth/api-key"), ("GET", "/auth/derive-api-key")])
async def test_wallet_headers_nobody_could_have_made_are_401(
    desk: Desk, name: str, value: str, method: str, path: str
) -> None:
    answer = await desk.send("clob", method, path, headers={**desk.ann.login(), name: value})
    assert (answer.status_code, answer.json()["error"]) == (401, "Invalid L1 Request headers")


@pytest.mark.parametrize("seconds", [-70, 70])
async def test_signatures_of_another_time_are_refused(desk: Desk, seconds: int) -> None:
    stamp = int(time.time()) + seconds
    late = desk.ann.headers("GET", "/data/orders", "", stamp)
    assert (await desk.send("clob", "GET", "/data/orders", headers=late)).status_code == 401
    login = desk.ann.login(stamp=stamp)
    assert (await desk.send("clob", "GET", "/auth/derive-api-key", headers=login)).status_code == 401


async def test_buyer_needs_the_fee_besides_the_price(desk: Desk) -> None:
    """Section 10: a taker's BUY of notional N needs N + fee in the wallet."""
    asset, other = desk.asset(121), desk.asset(122)
    desk.rest(other, "0.50", "2000")
    assert await desk.ann.place(asset, "BUY", "0.50", "2000") == "not enough balance / allowance"
    taken = await desk.ann.place(asset, "BUY", "0.50", "1970")  # 985 + 14.775
    assert taken["status"] == "matched"
    assert desk.engine.wallets[("polymarket", "ann")].cash == D(1000) - 985 - D("14.775")


async def test_resting_buy_pays_no_fee_and_may_use_everything(desk: Desk) -> None:
    assert (await desk.ann.place(desk.asset(), "BUY", "0.50", "2000"))["status"] == "live"

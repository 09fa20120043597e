"""A refused request changes nothing, and nothing a client sends is answered with a server's error."""

import base64
from typing import Any

import pytest

from tests.paper.asgi import http
from tests.paper.kalshi.desk import GROUPS, ORDERS, PREFIX, D, Desk

MAKER = {"self_trade_prevention_type": "maker"}
IOC = {"time_in_force": "immediate_or_cancel"}
FOK = {"time_in_force": "fill_or_kill"}


def state(desk: Desk) -> tuple[Any, ...]:
    """Everything of the exchange a refusal must leave alone."""
    open_orders = [(o.order_id, o.price, o.remaining) for o in desk.engine.open_orders("kalshi", "ann")]
    return open_orders, desk.engine.wallets[("kalshi", "ann")].cash, len(desk.engine.trades), len(desk.engine.orders)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"count": "100000"}, "insufficient_balance"),
        ({"count": "100000", **IOC}, "insufficient_balance"),
        ({"price": "0.605"}, "invalid_price"),
        ({"order_group_id": "none"}, "not_found"),
    ],
)
async def test_refused_order_does_not_cancel_the_own_orders_in_its_way(
    desk: Desk, change: dict[str, str], code: str
) -> None:
    await desk.ann.placed("ask", "0.50", "10", client_order_id="mine")
    before = state(desk)
    answer = await desk.ann.order("bid", **{"price": "0.60", "count": "5", **MAKER, **change})
    assert answer.status_code in (400, 404)
    assert answer.json()["code"] == code
    assert state(desk) == before


async def test_order_paid_for_by_the_own_order_it_replaces_is_taken(desk: Desk) -> None:
    await desk.ann.placed("ask", "0.50", "1900")  # reserves 950 of 1000
    placed = await desk.ann.placed("bid", "0.50", "1900", **MAKER)
    assert (placed["fill_count"], placed["remaining_count"]) == ("0.00", "1900.00")
    assert [o.is_bid for o in desk.engine.open_orders("kalshi", "ann")] == [True]


@pytest.mark.parametrize("item", [{}, {"order_id": 7}, "x", None, {"order_id": None}])
async def test_batch_cancel_with_a_malformed_item_cancels_nothing(desk: Desk, item: Any) -> None:
    placed = await desk.ann.placed("bid", "0.40", "10")
    good = {"order_id": placed["order_id"], "market_ticker": desk.ticker()}
    answer = await desk.ann.call("DELETE", f"{ORDERS}/batched", {"orders": [good, item]})
    assert answer.status_code == 400
    assert [o.order_id for o in desk.engine.open_orders("kalshi", "ann")] == [placed["order_id"]]


async def test_batch_create_takes_the_good_items_and_names_the_bad_ones(desk: Desk) -> None:
    items = [
        desk.body("bid", "0.40", "10", client_order_id="one"),
        desk.body("bid", "0.405", "10", client_order_id="two"),
        "no order",
        desk.body("bid", "0.39", "10"),
    ]
    answer = await desk.ann.call("POST", f"{ORDERS}/batched", {"orders": items})
    assert answer.status_code == 201
    first, second, third, fourth = answer.json()["orders"]
    assert (first["client_order_id"], first["remaining_count"]) == ("one", "10.00")
    assert (second["client_order_id"], second["error"]["code"]) == ("two", "invalid_price")
    assert third["error"]["code"] == "invalid_parameters"
    assert "order_id" in fourth
    assert len(desk.engine.open_orders("kalshi", "ann")) == 2


@pytest.mark.parametrize("limit", ["NaN", "Infinity", "-Infinity", "sNaN", "0", "1000001", "x", 0.5, True, None])
@pytest.mark.parametrize("change", ["create", "limit"])
async def test_group_limit_that_is_no_number_of_contracts_is_refused(desk: Desk, limit: Any, change: str) -> None:
    body = {"contracts_limit_fp": limit}
    if change == "create":
        answer = await desk.ann.call("POST", f"{GROUPS}/create", body)
        assert (await desk.ann.read(GROUPS))["order_groups"] == []
    else:
        group = (await desk.ann.call("POST", f"{GROUPS}/create", {"contracts_limit": 5})).json()["order_group_id"]
        answer = await desk.ann.call("PUT", f"{GROUPS}/{group}/limit", body)
        assert (await desk.ann.read(f"{GROUPS}/{group}"))["contracts_limit_fp"] == "5.00"
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KALSHI-ACCESS-TIMESTAMP", "9" * 400),
        ("KALSHI-ACCESS-TIMESTAMP", "9" * 5000),
        ("KALSHI-ACCESS-TIMESTAMP", "-1"),
        ("KALSHI-ACCESS-TIMESTAMP", "1e12"),
        ("KALSHI-ACCESS-TIMESTAMP", ""),
        ("KALSHI-ACCESS-TIMESTAMP", "\xb2"),
        ("KALSHI-ACCESS-SIGNATURE", "caf\xe9"),
        ("KALSHI-ACCESS-SIGNATURE", "!!"),
        ("KALSHI-ACCESS-SIGNATURE", ""),
        ("KALSHI-ACCESS-SIGNATURE", base64.b64encode(bytes(64)).decode()),
        ("KALSHI-ACCESS-KEY", "nobody"),
    ],
)
async def test_headers_nobody_could_have_signed_are_401(desk: Desk, name: str, value: str) -> None:
    path = f"{PREFIX}/portfolio/balance"
    headers = {**desk.ann.headers("GET", path), name: value}
    async with http(desk.venue.app) as client:
        raw = [(key.encode(), text.encode("latin-1")) for key, text in headers.items()]
        answer = await client.get(path, headers=raw)
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_error")


async def test_signature_covers_method_and_path_but_not_the_query(desk: Desk) -> None:
    path = f"{PREFIX}/portfolio/orders"
    signed = desk.ann.headers("GET", path)
    async with http(desk.venue.app) as client:
        assert (await client.get(f"{path}?limit=5", headers=signed)).status_code == 200
        assert (await client.get(f"{PREFIX}/portfolio/fills", headers=signed)).status_code == 401
        assert (await client.delete(path.replace("orders", "events/orders"), headers=signed)).status_code == 401


@pytest.mark.parametrize("seconds", [-5.5, 5.5])
async def test_signature_of_another_time_is_refused(desk: Desk, seconds: float) -> None:
    path = f"{PREFIX}/portfolio/balance"
    headers = desk.ann.headers("GET", path)
    async with http(desk.venue.app) as client:
        desk.clock.now += seconds * 0.8
        assert (await client.get(path, headers=headers)).status_code == 200
        desk.clock.now += seconds * 0.2
        assert (await client.get(path, headers=headers)).status_code == 401


PAGED = ["/portfolio/orders", "/portfolio/fills", "/markets", "/markets/trades", "/events"]


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "1001"}, {"limit": "-1"}, {"limit": "many"}, {"cursor": "?"}, {"cursor": "YQ=="}],
)
async def test_page_nobody_can_give_is_refused(desk: Desk, path: str, query: dict[str, str]) -> None:
    answer = await desk.ann.call("GET", path, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameters")


@pytest.mark.parametrize("name", ["a b", "x" * 65, "é"])
async def test_amended_name_keeps_to_the_venues_alphabet(desk: Desk, name: str) -> None:
    placed = await desk.ann.placed("bid", "0.40", "10", client_order_id="before")
    body = {"ticker": desk.ticker(), "side": "bid", "price": "0.40", "count": "10", "updated_client_order_id": name}
    answer = await desk.ann.call("POST", f"{ORDERS}/{placed['order_id']}/amend", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameters")
    assert desk.engine.orders[placed["order_id"]].client_ref == "before"


@pytest.mark.parametrize("action", ["cancel", "amend", "decrease", "read"])
async def test_another_members_order_does_not_exist_for_us(desk: Desk, action: str) -> None:
    order_id = (await desk.bob.placed("bid", "0.40", "10"))["order_id"]
    amended = {"ticker": desk.ticker(), "side": "bid", "price": "0.40", "count": "5"}
    calls: dict[str, tuple[str, str, Any]] = {
        "cancel": ("DELETE", f"{ORDERS}/{order_id}", None),
        "amend": ("POST", f"{ORDERS}/{order_id}/amend", amended),
        "decrease": ("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_by": "1"}),
        "read": ("GET", f"/portfolio/orders/{order_id}", None),
    }
    assert (await desk.ann.call(*calls[action])).status_code == 404
    assert desk.engine.orders[order_id].remaining == 10


async def test_fill_or_kill_that_only_own_orders_could_fill_trades_with_nobody(desk: Desk) -> None:
    await desk.ann.placed("ask", "0.50", "10")
    placed = await desk.ann.placed("bid", "0.55", "10", **FOK)
    assert (placed["fill_count"], placed["remaining_count"]) == ("0.00", "0.00")
    assert [(o.yes_price, o.remaining) for o in desk.engine.open_orders("kalshi", "ann")] == [(D("0.50"), D(10))]


async def test_amend_that_cannot_be_paid_does_not_cancel_the_own_orders_in_its_way(desk: Desk) -> None:
    await desk.ann.placed("ask", "0.50", "100")
    order = (await desk.ann.placed("bid", "0.40", "10", **MAKER))["order_id"]
    before = state(desk)
    body = {"ticker": desk.ticker(), "side": "bid", "price": "0.60", "count": "5000"}
    answer = await desk.ann.call("POST", f"{ORDERS}/{order}/amend", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "insufficient_balance")
    assert state(desk) == before

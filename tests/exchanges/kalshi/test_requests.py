"""Every recorded SDK request, made again by our client: same method, target, body and signed message."""

import ast
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import respx

from overround.domain.fees import FeeSchedule
from overround.domain.grid import Band, PriceGrid
from overround.domain.markets import Instrument, MarketKey
from overround.exchanges.base import PlaceRequest
from overround.exchanges.kalshi import messages as wire
from overround.exchanges.kalshi.rest import Rest
from overround.exchanges.kalshi.signing import Signer
from overround.limiter import Urgency
from overround.paper.kalshi.auth import genuine
from overround.venues import Disconnected
from tests.exchanges.kalshi.desk import KEY_ID, RSA, VECTORS, D

HOST = "https://kalshi.test"
BASE = HOST + "/trade-api/v2"


def _arguments(call: str) -> tuple[list[Any], dict[str, Any]]:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    named = {item.arg: ast.literal_eval(item.value) for item in node.keywords if item.arg}
    return [ast.literal_eval(item) for item in node.args], named


def _texts(named: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in named.items()}


async def _repeat(rest: Rest, call: str) -> Any:
    """Our equivalent of one SDK call."""
    args, named = _arguments(call)
    target = str(args[0]) if args else ""
    match call.partition("(")[0]:
        case "create_order_v2":
            return await rest.create_order(named)
        case "batch_create_orders_v2":
            body = wire.batch_body([json.dumps(order) for order in named["orders"]])
            return await rest.create_orders(body, len(named["orders"]))
        case "amend_order_v2":
            return await rest.amend_order(target, named)
        case "decrease_order_v2":
            return await rest.decrease_order(target, named)
        case "cancel_order_v2":
            return await rest.cancel_order(*args, **_texts(named))
        case "batch_cancel_orders_v2":
            return await rest.cancel_orders(named["orders"])
        case "cancel_all_orders":
            return await rest.cancel_all(**named)
        case "get_orders":
            return await rest.orders(**_texts(named))
        case "get_order":
            return await rest.order(*args)
        case "get_fills":
            return await rest.fills(**_texts(named))
        case "get_positions":
            return await rest.positions(**_texts(named))
        case "get_balance":
            return await rest.balance()
        case "get_settlements":
            return await rest.settlements(**_texts(named))
        case "get_market_orderbook":
            return await rest.orderbook(*args, **named)
        case "get_market_orderbooks":
            return await rest.orderbooks(*args)
        case "get_order_queue_positions":
            return await rest.queue_positions(**_texts(named))
        case "create_order_group":
            return await rest.create_group(named)
        case "trigger_order_group":
            return await rest.trigger_group(*args)
        case "reset_order_group":
            return await rest.reset_group(*args)
        case "update_order_group_limit":
            return await rest.limit_group(target, named)
    raise AssertionError(f"no equivalent of {call}")


def _rest(timestamp_ms: int = 1) -> Rest:
    return Rest(BASE, Signer(KEY_ID, RSA["test_private_key_pem"], lambda: timestamp_ms / 1000), tier="prestige")


@pytest.mark.parametrize("case", VECTORS["requests"], ids=lambda case: str(case["name"]))
async def test_same_request_as_the_sdk(case: dict[str, Any], respx_mock: respx.MockRouter) -> None:
    served, wanted = case["served_response"], case["request"]
    answer = httpx.Response(case["served_status"], content=b"" if served is None else json.dumps(served).encode())
    route = respx_mock.route(host="kalshi.test").mock(return_value=answer)
    rest = _rest(case["timestamp_ms"])
    result = await _repeat(rest, case["sdk_call"])
    await rest.close()
    sent = route.calls.last.request
    target = urlsplit(wanted["target"])
    assert sent.method == wanted["method"]
    assert sent.url.path == target.path
    assert sorted(parse_qsl(sent.url.query.decode())) == sorted(parse_qsl(target.query))
    assert (json.loads(sent.content) if sent.content else None) == wanted.get("body_json")
    assert sent.headers["KALSHI-ACCESS-TIMESTAMP"] == wanted["headers"]["KALSHI-ACCESS-TIMESTAMP"]
    assert genuine(RSA["public_key_pem"], case["signed_message"], sent.headers["KALSHI-ACCESS-SIGNATURE"])
    assert result == served


def _instrument(position: Any = "no") -> Instrument:
    grid = PriceGrid("probability", (Band(D(0), D(1), D("0.0001")),))
    return Instrument(
        exchange="kalshi",
        key=MarketKey("fx", 1),
        outcome_id=1,
        venue_market="KXMLBGAME-26SEP14NYYBOS",
        contract="KXMLBGAME-26SEP14NYYBOS-NYY",
        position=position,
        grid=grid,
        fee=FeeSchedule("free"),
        min_size=D("0.01"),
        size_step=D("0.01"),
    )


def _body(**change: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"client_order_id": "c-1", "instrument": _instrument(), "action": "buy"}
    return wire.create_body(PlaceRequest(**(asked | {"price": D("0.58"), "size": D(25)} | change)))


def test_resting_order_is_post_only_and_dies_with_a_pause() -> None:
    recorded = VECTORS["requests"][0]["request"]["body_json"] | {"side": "ask", "client_order_id": "c-1"}
    del recorded["order_group_id"]
    assert _body() == recorded


def test_expiring_order_carries_unix_seconds() -> None:
    assert _body(expires_at=1789403600)["expiration_time"] == 1789403600


def test_unwind_is_an_immediate_bid_that_may_only_reduce() -> None:
    body = _body(action="sell", time_in_force="ioc", price=D("0.415"), size=D("10.5"), expires_at=5)
    wanted = {"side": "bid", "price": "0.5850", "count": "10.50", "time_in_force": "immediate_or_cancel"}
    assert body.items() >= wanted.items()
    assert body["reduce_only"] is True
    assert body.keys().isdisjoint({"post_only", "expiration_time", "cancel_order_on_pause"})


@pytest.mark.parametrize("case", VECTORS["side_mapping"], ids=lambda c: f"{c['legacy_action']} {c['legacy_side']}")
def test_side_mapping_vector(case: dict[str, str]) -> None:
    instrument, price = _instrument(case["legacy_side"]), D("0.30")
    action: Any = case["legacy_action"]
    assert wire.book_side(instrument, action) == case["book_side"]
    expected = 1 - price if case["price"] == "1 - no price" else price
    assert wire.yes_price(instrument, price) == expected


async def test_request_is_signed_after_it_waited_for_its_turn(respx_mock: respx.MockRouter) -> None:
    clock = iter(range(1, 100)).__next__
    route = respx_mock.route(host="kalshi.test").mock(return_value=httpx.Response(200, json={}))
    rest = Rest(BASE, Signer(KEY_ID, RSA["test_private_key_pem"], lambda: float(clock())), tier="basic")
    waited: list[int] = []
    take = rest._writes.take

    async def slow(cost: float, urgency: Urgency) -> None:
        waited.append(clock())
        await take(cost, urgency)

    rest._writes.take = slow  # type: ignore[method-assign]
    await rest.create_order({})
    await rest.close()
    assert int(route.calls.last.request.headers["KALSHI-ACCESS-TIMESTAMP"]) == (waited[0] + 1) * 1000


@pytest.mark.parametrize(("method", "urgency"), [("cancel_order", Urgency.CANCEL), ("create_order", Urgency.QUOTE)])
async def test_cancels_go_before_quotes(method: str, urgency: Urgency, respx_mock: respx.MockRouter) -> None:
    respx_mock.route(host="kalshi.test").mock(return_value=httpx.Response(200, json={}))
    rest, seen = _rest(), list[Urgency]()

    async def note(cost: float, urgency: Urgency) -> None:
        assert cost > 0
        seen.append(urgency)

    rest._writes.take = note  # type: ignore[method-assign]
    await getattr(rest, method)("x")
    await rest.close()
    assert seen == [urgency]


async def test_write_that_breaks_off_is_sent_once(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.route(host="kalshi.test").mock(side_effect=httpx.ReadError("gone"))
    rest = _rest()
    with pytest.raises(Disconnected):
        await rest.create_order({})
    await rest.close()
    assert route.call_count == 1

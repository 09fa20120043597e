"""Strict reading: every served vector is understood, and whatever lacks a field is refused by name."""

import json
from decimal import Decimal
from typing import Any

import pytest

from overround.domain.orders import Seen
from overround.exchanges.base import MarketChanged, OrderUpdate, VenueFill
from overround.exchanges.kalshi import messages as wire
from overround.exchanges.kalshi.rest import Conflict, Refusal, failure
from overround.exchanges.kalshi.stream import CHANNELS, SUBSCRIBE, decode
from overround.paper.kalshi.stream_state import PRIVATE, PUBLIC, channels_of
from overround.venues import NotFound, RateLimited, Unauthorised, Unknown, Unreadable
from tests.exchanges.kalshi.desk import VECTORS, D

FRAMES: dict[str, Any] = {item["name"]: item["frame"] for item in VECTORS["websocket"]["frames"]}
SERVED: dict[str, Any] = {item["name"]: item["served_response"] for item in VECTORS["requests"]}
ORDER = "7f3c1f2a-91c2-4d7d-8b0e-000000000001"


def _event(name: str) -> Any:
    return wire.stream_event(decode(json.dumps(FRAMES[name])))


def test_partial_fill_frame() -> None:
    event = _event("fill: partial")
    assert isinstance(event, VenueFill)
    assert (event.venue_order_id, event.contract) == (ORDER, "KXMLBGAME-26SEP14NYYBOS-NYY")
    assert (event.fill.fill_id, event.fill.size, event.fill.fee) == ("t-0001", D(4), D(0))
    assert (event.fill.price, event.fill.at) == (D("0.58"), 1789400005100)
    assert event.client_order_id == "0b9f6f0e-8a1c-4d6b-9c1d-5a0c8d0e1f01"


@pytest.mark.parametrize(
    ("name", "filled", "ended"),
    [
        ("user order: resting", "0", None),
        ("user order: partly filled", "4", None),
        ("user order: executed", "25", "FILLED"),
        ("user order: canceled after a partial fill (alternative ending)", "4", "CANCELLED"),
    ],
)
def test_user_order_frames(name: str, filled: str, ended: Any) -> None:
    event = _event(name)
    assert isinstance(event, OrderUpdate)
    assert event.seen == Seen(ORDER, D(filled), ended)


@pytest.mark.parametrize("name", ["market determined", "market settled"])
def test_lifecycle_frames_name_the_event(name: str) -> None:
    assert _event(name) == MarketChanged("KXMLBGAME-26SEP14NYYBOS", name.split()[1])


@pytest.mark.parametrize(
    "name",
    [
        "reply: subscribed",
        "orderbook snapshot",
        "orderbook delta: our resting order hit (own client_order_id present)",
        "orderbook delta: new level on the other side",
        "market position",
        "order group triggered",
    ],
)
def test_other_frames_say_nothing_to_us(name: str) -> None:
    assert _event(name) is None


def test_error_frame_ends_the_connection() -> None:
    with pytest.raises(Unreadable, match="Already subscribed"):
        _event("reply: error")


def test_our_subscription_has_the_recorded_shape() -> None:
    recorded = FRAMES["command: subscribe private channels, all markets"]
    assert SUBSCRIBE.keys() == recorded.keys()
    assert set(channels_of(recorded["params"])) <= PRIVATE
    assert set(CHANNELS) <= PRIVATE | PUBLIC


@pytest.mark.parametrize(
    "field", ["trade_id", "order_id", "market_ticker", "count_fp", "yes_price_dollars", "fee_cost", "ts_ms"]
)
def test_fill_without_a_field_is_refused_by_name(field: str) -> None:
    frame = json.loads(json.dumps(FRAMES["fill: partial"]))
    del frame["msg"][field]
    with pytest.raises(Unreadable, match=field):
        wire.stream_event(frame)


@pytest.mark.parametrize("raw", ['{"type":"fill"', "[]", '"x"'])
def test_frame_that_is_no_object_is_refused(raw: str) -> None:
    with pytest.raises(Unreadable):
        decode(raw)


def test_unknown_order_status_is_refused() -> None:
    row = SERVED["get order"]["order"] | {"status": "sleeping"}
    with pytest.raises(Unreadable, match="sleeping"):
        wire.seen(row)


def test_served_order() -> None:
    row = SERVED["get order"]["order"]
    assert wire.seen(row) == Seen(ORDER, D(4), None)
    assert wire.open_order(row).price == D("0.58")
    assert wire.locked(row) == D("21.00") * D("0.42")


def test_order_that_ended_at_its_expiry_expired() -> None:
    row = SERVED["get order"]["order"] | {"status": "canceled", "expiration_time": "2026-09-14T16:13:20Z"}
    assert wire.seen(row).ended == "EXPIRED"
    assert wire.seen(row | {"expiration_time": "2026-09-14T17:13:20Z"}).ended == "CANCELLED"


def test_served_fill_has_our_price_and_its_own_time() -> None:
    fill = wire.rest_fill(SERVED["list fills"]["fills"][0])
    assert (fill.fill.price, fill.fill.size, fill.fill.at) == (D("0.58"), D(4), 1789402405000)
    assert fill.client_order_id is None


def test_served_position() -> None:
    assert wire.position(SERVED["list positions"]["market_positions"][0]).size == D(4)


@pytest.mark.parametrize("value", [1.5, True, "NaN", "many", None])
def test_amount_that_is_not_exact_is_refused(value: Any) -> None:
    with pytest.raises(Unreadable, match="size"):
        wire.amount({"size": value}, "size")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refusal),
        (401, Unauthorised),
        (403, Unauthorised),
        (404, NotFound),
        (409, Conflict),
        (429, RateLimited),
        (500, Unknown),
        (503, Unknown),
    ],
)
def test_status_decides_the_error(status: int, kind: type[Exception]) -> None:
    assert isinstance(failure(status, b'{"code":"c","message":"m"}'), kind)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"code":"bad_price","message":"off grid"}', "bad_price: off grid"),
        (b'{"error":{"code":"bad_price","message":"off grid"}}', "bad_price: off grid"),
        (b'{"error":"too many requests"}', "too many requests"),
        (b"<html>gateway</html>", "no message"),
        (b"", "no message"),
    ],
)
def test_flat_wrapped_and_foreign_error_bodies(raw: bytes, said: str) -> None:
    assert said in str(failure(400, raw))


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"status": "finalized", "result": "yes"}, D(1)),
        ({"status": "finalized", "result": "no"}, D(0)),
        ({"status": "finalized", "result": "scalar", "settlement_value_dollars": "0.2500"}, D("0.25")),
        ({"status": "determined", "result": "yes"}, None),
        ({"status": "active", "result": ""}, None),
    ],
)
def test_only_a_final_market_has_a_value(change: dict[str, str], value: Decimal | None) -> None:
    row = {"ticker": "E-A", "event_ticker": "E", **change}
    assert wire.resolution(row).value == value


@pytest.mark.parametrize(
    "change",
    [
        {"status": "finalized", "result": ""},
        {"status": "finalized", "result": "maybe"},
        {"status": "finalized", "result": "scalar"},
        {"status": "resolved"},
    ],
)
def test_final_market_without_a_known_result_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        wire.resolution({"ticker": "E-A", "event_ticker": "E", **change})

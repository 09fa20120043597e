"""Every recorded shape with every place spoilt: an answer, or ``Unreadable``; never another error, never a default."""

import json
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from typing import Any

import httpx
import pytest
import respx

from overround.domain.orders import Accepted, Lost, Refused
from overround.exchanges.base import PlaceRequest, Prepared
from overround.exchanges.kalshi import messages as wire
from overround.exchanges.kalshi import placing, rest
from overround.exchanges.kalshi.adapter import Kalshi
from overround.exchanges.kalshi.stream import decode
from overround.venues import Account, Unreadable
from tests.domain.desk import instrument
from tests.exchanges.kalshi.desk import KEY_ID, RSA, VECTORS, D
from tests.support.hostile import NASTY, faults, needed

FRAMES: dict[str, Any] = {item["name"]: item["frame"] for item in VECTORS["websocket"]["frames"]}
SERVED: dict[str, Any] = {item["name"]: item["served_response"] for item in VECTORS["requests"]}
ORDER = SERVED["get order"]["order"]
FILL = SERVED["list fills"]["fills"][0]
POSITION = SERVED["list positions"]["market_positions"][0]
PUSHED_FILL = FRAMES["fill: partial"]["msg"]
PUSHED_ORDER = FRAMES["user order: partly filled"]["msg"]
RANGES = {"price_ranges": [{"start": "0.00", "end": "0.10", "step": "0.001"},
                           {"start": "0.10", "end": "1.00", "step": "0.01"}]}  # fmt: skip
FINAL = {"ticker": "K-NYY", "event_ticker": "K", "status": "finalized", "result": "scalar",
         "settlement_value_dollars": "0.5000"}  # fmt: skip
SERIES = {"fee_type": "quadratic", "fee_multiplier": 1}

Parser = Callable[[Any], Any]
READ: dict[str, tuple[Parser, dict[str, Any], set[str]]] = {
    "an order's state": (wire.seen, ORDER, {"order_id", "status", "fill_count_fp"}),
    "a pushed order": (wire.order_update, PUSHED_ORDER, {"order_id", "status", "fill_count_fp"}),
    "a resting order": (
        wire.open_order, ORDER, {"order_id", "ticker", "yes_price_dollars", "initial_count_fp", "fill_count_fp"}
    ),
    "cash an order holds": (wire.locked, ORDER, {"yes_price_dollars", "remaining_count_fp", "book_side"}),
    "a fill": (
        wire.rest_fill, FILL | {"ts": None}, {"order_id", "ticker", "trade_id", "count_fp", "yes_price_dollars",
                                              "fee_cost"}
    ),
    "a pushed fill": (
        wire.stream_fill, PUSHED_FILL, {"order_id", "market_ticker", "trade_id", "count_fp", "yes_price_dollars",
                                        "fee_cost", "ts_ms"}
    ),
    "a position": (wire.position, POSITION, {"ticker", "position_fp"}),
    "a grid": (wire.mirrored_grid, RANGES, {"price_ranges"}),
    "a result": (
        wire.resolution, FINAL, {"ticker", "event_ticker", "status", "result", "settlement_value_dollars"}
    ),
    "a fee": (lambda row: wire.fee_schedule({}, row), SERIES, {"fee_type", "fee_multiplier"}),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_exactly_the_fields_that_decide_something_are_required_and_named(name: str) -> None:
    parse, row, fields = READ[name]
    parse(deepcopy(row))
    if name == "a fill":
        parse = lambda body: wire.rest_fill(body | {"ts": 1_789_400_000})  # noqa: E731 - the time may come either way
    assert needed(parse, {key: value for key, value in row.items() if value is not None}) == fields


def test_a_fill_without_any_time_is_refused() -> None:
    timeless = {key: value for key, value in FILL.items() if key not in ("created_time", "ts")}
    with pytest.raises(Unreadable, match="ts"):
        wire.rest_fill(timeless)


@pytest.mark.parametrize("name", READ)
def test_a_spoilt_row_is_an_answer_or_unreadable(name: str) -> None:
    parse, row, _ = READ[name]
    assert faults(parse, row) == []


@pytest.mark.parametrize("name", FRAMES)
def test_a_spoilt_frame_is_an_event_or_unreadable(name: str) -> None:
    assert faults(lambda frame: wire.stream_event(decode(json.dumps(frame, default=str))), FRAMES[name]) == []


@pytest.mark.parametrize("raw", ["", "nul", "{", "[" * 100_000, b"\xff\xfe", '{"type": ' + "9" * 5_000 + "}"])
def test_what_is_no_json_is_unreadable_however_deep_or_long(raw: str | bytes) -> None:
    with pytest.raises(Unreadable):
        decode(raw)
    with pytest.raises(Unreadable):
        rest.parse(raw.encode() if isinstance(raw, str) else raw)
    assert isinstance(rest.failure(500, raw.encode() if isinstance(raw, str) else raw), Unreadable)


@pytest.mark.parametrize("body", ["null", "[]", '"no"', "7", '{"error": null}', '{"error": [1]}', '{"error": {}}'])
def test_any_error_body_keeps_what_its_status_means(body: str) -> None:
    assert type(rest.failure(404, body.encode())).__name__ == "NotFound"
    assert isinstance(rest.failure(502, body.encode()), Unreadable)


# -- answers to writes: nothing that cannot be read may look like a refusal, and one item never hides another ----------


class Member:
    """A REST client that answers with whatever a test wants."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def create_order(self, *_: Any) -> Any:
        return self.answer

    async def create_orders(self, *_: Any) -> Any:
        return self.answer


CREATED = SERVED["create: resting post-only bid"]
NAMES = [item["client_order_id"] for item in SERVED["batch create: one accepted, one rejected"]["orders"]]


def prepared(name: str) -> Prepared:
    return Prepared(PlaceRequest(name, instrument(111), "buy", D("0.58"), D(25)), "{}")


@pytest.mark.parametrize("field", ["order_id", "fill_count", "remaining_count"])
@pytest.mark.parametrize("nasty", [item for item in NASTY if not isinstance(item, bool | int | str)], ids=repr)
async def test_a_placement_whose_answer_is_spoilt_is_lost_never_refused(field: str, nasty: Any) -> None:
    said = await placing.place(Member({**CREATED, field: nasty}), [prepared(NAMES[0])])  # type: ignore[arg-type]
    assert [type(item) for item in said] in ([Lost], [Accepted])
    assert field != "order_id" or isinstance(said[0], Lost)


@pytest.mark.parametrize("item", [None, [], "ok", 7, {}, {"order_id": None}, {"error": []}], ids=repr)
async def test_one_unreadable_item_of_a_batch_hides_no_other(item: Any) -> None:
    answer = {"orders": [{**CREATED, "client_order_id": NAMES[0]}, item]}
    said = await placing.place(Member(answer), [prepared(name) for name in NAMES])  # type: ignore[arg-type]
    assert said[0] == Accepted(CREATED["order_id"])
    assert isinstance(said[1], Lost)


@pytest.mark.parametrize("answer", [None, [], {}, {"orders": None}, {"orders": []}, {"orders": [CREATED]}], ids=repr)
async def test_a_batch_answer_of_another_shape_leaves_every_order_unknown(answer: Any) -> None:
    said = await placing.place(Member(answer), [prepared(name) for name in NAMES])  # type: ignore[arg-type]
    assert [type(one) for one in said] == [Lost, Lost]


async def test_an_answer_that_names_another_order_is_not_believed() -> None:
    said = await placing.place(Member({**CREATED, "client_order_id": "other"}), [prepared(NAMES[0])])  # type: ignore[arg-type]
    assert said == [Lost("the answer names another order, other")]


async def test_an_order_that_crossed_is_refused_not_placed() -> None:
    gone = {**CREATED, "client_order_id": NAMES[0], "remaining_count": "0.00"}
    (said,) = await placing.place(Member(gone), [prepared(NAMES[0])])  # type: ignore[arg-type]
    assert isinstance(said, Refused)
    assert said.code == "post_only_cross"


# -- pages: an incomplete list is never evidence -----------------------------------------------------------------------


@pytest.fixture
async def member() -> AsyncIterator[Kalshi]:
    endpoints = {"rest": "https://kalshi.test/trade-api/v2", "ws": "wss://kalshi.test/trade-api/ws/v2"}
    secrets = {"key_id": KEY_ID, "private_key_pem": RSA["test_private_key_pem"]}
    async with Kalshi(Account("kalshi-demo", "kalshi", "demo:vertex", endpoints, secrets)) as opened:
        yield opened


@pytest.mark.parametrize(
    "pages",
    [
        [{"orders": [ORDER], "cursor": "a"}, {"cursor": ""}],
        [{"orders": [ORDER], "cursor": "a"}, {"orders": [], "cursor": "a"}, {"orders": [], "cursor": "a"}],
        [{"orders": None, "cursor": ""}],
        [[]],
        [{"orders": [None], "cursor": ""}],
        [{"orders": [ORDER | {"order_id": 7}], "cursor": ""}],
    ],
)
async def test_a_list_that_cannot_be_read_to_its_end_is_no_list(
    pages: list[Any], respx_mock: respx.MockRouter, member: Kalshi
) -> None:
    respx_mock.get(url__regex=r".*/portfolio/orders").mock(side_effect=[httpx.Response(200, json=p) for p in pages])
    with pytest.raises(Unreadable):
        await member.open_orders()

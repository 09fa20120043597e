"""The paper venue's socket, command by command, with nothing but a WebSocket library."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from overround.exchanges.kalshi.signing import Signer
from overround.paper.kalshi import socket as paper_socket
from tests.exchanges.kalshi.desk import ED25519, KEY_ID, VECTORS, Bench, D, native

PATH = "/trade-api/ws/v2"


def _open(bench: Bench) -> connect:
    signer = Signer(KEY_ID, ED25519["test_private_key_pem"], bench.world.clock)
    return connect(bench.url.replace("http", "ws") + PATH, additional_headers=signer.headers("GET", PATH), proxy=None)


@pytest.fixture
async def line(bench: Bench) -> AsyncIterator[ClientConnection]:
    async with _open(bench) as socket:
        yield socket


async def _ask(line: ClientConnection, cmd: str, number: int = 1, **params: Any) -> dict[str, Any]:
    await line.send(json.dumps({"id": number, "cmd": cmd, "params": params}))
    return await _hear(line)


async def _hear(line: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(15):
        frame: dict[str, Any] = json.loads(await line.recv())
        return frame


def _ticker(bench: Bench, outcome: int = 111) -> str:
    return native(bench.hoops).outcomes[outcome]


async def test_several_channels_give_several_acknowledgements(line: ClientConnection) -> None:
    first = await _ask(line, "subscribe", channels=["fill", "user_orders"])
    second = await _hear(line)
    assert first == {"id": 1, "type": "subscribed", "msg": {"channel": "fill", "sid": 1}}
    assert second == {"id": 1, "type": "subscribed", "msg": {"channel": "user_orders", "sid": 2}}
    listed = await _ask(line, "list_subscriptions", 2)
    assert [row["sid"] for row in listed["msg"]] == [1, 2]


async def test_book_is_numbered_from_its_snapshot(bench: Bench, line: ClientConnection) -> None:
    sid = (await _ask(line, "subscribe", channels=["orderbook_delta"], market_tickers=[_ticker(bench)]))["msg"]["sid"]
    snapshot = await _hear(line)
    assert (snapshot["type"], snapshot["seq"], snapshot["msg"]["yes_dollars_fp"]) == ("orderbook_snapshot", 1, [])
    ref = await bench.placed("0.40", "10")
    delta = await _hear(line)
    assert (delta["sid"], delta["seq"]) == (sid, 2)
    shown = {key: delta["msg"][key] for key in ("side", "price_dollars", "delta_fp", "client_order_id")}
    wanted = {"side": "no", "price_dollars": "0.4000", "delta_fp": "10.00", "client_order_id": ref.client_order_id}
    assert shown == wanted
    bench.counterparty("yes", "0.60", "4")
    assert (await _hear(line))["msg"]["delta_fp"] == "-4.00"
    again = await _ask(line, "update_subscription", sids=[sid], market_tickers=[_ticker(bench)], action="get_snapshot")
    assert (again["seq"], again["msg"]["no_dollars_fp"]) == (4, [["0.4000", "6.00"]])


async def test_vector_deltas_have_the_shape_we_send(bench: Bench, line: ClientConnection) -> None:
    recorded = {
        frame["frame"]["type"]: frame["frame"] for frame in VECTORS["websocket"]["frames"] if "type" in frame["frame"]
    }
    await _ask(line, "subscribe", channels=["orderbook_delta"], market_tickers=[_ticker(bench)])
    snapshot = await _hear(line)
    await bench.placed()
    delta = await _hear(line)
    assert snapshot["msg"].keys() == recorded["orderbook_snapshot"]["msg"].keys()
    assert delta["msg"].keys() >= recorded["orderbook_delta"]["msg"].keys()


@pytest.mark.parametrize(
    ("kind", "channel"), [("fill", "fill"), ("user_order", "user_orders"), ("market_position", "market_positions")]
)
async def test_private_messages_have_every_recorded_field(
    bench: Bench, line: ClientConnection, kind: str, channel: str
) -> None:
    frames = [item["frame"] for item in VECTORS["websocket"]["frames"]]
    recorded = next(frame for frame in frames if frame.get("type") == kind)
    await _ask(line, "subscribe", channels=[channel])
    await bench.placed()
    bench.counterparty("yes", "0.60", "4")
    heard = await _hear(line)
    assert (heard["type"], heard["sid"]) == (kind, 1)
    assert "seq" not in heard
    assert heard["msg"].keys() >= recorded["msg"].keys()


async def test_vector_book_adds_up() -> None:
    sides: dict[str, dict[str, Any]] = {}
    for item in VECTORS["websocket"]["frames"]:
        frame = item["frame"]
        if frame.get("type") == "orderbook_snapshot":
            sides = {side: {p: D(n) for p, n in frame["msg"][f"{side}_dollars_fp"]} for side in ("yes", "no")}
        if frame.get("type") == "orderbook_delta":
            side, price = sides[frame["msg"]["side"]], frame["msg"]["price_dollars"]
            side[price] = side.get(price, D(0)) + D(frame["msg"]["delta_fp"])
    final = VECTORS["websocket"]["book_after_all_deltas"]
    for name in ("yes", "no"):
        assert {price: size for price, size in sides[name].items() if size} == {p: D(n) for p, n in final[name]}
    assert D(1) - D(max(sides["no"])) == D(final["best_yes_ask"])


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"cmd": "dance"}, 5),
        ({"cmd": "subscribe"}, 3),
        ({"cmd": "subscribe", "params": {"channels": ["gossip"]}}, 8),
        ({"cmd": "subscribe", "params": {"channels": ["orderbook_delta"]}}, 14),
        ({"cmd": "subscribe", "params": {"channels": ["ticker"], "market_tickers": ["NONE"]}}, 16),
        ({"cmd": "subscribe", "params": {"channels": ["ticker"], "market_tickers": "NONE"}}, 11),
        ({"cmd": "unsubscribe"}, 4),
        ({"cmd": "unsubscribe", "params": {"sids": [99]}}, 7),
        ({"cmd": "update_subscription", "params": {"sids": [1, 2]}}, 12),
        ({"cmd": "update_subscription", "params": {"sids": [99]}}, 7),
    ],
)
async def test_wrong_command_gets_the_venues_code(line: ClientConnection, command: dict[str, Any], code: int) -> None:
    await line.send(json.dumps({"id": 6, **command}))
    answer = await _hear(line)
    assert (answer["id"], answer["type"], answer["msg"]["code"]) == (6, "error", code)


async def test_subscribing_twice_is_refused_as_recorded(line: ClientConnection) -> None:
    await _ask(line, "subscribe", channels=["fill"])
    recorded = next(item["frame"] for item in VECTORS["websocket"]["frames"] if item["name"] == "reply: error")
    assert await _ask(line, "subscribe", 6, channels=["fill"]) == recorded


async def test_text_that_is_no_command_is_answered(line: ClientConnection) -> None:
    await line.send("hello")
    assert (await _hear(line))["msg"]["code"] == 1


async def test_markets_are_added_and_taken_away(bench: Bench, line: ClientConnection) -> None:
    first, second = _ticker(bench), _ticker(bench, 112)
    await _ask(line, "subscribe", channels=["orderbook_delta"], market_tickers=[first])
    await _hear(line)
    update = {"sids": [1], "market_tickers": [second]}
    assert (await _ask(line, "update_subscription", 2, **update))["msg"]["code"] == 15
    assert (await _ask(line, "update_subscription", 2, **update, action="sing"))["msg"]["code"] == 13
    added = await _ask(line, "update_subscription", 3, **update, action="add_markets")
    assert (added["type"], added["market_tickers"]) == ("ok", sorted([first, second]))
    assert (await _hear(line))["msg"]["market_ticker"] == second
    gone = await _ask(line, "update_subscription", 4, **update, action="delete_markets")
    assert gone["market_tickers"] == [first]


async def test_unsubscribed_channel_is_silent(bench: Bench, line: ClientConnection) -> None:
    await _ask(line, "subscribe", channels=["user_orders"])
    gone = await _ask(line, "unsubscribe", sids=[1])
    assert (gone["type"], gone["sid"]) == ("unsubscribed", 1)
    await bench.placed()
    assert (await _ask(line, "list_subscriptions", 9))["msg"] == []


async def test_heartbeat_pings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_socket, "HEARTBEAT_SECONDS", 0.05)
    pings: list[bytes] = []
    async with _open(bench) as line:
        receive = line.process_event

        def spy(event: Any) -> None:
            if getattr(event, "opcode", None) == 9:
                pings.append(bytes(event.data))
            receive(event)

        monkeypatch.setattr(line, "process_event", spy)
        async with asyncio.timeout(15):
            while b"heartbeat" not in pings:  # noqa: ASYNC110 - a ping sets no event
                await asyncio.sleep(0.01)


async def test_cut_line_closes_without_the_last_word(bench: Bench, line: ClientConnection) -> None:
    await _ask(line, "subscribe", channels=["fill"])
    await bench.placed()
    bench.world.faults.arm("kalshi", "stream_cut")
    bench.counterparty("yes", "0.60", "4")
    with pytest.raises(ConnectionClosed):
        await _hear(line)


async def test_unsigned_handshake_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(bench.url.replace("http", "ws") + PATH, proxy=None)
    assert refused.value.response.status_code == 401

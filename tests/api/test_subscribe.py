"""The subscription socket, frame by frame (mm-api sheet, section 7)."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from sqlalchemy import text, update
from websockets.exceptions import ConnectionClosed

from api import subscribe as conversation
from api.context import Timing
from overround.ledger import tables as t
from overround.ledger.events import account_payload, bet_payload, emergency_payload, emit, order_payload, scores_payload
from tests.api import rows
from tests.api.conftest import Api, running
from tests.api.sockets import ALL, Socket, opened

IMPATIENT = Timing(subscribe=0.3)


async def test_the_ack_echoes_the_effective_channels_in_the_clients_style(api: Api) -> None:
    async with opened(api) as socket:
        ack = await socket.subscribe(api.keys["demo"], ["bets", "nonsense", "orders"])
        assert set(ack) == {"type", "subscriptionId", "channels", "seq"}
        assert (ack["type"], ack["channels"]) == ("subscribed", ["orders", "bets"])
        assert isinstance(ack["subscriptionId"], int)
    async with opened(api) as socket:
        await socket.say(type="subscribe", api_key=api.keys["demo"], channels=ALL)
        ack = await socket.hear()
        assert set(ack) == {"type", "subscription_id", "channels", "seq"}
        assert ack["channels"] == ["orders", "bets", "accounts", "scores", "emergency"]


async def test_an_order_update_arrives_with_what_it_was_before(api: Api) -> None:
    async with api.writing() as connection:
        before = order_payload(await rows.order(connection, "demo"))
    after = before | {"orderStatus": "FILLED", "matchedStake": before["orderStake"], "matchedAt": rows.NOON}
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"])
        async with api.writing() as connection:
            assert await emit(connection, "orders", "UPDATE", "demo", after, before)
            assert not await emit(connection, "orders", "UPDATE", "demo", after, after)
        message = await socket.hear()
    shown = await api.body(f"/orders/{before['orderId']}")
    assert (message["type"], message["channel"], message["event"]) == ("broadcast", "orders", "UPDATE")
    assert message["old"] == {"orderStatus": "PLACED", "matchedStake": 0, "matchedAt": None}
    assert set(message["payload"]) == set(shown)
    assert message["payload"]["createdAt"] == shown["createdAt"] == "2026-02-15T12:00:00Z"
    assert (message["payload"]["orderStatus"], message["payload"]["matchedStake"]) == ("FILLED", 100)


async def test_each_channel_carries_its_object(api: Api) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo")
        bet = bet_payload(await rows.bet(connection, order), order["order_id"])
        account_row = (await connection.execute(t.exchange_accounts.select())).mappings().first()
        assert account_row is not None
        account = account_payload(account_row)
    scores = scores_payload(rows.FIXTURE, {"p1": {"period": "p1", "participant1Score": 3, "share": 0.1}})
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"])
        async with api.writing() as connection:
            await emit(connection, "bets", "INSERT", "demo", bet)
            await emit(connection, "accounts", "UPDATE", "demo", account, account | {"status": "starting!"})
            await emit(connection, "scores", "UPDATE", None, scores)
            await emit(connection, "emergency", "UPDATE", None, emergency_payload(None, rows.NOON))
        heard = [await socket.hear() for _ in range(4)]
    assert [message["channel"] for message in heard] == ["bets", "accounts", "scores", "emergency"]
    assert heard[0]["payload"]["orderId"] == order["order_id"]
    assert heard[0]["old"] == {}
    assert heard[1]["old"] == {"status": "starting!"}
    assert "planted" not in json.dumps(heard)
    assert heard[2]["payload"]["scores"]["p1"]["share"] == 0.1
    assert heard[3]["payload"] == {
        "emergencyActive": False,
        "systemStopped": False,
        "softPaused": False,
        "systemReason": None,
        "systemDurationSeconds": None,
    }


async def test_numbers_in_broadcasts_keep_every_digit(api: Api) -> None:
    async with api.writing() as connection:
        row = await rows.order(connection, "demo", size="123456789012345678901234567890.123456789")
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"])
        async with api.writing() as connection:
            await emit(connection, "orders", "INSERT", "demo", order_payload(row))
        heard = str(await asyncio.wait_for(socket.wire.recv(), 15))
    assert '"orderStake": 123456789012345678901234567890.123456789' in heard


async def test_another_clients_events_never_appear_and_global_ones_reach_everybody(api: Api) -> None:
    async with opened(api) as mine, opened(api) as theirs:
        await mine.subscribe(api.keys["demo"])
        await theirs.subscribe(api.keys["rival"])
        async with api.writing() as connection:
            for channel in ("orders", "bets", "accounts"):
                await emit(connection, channel, "INSERT", "rival", {"secret": channel})
            await emit(connection, "scores", "UPDATE", None, {"fixtureId": "x"})
        assert (await mine.hear())["channel"] == "scores"
        assert [(await theirs.hear())["channel"] for _ in range(4)] == ["orders", "bets", "accounts", "scores"]


async def test_a_private_event_without_a_client_reaches_nobody(api: Api) -> None:
    async with api.writing() as connection:
        with pytest.raises(ValueError, match="orders"):
            await emit(connection, "orders", "INSERT", None, {})
        with pytest.raises(ValueError, match="scores"):
            await emit(connection, "scores", "UPDATE", "demo", {})
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"])
        async with api.writing() as connection:
            await connection.execute(t.events.insert().values(channel="orders", event="INSERT", payload={"x": 1}))
            await emit(connection, "emergency", "UPDATE", None, {})
        assert (await socket.hear())["channel"] == "emergency"


async def test_who_names_no_channels_gets_all_of_them(api: Api) -> None:
    async with opened(api) as socket:
        await socket.say(type="subscribe", apiKey=api.keys["demo"])
        assert (await socket.hear())["channels"] == ALL


async def test_only_the_channels_asked_for_arrive(api: Api) -> None:
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"], ["bets"])
        async with api.writing() as connection:
            await emit(connection, "orders", "INSERT", "demo", {"orderId": 1})
            await emit(connection, "bets", "INSERT", "demo", {"betId": 1})
        assert (await socket.hear())["payload"] == {"betId": 1}


async def test_an_event_of_a_slow_transaction_is_not_overtaken_for_ever(api: Api) -> None:
    """The row with the lower id commits last; a reader that only remembers the highest id would lose it."""
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"])
        async with api.engine.connect() as slow:
            await emit(slow, "orders", "INSERT", "demo", {"orderId": 1})
            async with api.writing() as quick:
                await emit(quick, "orders", "INSERT", "demo", {"orderId": 2})
            await asyncio.sleep(0.05)
            await slow.commit()
        heard = [(await socket.hear())["payload"]["orderId"] for _ in range(2)]
    assert heard == [1, 2]


async def test_what_is_rolled_back_was_never_said(api: Api) -> None:
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"])
        async with api.engine.connect() as connection:
            await emit(connection, "orders", "INSERT", "demo", {"orderId": 1})
            await connection.rollback()
        async with api.writing() as connection:
            await emit(connection, "orders", "INSERT", "demo", {"orderId": 2})
        assert (await socket.hear())["payload"] == {"orderId": 2}


async def test_more_events_than_one_batch_arrive_in_order_once(api: Api) -> None:
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"])
        async with api.writing() as connection:
            await connection.execute(
                text(
                    "INSERT INTO events (channel, event, client, payload) "
                    "SELECT 'orders', 'INSERT', 'demo', jsonb_build_object('n', n) FROM generate_series(1, 1500) n"
                )
            )
        assert [(await socket.hear())["payload"]["n"] for _ in range(1500)] == list(range(1, 1501))


async def test_a_ping_is_answered_before_and_after_subscribing(api: Api) -> None:
    async with opened(api) as socket:
        for _ in range(2):
            await socket.say(type="ping")
            assert await socket.hear() == {"type": "pong"}
            if _ == 0:
                await socket.subscribe(api.keys["demo"])


async def test_heartbeats_come_by_themselves(api: Api, database_url: str) -> None:
    async with running(database_url, timing=Timing(heartbeat=0.05)) as process, opened(process) as socket:
        assert [await socket.hear(heartbeats=True) for _ in range(2)] == [{"type": "heartbeat"}] * 2


async def test_the_contracts_own_times_are_the_defaults() -> None:
    assert (Timing().subscribe, Timing().heartbeat) == (30.0, 60.0)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({}, "apiKey required"),
        ({"apiKey": None}, "apiKey required"),
        ({"api_key": ""}, "api_key required"),
        ({"apiKey": "x"}, "Invalid apiKey format"),
        ({"apiKey": 7}, "Invalid apiKey format"),
        ({"api_key": "x"}, "Invalid api_key format"),
        ({"apiKey": str(uuid.UUID(int=1))}, "Invalid API key"),
        ({"apiKey": "asleep"}, "Invalid API key"),
        ({"api_key": "operator"}, "Invalid API key"),
        ({"apiKey": "demo", "channels": ["nonsense"]}, "No known channel"),
        ({"apiKey": "demo", "channels": "orders"}, "channels must be a list"),
    ],
)
async def test_a_refused_subscription_is_told_why_and_closed(api: Api, message: dict[str, Any], error: str) -> None:
    named = {key: api.keys.get(value, value) if isinstance(value, str) else value for key, value in message.items()}
    async with opened(api) as socket:
        await socket.say(type="subscribe", **{"channels": ["orders"], **named})
        assert await socket.hear() == {"type": "error", "error": error}
        assert await socket.closed() == (1008, error)


async def test_who_does_not_subscribe_in_time_is_closed(database_url: str) -> None:
    async with running(database_url, timing=IMPATIENT) as process, opened(process) as socket:
        assert await socket.closed() == (1008, "No subscription in time")


async def test_pings_do_not_buy_time_to_subscribe(database_url: str) -> None:
    async with running(database_url, timing=IMPATIENT) as process, opened(process) as socket:
        assert 1 < await _pings_until_closed(socket) < 100


async def _pings_until_closed(socket: Socket) -> int:
    for count in range(100):
        try:
            await socket.say(type="ping")
            await socket.hear()
        except ConnectionClosed:
            return count
        await asyncio.sleep(0.02)
    return 100


@pytest.mark.parametrize("frame", ["", "no json", "[1]", "7", "[" * 20_000, b"\xff\x00"])
async def test_what_is_not_a_message_ends_the_conversation(api: Api, frame: str | bytes) -> None:
    async with opened(api) as socket:
        await socket.wire.send(frame)
        assert await socket.hear() == {"type": "error", "error": "Invalid message"}
        assert (await socket.closed())[0] == 1008


async def test_an_unknown_type_is_answered_and_survived(api: Api) -> None:
    async with opened(api) as socket:
        await socket.say(type="dance")
        assert await socket.hear() == {"type": "error", "error": "Unknown message type"}
        assert (await socket.subscribe(api.keys["demo"]))["type"] == "subscribed"


async def test_unsubscribing_ends_the_broadcasts_and_frees_the_place(api: Api) -> None:
    async with opened(api) as socket:
        ack = await socket.subscribe(api.keys["demo"])
        await socket.say(type="unsubscribe")
        assert await socket.hear() == {"type": "unsubscribed", "subscriptionId": ack["subscriptionId"]}
        async with api.writing() as connection:
            await emit(connection, "orders", "INSERT", "demo", {"orderId": 1})
        again = await socket.subscribe(api.keys["demo"], ["orders"])
        assert again["subscriptionId"] > ack["subscriptionId"]


async def test_the_sixth_connection_of_a_key_is_refused_and_a_place_comes_back(api: Api) -> None:
    async with opened(api) as last:
        held = [opened(api) for _ in range(5)]
        sockets = [await connection.__aenter__() for connection in held]
        for socket in sockets:
            assert (await socket.subscribe(api.keys["demo"]))["type"] == "subscribed"
        assert await last.subscribe(api.keys["demo"]) == {"type": "error", "error": "Connection limit exceeded"}
        async with opened(api) as other:
            assert (await other.subscribe(api.keys["rival"]))["type"] == "subscribed"
        await held[0].__aexit__(None, None, None)
        assert await _subscribes_at_last(api)
        for connection in held[1:]:
            await connection.__aexit__(None, None, None)


async def _subscribes_at_last(api: Api) -> bool:
    for _ in range(100):
        async with opened(api) as socket:
            if (await socket.subscribe(api.keys["demo"]))["type"] == "subscribed":
                return True
        await asyncio.sleep(0.01)
    return False


async def test_five_connections_are_counted_over_two_processes(api: Api, database_url: str) -> None:
    async with running(database_url) as other:
        held = [opened(process) for process in (api, other, api, other, api)]
        sockets = [await connection.__aenter__() for connection in held]
        answers = [await socket.subscribe(api.keys["demo"]) for socket in sockets]
        assert [answer["type"] for answer in answers] == ["subscribed"] * 5
        async with opened(other) as sixth:
            assert (await sixth.subscribe(api.keys["demo"]))["error"] == "Connection limit exceeded"
        for connection in held:
            await connection.__aexit__(None, None, None)


async def test_a_key_that_dies_ends_its_subscription_at_the_next_heartbeat(api: Api, database_url: str) -> None:
    timing = Timing(heartbeat=0.1, key_cache=0.0)
    async with running(database_url, timing=timing) as process, opened(process) as socket:
        assert (await socket.subscribe(api.keys["demo"]))["type"] == "subscribed"
        async with api.writing() as connection:
            await connection.execute(update(t.clients).values(active=False))
        assert await socket.hear() == {"type": "error", "error": "Invalid API key"}
        assert (await socket.closed())[0] == 1008


async def test_a_reader_that_never_reads_is_cut_and_delays_nobody(api: Api) -> None:
    async with opened(api) as slow, opened(api) as quick:
        await slow.subscribe(api.keys["demo"])
        await quick.subscribe(api.keys["demo"])
        slow.wire.transport.pause_reading()
        heard = 0
        for _ in range(12):
            async with api.writing() as connection:
                await connection.execute(
                    text(
                        "INSERT INTO events (channel, event, client, payload) SELECT 'orders', 'INSERT', 'demo', "
                        "jsonb_build_object('x', repeat('x', 4000)) FROM generate_series(1, 500)"
                    )
                )
            for _ in range(500):
                heard += (await quick.hear())["type"] == "broadcast"
        assert heard == 6000
        slow.wire.transport.resume_reading()
        read, last = 0, 0
        while (message := await slow.hear())["type"] == "broadcast":
            read, last = read + 1, message["seq"]
        assert read < 6000
        assert message == {"type": "error", "error": "Too slow: messages were not read in time"}
        assert await slow.closed() == (1013, "Too slow: messages were not read in time")
    async with opened(api) as again:
        await again.subscribe(api.keys["demo"], resume=last)
        assert [(await again.hear())["type"] for _ in range(6001 - read)] == ["broadcast"] * (6000 - read) + ["resumed"]


async def test_a_reader_that_is_gone_for_good_gives_its_place_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "CLOSE_SECONDS", 0.1)
    async with opened(api) as dead, opened(api) as quick:
        await dead.subscribe(api.keys["demo"])
        await quick.subscribe(api.keys["rival"], ["orders"])
        dead.wire.transport.pause_reading()
        async with api.writing() as connection:
            await connection.execute(
                text(
                    "INSERT INTO events (channel, event, client, payload) SELECT 'orders', 'INSERT', 'demo', "
                    "jsonb_build_object('x', repeat('x', 15000)) FROM generate_series(1, 3200)"
                )
            )
            await emit(connection, "orders", "INSERT", "rival", {"last": True})
        assert (await quick.hear())["payload"] == {"last": True}
        held = [opened(api) for _ in range(5)]
        sockets = [await place.__aenter__() for place in held]
        assert {(await socket.subscribe(api.keys["demo"]))["type"] for socket in sockets[:4]} == {"subscribed"}
        assert await _subscribes_at_last(api)
        dead.wire.transport.abort()
        for place in held:
            await place.__aexit__(None, None, None)


async def test_a_cut_database_connection_loses_no_event_and_no_limit(api: Api) -> None:
    async with opened(api) as first, opened(api) as second, opened(api) as sixth:
        held = [opened(api) for _ in range(3)]
        more = [await connection.__aenter__() for connection in held]
        for socket in (first, second, *more):
            assert (await socket.subscribe(api.keys["demo"]))["type"] == "subscribed"
        async with api.writing() as ledger:
            await emit(ledger, "orders", "INSERT", "demo", {"orderId": 1})
            await ledger.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert [(await socket.hear())["payload"]["orderId"] for socket in (first, second)] == [1, 1]
        await second.say(type="unsubscribe")
        assert (await second.hear())["type"] == "unsubscribed"
        assert (await second.subscribe(api.keys["demo"]))["type"] == "subscribed"
        assert (await sixth.subscribe(api.keys["demo"]))["error"] == "Connection limit exceeded"
        for connection in held:
            await connection.__aexit__(None, None, None)

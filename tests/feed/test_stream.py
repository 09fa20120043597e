"""The stream's manners: login, resume, close codes, bad frames; against scripted gateways and the paper one."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection

from overround.feed import stream as stream_module
from overround.feed.events import BadFrame, Complaint, Connected, Disconnected, Resumed, SnapshotNeeded, Update
from overround.feed.frames import ReceiveType
from overround.feed.stream import Cursor, FeedStream, Filter, Pace
from overround.venues import Rejected, Unauthorised
from tests.feed.conftest import Served
from tests.feed.wires import (
    Json,
    Script,
    Scripted,
    closing,
    collect,
    envelope,
    fixture_object,
    login_ok,
    odds_payload,
    odds_row,
    scripted,
    silent,
    stay,
    welcoming,
)
from tests.feed.worlds import BASKETBALL, KEY, QUICK, basketball, move


def client(gateway: Scripted, **options: Any) -> FeedStream:
    return FeedStream(gateway.url, SecretStr(KEY), **({"pace": QUICK} | options))


def sending(*frames: Json | str) -> Script:
    """Log in, send frames, stay."""

    async def script(socket: ServerConnection, _: Json) -> None:
        await socket.send(login_ok())
        for frame in frames:
            await socket.send(frame if isinstance(frame, str) else json.dumps(frame))
        await stay(socket)

    return script


async def events_of(gateway: Scripted, count: int, **options: Any) -> list[Any]:
    async with aclosing(aiter(client(gateway, **options))) as events:
        return await collect(events, count)


# -- login ------------------------------------------------------------------------------------------------------------


async def test_first_frame_is_a_login_with_key_and_filters() -> None:
    select = Filter(channels=("odds",), sport_ids=(11,), bookmakers=("vertex",))
    async with scripted(welcoming) as gateway:
        await events_of(gateway, 2, select=select, receive_type="zstd")
    assert gateway.logins[0] == {
        "type": "login",
        "apiKey": KEY,
        "receiveType": "zstd",
        "clientName": "overround",
        "channels": ["odds"],
        "sportIds": [11],
        "bookmakers": ["vertex"],
    }


async def test_connection_starts_with_a_snapshot_request_for_every_channel() -> None:
    async with scripted(welcoming) as gateway:
        connected, needed = await events_of(gateway, 2)
    assert isinstance(connected, Connected)
    assert isinstance(needed, SnapshotNeeded)
    assert set(needed.channels) == {"fixtures", "scores", "odds", "bookmakers"}


async def test_login_not_answered_in_time_is_tried_again() -> None:
    pace = Pace(first=0.01, login=0.1)
    async with scripted(silent, welcoming) as gateway:
        lost, connected = await events_of(gateway, 2, pace=pace)
    assert "not answered" in lost.reason
    assert isinstance(connected, Connected)


async def test_refused_key_ends_the_stream() -> None:
    async def refuse(socket: ServerConnection, _: Json) -> None:
        await socket.send('{"type":"error","error":"login_failed","message":"apiKey is invalid"}')
        await socket.close(4000)

    async with scripted(refuse) as gateway:
        with pytest.raises(Unauthorised, match="apiKey is invalid") as caught:
            await events_of(gateway, 1)
    assert KEY not in str(caught.value)


async def test_login_answer_that_is_not_one_is_tried_again() -> None:
    async def babble(socket: ServerConnection, _: Json) -> None:
        await socket.send("hello")
        await stay(socket)

    async with scripted(babble, welcoming) as gateway:
        lost, connected = await events_of(gateway, 2)
    assert isinstance(lost, Disconnected)
    assert isinstance(connected, Connected)


async def test_key_shows_in_no_repr() -> None:
    stream = FeedStream("ws://127.0.0.1:1", SecretStr(KEY))
    assert KEY not in repr(stream) + repr(vars(stream))


async def test_server_that_is_not_there_is_tried_for_ever() -> None:
    stream = FeedStream("ws://127.0.0.1:1", SecretStr(KEY), pace=Pace(first=0.001, cap=0.002))
    async with aclosing(aiter(stream)) as events:
        lost = await collect(events, 5)
    assert all(isinstance(event, Disconnected) for event in lost)


# -- close codes ------------------------------------------------------------------------------------------------------


async def test_4001_revoked_key_stops_and_does_not_retry() -> None:
    async with scripted(closing(4001)) as gateway, aclosing(aiter(client(gateway))) as events:
        lost = (await collect(events, 3))[2]
        with pytest.raises(Unauthorised, match="revoked"):
            await anext(events)
    assert (lost.code, len(gateway.logins)) == (4001, 1)


async def test_4000_thrice_in_a_row_is_our_mistake_and_raised() -> None:
    async def refuse(socket: ServerConnection, _: Json) -> None:
        await socket.close(4000, "no login within 10 s")

    async with scripted(refuse) as gateway:
        with pytest.raises(Rejected, match="three times"):
            await events_of(gateway, 9)
    assert len(gateway.logins) == 3


async def test_4002_too_slow_comes_back_compressed() -> None:
    async with scripted(closing(4002), welcoming) as gateway:
        await events_of(gateway, 4)
    assert [login["receiveType"] for login in gateway.logins] == ["json", "zstd"]


async def test_4003_too_many_connections_backs_off_further() -> None:
    async def crowded(socket: ServerConnection, _: Json) -> None:
        await socket.send('{"type":"error","error":"too_many_connections","message":"at most 5"}')
        await socket.close(4003)

    pace = Pace(first=0.001, crowded=0.3)
    started = asyncio.get_running_loop().time()
    async with scripted(crowded, welcoming) as gateway:
        lost, connected = await events_of(gateway, 2, pace=pace, jitter=lambda: 1.0)
    assert (lost.code, type(connected)) == (4003, Connected)
    assert asyncio.get_running_loop().time() - started >= 0.3


async def test_1006_dead_path_is_reconnected() -> None:
    async def vanish(socket: ServerConnection, _: Json) -> None:
        await socket.send(login_ok())
        socket.transport.abort()

    async with scripted(vanish, welcoming) as gateway:
        _, _, lost, connected, _ = await events_of(gateway, 5)
    assert (lost.code, type(connected)) == (1006, Connected)


async def test_1009_frame_over_the_limit_raises_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "FRAME_LIMIT", 4096)
    big = envelope("odds", odds_payload(*(odds_row(outcome_id) for outcome_id in range(15))))
    assert 4096 < len(json.dumps(big)) < 8192
    async with scripted(sending(big)) as gateway:
        events = await events_of(gateway, 6)
    assert [type(event) for event in events[2:4]] == [Disconnected, Connected]
    assert (events[2].code, type(events[5])) == (1009, Update)


def test_default_frame_limit_takes_the_largest_uncompressed_frames() -> None:
    assert stream_module.FRAME_LIMIT >= 4 * 1024 * 1024


async def test_1011_is_reconnected() -> None:
    async with scripted(closing(1011), welcoming) as gateway:
        _, _, lost, connected, _ = await events_of(gateway, 5)
    assert (lost.code, type(connected)) == (1011, Connected)


async def test_reconnect_frame_reconnects_at_once() -> None:
    pace = Pace(first=30.0)
    async with scripted(sending({"type": "reconnect", "reason": "server_upgrade"}), welcoming) as gateway:
        _, _, lost, connected, _ = await events_of(gateway, 5, pace=pace)
    assert "server_upgrade" in lost.reason
    assert isinstance(connected, Connected)


async def test_reconnect_frames_in_a_row_do_not_become_a_storm() -> None:
    pace = Pace(first=30.0)
    drill = sending({"type": "reconnect"})
    async with scripted(drill) as gateway, aclosing(aiter(client(gateway, pace=pace))) as events:
        await collect(events, 6)
        with pytest.raises(TimeoutError):
            await collect(events, 1, timeout=0.2)
    assert len(gateway.logins) == 2


def test_delays_grow_are_jittered_and_capped() -> None:
    stream = FeedStream("ws://x", SecretStr(KEY), pace=Pace(first=1.0, cap=8.0), jitter=lambda: 1.0)
    delays = [stream._delay(1006, False, 0.0) for _ in range(6)]
    assert delays == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert stream._delay(1006, False, 60.0) == 1.0
    low = FeedStream("ws://x", SecretStr(KEY), pace=Pace(first=1.0), jitter=lambda: 0.0)
    assert low._delay(1006, False, 0.0) == 0.5


# -- resume -----------------------------------------------------------------------------------------------------------


async def test_resume_sends_epoch_and_cursors_and_asks_snapshots_for_the_rest() -> None:
    async def cut(socket: ServerConnection, _: Json) -> None:
        await socket.send(login_ok())
        await socket.send(json.dumps(envelope("fixtures", fixture_object(), "1000-7")))
        await socket.send(json.dumps(envelope("odds", odds_payload(odds_row()), "1000-9")))
        await socket.close(1011)

    async def replay(socket: ServerConnection, _: Json) -> None:
        await socket.send(login_ok())
        await socket.send(json.dumps(envelope("fixtures", fixture_object(1), "1000-8")))
        await socket.send('{"type":"resume_complete","serverEpoch":"e1"}')
        await stay(socket)

    async with scripted(cut, replay) as gateway:
        events = await events_of(gateway, 9)
    assert gateway.logins[1]["serverEpoch"] == "e1"
    assert gateway.logins[1]["lastSeenId"] == {"fixtures": "1000-7", "odds": "1000-9"}
    connected, needed, replayed, resumed = events[5:9]
    assert (connected.resuming, connected.new_epoch) == (("fixtures",), False)
    assert set(needed.channels) == {"scores", "odds", "bookmakers"}
    assert (type(replayed), type(resumed)) == (Update, Resumed)


async def test_new_epoch_forgets_every_cursor() -> None:
    cursor = Cursor("e0", {"fixtures": "1-1", "scores": "1-2"})
    async with scripted(welcoming) as gateway:
        connected, needed = await events_of(gateway, 2, cursor=cursor)
    assert (connected.new_epoch, connected.resuming, needed.reason) == (True, (), "server_restarted")
    assert cursor == Cursor("e1", {})


async def test_snapshot_required_forgets_the_cursors_it_names() -> None:
    cursor = Cursor("e1", {"fixtures": "1-1", "scores": "1-2"})
    frame = {"type": "snapshot_required", "reason": "resume_window_exceeded", "channels": ["scores"]}
    async with scripted(sending(frame)) as gateway:
        events = await events_of(gateway, 3, cursor=cursor)
    assert (events[2].channels, events[2].reason) == (("scores",), "resume_window_exceeded")
    assert "scores" not in cursor.last_seen
    assert "fixtures" in cursor.last_seen


async def test_replay_that_never_completes_becomes_a_snapshot() -> None:
    cursor, pace = Cursor("e1", {"fixtures": "1-1"}), Pace(replay=0.05)
    async with scripted(welcoming) as gateway:
        events = await events_of(gateway, 3, cursor=cursor, pace=pace)
    assert (events[2].channels, events[2].reason) == (("fixtures",), "replay_unanswered")


# -- frames -----------------------------------------------------------------------------------------------------------


async def test_bad_frames_are_reported_and_the_stream_goes_on() -> None:
    lame = odds_row()
    del lame["price"]
    frames: list[Json | str] = [
        "{",
        "5",
        envelope("odds", odds_payload(lame)),
        envelope("odds", odds_payload(odds_row())),
    ]
    async with scripted(sending(*frames)) as gateway:
        stream = client(gateway)
        async with aclosing(aiter(stream)) as events:
            got = (await collect(events, 6))[2:]
    assert [type(event) for event in got] == [BadFrame, BadFrame, BadFrame, Update]
    assert (got[2].fixture_id, got[2].channel) == (BASKETBALL, "odds")
    assert "price is missing" in got[2].reason
    assert stream.stats["bad"] == 3


async def test_bad_frame_does_not_advance_the_cursor() -> None:
    async with scripted(sending(envelope("fixtures", {"fixtureId": 5}, "9-9"))) as gateway:
        stream = client(gateway)
        async with aclosing(aiter(stream)) as events:
            await collect(events, 3)
    assert stream.cursor.last_seen == {}


async def test_error_frame_of_a_server_that_goes_on_is_a_complaint() -> None:
    async with scripted(sending({"type": "error", "error": "odd", "message": "hm"})) as gateway:
        events = await events_of(gateway, 3)
    assert isinstance(events[2], Complaint)
    assert events[2].text == "odd: hm"


async def test_update_carries_three_clocks_and_its_cursor() -> None:
    async with scripted(sending(envelope("odds", odds_payload(odds_row()), "1765497902846-3221", 1765497902846))) as gw:
        event = (await events_of(gw, 3))[2]
    assert (event.ts, event.entry_id) == (1765497902846, "1765497902846-3221")
    assert event.at.epoch_ms > 1_700_000_000_000
    assert event.at.monotonic > 0


@pytest.mark.parametrize("receive_type", ["json", "binary", "zstd", "zstd-dict"])
async def test_every_encoding_tells_the_same(served: Served, receive_type: ReceiveType) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    served.paper.hub.flush()
    async with aclosing(aiter(served.stream(receive_type=receive_type))) as events:
        connected, _ = await collect(events, 2)
        move(served.world, fixture, 111, "1.87")
        (update,) = await collect(events, 1)
    assert connected.receive_type == receive_type
    (row,) = update.body.odds["vertex"]
    assert (str(row.price), row.outcome_id, row.market_id) == ("1.87", 111, 111)


async def test_downgraded_mode_is_believed_not_the_request() -> None:
    async with scripted(sending(envelope("odds", odds_payload(odds_row())))) as gateway:
        connected, _, update = await events_of(gateway, 3, receive_type="zstd")
    assert (connected.receive_type, type(update)) == ("json", Update)


async def test_abandoned_connection_is_replaced() -> None:
    async with scripted(welcoming) as gateway:
        stream = client(gateway)
        async with aclosing(aiter(stream)) as events:
            await collect(events, 2)
            stream.abandon()
            lost, connected = await collect(events, 2)
    assert (lost.code, type(connected)) == (1006, Connected)

"""A client that comes back with its last number: everything missed, in order, once, or a plain word to read again."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed

from api import messages
from api import replay as replay_module
from api.broadcast import Hub, Outbox, Subscription
from api.context import Timing
from api.messages import Ended
from api.replay import Pruned, Replay
from overround.ledger import outbox
from overround.ledger.outbox import Stored
from tests.api.conftest import Api, running
from tests.api.sockets import Socket, opened
from tests.api.writing import committed, grow_old, many, rolled_back, say
from tests.support.waiting import until


async def left_after(api: Api, *channels: str) -> int:
    """The number at which a client subscribed, before it went away again."""
    async with opened(api) as socket:
        return int((await socket.subscribe(api.keys["demo"], list(channels) or None))["seq"])


async def missed(socket: Socket) -> list[dict[str, Any]]:
    """The broadcasts up to the word that it is up to date."""
    found = []
    while (message := await socket.hear())["type"] == "broadcast":
        found.append(message)
    assert (message["type"], message["missed"]) == ("resumed", len(found))
    return found


def payloads(messages: list[dict[str, Any]]) -> list[int]:
    return [message["payload"]["n"] for message in messages]


async def test_broadcasts_carry_rising_numbers_and_the_ack_the_one_before_them(api: Api) -> None:
    async with opened(api) as socket:
        ack = await socket.subscribe(api.keys["demo"])
        for n in range(3):
            await committed(api.engine, n)
        messages = [await socket.hear() for _ in range(3)]
    numbers = [message["seq"] for message in messages]
    assert numbers == sorted(set(numbers))
    assert ack["seq"] < numbers[0]
    assert set(messages[0]) == {"type", "channel", "event", "seq", "payload", "old"}


@pytest.mark.parametrize(("field", "answered"), [("apiKey", "subscriptionId"), ("api_key", "subscription_id")])
async def test_what_was_missed_comes_first_and_once(api: Api, field: str, answered: str) -> None:
    before = await left_after(api)
    for n in (1, 2):
        await committed(api.engine, n)
        await committed(api.engine, n, "rival")
        await rolled_back(api.engine, n)
    await committed(api.engine, 3, channel="scores")
    async with opened(api) as socket:
        await socket.say(type="subscribe", resume=before, **{field: api.keys["demo"]})
        ack = await socket.hear()
        assert ack["type"] == "subscribed"
        assert set(ack) == {"type", answered, "channels", "seq"}
        assert ack["seq"] == before
        assert payloads(await missed(socket)) == [1, 2, 3]
        await committed(api.engine, 4)
        assert await socket.numbers(1) == [4]


async def test_every_number_a_client_was_told_is_one_to_resume_from(api: Api) -> None:
    async with opened(api) as socket:
        numbers = [(await socket.subscribe(api.keys["demo"]))["seq"]]
        for n in range(1, 6):
            await (rolled_back if n == 3 else committed)(api.engine, n)
            if n != 3:
                numbers.append((await socket.hear())["seq"])
    for place, number in enumerate(numbers):
        async with opened(api) as socket:
            await socket.subscribe(api.keys["demo"], resume=number)
            assert payloads(await missed(socket)) == [1, 2, 4, 5][place:]


async def test_a_quiet_client_resumes_from_its_last_heartbeat(api: Api, database_url: str) -> None:
    async with running(database_url, timing=Timing(heartbeat=0.05)) as process, opened(process) as socket:
        ack = await socket.subscribe(api.keys["demo"], ["bets"])
        await committed(api.engine, 1)
        async with asyncio.timeout(15):
            while (beat := await socket.hear(heartbeats=True))["seq"] == ack["seq"]:
                assert beat["type"] == "heartbeat"
        assert set(beat) == {"type", "seq"}
    await committed(api.engine, 2, channel="bets")
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"], ["bets"], resume=beat["seq"])
        assert payloads(await missed(socket)) == [2]


async def test_another_process_goes_on_where_the_first_one_ended(api: Api, database_url: str) -> None:
    async with running(database_url) as process, opened(process) as socket:
        await socket.subscribe(api.keys["demo"])
        await committed(api.engine, 1)
        last = (await socket.hear())["seq"]
    await committed(api.engine, 2)
    async with running(database_url) as restarted, opened(restarted) as socket:
        await socket.subscribe(api.keys["demo"], resume=last)
        assert payloads(await missed(socket)) == [2]


async def test_nothing_is_lost_or_doubled_at_any_seam(api: Api, database_url: str) -> None:
    """A client that is cut at random, by either of two processes, while several transactions write and roll back."""
    chance, told = random.Random(3), list[int]()

    async def write(first: int) -> None:
        for n in range(first, first + 60):
            async with api.engine.connect() as connection:
                await say(connection, n)
                await asyncio.sleep(chance.random() * 0.01)
                await (connection.rollback() if chance.random() < 0.2 else connection.commit())

    async with running(database_url) as other:
        last = await left_after(api)
        work = asyncio.create_task(_all(write(0), write(1000)))
        while not work.done():
            last = await _listen_a_little(chance.choice((api, other)), api.keys["demo"], last, told, chance)
        async with opened(other) as socket:
            await socket.subscribe(api.keys["demo"], resume=last)
            told += [message["seq"] for message in await missed(socket)]
    async with api.writing() as connection:
        stored = (await connection.execute(text("SELECT event_id FROM events ORDER BY event_id"))).scalars().all()
    assert told == stored
    assert len(told) > 60


async def _all(*work: Any) -> None:
    await asyncio.gather(*work)


async def _listen_a_little(api: Api, key: str, last: int, told: list[int], chance: random.Random) -> int:
    """Resume, note a few numbers, and vanish without a word; the last number noted."""
    async with opened(api) as socket:
        await socket.subscribe(key, resume=last)
        for _ in range(chance.randrange(12)):
            with contextlib.suppress(TimeoutError):
                message = json.loads(await asyncio.wait_for(socket.wire.recv(), 0.05))
                if message["type"] == "broadcast":
                    told.append(last := message["seq"])
        socket.wire.transport.abort()
    return last


async def test_more_than_a_step_is_missed_while_more_happens(api: Api) -> None:
    before = await left_after(api)
    await many(api.engine, 1, 2600)
    async with opened(api) as live, opened(api) as socket:
        await live.subscribe(api.keys["demo"])
        await socket.subscribe(api.keys["demo"], resume=before)
        for n in range(2601, 2621):
            await committed(api.engine, n)
        heard = [message for _ in range(2621) if (message := await socket.hear())["type"] == "broadcast"]
        assert payloads(heard) == list(range(1, 2621))
        assert await live.numbers(20) == list(range(2601, 2621))


async def test_only_the_channels_asked_for_are_told_again(api: Api) -> None:
    before = await left_after(api)
    for n, channel in enumerate(("orders", "bets", "accounts", "scores", "emergency")):
        await committed(api.engine, n, channel=channel)
    for channels, expected in ((["bets", "scores"], [1, 3]), (["emergency"], [4]), (["accounts", "orders"], [0, 2])):
        async with opened(api) as socket:
            await socket.subscribe(api.keys["demo"], channels, resume=before)
            assert payloads(await missed(socket)) == expected


async def test_no_number_shows_another_clients_rows(api: Api) -> None:
    first = await left_after(api)
    for n in range(4):
        await committed(api.engine, n, "rival", ("orders", "bets", "accounts", "orders")[n])
    async with api.writing() as connection:
        await connection.execute(text("INSERT INTO events (channel, event, payload) VALUES ('orders', 'INSERT', '{}')"))
        await connection.execute(
            text("INSERT INTO events (channel, event, client, payload) VALUES ('scores', 'UPDATE', 'rival', '{}')")
        )
    await committed(api.engine, 9)
    for number in range(max(0, first - 3), first + 7):
        async with opened(api) as socket:
            await socket.subscribe(api.keys["demo"], resume=number)
            assert payloads(await missed(socket)) == ([9] if number < first + 7 else [])


async def test_a_number_older_than_what_is_kept_is_told_to_read_again(api: Api) -> None:
    before = await left_after(api)
    for n in (1, 2, 3):
        await committed(api.engine, n)
    await grow_old(api.engine, 2, hours=2)
    await outbox.prune(api.engine, timedelta(hours=1))
    for number, pruned in ((before, True), (before + 1, True), (before + 2, False)):
        async with opened(api) as socket:
            ack = await socket.subscribe(api.keys["demo"], resume=number)
            if not pruned:
                assert payloads(await missed(socket)) == [3]
                continue
            assert await socket.hear() == {"type": "resync", "reason": "pruned", "seq": ack["seq"]}
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"], resume=before)
        assert (await socket.hear())["type"] == "resync"
        await committed(api.engine, 4)
        assert await socket.numbers(1) == [4]


@pytest.mark.parametrize("ahead", [1, 1000, 10**30])
async def test_a_number_that_was_never_given_is_told_to_read_again(api: Api, ahead: int) -> None:
    await committed(api.engine, 1)
    number = await left_after(api) + ahead
    async with opened(api) as socket:
        ack = await socket.subscribe(api.keys["demo"], resume=number)
        assert ack["seq"] < number
        assert await socket.hear() == {"type": "resync", "reason": "unknown", "seq": ack["seq"]}
        await committed(api.engine, 2)
        assert await socket.numbers(1) == [2]


async def test_who_missed_too_much_is_told_to_read_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "MOST", 5)
    before = await left_after(api)
    await many(api.engine, 1, 50, "rival")
    await many(api.engine, 51, 55)
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"], resume=before)
        assert payloads(await missed(socket)) == [51, 52, 53, 54, 55]
    await committed(api.engine, 56)
    async with opened(api) as socket:
        ack = await socket.subscribe(api.keys["demo"], resume=before)
        assert await socket.hear() == {"type": "resync", "reason": "too_many", "seq": ack["seq"]}


@pytest.mark.parametrize("number", [True, -1, 1.5, "5", [], {}])
async def test_what_cannot_be_a_number_is_refused(api: Api, number: Any) -> None:
    async with opened(api) as socket:
        assert await socket.subscribe(api.keys["demo"], resume=number) == {
            "type": "error",
            "error": "Invalid resume number",
        }
        assert await socket.closed() == (1008, "Invalid resume number")


async def test_resuming_from_nothing_is_beginning(api: Api) -> None:
    await committed(api.engine, 1)
    async with opened(api) as socket:
        assert (await socket.subscribe(api.keys["demo"], resume=None))["type"] == "subscribed"
        await committed(api.engine, 2)
        assert await socket.numbers(1) == [2]


@pytest.fixture
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many messages may wait for a reader: with little room, every one of them waits for it."""
    monkeypatch.setattr("api.broadcast.QUEUE", request.param)


@pytest.mark.parametrize("room", [1, 2000], indirect=True)
async def test_unsubscribing_in_the_middle_ends_it_and_the_rest_can_be_had_later(api: Api, room: None) -> None:
    before = await left_after(api)
    await many(api.engine, 1, 3000)
    async with opened(api) as socket:
        await socket.say(type="subscribe", apiKey=api.keys["demo"], resume=before)
        await socket.say(type="unsubscribe")
        await socket.hear()
        told = []
        while (message := await socket.hear())["type"] == "broadcast":
            told.append(message["payload"]["n"])
        assert message["type"] in ("unsubscribed", "resumed")
        assert told == list(range(1, len(told) + 1))
        if message["type"] == "resumed":
            assert (await socket.hear())["type"] == "unsubscribed"
        await socket.subscribe(api.keys["demo"], resume=before + len(told))
        assert payloads(await missed(socket)) == list(range(len(told) + 1, 3001))


@pytest.mark.parametrize("room", [1, 2000], indirect=True)
async def test_subscribing_again_in_the_middle_begins_again(api: Api, room: None) -> None:
    before = await left_after(api)
    await many(api.engine, 1, 3000)
    async with opened(api) as socket:
        for _ in range(2):
            await socket.say(type="subscribe", apiKey=api.keys["demo"], resume=before)
        first = (await socket.hear())["subscriptionId"]
        while (message := await socket.hear())["type"] != "subscribed":
            pass
        assert message["subscriptionId"] != first
        assert payloads(await missed(socket)) == list(range(1, 3001))


@pytest.mark.parametrize("room", [1, 7], indirect=True)
async def test_who_reads_no_faster_than_it_is_told_is_not_too_slow(api: Api, database_url: str, room: None) -> None:
    """Neither by what ends the catching up, nor by its pings, nor by a heartbeat."""
    before = await left_after(api)
    await many(api.engine, 1, 50)
    async with running(database_url, timing=Timing(heartbeat=0.001)) as process, opened(process) as socket:
        await socket.say(type="subscribe", apiKey=api.keys["demo"], resume=before)
        for _ in range(10):
            await socket.say(type="ping")
        told = [await socket.hear() for _ in range(1 + 10 + 50 + 1)]
    kinds = Counter(message["type"] for message in told)
    assert kinds == {"subscribed": 1, "pong": 10, "broadcast": 50, "resumed": 1}
    assert payloads([message for message in told if message["type"] == "broadcast"]) == list(range(1, 51))


async def test_pings_are_answered_while_catching_up(api: Api) -> None:
    before = await left_after(api)
    await many(api.engine, 1, 3000)
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"], resume=before)
        await socket.say(type="ping")
        kinds = [(await socket.hear())["type"] for _ in range(3002)]
    assert sorted(set(kinds)) == ["broadcast", "pong", "resumed"]
    assert kinds.index("pong") < 3000


async def test_who_stalls_while_catching_up_is_cut_with_a_reason_and_delays_nobody(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.broadcast.STALL_SECONDS", 0.1)
    noticed = asyncio.Event()

    def too_slow() -> Ended:
        noticed.set()
        return messages.too_slow()

    monkeypatch.setattr("api.subscribe.too_slow", too_slow)
    before = await left_after(api)
    async with api.writing() as connection:
        await connection.execute(
            text(
                "INSERT INTO events (channel, event, client, payload) SELECT 'orders', 'INSERT', 'demo', "
                "jsonb_build_object('n', n, 'x', repeat('x', 4000)) FROM generate_series(1, 5000) n"
            )
        )
    async with opened(api) as slow, opened(api) as quick:
        await quick.subscribe(api.keys["demo"])
        await slow.subscribe(api.keys["demo"], resume=before)
        slow.wire.transport.pause_reading()
        await asyncio.wait_for(noticed.wait(), 15)
        await committed(api.engine, 5001)
        assert await asyncio.wait_for(quick.numbers(1), 10) == [5001]
        slow.wire.transport.resume_reading()
        last = before
        while (message := await slow.hear())["type"] == "broadcast":
            last = message["seq"]
        assert message == {"type": "error", "error": "Too slow: messages were not read in time"}
        assert await slow.closed() == (1013, "Too slow: messages were not read in time")
    async with opened(api) as again:
        await again.subscribe(api.keys["demo"], resume=last)
        assert payloads(await missed(again)) == list(range(last - before + 1, 5002))


async def test_what_is_pruned_before_it_is_told_ends_the_catching_up(api: Api) -> None:
    before = await left_after(api)
    await many(api.engine, 1, 10)
    hub = Hub(api.single)
    subscription = Subscription("demo", frozenset({"orders"}), Outbox())
    await hub.join(subscription)
    replay = Replay(api.single, hub, subscription, before)
    assert await replay.obstacle() is None
    await grow_old(api.engine, 5, hours=2)
    await outbox.prune(api.engine, timedelta(hours=1))
    with pytest.raises(Pruned):
        await replay.run()
    assert subscription.outbox.frames.empty()
    await hub.close()


async def test_live_subscribers_are_told_when_events_were_pruned_unread(api: Api) -> None:
    async with opened(api) as socket:
        ack = await socket.subscribe(api.keys["demo"])
        async with api.writing() as connection:
            for n in (1, 2, 3):
                await say(connection, n)
            await connection.execute(text("DELETE FROM events WHERE payload ->> 'n' <> '3'"))
            await connection.execute(text("INSERT INTO outbox (pruned) VALUES (:last)"), {"last": ack["seq"] + 2})
        assert await socket.hear() == {"type": "resync", "reason": "pruned", "seq": ack["seq"] + 2}
        assert await socket.numbers(1) == [3]


async def test_a_database_that_lost_commits_is_noticed_when_its_connection_is_back(api: Api) -> None:
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"])
        await many(api.engine, 1, 50)
        assert await socket.numbers(50) == list(range(1, 51))
        async with api.writing() as connection:
            await connection.exec_driver_sql(
                "SELECT setval(pg_get_serial_sequence('events', 'event_id'), max(event_id) - 40) FROM events"
            )
            await connection.exec_driver_sql("DELETE FROM events")
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        message = await socket.hear()
        assert (message["type"], message["reason"]) == ("resync", "unknown")
        await committed(api.engine, 60)
        told = await socket.hear()
        assert told["payload"] == {"n": 60}
        assert told["seq"] == message["seq"] + 1


async def test_clients_that_do_not_read_leave_the_connections_to_the_others(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.broadcast.REPLAYS", 1)
    before = await left_after(api)
    await many(api.engine, 1, 3000)
    hub = Hub(api.single)
    readers = [Subscription("demo", frozenset({"orders"}), Outbox()) for _ in range(3)]
    for reader in readers:
        await hub.join(reader)
    waiting = [asyncio.create_task(Replay(api.single, hub, reader, before).run()) for reader in readers]
    await until(
        lambda: all(reader.outbox.frames.full() for reader in readers) and not hub.replaying.locked(),
        "readers that are full and hold no connection",
    )
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    await hub.close()


def test_a_process_that_lags_behind_does_not_tell_what_another_told() -> None:
    subscription = Subscription("demo", frozenset({"orders"}), Outbox(), after=7)
    for number in (6, 7, 8):
        subscription.offer(Stored(number, "orders", "INSERT", "demo", "{}", "{}"), f"frame {number}")
    assert subscription.outbox.frames.get_nowait() == "frame 8"
    assert subscription.outbox.frames.empty()


def test_what_a_slow_reader_is_told_ends_where_it_was_cut() -> None:
    """Its last number must be one before which nothing is missing."""
    told = Outbox()
    for number in range(2001):
        told.put(str(number))
    assert told.overflow.is_set()
    assert [told.frames.get_nowait() for _ in range(2)] == ["0", "1"]
    told.put("2001")
    assert [told.frames.get_nowait() for _ in range(told.frames.qsize())] == [str(n) for n in range(2, 2000)]


async def test_what_happens_meanwhile_waits_for_what_was_missed_but_not_without_end() -> None:
    subscription = Subscription("demo", frozenset({"orders"}), Outbox(), after=0, held=[])
    for number in range(1, 2001):
        subscription.offer(Stored(number, "orders", "INSERT", "demo", "{}", "{}"), str(number))
    assert subscription.outbox.frames.empty()
    assert subscription.held is not None
    full = replace(subscription, outbox=Outbox(), held=list(subscription.held))
    full.offer(Stored(2001, "orders", "INSERT", "demo", "{}", "{}"), "2001")
    assert full.outbox.overflow.is_set()
    full.held = []
    full.offer(Stored(2002, "orders", "INSERT", "demo", "{}", "{}"), "2002")
    assert full.held == [], "an event behind one that was lost"
    await subscription.go_live()
    assert subscription.held is None
    assert not subscription.outbox.overflow.is_set()
    assert [subscription.outbox.frames.get_nowait() for _ in range(2000)] == [str(n) for n in range(1, 2001)]


async def test_a_failing_database_ends_the_catching_up_and_not_silently(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await left_after(api)
    await committed(api.engine, 1)

    async def broken(*_: Any) -> list[Stored]:
        raise ConnectionError("planted")

    monkeypatch.setattr(outbox, "missed", broken)
    async with opened(api) as socket:
        await socket.subscribe(api.keys["demo"], resume=before)
        with pytest.raises(ConnectionClosed):
            await socket.hear()

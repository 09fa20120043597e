"""The newest events: in the order of their numbers, each once, none before its time and none too late."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from api import tail as tail_module
from api.tail import Lost, Tail
from overround.ledger import outbox
from overround.ledger.events import emit
from tests.api.conftest import Api
from tests.api.sockets import opened
from tests.api.writing import committed, grow_old, rolled_back, say, unrelated


@pytest.fixture
async def reader(api: Api) -> AsyncIterator[AsyncConnection]:
    async with api.single.connect() as connection:
        yield connection


async def read(tail: Tail, connection: AsyncConnection, count: int) -> list[int]:
    """The ``n`` of the next ``count`` events, as a hub would take them."""
    found: list[int] = []
    async with asyncio.timeout(15):
        while len(found) < count:
            for event in await tail.next(connection):
                found.append(json.loads(event.payload)["n"])
                tail.place = event.number
    return found


async def stays_silent(tail: Tail, connection: AsyncConnection) -> bool:
    """Whether several looks bring nothing."""
    return not any([await tail.next(connection) for _ in range(5)])


async def test_events_come_in_order_and_once(api: Api, reader: AsyncConnection) -> None:
    tail = await Tail.at_end(reader)
    for n in range(5):
        await committed(api.engine, n)
    assert await read(tail, reader, 5) == [0, 1, 2, 3, 4]
    assert await stays_silent(tail, reader)


async def test_a_long_transaction_that_writes_no_events_holds_nothing_back(api: Api, reader: AsyncConnection) -> None:
    tail = await Tail.at_end(reader)
    async with unrelated(api.engine):
        await committed(api.engine, 1)
        await rolled_back(api.engine, 2)
        await committed(api.engine, 3)
        assert await read(tail, reader, 2) == [1, 3]


async def test_a_lower_number_that_commits_later_is_waited_for(api: Api, reader: AsyncConnection) -> None:
    tail = await Tail.at_end(reader)
    async with api.engine.connect() as slow:
        await say(slow, 1)
        await committed(api.engine, 2)
        assert await stays_silent(tail, reader)
        await slow.commit()
    assert await read(tail, reader, 2) == [1, 2]


async def test_what_comes_before_a_missing_number_does_not_wait(api: Api, reader: AsyncConnection) -> None:
    tail = await Tail.at_end(reader)
    await committed(api.engine, 1)
    async with api.engine.connect() as slow:
        await say(slow, 2)
        await committed(api.engine, 3)
        assert await read(tail, reader, 1) == [1]
        await slow.rollback()
    assert await read(tail, reader, 1) == [3]


async def test_nobody_waits_for_those_who_began_to_write_later(api: Api, reader: AsyncConnection) -> None:
    tail = await Tail.at_end(reader)
    async with api.engine.connect() as slow, api.engine.connect() as later:
        await say(slow, 1)
        await committed(api.engine, 2)
        assert await stays_silent(tail, reader)
        await say(later, 3)
        await slow.rollback()
        assert await read(tail, reader, 1) == [2]
        await later.commit()
    assert await read(tail, reader, 1) == [3]


async def test_a_number_lost_in_a_savepoint_is_not_waited_for_longer_than_its_transaction(
    api: Api, reader: AsyncConnection
) -> None:
    tail = await Tail.at_end(reader)
    async with api.engine.begin() as connection:
        inner = await connection.begin_nested()
        await say(connection, 1)
        await inner.rollback()
        await say(connection, 2)
    await committed(api.engine, 3)
    assert await read(tail, reader, 2) == [2, 3]


async def test_changes_of_one_row_are_told_in_the_order_they_happened(api: Api, reader: AsyncConnection) -> None:
    """The transaction that began first may change the row last: the order of transactions would tell it wrongly."""
    tail = await Tail.at_end(reader)
    async with api.engine.connect() as early, api.engine.connect() as late:
        await early.exec_driver_sql("UPDATE clients SET name = 'x' WHERE client = 'rival'")
        await late.exec_driver_sql("UPDATE clients SET name = 'first' WHERE client = 'demo'")
        await say(late, 1)
        await late.commit()
        await early.exec_driver_sql("UPDATE clients SET name = 'second' WHERE client = 'demo'")
        await say(early, 2)
        await early.commit()
    assert await read(tail, reader, 2) == [1, 2]


async def test_beginning_waits_for_events_that_are_being_written(api: Api, reader: AsyncConnection) -> None:
    """Otherwise they would be neither before the beginning nor after it."""
    async with api.engine.connect() as slow:
        await say(slow, 1)
        beginning = asyncio.create_task(Tail.at_end(reader))
        await asyncio.sleep(0.05)
        assert not beginning.done()
        await slow.commit()
        tail = await beginning
    await committed(api.engine, 2)
    assert await read(tail, reader, 1) == [2]


async def test_nobody_waits_for_ever_to_begin(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "LONG", 0.1)
    async with api.engine.connect() as stuck, opened(api) as socket:
        await say(stuck, 1)
        why = "Try again: events are being held up"
        assert await socket.subscribe(api.keys["demo"]) == {"type": "error", "error": why}
        assert await socket.closed() == (1013, why)
        await stuck.rollback()
    async with opened(api) as socket:
        assert (await socket.subscribe(api.keys["demo"]))["type"] == "subscribed"


async def test_two_readers_of_a_busy_outbox_see_the_same_and_everything(api: Api) -> None:
    chance, said = random.Random(7), list[int]()

    async def write(first: int) -> None:
        for n in range(first, first + 40):
            async with api.engine.connect() as connection:
                for _ in range(chance.randrange(1, 3)):
                    await say(connection, n)
                await asyncio.sleep(chance.random() * 0.006)
                if chance.random() < 0.25:
                    await connection.rollback()
                else:
                    await connection.commit()
                    said.append(n)

    async with api.single.connect() as first, api.single.connect() as second:
        tails = [await Tail.at_end(first), await Tail.at_end(second)]
        work = asyncio.gather(*(write(base) for base in (0, 100)))
        heard = [
            asyncio.create_task(_until(tail, reader, 999)) for tail, reader in zip(tails, (first, second), strict=True)
        ]
        await work
        await committed(api.engine, 999)
        one, two = [await task for task in heard]
        stored = (await first.exec_driver_sql("SELECT event_id FROM events ORDER BY event_id")).scalars().all()
    assert one == two == stored
    assert len(said) > 30


async def _until(tail: Tail, connection: AsyncConnection, last: int) -> list[int]:
    """The numbers up to the event with ``n`` = ``last``."""
    numbers: list[int] = []
    async with asyncio.timeout(10):
        while True:
            for event in await tail.next(connection, 7):
                numbers.append(event.number)
                tail.place = event.number
                if json.loads(event.payload)["n"] == last:
                    return numbers


async def test_who_slept_while_events_were_pruned_is_told(api: Api, reader: AsyncConnection) -> None:
    tail = await Tail.at_end(reader)
    for n in (1, 2, 3):
        await committed(api.engine, n)
    await grow_old(api.engine, 2, hours=2)
    assert await outbox.prune(api.engine, timedelta(hours=1)) == 2
    with pytest.raises(Lost) as lost:
        await read(tail, reader, 1)
    assert lost.value.number == tail.place + 2
    tail.place = lost.value.number
    assert await read(tail, reader, 1) == [3]


async def test_a_transaction_that_stays_open_is_noted_once(
    api: Api, reader: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "LONG", 0.0)
    tail = await Tail.at_end(reader)
    async with api.engine.connect() as slow:
        await say(slow, 1)
        await committed(api.engine, 2)
        with capture_logs() as logs:
            assert await stays_silent(tail, reader)
        await slow.rollback()
    assert [(entry["log_level"], entry["open"]) for entry in logs] == [("warning", 1)]
    assert await read(tail, reader, 1) == [2]


async def test_the_next_event_wakes_the_reader_long_before_its_patience_ends(
    api: Api, reader: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "PATIENCE", timedelta(seconds=5))
    tail = await Tail.at_end(reader)
    waiting = asyncio.create_task(tail.next(reader))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    began = asyncio.get_running_loop().time()
    await committed(api.engine, 1)
    assert len(await waiting) == 1
    assert asyncio.get_running_loop().time() - began < 1.0


async def test_an_event_of_nobody_and_an_update_without_change_take_no_number(
    api: Api, reader: AsyncConnection
) -> None:
    async with api.engine.begin() as connection:
        before = await outbox.newest(connection)
        assert not await emit(connection, "orders", "UPDATE", "demo", {"n": 1}, {"n": 1})
        with pytest.raises(ValueError, match="orders"):
            await emit(connection, "orders", "INSERT", None, {"n": 1})
        assert await outbox.newest(reader) == before

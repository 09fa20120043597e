"""Old events go, in order and out of everybody's way; what is left is known exactly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.housekeeping import keep_pruning
from overround.ledger import migrate, outbox
from overround.ledger.db import connect
from overround.ledger.events import emit

if TYPE_CHECKING:
    from console.embedded.postgres import Postgres

HOUR = timedelta(hours=1)
AGED = text(
    "INSERT INTO events (channel, event, client, payload, at) "
    "SELECT 'orders', 'INSERT', 'a', '{}', now() - make_interval(hours => :hours) FROM generate_series(1, :count)"
)


@pytest.fixture(scope="module")
def module_url(postgres: "Postgres", template_database: str) -> Iterator[str]:
    from tests.support.servers import cloned_database

    with cloned_database(postgres, template_database) as url:
        yield url


@pytest.fixture
async def engine(module_url: str) -> AsyncIterator[AsyncEngine]:
    opened = connect(module_url, pool=5)
    async with opened.begin() as connection:
        await connection.exec_driver_sql("TRUNCATE events, outbox RESTART IDENTITY")
    yield opened
    await opened.dispose()


async def add(engine: AsyncEngine, count: int, hours: int = 0) -> None:
    """``count`` events, ``hours`` old."""
    async with engine.begin() as connection:
        await connection.execute(AGED, {"count": count, "hours": hours})


async def kept(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        return list((await connection.exec_driver_sql("SELECT event_id FROM events ORDER BY 1")).scalars())


async def known(engine: AsyncEngine) -> tuple[int, int]:
    """What is pruned, and the highest number."""
    async with engine.connect() as connection:
        return await outbox.pruned(connection), await outbox.newest(connection)


async def test_only_what_is_older_goes_and_how_far_is_remembered(engine: AsyncEngine) -> None:
    assert await known(engine) == (0, 0)
    await add(engine, 3, hours=2)
    await add(engine, 2)
    assert await outbox.prune(engine, HOUR) == 3
    assert await kept(engine) == [4, 5]
    assert await known(engine) == (3, 5)
    assert await outbox.prune(engine, HOUR) == 0
    assert await known(engine) == (3, 5)


async def test_an_old_event_behind_a_young_one_stays(engine: AsyncEngine) -> None:
    """Otherwise a hole would look as if it had never been."""
    await add(engine, 1, hours=2)
    await add(engine, 1)
    await add(engine, 1, hours=2)
    assert await outbox.prune(engine, HOUR) == 1
    assert await kept(engine) == [2, 3]


async def test_it_goes_in_steps(engine: AsyncEngine) -> None:
    await add(engine, 25, hours=2)
    assert [await outbox.prune(engine, HOUR, 10) for _ in range(4)] == [10, 10, 5, 0]
    assert await known(engine) == (25, 25)


async def test_when_everything_is_gone_the_numbers_go_on(engine: AsyncEngine) -> None:
    await add(engine, 2, hours=2)
    await outbox.prune(engine, HOUR)
    await add(engine, 1)
    assert await kept(engine) == [3]


async def test_one_process_prunes_at_a_time(engine: AsyncEngine) -> None:
    await add(engine, 5, hours=2)
    async with engine.connect() as other:
        assert (await other.execute(outbox.MAY_PRUNE, {"lock": outbox.LOCK})).scalar_one()
        assert await outbox.prune(engine, HOUR) == 0
        await other.rollback()
    assert await outbox.prune(engine, HOUR) == 5


async def test_writers_and_pruning_do_not_wait_for_each_other(engine: AsyncEngine) -> None:
    await add(engine, 5, hours=2)
    async with engine.connect() as hot, engine.connect() as pruning, asyncio.timeout(15):
        await emit(hot, "orders", "INSERT", "a", {"n": 1})
        await pruning.execute(outbox.DELETE, {"age": HOUR, "most": 10})
        await emit(hot, "orders", "INSERT", "a", {"n": 2})
        await hot.commit()
        await pruning.commit()
    assert await kept(engine) == [6, 7]


async def test_an_event_still_being_written_is_neither_deleted_nor_forgotten(engine: AsyncEngine) -> None:
    async with engine.connect() as slow:
        await emit(slow, "orders", "INSERT", "a", {"n": 1})
        await add(engine, 2, hours=2)
        assert await outbox.prune(engine, HOUR) == 2
        await slow.commit()
    assert await kept(engine) == [1]
    assert await known(engine) == (3, 3)


async def test_a_reader_amid_pruning_gets_all_or_is_told(engine: AsyncEngine) -> None:
    """Each look at the events, then at what is pruned: whole, or known not to be."""
    await add(engine, 200, hours=2)
    await add(engine, 50)
    outcomes = set()

    async def read() -> None:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            for place in list(range(0, 240, 3)) * 2:
                found = [event.number for event in await outbox.missed(connection, "a", ["orders"], place, 250, 300)]
                told = await outbox.pruned(connection) > place
                assert told or found == list(range(place + 1, 251))
                outcomes.add(told)

    async def prune() -> None:
        for _ in range(51):
            await outbox.prune(engine, HOUR, 4)
            await asyncio.sleep(0.003)

    await asyncio.gather(read(), read(), prune())
    assert outcomes == {True, False}
    assert len(await kept(engine)) == 50


async def test_the_keeper_prunes_again_and_again_and_survives_a_failing_database(engine: AsyncEngine) -> None:
    await add(engine, 1001, hours=2)
    keeper = asyncio.create_task(keep_pruning(engine, HOUR, 0.01))
    await _until_pruned(engine, 1001)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE outbox RENAME TO mislaid")
    with capture_logs() as logs:
        await _until(lambda: bool(logs))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE mislaid RENAME TO outbox")
    await add(engine, 2, hours=2)
    await _until_pruned(engine, 1003)
    keeper.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeper
    assert logs[0]["error"] == ProgrammingError.__name__
    assert await kept(engine) == []


async def _until_pruned(engine: AsyncEngine, number: int) -> None:
    for _ in range(500):
        if (await known(engine))[0] >= number:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{number} was not pruned within 5 s")


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within 5 s")


async def test_events_of_a_database_that_is_upgraded_keep_their_numbers(blank_database_url: str) -> None:
    configuration = migrate.configuration(blank_database_url)
    command.upgrade(configuration, "0001")
    engine = connect(blank_database_url)
    await add(engine, 3)
    command.upgrade(configuration, "0002")
    await add(engine, 1)
    assert await kept(engine) == [1, 2, 3, 4]
    assert await known(engine) == (0, 4)
    command.downgrade(configuration, "0001")
    async with engine.connect() as connection:
        again = await connection.exec_driver_sql("SELECT event_id FROM events WHERE xid > 0 ORDER BY xid, event_id")
        assert again.scalars().all() == [1, 2, 3, 4]
    command.upgrade(configuration, "0002")
    assert await kept(engine) == [1, 2, 3, 4]
    await engine.dispose()

"""Events put into the outbox, in transactions that end when and how a test likes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from overround.ledger.events import PRIVATE, emit

MANY = text(
    "INSERT INTO events (channel, event, client, payload) "
    "SELECT 'orders', 'INSERT', :client, jsonb_build_object('n', n) FROM generate_series(CAST(:first AS int), :last) n"
)


async def say(connection: AsyncConnection, n: int, client: str = "demo", channel: Any = "orders") -> None:
    """One event with ``n`` in its payload, in the caller's transaction."""
    await emit(connection, channel, "INSERT", client if channel in PRIVATE else None, {"n": n})


async def committed(engine: AsyncEngine, n: int, client: str = "demo", channel: Any = "orders") -> None:
    async with engine.begin() as connection:
        await say(connection, n, client, channel)


async def rolled_back(engine: AsyncEngine, n: int) -> None:
    """Takes a number that never comes."""
    async with engine.connect() as connection:
        await say(connection, n)
        await connection.rollback()


async def many(engine: AsyncEngine, first: int, last: int, client: str = "demo") -> None:
    """Events with ``n`` from ``first`` to ``last``, at once."""
    async with engine.begin() as connection:
        await connection.execute(MANY, {"client": client, "first": first, "last": last})


@asynccontextmanager
async def unrelated(engine: AsyncEngine) -> AsyncIterator[None]:
    """A transaction that has changed something, stays open, and writes no event."""
    async with engine.connect() as connection:
        await connection.execute(text("UPDATE clients SET name = name"))
        yield
        await connection.rollback()


async def grow_old(engine: AsyncEngine, last: int, hours: int) -> None:
    """Everything up to the event with ``n`` = ``last`` was written ``hours`` ago."""
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE events SET at = now() - make_interval(hours => :hours) "
                "WHERE event_id <= (SELECT max(event_id) FROM events WHERE CAST(payload ->> 'n' AS int) = :last)"
            ),
            {"hours": hours, "last": last},
        )

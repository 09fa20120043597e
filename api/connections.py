"""How many WebSockets a key may hold, counted across every API process (mm-api sheet, section 4).

A connection holds one numbered place of its key as a Postgres advisory lock on this process's own session, so a process
that dies gives its places back by dying.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")
PER_KEY = 5
SPACE = 0x6F76 << 48
"""Keeps our lock numbers apart from any other user of advisory locks."""


class Slots:
    """Places of keys held by this process. ``engine`` commits each statement by itself.

    All sockets share the session: cancelling one of them must not end a statement on it, which would end the session.
    """

    def __init__(self, engine: AsyncEngine, per_key: int = PER_KEY) -> None:
        self._engine = engine
        self._per_key = per_key
        self._held: set[int] = set()
        self._session: AsyncConnection | None = None
        self._busy = asyncio.Lock()
        self._work: set[asyncio.Future[Any]] = set()

    async def take(self, key_id: int) -> int | None:
        """A place of the key, None when all are taken. Who is cancelled meanwhile holds none."""
        taking = self._start(self._take(key_id))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            self._start(self._give_back(taking))
            raise

    async def free(self, place: int) -> None:
        """Give a place back, cancelled or not. A session that has ended gave back all of its own."""
        await asyncio.shield(self._start(self._free(place)))

    async def close(self) -> None:
        """Give everything back."""
        while self._work:
            await asyncio.wait(self._work)
        async with self._busy:
            self._held.clear()
            if self._session is not None:
                await self._session.invalidate()
                await self._session.close()
                self._session = None

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _give_back(self, taking: asyncio.Task[int | None]) -> None:
        with suppress(SQLAlchemyError):
            if (place := await taking) is not None:
                await self._free(place)

    async def _take(self, key_id: int) -> int | None:
        async with self._busy:
            places = range(SPACE + key_id * 8, SPACE + key_id * 8 + self._per_key)
            try:
                return await self._first_free(places)
            except DBAPIError:
                await self._reconnect()
                return await self._first_free(places)

    async def _free(self, place: int) -> None:
        async with self._busy:
            self._held.discard(place)
            if self._session is None:
                return
            try:
                await self._session.execute(select(func.pg_advisory_unlock(place)))
            except DBAPIError:
                await self._reconnect()

    async def _first_free(self, places: range) -> int | None:
        connection = await self._connection()
        for place in places:
            if place not in self._held and await self._lock(connection, place):
                self._held.add(place)
                return place
        return None

    async def _lock(self, connection: AsyncConnection, place: int) -> bool:
        return bool((await connection.execute(select(func.pg_try_advisory_lock(place)))).scalar_one())

    async def _connection(self) -> AsyncConnection:
        if self._session is None:
            self._session = await self._engine.connect()
            for place in self._held:
                await self._lock(self._session, place)
        return self._session

    async def _reconnect(self) -> None:
        """The session ended and its locks with it: the next use opens another and takes them again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

"""The database's connections survive whoever uses them."""

import asyncio
import gc
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from api import app
from api.context import Context, reading, writing
from tests.api.conftest import QUICK, settings_for
from workflows.names import TRADING

Opening = Callable[[Context], AbstractAsyncContextManager[AsyncConnection]]


def single(context: Context) -> AbstractAsyncContextManager[AsyncConnection]:
    return context.engine.connect()


class Cutting:
    """Cancels a task where psycopg lets others in, which it does when the loop was busy for long: here always."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._task: asyncio.Task[None] | None = None
        self._left = 0
        monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", -1.0)
        monkeypatch.setattr("psycopg.waiting.sleep", self._sleep)

    async def _sleep(self, _: float) -> None:
        task = asyncio.current_task()
        if task is not None and task is self._task:
            self._left -= 1
            if self._left == 0:
                task.cancel()
        await asyncio.sleep(0)

    async def at(self, place: int, task: "asyncio.Task[None]") -> bool:
        """Was there such a place, counted from 1?"""
        self._task, self._left = task, place
        await asyncio.wait([task])
        return task.cancelled()


@pytest.mark.parametrize(("open_one", "places"), [(single, 0), (reading, 3), (writing, 1)])
async def test_who_is_cancelled_while_opening_one_does_not_lose_it(
    open_one: Opening, places: int, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = list[object]()
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    async def ask() -> None:
        async with open_one(context) as connection:
            await connection.execute(text("SELECT 1"))

    async with app.running(settings_for(database_url), QUICK, TRADING) as context:
        await ask()
        cutting, place = Cutting(monkeypatch), 1
        while await cutting.at(place, asyncio.create_task(ask())):
            place += 1
            gc.collect()
    assert place > places
    assert not lost

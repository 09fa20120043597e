"""What every request of one process shares."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import HTTPConnection
from temporalio.client import Client

from api.auth import KeyRing
from api.broadcast import Hub
from api.connections import Slots
from overround.settings import Settings
from workflows.names import TRADING


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of the WebSocket's life (mm-api sheet, section 7) and of what we do by ourselves."""

    subscribe: float = 30.0
    heartbeat: float = 60.0
    prune: float = 60.0
    fold: float = 1.0
    key_cache: float = 2.0
    confirm: float = 10.0
    lease: float = 45.0


@dataclass(frozen=True, slots=True)
class Context:
    """``engine`` is for single statements in autocommit; see ``reading`` and ``writing`` for more than one.

    ``temporal`` connects at its first use; commands go to the workers of ``queue``.
    """

    settings: Settings
    timing: Timing
    engine: AsyncEngine
    keys: KeyRing
    hub: Hub
    slots: Slots
    temporal: Client | None = None
    queue: str = TRADING


def context_of(connection: HTTPConnection) -> Context:
    """The running app's context."""
    found = connection.app.state.context
    assert isinstance(found, Context)
    return found


@asynccontextmanager
async def reading(context: Context) -> AsyncIterator[AsyncConnection]:
    """Read only, and every statement sees the same moment."""
    async with context.engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


@asynccontextmanager
async def writing(context: Context) -> AsyncIterator[AsyncConnection]:
    """One transaction, undone by an exception."""
    async with context.engine.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        async with connection.begin():
            yield connection


async def _reader(request: Request) -> AsyncIterator[AsyncConnection]:
    async with reading(context_of(request)) as connection:
        yield connection


Reader = Annotated[AsyncConnection, Depends(_reader, scope="function")]
"""A read-only connection whose statements all see the same moment; given back before the answer leaves."""

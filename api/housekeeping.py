"""What one of the API processes at a time does beside answering: old events are deleted, counters are kept up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.ledger import outbox
from overround.ledger.rollups import fold

PAUSE_SECONDS = 0.02
MOST_STEPS = 1000
log = structlog.get_logger(__name__)


async def keep_pruning(engine: AsyncEngine, age: timedelta, seconds: float) -> None:
    """Every ``seconds``, delete events older than ``age``, in small steps with pauses, until cancelled."""

    async def prune() -> None:
        for _ in range(MOST_STEPS):
            if await outbox.prune(engine, age) < outbox.CHUNK:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    await _every(seconds, prune, "cannot prune events")


async def keep_folding(engine: AsyncEngine, seconds: float) -> None:
    """Every ``seconds``, add what writers leave for the counters to them, until cancelled. Lists are exact without it
    too, and slower the longer it stays away."""

    async def add() -> None:
        async with engine.begin() as connection:
            await fold(connection)

    await _every(seconds, add, "cannot add to the counters")


async def _every(seconds: float, work: Callable[[], Awaitable[None]], failure: str) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except SQLAlchemyError as error:
            log.warning(failure, error=type(error).__name__)

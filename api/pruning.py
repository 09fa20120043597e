"""Old events are deleted, by one of the API processes at a time."""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.ledger import outbox

PAUSE_SECONDS = 0.02
MOST_STEPS = 1000
log = structlog.get_logger(__name__)


async def keep_pruning(engine: AsyncEngine, age: timedelta, seconds: float) -> None:
    """Every ``seconds``, delete what is older than ``age``, in small steps with pauses, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await _prune_all(engine, age)
        except SQLAlchemyError as error:
            log.warning("cannot prune events", error=type(error).__name__)


async def _prune_all(engine: AsyncEngine, age: timedelta) -> None:
    for _ in range(MOST_STEPS):
        if await outbox.prune(engine, age) < outbox.CHUNK:
            return
        await asyncio.sleep(PAUSE_SECONDS)

"""What writers leave for the counters is added to them, by one of the API processes at a time."""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.ledger.rollups import fold

log = structlog.get_logger(__name__)


async def keep_folding(engine: AsyncEngine, seconds: float) -> None:
    """Every ``seconds``, until cancelled. Lists are exact without it too, and slower the longer it stays away."""
    while True:
        await asyncio.sleep(seconds)
        try:
            async with engine.begin() as connection:
                await fold(connection)
        except SQLAlchemyError as error:
            log.warning("cannot add to the counters", error=type(error).__name__)

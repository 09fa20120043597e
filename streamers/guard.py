"""The guard: pulls every quote when nobody is left to own it, or to hedge it."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.sessions import Sessions
from overround.ledger.alarms import clear_alarm, raise_alarm
from overround.ledger.heartbeats import DEAD_SECONDS, WORKERS, ages
from streamers.odds import Trader

log = structlog.get_logger(__name__)


class Guard:
    """``watch`` must be called every second or two; ``stop`` is what it makes of it: why nothing may be quoted, or
    None. Quotes without hedges are as bad as quotes without an owner."""

    def __init__(self, database: AsyncEngine, sessions: Sessions, stop: Callable[[str | None], None]) -> None:
        self._database = database
        self._sessions = sessions
        self._stop = stop
        self._alarmed: bool | None = None
        """None until it is known: an earlier process may have raised it."""
        self._pulled: set[str] = set()
        self._since = time.monotonic()

    async def watch(self, traders: list[Trader]) -> None:
        """Look whether every worker lives."""
        async with self._database.connect() as connection:
            heard = await ages(connection, WORKERS)
        watching = Decimal(time.monotonic() - self._since)
        silence, role = max((heard.get(name, watching), name) for name in WORKERS)
        if silence <= DEAD_SECONDS:
            await self._all_is_well()
        elif watching > DEAD_SECONDS:
            await self._pull_everything(traders, f"the {role} worker has said nothing for {silence:.0f} s")

    async def _all_is_well(self) -> None:
        self._stop(None)
        if self._alarmed is not False:
            async with self._database.begin() as connection:
                await clear_alarm(connection, "worker", "worker")
        self._alarmed, self._pulled = False, set()

    async def _pull_everything(self, traders: list[Trader], reason: str) -> None:
        """Have nothing quoted, cancel everything at every venue until each said yes, and say so."""
        self._stop(reason)
        waiting = [trader.account_id for trader in traders if trader.account_id not in self._pulled]
        await asyncio.gather(*(self._pull(account_id) for account_id in waiting))
        if self._alarmed:
            return
        message = f"{reason}: nothing is quoted, every resting order is being cancelled"
        log.error(message)
        async with self._database.begin() as connection:
            await raise_alarm(connection, "worker", "worker", message)
        self._alarmed = True

    async def _pull(self, account_id: str) -> None:
        """Cancel everything of one account; what fails is tried again at the next look and stops no other account."""
        try:
            session = await self._sessions.exchange(account_id)
            await session.cancel_all()
            self._pulled.add(account_id)
        except Exception as error:
            log.error("could not cancel", account=account_id, error=repr(error))

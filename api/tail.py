"""The newest events in their order, each once, as soon as nothing can come before them any more."""

import asyncio
import time
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import outbox
from overround.ledger.outbox import Stored

PATIENCE = timedelta(seconds=0.25)
"""The database waits so long for events: so long may somebody wait who needs the table for himself."""
LONG = 5.0
AT_ONCE = 250
"""Events read in one go: nothing else in the process runs while they are decoded."""
log = structlog.get_logger(__name__)


class Lost(Exception):
    """Events up to ``number`` were deleted before they were read."""

    def __init__(self, number: int) -> None:
        super().__init__(f"events up to {number} were pruned unread")
        self.number = number


class Unsettled(Exception):
    """A transaction that writes events has stayed open so long that nobody should wait for it."""


class Tail:
    """Reads on from ``place``, up to which every number is decided: read, or never to come."""

    def __init__(self, place: int) -> None:
        self.place = place
        self._decided = place
        self._goal = place
        self._suspects: frozenset[str] = frozenset()
        self._since = 0.0
        self._warned = False

    @classmethod
    async def at_end(cls, connection: AsyncConnection) -> "Tail":
        """Begin behind everything that exists now: waits for transactions that are writing events, or ``Unsettled``."""
        place, began = await outbox.newest(connection), time.monotonic()
        suspects = await outbox.writers(connection)
        while suspects:
            if time.monotonic() - began > LONG:
                log.warning("nobody can subscribe: a transaction that writes events stays open", open=len(suspects))
                raise Unsettled
            await asyncio.sleep(0.002)
            suspects &= await outbox.writers(connection)
        return cls(place)

    async def next(self, connection: AsyncConnection, most: int = AT_ONCE) -> list[Stored]:
        """The events that may be told now, perhaps none, at most ``PATIENCE`` later.

        The caller moves ``place``. Raises ``Lost`` when the next ones are gone.
        """
        found = await outbox.after(connection, self.place, PATIENCE, most)
        ready = self._ready(found)
        if found and not ready:
            await self._look_into(connection, found)
        if ready and ready[0].number != self.place + 1:
            await self._check_pruned(connection)
        return ready

    def _ready(self, found: list[Stored]) -> list[Stored]:
        """Up to the first number that is missing and undecided."""
        expected = self.place + 1
        for count, event in enumerate(found):
            if event.number != expected and event.number - 1 > self._decided:
                return found[:count]
            expected = event.number + 1
        return found

    async def _look_into(self, connection: AsyncConnection, found: list[Stored]) -> None:
        """The numbers just behind ``place`` are missing: decide them once nobody is left who could bring them."""
        writing = await outbox.writers(connection)
        if found[0].number - 1 > self._goal:
            self._goal, self._suspects = found[-1].number, writing
            self._since, self._warned = time.monotonic(), False
        self._suspects &= writing
        if self._suspects:
            await self._wait()
        else:
            self._decided = self._goal

    async def _check_pruned(self, connection: AsyncConnection) -> None:
        gone = await outbox.pruned(connection)
        if gone > self.place:
            raise Lost(gone)

    async def _wait(self) -> None:
        waited = time.monotonic() - self._since
        if waited > LONG and not self._warned:
            log.warning("events wait for a transaction that stays open", after=self.place, open=len(self._suspects))
            self._warned = True
        await asyncio.sleep(min(0.05, 0.001 + waited / 10))

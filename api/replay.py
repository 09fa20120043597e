"""What a client missed: from its last number to the live events, without a seam."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.broadcast import Hub, Subscription, frame
from overround.ledger import outbox
from overround.ledger.outbox import Stored

MOST = 50_000
STEP = 500


class Pruned(Exception):
    """What was to be told next has been deleted."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Tells ``subscription`` what followed ``number`` and leaves it live."""

    engine: AsyncEngine
    hub: Hub
    subscription: Subscription
    number: int

    async def obstacle(self) -> str | None:
        """Why the client must read again instead: ``unknown``, ``pruned`` or ``too_many``; None if it need not."""
        async with self.hub.replaying, self.engine.connect() as connection:
            if self.number > await outbox.newest(connection):
                return "unknown"
            if self.number < await outbox.pruned(connection):
                return "pruned"
            if self.hub.position - self.number > MOST and await self._too_many(connection):
                return "too_many"
        return None

    async def run(self) -> int:
        """How many events were missed. Raises ``Pruned``; a reader that stalls is marked as too slow."""
        place, told = self.number, 0
        while self.hub.position - place > STEP:
            place, count = await self._step(place, self.hub.position)
            told += count
        goal = self.subscription.hold(max(place, self.hub.position))
        if goal > place:
            told += (await self._step(place, goal))[1]
        return told

    async def _step(self, place: int, goal: int) -> tuple[int, int]:
        """Tell some events; up to where, and how many."""
        events = await self._read(place, goal)
        for event in events:
            await self.subscription.outbox.tell(frame(event))
        return (events[-1].number if len(events) == STEP else goal), len(events)

    async def _read(self, place: int, goal: int) -> list[Stored]:
        """Few at a time, and never while a reader is waited for: connections are everybody's."""
        client, channels = self.subscription.client, sorted(self.subscription.channels)
        async with self.hub.replaying, self.engine.connect() as connection:
            events = await outbox.missed(connection, client, channels, place, goal, STEP)
            if await outbox.pruned(connection) > place:
                raise Pruned
        return events

    async def _too_many(self, connection: AsyncConnection) -> bool:
        client, channels = self.subscription.client, sorted(self.subscription.channels)
        found = await outbox.count_missed(connection, client, channels, self.number, self.hub.position, MOST + 1)
        return found > MOST

"""From the outbox to this process's subscribers: one poller for all of them (mm-api sheet, section 7).

Events are read in ``(xid, event_id)`` order below the oldest running transaction, so nothing commits behind the cursor.
"""

import asyncio
from dataclasses import dataclass, field

import structlog
from sqlalchemy import BigInteger, Text, bindparam, cast, func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from overround.ledger.events import PRIVATE
from overround.ledger.tables import events

BATCH = 1000
QUEUE = 2000
RETRY_SECONDS = 1.0
HORIZON = cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger)
NEXT = (
    select(
        events.c.xid,
        events.c.event_id,
        events.c.channel,
        events.c.event,
        events.c.client,
        cast(events.c.payload, Text).label("payload"),
        cast(events.c.old, Text).label("old"),
    )
    .where(
        tuple_(events.c.xid, events.c.event_id)
        > tuple_(bindparam("xid", type_=BigInteger), bindparam("event_id", type_=BigInteger)),
        events.c.xid < HORIZON,
    )
    .order_by(events.c.xid, events.c.event_id)
    .limit(BATCH)
)
log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Outbox:
    """Frames on their way to one socket. ``overflow`` is set when its reader is too slow for them."""

    frames: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    overflow: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, frame: str) -> None:
        """Never waits: one slow reader must not delay another."""
        try:
            self.frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.overflow.set()


@dataclass(frozen=True, eq=False, slots=True)
class Subscription:
    """What one socket asked for."""

    client: str
    channels: frozenset[str]
    outbox: Outbox

    def wants(self, channel: str, client: str | None) -> bool:
        """Private channels carry only this client's rows; global ones go to everybody."""
        return channel in self.channels and (client == self.client if channel in PRIVATE else True)


class Hub:
    """The subscriptions of this process and the task that feeds them while there are any."""

    def __init__(self, engine: AsyncEngine, poll_seconds: float) -> None:
        self._engine = engine
        self._poll_seconds = poll_seconds
        self._subscriptions: set[Subscription] = set()
        self._cursor = (0, 0)
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def join(self, subscription: Subscription) -> None:
        """From the return of this call on, every event that commits is delivered."""
        async with self._starting:
            if self._task is None or self._task.done():
                self._cursor = await self._now()
                self._task = asyncio.create_task(self._run())
            self._subscriptions.add(subscription)

    def leave(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    async def close(self) -> None:
        self._subscriptions.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _now(self) -> tuple[int, int]:
        async with self._engine.connect() as connection:
            return (await connection.execute(select(HORIZON))).scalar_one(), 0

    async def _run(self) -> None:
        while self._subscriptions:
            try:
                await self._follow()
            except SQLAlchemyError as error:
                log.warning("cannot read the outbox", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        """Deliver on one connection, kept: fetching one from the pool costs as much as the query."""
        async with self._engine.connect() as connection:
            while self._subscriptions:
                if not await self._deliver(connection):
                    await asyncio.sleep(self._poll_seconds)

    async def _deliver(self, connection: AsyncConnection) -> bool:
        """Hand out the next events; returns whether there may be more at once."""
        rows = (await connection.execute(NEXT, {"xid": self._cursor[0], "event_id": self._cursor[1]})).all()
        for row in rows:
            self._fan_out(row.channel, row.client, frame(row.channel, row.event, row.payload, row.old))
            self._cursor = (row.xid, row.event_id)
        return len(rows) == BATCH

    def _fan_out(self, channel: str, client: str | None, text: str) -> None:
        for subscription in self._subscriptions:
            if subscription.wants(channel, client):
                subscription.outbox.put(text)


def frame(channel: str, event: str, payload: str, old: str) -> str:
    """A broadcast; ``payload`` and ``old`` are JSON as Postgres wrote it, so their numbers stay exact."""
    return f'{{"type":"broadcast","channel":"{channel}","event":"{event}","payload":{payload},"old":{old}}}'

"""From the outbox to this process's subscribers: one reader for all of them (mm-api sheet, section 7).

A broadcast's ``seq`` is its number in the outbox: the same in every process, for ever, and rising.
"""

import asyncio
from dataclasses import dataclass, field

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.tail import Lost, Tail
from overround.ledger import outbox
from overround.ledger.events import PRIVATE
from overround.ledger.outbox import Stored

QUEUE = 2000
STALL_SECONDS = 10.0
RETRY_SECONDS = 1.0
BURST = 500
REPLAYS = 3
"""How many of the pool's connections may read what clients missed, at a time."""
log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Outbox:
    """Frames on their way to one socket. ``overflow`` is set when its reader is too slow for them."""

    frames: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    overflow: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, frame: str) -> None:
        """Never waits: one slow reader must not delay another. After the first frame without room none is taken."""
        if self.overflow.is_set():
            return
        try:
            self.frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.overflow.set()

    async def tell(self, frame: str) -> None:
        """Wait for room, as what is sent at the reader's own pace may. Never returns to a reader that stalls."""
        if not self.frames.full():
            self.put(frame)
            return
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await self.frames.put(frame)
        except TimeoutError:
            self.overflow.set()
            await asyncio.Event().wait()  # the session ends, and whoever tells with it


@dataclass(eq=False, slots=True)
class Subscription:
    """What one socket asked for. Live events behind ``after`` reach it; none while that is None.

    While ``held`` is a list they wait there for what has to go first.
    """

    client: str
    channels: frozenset[str]
    outbox: Outbox
    after: int | None = None
    held: list[str] | None = None

    def wants(self, event: Stored) -> bool:
        """Private channels carry only this client's rows; global ones those that are for everybody."""
        owner = self.client if event.channel in PRIVATE else None
        return event.channel in self.channels and event.client == owner

    def offer(self, event: Stored, text: str) -> None:
        """Take a live event, if it is new here and wanted. After the first without room none is taken."""
        if self.after is None or event.number <= self.after or not self.wants(event):
            return
        if self.held is None:
            self.outbox.put(text)
        elif len(self.held) < QUEUE and not self.outbox.overflow.is_set():
            self.held.append(text)
        else:
            self.outbox.overflow.set()

    def hold(self, place: int) -> int:
        """Every event behind ``place``, which is returned, will be told, but none before ``go_live``."""
        self.after, self.held = place, []
        return place

    async def go_live(self) -> None:
        """What was held goes out; what comes then is not held any more."""
        while self.held:
            await self.outbox.tell(self.held.pop(0))
        self.held = None


class Hub:
    """The subscriptions of this process and the task that feeds them while there are any."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._subscriptions: set[Subscription] = set()
        self._tail = Tail(0)
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self.replaying = asyncio.Semaphore(REPLAYS)

    @property
    def position(self) -> int:
        """Every event up to this number has been offered to everybody who was here."""
        return self._tail.place

    async def join(self, subscription: Subscription) -> None:
        """From now on ``position`` moves; the subscription hears what follows its ``after``."""
        async with self._starting:
            if not self._subscriptions:
                await self._stop()
                async with self._engine.connect() as connection:
                    self._tail = await Tail.at_end(connection)
                self._task = asyncio.create_task(self._run())
            self._subscriptions.add(subscription)

    def leave(self, subscription: Subscription) -> None:
        """The last one out stops the reading, which holds a lock while it waits."""
        self._subscriptions.discard(subscription)
        if not self._subscriptions and self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        self._subscriptions.clear()
        await self._stop()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            if not task.cancelling():
                task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception as error:
                log.warning("cannot read the outbox, trying again", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        """Deliver on one connection, kept: fetching one from the pool costs as much as the query."""
        async with self._engine.connect() as connection:
            if await outbox.newest(connection) < self.position:
                await self._begin_again(connection)
            while True:
                await self._deliver(connection)

    async def _begin_again(self, connection: AsyncConnection) -> None:
        """The database lost what it had committed, as a standby may that takes over: its numbers come a second time."""
        log.error("the database knows fewer events than were told", told=self.position)
        self._tail = await Tail.at_end(connection)
        for subscription in self._subscriptions:
            if subscription.after is not None:
                subscription.after = self.position
                subscription.outbox.put(resync("unknown", self.position))

    async def _deliver(self, connection: AsyncConnection) -> None:
        try:
            events = await self._tail.next(connection)
        except Lost as lost:
            log.error("events were pruned before they were told", after=self.position, until=lost.number)
            self._tell_lost(lost.number)
            return
        for count, event in enumerate(events, 1):
            self._fan_out(event)
            if count * len(self._subscriptions) % BURST < len(self._subscriptions):
                await asyncio.sleep(0)

    def _fan_out(self, event: Stored) -> None:
        """One text for everybody, made only if anybody wants it."""
        text = ""
        for subscription in self._subscriptions:
            if subscription.wants(event):
                text = text or frame(event)
                subscription.offer(event, text)
        self._tail.place = event.number

    def _tell_lost(self, number: int) -> None:
        for subscription in self._subscriptions:
            if subscription.after is not None and subscription.after < number:
                subscription.outbox.put(resync("pruned", number))
        self._tail.place = number


def frame(event: Stored) -> str:
    """A broadcast."""
    return (
        f'{{"type":"broadcast","channel":"{event.channel}","event":"{event.event}","seq":{event.number},'
        f'"payload":{event.payload},"old":{event.old}}}'
    )


def resync(reason: str, number: int) -> str:
    """Tells a client to read REST again: events up to ``number`` may be missing, those behind it follow."""
    return f'{{"type":"resync","reason":"{reason}","seq":{number}}}'

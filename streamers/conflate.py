"""Conflation: per key, one send in flight, the newest waits and replaces older ones, and a sustained rate is kept.

Overload makes quotes coarser, never later (design, section 3, "Odds are conflated before Temporal").
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
log = structlog.get_logger(__name__)
RETRY_SECONDS = 0.25


@dataclass(slots=True)
class _Waiting(Generic[V]):
    value: V
    urgent: bool


class Conflator(Generic[K, V]):
    """``send`` is called with the newest value of a key; a send that raises is tried again with whatever is newest
    then.

    ``interval`` is the least number of seconds between two sends of one key; urgent values do not wait for it.
    """

    def __init__(self, send: Callable[[K, V], Awaitable[None]], *, interval: float = 0.2) -> None:
        self._send = send
        self._interval = interval
        self._waiting: dict[K, _Waiting[V]] = {}
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._woken: dict[K, asyncio.Event] = {}
        self._sent_at: OrderedDict[K, float] = OrderedDict()
        self.replaced = 0

    def offer(self, key: K, value: V, *, urgent: bool = False) -> None:
        """Send ``value`` for ``key`` as soon as the rate allows, unless a newer one comes first."""
        older = self._waiting.get(key)
        if older is not None:
            self.replaced += 1
        self._waiting[key] = _Waiting(value, urgent or (older is not None and older.urgent))
        self._woken.setdefault(key, asyncio.Event()).set()
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._drain(key))

    async def _drain(self, key: K) -> None:
        try:
            while key in self._waiting:
                await self._pace(key)
                item = self._waiting.pop(key)
                await self._attempt(key, item)
        finally:
            self._tasks.pop(key, None)
            self._woken.pop(key, None)

    async def _pace(self, key: K) -> None:
        """Wait for the key's turn; an urgent value ends the wait."""
        while not self._waiting[key].urgent:
            pause = self._sent_at.get(key, 0.0) + self._interval - time.monotonic()
            if pause <= 0:
                return
            event = self._woken[key]
            event.clear()
            try:
                async with asyncio.timeout(pause):
                    await event.wait()
            except TimeoutError:
                return

    async def _attempt(self, key: K, item: _Waiting[V]) -> None:
        self._sent_now(key)
        try:
            await self._send(key, item.value)
        except Exception as error:
            log.warning("send failed, trying again", key=str(key), error=str(error))
            self._waiting.setdefault(key, item)
            await asyncio.sleep(RETRY_SECONDS)

    def _sent_now(self, key: K) -> None:
        """Keys that may send at once again are forgotten: markets come and go."""
        now = time.monotonic()
        self._sent_at[key] = now
        self._sent_at.move_to_end(key)
        while now - next(iter(self._sent_at.values())) > self._interval:
            self._sent_at.popitem(last=False)

    async def close(self) -> None:
        """Stop sending."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

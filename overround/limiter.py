"""One rate limiter per venue account, with classes: a cancel or hedge never waits behind quotes (design, section 3)."""

import asyncio
import time
from collections.abc import Callable
from enum import IntEnum


class Urgency(IntEnum):
    """Who goes first when calls must wait."""

    CANCEL = 0
    HEDGE = 1
    PROBE = 2
    QUOTE = 3


RESERVED = {Urgency.CANCEL: 0.0, Urgency.HEDGE: 0.1, Urgency.PROBE: 0.2, Urgency.QUOTE: 0.4}
"""The share of the bucket a class must leave untouched for those before it."""


class RateLimiter:
    """A token bucket of ``burst`` tokens refilled at ``rate`` a second, shared by one account's calls."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock()
        self._waiting = dict.fromkeys(Urgency, 0)

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now

    def _wait(self, cost: float, urgency: Urgency) -> float:
        """Seconds until ``cost`` tokens may be taken; zero means now."""
        self._refill()
        if any(self._waiting[other] for other in Urgency if other < urgency):
            return 1.0 / self._rate
        floor = min(RESERVED[urgency] * self._burst, self._burst - cost)
        return max(0.0, (cost + max(0.0, floor) - self._tokens) / self._rate)

    async def take(self, cost: float, urgency: Urgency) -> None:
        """Wait until ``cost`` tokens are free for this class and take them."""
        self._waiting[urgency] += 1
        try:
            while (pause := self._wait(min(cost, self._burst), urgency)) > 0.0:  # noqa: ASYNC110 - tokens come with time
                await asyncio.sleep(pause)
            self._tokens -= min(cost, self._burst)
        finally:
            self._waiting[urgency] -= 1

    def empty(self, seconds: float) -> None:
        """The venue said to wait: no token is free for ``seconds``."""
        self._refill()
        self._tokens = min(self._tokens, -seconds * self._rate)

"""Token buckets per account (kalshi sheet, section 10)."""

from collections.abc import Callable
from typing import Any

from overround.paper.kalshi.wire import ApiError

TIERS = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1200, 1200),
    "paragon": (2400, 2400),
    "prime": (4800, 4800),
    "prestige": (12000, 9600),
}
DEFAULT_COST, CANCEL_COST = 10, 2


class Bucket:
    """``capacity`` tokens refilled at ``rate`` a second."""

    def __init__(self, rate: int, capacity: int, clock: Callable[[], float]) -> None:
        self.rate, self.capacity, self._clock = rate, capacity, clock
        self._tokens, self._at = float(capacity), clock()

    def take(self, cost: int) -> None:
        """Take ``cost`` tokens or refuse with 429."""
        now = self._clock()
        self._tokens = min(float(self.capacity), self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
        if self._tokens < cost:
            raise ApiError(429, "too_many_requests", "bucket empty")
        self._tokens -= cost

    def limits(self) -> dict[str, int]:
        return {"refill_rate": self.rate, "bucket_capacity": self.capacity}


class Meter:
    """The read and the write bucket of one account."""

    def __init__(self, tier: str, clock: Callable[[], float]) -> None:
        read, write = TIERS[tier]
        self.tier = tier
        self.read = Bucket(read, 3 * read, clock)
        self.write = Bucket(write, write if tier == "basic" else 3 * write, clock)

    def limits(self) -> dict[str, Any]:
        return {"usage_tier": self.tier, "read": self.read.limits(), "write": self.write.limits(), "grants": []}

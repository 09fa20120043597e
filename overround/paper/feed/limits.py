"""The gateway's rate limits: fixed windows per key and endpoint (oddspapi sheet, section 1)."""

import time
from dataclasses import dataclass

ODDS_PATHS = frozenset({"/fixtures/odds", "/fixtures/odds/main", "/futures/odds"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a call stands in its window; ``reset`` is epoch seconds."""

    limit: int
    remaining: int
    reset: int
    window: int
    allowed: bool

    def headers(self) -> dict[str, str]:
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }
        return headers if self.allowed else headers | {"Retry-After": str(self.retry_after())}

    def retry_after(self) -> int:
        return max(1, self.reset - int(time.time()))


def refusal(seconds: int) -> Verdict:
    """A refusal out of the blue that lasts ``seconds``."""
    return Verdict(limit=0, remaining=0, reset=int(time.time()) + seconds, window=seconds, allowed=False)


class Limits:
    """Counts calls. ``odds_per_second`` for odds endpoints, ``per_minute`` for each other one."""

    def __init__(self, odds_per_second: int = 10, per_minute: int = 100) -> None:
        self._odds, self._other = odds_per_second, per_minute
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, key: str, path: str) -> Verdict:
        limit, window = (self._odds, 1) if path in ODDS_PATHS else (self._other, 60)
        start = int(time.time()) // window * window
        opened, used = self._windows.get((key, path), (start, 0))
        used = used + 1 if opened == start else 1
        self._windows[(key, path)] = (start, used)
        return Verdict(limit, max(0, limit - used), start + window, window, used <= limit)

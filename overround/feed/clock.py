"""When something was received, on a clock that never jumps."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Receipt:
    """A local moment: ``monotonic`` seconds for ages, ``epoch_ms`` for people and comparison with the feed's stamps."""

    monotonic: float
    epoch_ms: int


class FeedClock:
    """Epoch time carried forward by the monotonic clock: setting the machine's clock neither ages nor freshens odds."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def now(self) -> Receipt:
        monotonic = self._monotonic()
        return Receipt(monotonic, int((monotonic + self._offset) * 1000))

    def now_ms(self) -> int:
        return self.now().epoch_ms

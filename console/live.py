"""The live line of ``overround up``: rewritten in place on a terminal, one line every five seconds elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TextIO

QUIET_SECONDS = 5.0


class LiveLine:
    """``say`` prints a line that stays, ``show`` the line of the moment."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stdout
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._last = -QUIET_SECONDS

    def say(self, text: str) -> None:
        self._write(f"\r\x1b[2K{text}\n" if self._terminal else f"{text}\n")

    def show(self, text: Callable[[], str]) -> None:
        """``text`` is asked for only when it will be shown."""
        if self._terminal:
            self._write(f"\r\x1b[2K{text()}")
        elif self._clock() - self._last >= QUIET_SECONDS:
            self._last = self._clock()
            self._write(f"{text()}\n")

    def _write(self, text: str) -> None:
        """Nobody reading any more is no reason to stop trading."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

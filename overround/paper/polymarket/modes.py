"""What the venue is doing: trading, restarting, post-only, cancel-only, disabled (polymarket sheet, section 8)."""

import time
from collections.abc import Callable
from typing import Literal

from starlette.responses import JSONResponse

Mode = Literal["open", "restart", "post_only", "cancel_only", "disabled"]
POST_ONLY_TEXT = "post-only mode: only post-only orders and cancels are allowed"
DISABLED_TEXT = "Trading is currently disabled. Check polymarket.com for updates"
CANCEL_ONLY_TEXT = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
POST_ONLY_AFTER_RESTART = 120.0


class Modes:
    """The venue's mode, on a monotonic clock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._mode: Mode = "open"
        self._until = self._post_only_until = 0.0

    def enter(self, mode: Mode, seconds: float, post_only_seconds: float = POST_ONLY_AFTER_RESTART) -> None:
        """Stay in a mode for a while; a restart is followed by post-only mode."""
        self._mode, self._until = mode, self._now() + seconds
        if mode == "restart":
            self._post_only_until = self._until + post_only_seconds

    @property
    def current(self) -> Mode:
        now = self._now()
        if now < self._until:
            return self._mode
        return "post_only" if now < self._post_only_until else "open"

    def refuses_all(self, cancelling: bool) -> JSONResponse | None:
        """The answer that refuses a whole request now; None when orders or cancels may go on."""
        mode = self.current
        if mode == "restart":
            return JSONResponse({"error": "matching engine is restarting"}, 425)
        if mode == "disabled":
            return JSONResponse({"error": DISABLED_TEXT}, 503)
        if mode == "cancel_only" and not cancelling:
            return JSONResponse({"error": CANCEL_ONLY_TEXT}, 503)
        return None

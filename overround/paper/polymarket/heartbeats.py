"""The account-wide dead-man switch (polymarket sheet, section 5.4)."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS, GRACE_SECONDS = 10.0, 2.0


@dataclass(slots=True)
class Switch:
    expected: str
    fed_at: float


class Heartbeats:
    """One switch per account. ``window`` seconds without a heartbeat (plus grace) fire it."""

    def __init__(
        self, window: float = WINDOW_SECONDS + GRACE_SECONDS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._window, self._now = window, now
        self._switches: dict[str, Switch] = {}

    def feed(self, account: str, heartbeat_id: str) -> tuple[bool, str]:
        """Whether the id was the expected one, and the id to send next. The first accepted send arms the switch."""
        switch = self._switches.get(account)
        if switch is not None and heartbeat_id != switch.expected:
            return False, switch.expected
        self._switches[account] = Switch(str(uuid.uuid4()), self._now())
        return True, self._switches[account].expected

    def fired(self) -> list[str]:
        """Accounts whose switch fires now; firing disarms it."""
        late = [name for name, switch in self._switches.items() if self._now() - switch.fed_at > self._window]
        for name in late:
            del self._switches[name]
        return late

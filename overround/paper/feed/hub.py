"""The gateway's heart: watches the world, conflates changes, numbers them, and hands frames to clients.

Source: oddspapi sheet, sections 2.5, 2.6 and 3.1. Gateway times (``ts``, entry ids) are real time; ``changedAt``
follows the world's clock, which may be a recording's.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from overround.paper.feed.frames import Frame
from overround.paper.feed.view import View
from overround.paper.world import Changed, PaperFixture, World

CONFLATION_SECONDS = 0.01
RESUME_WINDOW_MS = 60_000
REPLAY_CHANNELS = ("fixtures", "scores")
CHANNELS = ("fixtures", "scores", "clocks", "odds", "bookmakers", "currencies")
VENUE = "feed"


class Listener(Protocol):
    """A connection as the hub sees it."""

    def offer(self, frame: Frame) -> None: ...

    def trouble(self, fault: str, details: dict[str, Any]) -> None:
        """Misbehave: ``stream_cut``, ``stream_frozen``, ``bad_frame``, ``restart``, ``reconnect``, ``backpressure``."""
        ...


@dataclass(slots=True)
class Cursor:
    """A channel's numbering and, where it can be replayed, its recent frames."""

    sequence: int = 0
    last: str | None = None
    recent: deque[Frame] = field(default_factory=deque)


STREAM_FAULTS = ("bad_frame", "stream_frozen", "stream_cut", "backpressure", "reconnect", "restart")


class Hub:
    """All clients of one gateway."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.views: dict[str, View] = {}
        self.clients: set[Listener] = set()
        self._dirty: dict[str, PaperFixture] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.restart()
        world.listen(self._changed)

    def restart(self) -> None:
        """Begin a new epoch: numbering and replay start over."""
        self.epoch = secrets.token_hex(8)
        self.cursors = {channel: Cursor() for channel in CHANNELS}

    # -- the world changed ------------------------------------------------------------------------------------------

    def _changed(self, change: Changed) -> None:
        self._dirty[change.fixture.fixture_id] = change.fixture
        if self._timer is not None:
            return
        try:
            self._timer = asyncio.get_running_loop().call_later(CONFLATION_SECONDS, self._on_time)
        except RuntimeError:
            return  # nobody can be connected without a loop; the next reader flushes

    def _on_time(self) -> None:
        self._timer = None
        self.flush()
        self._misbehave()

    def flush(self) -> None:
        """Send what changed since the last flush, one frame per fixture and channel."""
        for fixture_id, fixture in self._take().items():
            for channel, payload in self._view(fixture_id, fixture).refresh(self.world.now_ms()):
                self._publish(fixture, channel, payload)

    def _take(self) -> dict[str, PaperFixture]:
        taken, self._dirty = self._dirty, {}
        return taken

    def _view(self, fixture_id: str, fixture: PaperFixture) -> View:
        view = self.views.get(fixture_id)
        if view is None:
            view = self.views[fixture_id] = View(fixture)
        view.fixture = fixture
        return view

    def view(self, fixture_id: str) -> View | None:
        """The fixture as just told to everybody; None for an unknown one."""
        self.flush()
        fixture = self.world.fixtures.get(fixture_id)
        if fixture is None:
            return None
        if fixture_id not in self.views:
            self._view(fixture_id, fixture).refresh(self.world.now_ms())
        return self.views[fixture_id]

    def listed(self) -> list[View]:
        """Every fixture of the world."""
        found = (self.view(fixture_id) for fixture_id in list(self.world.fixtures))
        return [view for view in found if view is not None]

    # -- frames -----------------------------------------------------------------------------------------------------

    def _publish(self, fixture: PaperFixture, channel: str, payload: dict[str, Any]) -> None:
        cursor, now = self.cursors[channel], int(time.time() * 1000)
        cursor.sequence += 1
        cursor.last = f"{now}-{cursor.sequence}"
        frame = Frame(channel, payload, now, cursor.last, fixture.sport_id, fixture.tournament_id, fixture.fixture_id)
        if channel in REPLAY_CHANNELS:
            cursor.recent.append(frame)
            while cursor.recent and cursor.recent[0].at < now - RESUME_WINDOW_MS:
                cursor.recent.popleft()
        for client in self.clients:
            client.offer(frame)

    def last_entries(self, channels: Iterable[str]) -> dict[str, str]:
        return {name: last for name in channels if (last := self.cursors[name].last) is not None}

    def missed(self, channel: str, entry_id: str) -> list[Frame] | None:
        """Frames after a cursor; None when the channel is not replayed or the cursor is older than the window."""
        at, _, sequence = entry_id.partition("-")
        if channel not in REPLAY_CHANNELS or not (at.isdigit() and sequence.isdigit()):
            return None
        if int(at) < int(time.time() * 1000) - RESUME_WINDOW_MS:
            return None
        return [frame for frame in self.cursors[channel].recent if _sequence(frame) > int(sequence)]

    # -- misbehaviour -----------------------------------------------------------------------------------------------

    def _misbehave(self) -> None:
        for fault in STREAM_FAULTS if self.clients else ():
            details = self.world.faults.fires(VENUE, fault)
            if details is not None:
                self.inflict(fault, details)

    def inflict(self, fault: str, details: dict[str, Any]) -> None:
        """Do it to every connection now."""
        if fault in ("restart", "reconnect"):
            self.restart()
        for client in list(self.clients):
            client.trouble(fault, details)


def _sequence(frame: Frame) -> int:
    return int(frame.entry_id.partition("-")[2])

"""Timestamps on the wires of the paper venues: frames as they leave the feed, requests as they reach a venue."""

import re
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overround.paper.feed.frames import Frame

WORD = re.compile(rb"[\w.:-]{6,}")
Resolve = Callable[[str, str], str | None]
"""Venue and a word of a request to the fixture it names, None for any other word."""


@dataclass(slots=True)
class Arrivals:
    """Monotonic seconds of each request, by venue and fixture, oldest first."""

    times: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    total: int = 0

    def add(self, venue: str, fixture_id: str, at: float) -> None:
        self.times[(venue, fixture_id)].append(at)
        self.total += 1

    def first_after(self, venue: str, fixture_id: str, at: float) -> float | None:
        """When the first request at or after ``at`` came."""
        times = self.times.get((venue, fixture_id), [])
        place = bisect_left(times, at)
        return times[place] if place < len(times) else None


class Tap:
    """An ASGI app that notes when each writing request with ``path`` in its path came, and of which fixtures."""

    def __init__(self, app: ASGIApp, venue: str, path: str, resolve: Resolve) -> None:
        self._app, self._venue, self._path, self._resolve = app, venue, path, resolve
        self.arrivals = Arrivals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "GET" or self._path not in scope["path"]:
            return await self._app(scope, receive, send)
        at, body = time.monotonic(), bytearray(scope["path"].encode() + b" ")

        async def listening() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                self._note(bytes(body), at)
            return message

        return await self._app(scope, listening, send)

    def _note(self, body: bytes, at: float) -> None:
        words = {word.decode() for word in WORD.findall(body)}
        for fixture_id in {found for word in words if (found := self._resolve(self._venue, word))}:
            self.arrivals.add(self._venue, fixture_id, at)


@dataclass(slots=True, eq=False)
class FeedTap:
    """A listener of the paper feed's hub: when each fixture's last odds frame was handed to the connections."""

    emitted: dict[str, float] = field(default_factory=dict)

    def offer(self, frame: Frame) -> None:
        if frame.channel == "odds":
            self.emitted[frame.fixture_id] = time.monotonic()

    def trouble(self, fault: str, details: dict[str, Any]) -> None:
        """Nothing is asked for."""

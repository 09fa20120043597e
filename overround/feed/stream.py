"""The feed's WebSocket: logs in, resumes, reconnects for ever, and yields typed events.

Source: oddspapi sheet, section 2. Only a key the server will never take again ends the stream: ``Unauthorised``.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.frames import Close

from overround.feed.clock import FeedClock
from overround.feed.events import (
    Complaint,
    Connected,
    Disconnected,
    Resumed,
    SnapshotNeeded,
    StreamEvent,
    bad_frame,
    update,
)
from overround.feed.frames import FrameDecoder, ReceiveType
from overround.feed.wire import VENUE, Row
from overround.venues import Disconnected as Broken
from overround.venues import Rejected, TimedOut, Unauthorised, Unreadable

KEY_REVOKED, LOGIN_BAD, TOO_SLOW, TOO_MANY, TOO_BIG = 4001, 4000, 4002, 4003, 1009
FRAME_LIMIT, FRAME_LIMIT_MAX = 8 * 1024 * 1024, 64 * 1024 * 1024
DENSER: dict[ReceiveType, ReceiveType] = {"json": "zstd", "binary": "zstd"}
"""What to ask for after the server found us too slow."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What to subscribe to; None leaves it to the key. Changing it means a new connection (sheet, section 2.1)."""

    channels: tuple[str, ...] = ("fixtures", "scores", "clocks", "odds", "bookmakers")
    sport_ids: tuple[int, ...] | None = None
    tournament_ids: tuple[int, ...] | None = None
    fixture_ids: tuple[str, ...] | None = None
    bookmakers: tuple[str, ...] | None = None

    def login(self) -> dict[str, Any]:
        names = {
            "channels": self.channels,
            "sportIds": self.sport_ids,
            "tournamentIds": self.tournament_ids,
            "fixtureIds": self.fixture_ids,
            "bookmakers": self.bookmakers,
        }
        return {name: list(value) for name, value in names.items() if value is not None}


@dataclass(slots=True)
class Cursor:
    """Where the stream stands: may be kept by the caller to resume in another process."""

    epoch: str | None = None
    last_seen: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: reconnect delays grow from ``first`` to ``cap`` with jitter and start again after ``healthy`` connected;
    ``crowded`` is the least after the connection limit; ``login`` bounds the login, ``replay`` a replay."""

    first: float = 0.25
    cap: float = 30.0
    healthy: float = 5.0
    crowded: float = 5.0
    login: float = 10.0
    replay: float = 5.0
    ping: float = 20.0


class _Reconnect(Exception):
    """The server asked for a new connection."""


class FeedStream:
    """``async for event in stream`` for ever. ``stats`` counts frames by fate."""

    def __init__(
        self,
        url: str,
        api_key: SecretStr,
        select: Filter | None = None,
        *,
        receive_type: ReceiveType = "json",
        client_name: str = "overround",
        cursor: Cursor | None = None,
        clock: FeedClock | None = None,
        pace: Pace | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._url, self._key, self._select = url, api_key, select or Filter()
        self._receive_type, self._client_name = receive_type, client_name
        self.cursor = cursor or Cursor()
        self._clock, self._pace, self._jitter = clock or FeedClock(), pace or Pace(), jitter
        self._frame_limit = FRAME_LIMIT
        self._failures = self._refusals = 0
        self._socket: ClientConnection | None = None
        self._replay_by: float | None = None
        self._resuming: tuple[str, ...] = ()
        self.stats = {"frames": 0, "bad": 0, "connections": 0}

    def __aiter__(self) -> AsyncGenerator[StreamEvent, None]:
        return self._events()

    async def _events(self) -> AsyncGenerator[StreamEvent, None]:
        while True:
            started, code, asked = self._clock.now().monotonic, None, False
            try:
                async with aclosing(self._session()) as session:
                    async for event in session:
                        yield event
                reason = "the stream ended"
            except _Reconnect as request:
                reason, asked = f"the server asked to reconnect: {request}", True
            except ConnectionClosed as closed:
                code = _close_code(closed)
                reason = f"closed with {code}: {closed.rcvd.reason if closed.rcvd else closed}"
            except (OSError, InvalidHandshake, InvalidMessage, Broken, TimedOut, Unreadable) as error:
                reason = str(error) or type(error).__name__
            yield Disconnected(self._clock.now(), reason, code)
            await asyncio.sleep(self._delay(code, asked, self._clock.now().monotonic - started))

    def _delay(self, code: int | None, asked: bool, lasted: float) -> float:
        """Act on a close code (sheet, section 2.7); seconds to wait. Raises when trying again is wrong."""
        self._adapt(code)
        self._failures = 0 if lasted >= self._pace.healthy else self._failures + 1
        if asked and self._failures <= 1:
            return 0.0
        delay = min(self._pace.cap, self._pace.first * 2.0 ** min(max(self._failures - 1, 0), 10))
        delay = max(delay, self._pace.crowded) if code == TOO_MANY else delay
        return delay * (0.5 + self._jitter() / 2)

    def _adapt(self, code: int | None) -> None:
        if code == KEY_REVOKED:
            raise Unauthorised(VENUE, "the API key was revoked")
        self._refusals = self._refusals + 1 if code == LOGIN_BAD else 0
        if self._refusals >= 3:
            raise Rejected(VENUE, "the server refused our login three times: check ODDSPAPI_API_KEY and the feed URL")
        if code == TOO_SLOW:
            self._receive_type = DENSER.get(self._receive_type, self._receive_type)
        if code == TOO_BIG:
            self._frame_limit = min(self._frame_limit * 2, FRAME_LIMIT_MAX)

    async def _session(self) -> AsyncGenerator[StreamEvent, None]:
        async with connect(
            self._url,
            open_timeout=self._pace.login,
            ping_interval=self._pace.ping,
            ping_timeout=self._pace.ping,
            close_timeout=1.0,
            max_size=self._frame_limit,
            compression=None,
            proxy=None,
        ) as socket:
            self._socket, decoder = socket, FrameDecoder()
            for event in await self._login(socket):
                yield event
            while True:
                frame = await self._receive(socket)
                for event in self._read(decoder, frame) if frame is not None else self._give_up_replay():
                    yield event

    def abandon(self) -> None:
        """Drop the connection at once: it is open but no longer tells what happens. A new one follows."""
        if self._socket is not None:
            self._socket.transport.abort()

    # -- login and resume -------------------------------------------------------------------------------------------

    async def _login(self, socket: ClientConnection) -> list[StreamEvent]:
        try:
            async with asyncio.timeout(self._pace.login):
                await socket.send(json.dumps(self._login_frame()))
                answer = Row("login answer", FrameDecoder().decode(await socket.recv()))
        except TimeoutError as error:
            raise TimedOut(VENUE, f"login was not answered within {self._pace.login:g} s") from error
        kind = answer.text("type")
        if kind == "error":
            await self._refused(socket, answer)
        if kind != "login_ok":
            raise Unreadable(VENUE, f"login was answered with {kind!r}")
        return self._logged_in(answer)

    async def _refused(self, socket: ClientConnection, answer: Row) -> None:
        code, message = answer.maybe_text("error") or "", answer.maybe_text("message") or ""
        if code == "login_failed":
            raise Unauthorised(VENUE, f"login failed: {message}")
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await socket.wait_closed()
        closed = socket.protocol.close_rcvd or Close(TOO_MANY if code == "too_many_connections" else LOGIN_BAD, code)
        raise ConnectionClosed(closed, None, None)

    def _login_frame(self) -> dict[str, Any]:
        frame: dict[str, Any] = {
            "type": "login",
            "apiKey": self._key.get_secret_value(),
            "receiveType": self._receive_type,
            "clientName": self._client_name,
            **self._select.login(),
        }
        if self.cursor.epoch and self.cursor.last_seen:
            frame |= {"serverEpoch": self.cursor.epoch, "lastSeenId": self.cursor.last_seen}
        return frame

    def _logged_in(self, answer: Row) -> list[StreamEvent]:
        resume, at = answer.row("resume"), self._clock.now()
        epoch, channels = resume.text("serverEpoch"), answer.texts("channels")
        first, new_epoch = self.cursor.epoch is None, self.cursor.epoch not in (None, epoch)
        replayable = () if first or new_epoch else resume.texts("replayChannels")
        self._resuming = tuple(name for name in channels if name in replayable and name in self.cursor.last_seen)
        self._replay_by = at.monotonic + self._pace.replay if self._resuming else None
        self.cursor.epoch = epoch
        self.cursor.last_seen = {name: self.cursor.last_seen[name] for name in self._resuming}
        self.stats["connections"] += 1
        connected = Connected(
            at,
            answer.maybe_text("connId") or "",
            epoch,
            answer.maybe_text("receiveType") or self._receive_type,
            channels,
            answer.texts("bookmakers") or None,
            self._resuming,
            new_epoch,
        )
        missing = tuple(name for name in channels if name not in self._resuming)
        reason = "server_restarted" if new_epoch else "connected" if first else "not_replayable"
        return [connected, SnapshotNeeded(at, missing, reason)] if missing else [connected]

    def _give_up_replay(self) -> list[StreamEvent]:
        channels, self._replay_by, self._resuming = self._resuming, None, ()
        return [SnapshotNeeded(self._clock.now(), channels, "replay_unanswered")]

    # -- frames -----------------------------------------------------------------------------------------------------

    async def _receive(self, socket: ClientConnection) -> str | bytes | None:
        """The next frame; None when a replay that was asked for did not complete in time."""
        if self._replay_by is None:
            return await socket.recv()
        try:
            async with asyncio.timeout(max(0.0, self._replay_by - self._clock.now().monotonic)):
                return await socket.recv()
        except TimeoutError:
            return None

    def _read(self, decoder: FrameDecoder, frame: str | bytes) -> list[StreamEvent]:
        self.stats["frames"] += 1
        at, body = self._clock.now(), None
        try:
            body = decoder.decode(frame)
            row = Row("frame", body)
            if not row.has("channel") or row.body.get("type") == "dict":
                return self._control(decoder, row)
            event = update(row, at)
        except Unreadable as error:
            self.stats["bad"] += 1
            return [bad_frame(body, at, error.message)]
        self.cursor.last_seen[event.channel] = event.entry_id
        return [event]

    def _control(self, decoder: FrameDecoder, row: Row) -> list[StreamEvent]:
        kind, at = row.text("type"), self._clock.now()
        if kind == "dict":
            decoder.learn(row)
        elif kind == "reconnect":
            raise _Reconnect(row.maybe_text("reason") or "no reason")
        elif kind == "resume_complete":
            self._replay_by, self._resuming = None, ()
            return [Resumed(at)]
        elif kind == "snapshot_required":
            return [self._snapshot_required(row)]
        elif kind == "error":
            return [Complaint(at, f"{row.maybe_text('error')}: {row.maybe_text('message')}")]
        return []

    def _snapshot_required(self, row: Row) -> StreamEvent:
        """Forget the cursors of the channels named (sheet, section 2.6); without names it means all of them."""
        channels = row.texts("channels") or self._select.channels
        for name in channels:
            self.cursor.last_seen.pop(name, None)
        self._resuming = tuple(name for name in self._resuming if name not in channels)
        self._replay_by = self._replay_by if self._resuming else None
        return SnapshotNeeded(self._clock.now(), channels, row.maybe_text("reason") or "snapshot_required")


def _close_code(closed: ConnectionClosed) -> int:
    """The code the peer sent; 1009 when we refused its frame; 1006 when the path died."""
    if closed.sent is not None and closed.sent.code == TOO_BIG:
        return TOO_BIG
    return closed.rcvd.code if closed.rcvd else 1006

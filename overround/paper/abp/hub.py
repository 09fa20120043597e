"""The paper bookmaker's socket: login, channels, numbered frames, and its ways of failing. Source: sheet, section 5."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from overround.paper.abp.offers import Rules
from overround.paper.abp.wire import dumps, loads
from overround.paper.world import Faults

CHANNELS = {
    "orders",
    "bets",
    "settlements",
    "accounts",
    "balance",
    "betslip",
    "fixtures",
    "currencies",
    "status",
    "emergency",
}
MAX_SESSIONS = 5
MAX_BEHIND = 1000
CUT: None = None


@dataclass(slots=True, eq=False)
class Session:
    """One logged-in socket. ``None`` in the queue ends it without a word."""

    key: str
    client: str
    channels: set[str]
    queue: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    seq: int = 0
    frozen_until: float = 0.0


class Hub:
    """All sockets. ``client_of`` turns an API key into its client, None for a bad one."""

    def __init__(
        self, rules: Rules, faults: Faults, now: Callable[[], int], client_of: Callable[[str], str | None]
    ) -> None:
        self._rules, self._faults, self._now, self._client_of = rules, faults, now, client_of
        self._sessions: list[Session] = []

    def publish(self, client: str, channel: str, event: str, payload: Any) -> None:
        """Queue one event for every socket of a client that asked for its channel."""
        mine = [s for s in self._sessions if s.client == client and channel in s.channels]
        if not mine:
            return
        if self._faults.fires("abp", "stream_cut"):
            self.cut(client)
            return
        lost = self._faults.fires("abp", "stream_gap") is not None
        bad = self._faults.fires("abp", "bad_frame") is not None
        frozen = self._faults.fires("abp", "stream_frozen")
        for session in mine:
            session.seq += 1
            if frozen is not None:
                session.frozen_until = asyncio.get_running_loop().time() + float(frozen.get("seconds", 5))
            frame = self._frame(channel, event, payload, session.seq)
            if not lost:
                session.queue.put_nowait(frame[: len(frame) // 2] if bad else frame)
            if session.queue.qsize() > MAX_BEHIND:
                session.queue.put_nowait(CUT)

    def cut(self, client: str) -> None:
        """Drop every socket of a client; what was queued is lost."""
        for session in self._sessions:
            if session.client == client:
                while not session.queue.empty():
                    session.queue.get_nowait()
                session.queue.put_nowait(CUT)

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        session = await self._log_in(socket)
        if session is None:
            return
        self._sessions.append(session)
        sender = asyncio.create_task(self._send(socket, session))
        try:
            await self._listen(socket, session)
        finally:
            self._sessions.remove(session)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender

    async def _log_in(self, socket: WebSocket) -> Session | None:
        try:
            async with asyncio.timeout(self._rules.login_seconds):
                hello = _read(await socket.receive_text())
        except (TimeoutError, WebSocketDisconnect):
            await _close(socket, 4408, "no login")
            return None
        key = str(hello.get("apiKey", ""))
        client = self._client_of(key)
        asked = hello.get("channels", [])
        problem = (
            "expected login"
            if hello.get("type") != "login"
            else "unknown API key"
            if client is None
            else "too many connections"
            if sum(session.key == key for session in self._sessions) >= MAX_SESSIONS
            else "unknown channel"
            if not _are_channels(asked)
            else ""
        )
        if problem or client is None:
            await socket.send_text(dumps({"type": "error", "code": "LOGIN_FAILED", "message": problem}))
            await _close(socket, 4401, problem)
            return None
        await socket.send_text(dumps({"type": "login_ok", "channels": asked, "ts": self._now()}))
        return Session(key, client, set(asked))

    async def _listen(self, socket: WebSocket, session: Session) -> None:
        while True:
            try:
                message = _read(await socket.receive_text())
            except WebSocketDisconnect:
                return
            known = message.get("type") == "ping"
            reply = {"type": "pong"} if known else {"type": "error", "code": "BAD_MESSAGE", "message": "expected ping"}
            session.queue.put_nowait(dumps({**reply, "ts": self._now()}))

    async def _send(self, socket: WebSocket, session: Session) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout(self._rules.heartbeat_seconds):
                    frame = await session.queue.get()
            except TimeoutError:
                frame = dumps({"type": "heartbeat", "ts": self._now()})
            await asyncio.sleep(max(0.0, session.frozen_until - clock()))
            if frame is CUT:
                await _close(socket, 1011, "")
                return
            await socket.send_text(frame)

    def _frame(self, channel: str, event: str, payload: Any, seq: int) -> str:
        body = {"type": "data", "channel": channel, "event": event, "payload": payload, "ts": self._now(), "seq": seq}
        return dumps(body)


def _are_channels(asked: Any) -> bool:
    return isinstance(asked, list) and all(isinstance(name, str) and name in CHANNELS for name in asked)


def _read(text: str) -> dict[str, Any]:
    try:
        body = loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code, reason)

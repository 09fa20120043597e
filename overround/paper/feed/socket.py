"""One WebSocket connection of the paper gateway: login, resume, sending, and misbehaviour on request.

Source: oddspapi sheet, sections 2.2 to 2.7.
"""

import asyncio
import json
import secrets
import time
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from overround.paper.feed.frames import RECEIVE_TYPES, Frame, dictionary_frames
from overround.paper.feed.hub import CHANNELS, REPLAY_CHANNELS, RESUME_WINDOW_MS, Hub

LOGIN_SECONDS = 10.0
MAX_QUEUED = 2000
"""Frames a slow client may have waiting before it is closed with 4002."""

LISTS: dict[str, type] = {
    "channels": str, "sportIds": int, "tournamentIds": int, "fixtureIds": str, "futureIds": str, "bookmakers": str,
}  # fmt: skip
"""Fields of a login that are lists when they are there."""

Json = dict[str, Any]
CUT = object()


class LoginRefused(Exception):
    """The login is answered with an ``error`` frame and a close code."""

    def __init__(self, code: int, error: str, message: str) -> None:
        super().__init__(message)
        self.code, self.error, self.message = code, error, message


class Connection:
    """A client that sent a good login. Everything to send goes through one queue."""

    def __init__(self, socket: WebSocket, hub: Hub, login: Json) -> None:
        self.socket, self.hub, self.key = socket, hub, str(login["apiKey"])
        self.receive_type = login.get("receiveType") or "json"
        self.channels = tuple(name for name in login.get("channels") or CHANNELS if name in CHANNELS)
        self.sport_ids = _set(login, "sportIds")
        self.tournament_ids = _set(login, "tournamentIds")
        self.fixture_ids = _set(login, "fixtureIds")
        self.bookmakers = None if login.get("bookmakers") is None else frozenset(map(str, login["bookmakers"]))
        self.connection_id = secrets.token_hex(6)
        self.client_name = login.get("clientName")
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._frozen_until = 0.0

    # -- what the hub calls -----------------------------------------------------------------------------------------

    def offer(self, frame: Frame) -> None:
        """Queue a data frame if this client wants it."""
        if not self._wants(frame):
            return
        if self._queue.qsize() >= MAX_QUEUED:
            self.close(4002, "backpressure")
        elif (data := frame.encoded(self.receive_type, self.bookmakers)) is not None:
            self._queue.put_nowait(data)

    def _wants(self, frame: Frame) -> bool:
        return (
            frame.channel in self.channels
            and (self.sport_ids is None or frame.sport_id in self.sport_ids)
            and (self.tournament_ids is None or frame.tournament_id in self.tournament_ids)
            and (self.fixture_ids is None or frame.fixture_id in self.fixture_ids)
        )

    def control(self, body: Json) -> None:
        self._queue.put_nowait(orjson.dumps(body).decode())

    def close(self, code: int, reason: str = "") -> None:
        """Drop what waits and close."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait((code, reason))

    def trouble(self, fault: str, details: Json) -> None:
        if fault == "stream_frozen":
            self._frozen_until = time.monotonic() + float(details.get("seconds", 5))
        elif fault == "bad_frame":
            self._queue.put_nowait(bad_frame(details))
        elif fault == "stream_cut":
            self._queue.put_nowait((details["code"], "cut") if "code" in details else CUT)
        elif fault == "backpressure":
            self.close(4002, "backpressure") if details.get("close") else self.snapshot_required("client_backpressure")
        elif fault == "reconnect":
            self.control({"type": "reconnect", "reason": "server_upgrade"})
            asyncio.get_running_loop().call_later(float(details.get("seconds", 2)), self.close, 1011, "drained")
        elif fault == "restart":
            self._queue.put_nowait((1011, "restarting"))

    # -- login ------------------------------------------------------------------------------------------------------

    def greet(self, login: Json) -> None:
        """Queue ``login_ok``, dictionaries, and whatever the resume asks for."""
        self.control(
            {
                "type": "login_ok",
                "connId": self.connection_id,
                "userId": "paper",
                "clientName": self.client_name,
                "lang": login.get("lang") or "en",
                "receiveType": self.receive_type,
                "channels": list(self.channels),
                "sportIds": login.get("sportIds"),
                "tournamentIds": login.get("tournamentIds"),
                "fixtureIds": login.get("fixtureIds"),
                "futureIds": login.get("futureIds"),
                "bookmakers": None if self.bookmakers is None else sorted(self.bookmakers),
                "access": {"live": True, "pregame": True},
                "resume": self._resume_offer(),
            }
        )
        if self.receive_type == "zstd-dict":
            for frame in dictionary_frames(self.channels):
                self.control(frame)
        if login.get("serverEpoch") or login.get("lastSeenId"):
            self._resume(login)

    def _resume_offer(self) -> Json:
        return {
            "enabled": True,
            "serverEpoch": self.hub.epoch,
            "resumeWindowMs": RESUME_WINDOW_MS,
            "replayChannels": [name for name in REPLAY_CHANNELS if name in self.channels],
            "serverEntryIds": self.hub.last_entries(self.channels),
        }

    def _resume(self, login: Json) -> None:
        if login.get("serverEpoch") != self.hub.epoch:
            return self.snapshot_required("server_restarted")
        seen = {name: str(entry) for name, entry in (login.get("lastSeenId") or {}).items() if name in self.channels}
        replays = {name: self.hub.missed(name, entry) for name, entry in seen.items() if name in REPLAY_CHANNELS}
        lost = tuple(name for name, frames in replays.items() if frames is None)
        if lost:
            self.snapshot_required("resume_window_exceeded", lost)
        missed = [frame for frames in replays.values() for frame in frames or ()]
        for frame in sorted(missed, key=lambda item: item.at):
            self.offer(frame)
        if not lost:
            self.control({"type": "resume_complete", "serverEpoch": self.hub.epoch})
        return None

    def snapshot_required(self, reason: str, channels: tuple[str, ...] | None = None) -> None:
        names = list(self.channels if channels is None else channels)
        self.control(
            {
                "type": "snapshot_required",
                "reason": reason,
                "channels": names,
                "serverEpoch": self.hub.epoch,
                "resumeWindowMs": RESUME_WINDOW_MS,
                "serverEntryIds": self.hub.last_entries(names),
            }
        )

    # -- sending ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until either side ends it."""
        reader = asyncio.create_task(self._read())
        sender = asyncio.create_task(self._send())
        try:
            await asyncio.wait({reader, sender}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, sender):
                task.cancel()
            await asyncio.gather(reader, sender, return_exceptions=True)

    async def _read(self) -> None:
        """Frames after the login mean nothing; wait for the end."""
        while (await self.socket.receive())["type"] != "websocket.disconnect":
            pass

    async def _send(self) -> None:
        while (item := await self._queue.get()) is not CUT:
            await asyncio.sleep(max(0.0, self._frozen_until - time.monotonic()))
            if isinstance(item, tuple):
                return await self.socket.close(*item)
            await (self.socket.send_text(item) if isinstance(item, str) else self.socket.send_bytes(item))
        return None  # returning without closing drops the transport: the peer sees 1006


def bad_frame(details: Json) -> str | bytes:
    """An unreadable frame: ``data`` as given, or an odds frame whose row has lost its price."""
    if "data" in details:
        data: str | bytes = details["data"]
        return data
    fixture_id = str(details.get("fixture_id", "unknown"))
    row = {"bookmaker": "vertex", "outcomeId": 111, "playerId": 0, "marketId": 111, "active": True, "changedAt": 1}
    payload = {"fixtureId": fixture_id, "odds": {"vertex": {f"{fixture_id}:vertex:111:0": row}}}
    now = int(time.time() * 1000)
    return json.dumps({"channel": "odds", "type": "UPDATE", "payload": payload, "ts": now, "entryId": f"{now}-0"})


async def read_login(socket: WebSocket, keys: set[str]) -> Json:
    """The first frame, which must be a good ``login`` within ten seconds. Raises ``LoginRefused``."""
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            message = await socket.receive()
    except TimeoutError as error:
        raise LoginRefused(4000, "login_timeout", "no login within 10 s") from error
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    login = _object(message.get("text") or message.get("bytes") or b"")
    if login.get("type") != "login":
        raise LoginRefused(4000, "login_failed", "first message must be login")
    return _checked(login, keys)


def _checked(login: Json, keys: set[str]) -> Json:
    if not isinstance(login.get("apiKey"), str) or login["apiKey"] not in keys:
        raise LoginRefused(4000, "login_failed", "apiKey is missing or invalid")
    for name, kind in LISTS.items():
        if not _is_list_of(login.get(name), kind):
            raise LoginRefused(4000, "login_failed", f"{name} must be a list")
    if not isinstance(login.get("lastSeenId") or {}, dict) or not isinstance(login.get("receiveType") or "", str):
        raise LoginRefused(4000, "login_failed", "malformed login")
    channels = login.get("channels")
    if channels is not None and not any(name in CHANNELS for name in channels):
        raise LoginRefused(4000, "login_failed", "no channel allowed")
    if login.get("bookmakers") == []:
        raise LoginRefused(4000, "login_failed", "bookmakers not allowed")
    if (login.get("receiveType") or "json") not in RECEIVE_TYPES:
        login["receiveType"] = "json"
    return login


def _is_list_of(value: Any, kind: type) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(item, kind) for item in value))


def _object(data: str | bytes) -> Json:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _set(login: Json, name: str) -> frozenset[Any] | None:
    return None if login.get(name) is None else frozenset(login[name])

"""Talking to a paper venue's app in memory: requests and sockets without a port, so that no test waits for one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

PATIENCE = 5.0
"""Seconds until a frame that does not come counts as missing."""
TURNS = 60
"""Turns of the event loop in which everything that does not wait for a clock has happened."""


class Closed(Exception):
    """The server ended the socket with ``code``, or refused the handshake with that HTTP status."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


def http(app: ASGIApp, **options: Any) -> httpx.AsyncClient:
    """A client of one app; what the app raises comes out as status 500."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://venue", **options)


class Socket:
    """The client's end of a WebSocket."""

    def __init__(self) -> None:
        self._in: asyncio.Queue[Message] = asyncio.Queue()
        self._out: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, frame: Any) -> None:
        """A text as it is, bytes as they are, anything else as JSON."""
        if isinstance(frame, bytes):
            await self._in.put({"type": "websocket.receive", "bytes": frame})
        else:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            await self._in.put({"type": "websocket.receive", "text": text})

    async def text(self) -> str | bytes:
        """The next frame. Raises ``Closed`` at the end."""
        async with asyncio.timeout(PATIENCE):
            message = await self._out.get()
        if message["type"] == "websocket.close":
            raise Closed(message.get("code", 1000))
        if message["type"] == "websocket.http.response.start":
            raise Closed(message["status"])
        found: str | bytes = message["text"] if message.get("text") is not None else message["bytes"]
        return found

    async def frame(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(await self.text())
        return body

    async def frames(self, count: int) -> list[dict[str, Any]]:
        return [await self.frame() for _ in range(count)]

    async def quiet(self, seconds: float = 0.0) -> bool:
        """Whether nothing waits and nothing comes: for so long, or until everything at hand is done."""
        await asyncio.sleep(seconds)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return self._out.empty()

    async def heard(self, seconds: float = 0.0) -> list[dict[str, Any]]:
        """Every frame until it falls quiet."""
        found = []
        while not await self.quiet(seconds):
            while not self._out.empty():
                found.append(await self.frame())
        return found

    async def end(self) -> int:
        """The code the server closes with, whatever it says before."""
        try:
            while True:
                await self.text()
        except Closed as closed:
            return closed.code


@asynccontextmanager
async def socket(app: ASGIApp, path: str, headers: dict[str, str] | None = None) -> AsyncIterator[Socket]:
    """A connected socket. Raises ``Closed`` with the HTTP status when the handshake is refused."""
    line = Socket()
    await line._in.put({"type": "websocket.connect"})
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "scheme": "ws", "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "subprotocols": [], "client": ("test", 1), "server": ("venue", 80),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    served = asyncio.create_task(_run(app, scope, line))
    async with asyncio.timeout(PATIENCE):
        first = await line._out.get()
    try:
        if first["type"] != "websocket.accept":
            raise Closed(first.get("status", first.get("code", 1000)))
        yield line
    finally:
        await line._in.put({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait([served], timeout=PATIENCE)
        served.cancel()
        await asyncio.gather(served, return_exceptions=True)


async def _run(app: ASGIApp, scope: dict[str, Any], line: Socket) -> None:
    """An app that raises ends its socket with 1011, one that returns without a close with 1006, as a server does."""
    try:
        await app(scope, line._in.get, line._out.put)
    except Exception:
        await line._out.put({"type": "websocket.close", "code": 1011})
        raise
    await line._out.put({"type": "websocket.close", "code": 1006})

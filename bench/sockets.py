"""Subscribers that cost next to nothing while something is measured: they keep bytes with times, and read later."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

CHANNELS = ["orders", "bets", "accounts", "scores", "emergency"]


class Subscriber(asyncio.Protocol):
    """One connection. ``subscribed`` and ``resumed`` are done when those messages came, with the time they did."""

    def __init__(self, key: str, url: str, resume: int | None) -> None:
        self._hello: dict[str, Any] = {"type": "subscribe", "apiKey": key, "channels": CHANNELS}
        if resume is not None:
            self._hello["resume"] = resume
        self._wire = ClientProtocol(parse_uri(url), max_size=None)
        self._chunks: list[tuple[float, bytes]] = []
        self._read: list[tuple[int, float]] = []
        self._loop = asyncio.get_running_loop()
        self.subscribed: asyncio.Future[float] = self._loop.create_future()
        self.resumed: asyncio.Future[float] = self._loop.create_future()
        self.position = 0
        self._greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._wire.send_request(self._wire.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        at = self._loop.time()
        if not self.subscribed.done():
            self._open(at, data)
        else:
            self._chunks.append((at, data))
            if b'"type":"resumed"' in data and not self.resumed.done():
                self.resumed.set_result(at)

    def heard(self) -> list[tuple[int, float]]:
        """Number and monotonic time of every broadcast so far, in the order they came."""
        chunks, self._chunks = self._chunks, []
        for at, data in chunks:
            self._wire.receive_data(data)
            self._note(at)
        return self._read

    def _open(self, at: float, data: bytes) -> None:
        """Handshake, then the subscription; what comes with its answer counts."""
        self._wire.receive_data(data)
        self._note(at)
        if not self._greeted:
            self._greeted = True
            self._wire.send_text(json.dumps(self._hello).encode())
            self._flush()

    def _note(self, at: float) -> None:
        for event in self._wire.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._message(json.loads(bytes(event.data)), at)
        self._flush()

    def _message(self, message: dict[str, Any], at: float) -> None:
        match message["type"]:
            case "broadcast":
                self._read.append((message["seq"], at))
            case "subscribed":
                self.position = message["seq"]
                self.subscribed.set_result(at)
            case "resumed" if not self.resumed.done():
                self.resumed.set_result(at)
            case "error":
                self.subscribed.set_exception(RuntimeError(message["error"]))

    def _flush(self) -> None:
        for data in self._wire.data_to_send():
            self.transport.write(data)


@asynccontextmanager
async def joined(port: int, keys: Sequence[str], *, resume: int | None = None) -> AsyncIterator[list[Subscriber]]:
    """A subscriber per key given, all acknowledged."""
    url, loop = f"ws://127.0.0.1:{port}/ws/subscribe", asyncio.get_running_loop()
    subscribers: list[Subscriber] = []
    try:
        for key in keys:
            _, made = await loop.create_connection(partial(Subscriber, key, url, resume), "127.0.0.1", port)
            subscribers.append(made)
            await asyncio.wait_for(made.subscribed, 10)
        yield subscribers
    finally:
        for subscriber in subscribers:
            subscriber.transport.abort()

"""The member's socket: fills, own orders and market changes, reconnecting for ever (kalshi sheet, section 12).

These channels carry no sequence numbers, so every (re)connect begins with a ``StreamGap``, after the subscriptions are
acknowledged: whatever is read by REST from then on misses nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from overround.exchanges.base import StreamEvent, StreamGap
from overround.exchanges.kalshi.messages import required, stream_event, text
from overround.exchanges.kalshi.signing import Signer
from overround.venues import Unreadable

VENUE = "kalshi"
CHANNELS = ("fill", "user_orders", "market_lifecycle_v2")
SUBSCRIBE = {"id": 1, "cmd": "subscribe", "params": {"channels": list(CHANNELS)}}
PROBE = {"id": 2, "cmd": "list_subscriptions"}
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)


def decode(raw: str | bytes) -> dict[str, Any]:
    """A frame with exact numbers; ``Unreadable`` otherwise."""
    try:
        frame = json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Unreadable(VENUE, "a stream frame is not JSON") from error
    if not isinstance(frame, dict):
        raise Unreadable(VENUE, "a stream frame is not an object")
    return frame


class Frozen(Exception):
    """The socket is open but nothing comes, not even an answer to a question."""


class UserStream:
    """Events of one account. ``silence`` is how many seconds without a frame lead to a question, and how many without
    its answer to a new connection."""

    def __init__(self, url: str, signer: Signer, *, silence: float = 4.0) -> None:
        self._url, self._signer, self._silence = url, signer, silence

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Everything that happens to the account, for ever."""
        reason, failures = "connected", 0
        while True:
            try:
                async with self._connection() as socket:
                    early = await self._subscribe(socket)
                    failures = 0
                    yield StreamGap(reason)
                    for frame in early:
                        if (event := stream_event(frame)) is not None:
                            yield event
                    async for event in self._read(socket):
                        yield event
            except (WebSocketException, OSError, TimeoutError, Unreadable, Frozen) as error:
                reason = _reason(error)
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
            failures += 1

    def _connection(self) -> connect:
        headers = self._signer.headers("GET", urlsplit(self._url).path)
        return connect(
            self._url,
            additional_headers=headers,
            open_timeout=5.0,
            close_timeout=0.5,
            ping_interval=None,
            max_size=2**22,
            proxy=None,
        )

    async def _subscribe(self, socket: ClientConnection) -> list[dict[str, Any]]:
        """Subscribe and wait for every acknowledgement; frames that came in between."""
        await socket.send(json.dumps(SUBSCRIBE))
        missing, early = set(CHANNELS), list[dict[str, Any]]()
        while missing:
            frame = await self._receive(socket, self._silence)
            if frame.get("type") == "subscribed":
                missing.discard(text(required(frame, "msg"), "channel"))
            elif frame.get("type") == "error":
                raise Unreadable(VENUE, f"subscription refused: {frame.get('msg')}")
            else:
                early.append(frame)
        return early

    async def _receive(self, socket: ClientConnection, seconds: float) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            return decode(await socket.recv())

    async def _read(self, socket: ClientConnection) -> AsyncIterator[StreamEvent]:
        while True:
            if (event := stream_event(await self._next(socket))) is not None:
                yield event

    async def _next(self, socket: ClientConnection) -> dict[str, Any]:
        """The next frame; silence is questioned once."""
        try:
            return await self._receive(socket, self._silence)
        except TimeoutError:
            await socket.send(json.dumps(PROBE))
        try:
            return await self._receive(socket, self._silence)
        except TimeoutError as error:
            raise Frozen from error


def _reason(error: Exception) -> str:
    if isinstance(error, Frozen | TimeoutError):
        return "the stream froze"
    if isinstance(error, Unreadable):
        return error.message
    if isinstance(error, InvalidHandshake):
        return f"the stream was refused: {error}"
    return f"the stream broke: {type(error).__name__}"

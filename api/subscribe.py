"""``WS /ws/subscribe``: the conversation of one socket (mm-api sheet, section 7)."""

import asyncio
import contextlib
import itertools
import json
from typing import Any, Literal

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from api.broadcast import Outbox, Subscription
from api.context import Context, context_of
from api.messages import Ended, denied, effective_channels, parse
from overround.ledger.keys import BadKey, KeyOwner

Style = Literal["apiKey", "api_key"]
POLICY_VIOLATION = 1008
CLOSE_SECONDS = 1.0
_ids = itertools.count(1)


class Session:
    """One socket. Everything it is sent passes its outbox, so frames never interleave and a slow reader is noticed."""

    def __init__(self, socket: WebSocket, context: Context) -> None:
        self._socket = socket
        self._context = context
        self._outbox = Outbox()
        self._subscription: Subscription | None = None
        self._number = 0
        self._style: Style = "apiKey"
        self._digest = b""
        self._place: int | None = None
        self._deadline: float | None = self._patience()

    def _patience(self) -> float:
        """When a socket without a subscription is closed: a ping does not move it."""
        return asyncio.get_running_loop().time() + self._context.timing.subscribe

    async def run(self) -> None:
        """Talk until either side ends it, then give everything back."""
        await self._socket.accept()
        parts = [
            asyncio.create_task(part) for part in (self._read(), self._write(), self._beat(), self._watch_overflow())
        ]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            results = await asyncio.gather(*parts, return_exceptions=True)
            await self._drop()
        await self._close(results)

    async def _read(self) -> None:
        while True:
            async with asyncio.timeout_at(self._deadline):
                text = await self._receive()
            await self._handle(parse(text))

    async def _receive(self) -> str:
        try:
            return await self._socket.receive_text()
        except KeyError as error:
            raise denied("Invalid message") from error

    async def _handle(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "ping":
                self._send({"type": "pong"})
            case "subscribe":
                await self._subscribe(message)
            case "unsubscribe":
                await self._unsubscribe()
            case _:
                self._send({"type": "error", "error": "Unknown message type"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        self._style = "api_key" if "api_key" in message and "apiKey" not in message else "apiKey"
        channels = effective_channels(message)
        owner = await self._authenticate(message.get(self._style))
        await self._drop()
        self._place = await self._context.slots.take(owner.key_id)
        if self._place is None:
            raise denied("Connection limit exceeded")
        self._number = next(_ids)
        subscription = Subscription(owner.client, frozenset(channels), self._outbox)
        await self._context.hub.join(subscription)
        self._subscription, self._deadline = subscription, None
        self._send({"type": "subscribed", self._id_field(): self._number, "channels": channels})

    async def _authenticate(self, key: object) -> KeyOwner:
        if key is None or key == "":
            raise denied(f"{self._style} required")
        try:
            self._digest = self._context.keys.digest(key if isinstance(key, str) else "")
        except BadKey:
            raise denied(f"Invalid {self._style} format") from None
        owner = await self._context.keys.client_of(self._digest)
        if owner is None:
            raise denied("Invalid API key")
        return owner

    async def _unsubscribe(self) -> None:
        if self._subscription is not None:
            await self._drop()
            self._deadline = self._patience()
            self._send({"type": "unsubscribed", self._id_field(): self._number})

    def _id_field(self) -> str:
        return "subscription_id" if self._style == "api_key" else "subscriptionId"

    async def _drop(self) -> None:
        """End the subscription, if any, and give its place back."""
        subscription, self._subscription = self._subscription, None
        place, self._place = self._place, None
        if subscription is not None:
            self._context.hub.leave(subscription)
        if place is not None:
            await self._context.slots.free(place)

    def _send(self, message: dict[str, Any]) -> None:
        self._outbox.put(json.dumps(message, separators=(",", ":")))

    async def _write(self) -> None:
        while True:
            await self._socket.send_text(await self._outbox.frames.get())

    async def _beat(self) -> None:
        """Show that we live, and see whether the key still does."""
        while True:
            await asyncio.sleep(self._context.timing.heartbeat)
            self._send({"type": "heartbeat"})
            if self._subscription is not None and await self._context.keys.client_of(self._digest) is None:
                raise denied("Invalid API key")

    async def _watch_overflow(self) -> None:
        await self._outbox.overflow.wait()
        raise Ended("Too slow: messages were not read in time")

    async def _close(self, results: list[Any]) -> None:
        """Say why, if anybody still listens; a blocked socket is given up after a moment."""
        why = next((result for result in results if isinstance(result, Ended)), None)
        if any(isinstance(result, TimeoutError) for result in results):
            why = Ended("No subscription in time")
        if self._socket.client_state is not WebSocketState.CONNECTED or why is None:
            return _raise_unexpected(results)
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(CLOSE_SECONDS):
                if why.error is not None:
                    await self._socket.send_text(json.dumps({"type": "error", "error": why.error}))
                await self._socket.close(POLICY_VIOLATION, why.reason)
        return None


def _raise_unexpected(results: list[Any]) -> None:
    expected = (asyncio.CancelledError, WebSocketDisconnect, Ended, type(None))
    for result in results:
        if not isinstance(result, expected):
            raise result


async def subscribe(socket: WebSocket) -> None:
    """One client's connection, from handshake to close."""
    await Session(socket, context_of(socket)).run()

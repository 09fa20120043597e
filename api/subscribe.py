"""``WS /ws/subscribe``: the conversation of one socket (mm-api sheet, section 7)."""

import asyncio
import contextlib
import itertools
import json
from typing import Any, Literal

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from api.broadcast import Outbox, Subscription, resync
from api.context import Context, context_of
from api.messages import Ended, denied, effective_channels, parse, resume_number, too_slow, unsettled
from api.replay import Pruned, Replay
from api.tail import Unsettled
from overround.ledger.keys import BadKey, KeyOwner

Style = Literal["apiKey", "api_key"]
CLOSE_SECONDS = 5.0
FAIR_SHARE = 20
_ids = itertools.count(1)


class Session:
    """One socket. Everything it is sent passes its outbox, so frames never interleave and a slow reader is noticed."""

    def __init__(self, socket: WebSocket, context: Context) -> None:
        self._socket = socket
        self._context = context
        self._outbox = Outbox()
        self._subscription: Subscription | None = None
        self._replay: asyncio.Task[None] | None = None
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
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
        work = (self._read(), self._write(), self._beat(), self._watch_overflow(), self._watch_replay())
        parts = [asyncio.create_task(part) for part in work]
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
                await self._tell({"type": "pong"})
            case "subscribe":
                await self._subscribe(message)
            case "unsubscribe":
                await self._unsubscribe()
            case _:
                await self._tell({"type": "error", "error": "Unknown message type"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        self._style = "api_key" if "api_key" in message and "apiKey" not in message else "apiKey"
        channels, resume = effective_channels(message), resume_number(message)
        owner = await self._authenticate(message.get(self._style))
        await self._drop()
        self._place = await self._context.slots.take(owner.key_id)
        if self._place is None:
            raise denied("Connection limit exceeded")
        self._number = next(_ids)
        self._subscription = Subscription(owner.client, frozenset(channels), self._outbox)
        try:
            await self._context.hub.join(self._subscription)
        except Unsettled:
            raise unsettled() from None
        self._deadline = None
        await self._begin(self._subscription, channels, resume)

    async def _begin(self, subscription: Subscription, channels: list[str], resume: int | None) -> None:
        """Acknowledge, and go on from the client's last number or from now."""
        reason = None
        if resume is not None:
            replay = Replay(self._context.engine, self._context.hub, subscription, resume)
            if (reason := await replay.obstacle()) is None:
                await self._acknowledge(channels, resume)
                self._replay = asyncio.create_task(self._catch_up(replay, subscription))
                self._replay.add_done_callback(self._replayed)
                return
        place = subscription.hold(self._context.hub.position)
        await self._acknowledge(channels, place)
        if reason is not None:
            await self._outbox.tell(resync(reason, place))
        await subscription.go_live()

    async def _acknowledge(self, channels: list[str], place: int) -> None:
        await self._tell({"type": "subscribed", self._id_field(): self._number, "channels": channels, "seq": place})

    async def _catch_up(self, replay: Replay, subscription: Subscription) -> None:
        try:
            missed = await replay.run()
            await self._tell({"type": "resumed", "seq": subscription.after, "missed": missed})
        except Pruned:
            await self._outbox.tell(resync("pruned", subscription.hold(self._context.hub.position)))
        await subscription.go_live()

    def _replayed(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._failure.done():
            self._failure.set_exception(error)

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
            await self._tell({"type": "unsubscribed", self._id_field(): self._number})

    def _id_field(self) -> str:
        return "subscription_id" if self._style == "api_key" else "subscriptionId"

    async def _drop(self) -> None:
        """End the subscription, if any, and give its place back."""
        subscription, self._subscription = self._subscription, None
        place, self._place = self._place, None
        replay, self._replay = self._replay, None
        if replay is not None:
            replay.cancel()
        if subscription is not None:
            self._context.hub.leave(subscription)
        if place is not None:
            await self._context.slots.free(place)

    async def _tell(self, message: dict[str, Any]) -> None:
        """Behind all that is on its way: nothing more is read from a client before it has room for the answer."""
        await self._outbox.tell(json.dumps(message, separators=(",", ":")))

    async def _write(self) -> None:
        """Sending waits only for a full socket, so now and then the others are let in."""
        for count in itertools.count(1):
            await self._socket.send_text(await self._outbox.frames.get())
            if count % FAIR_SHARE == 0:
                await asyncio.sleep(0)

    async def _beat(self) -> None:
        """Show that we live, unless what waits to be read shows it, and see whether the key still does."""
        while True:
            await asyncio.sleep(self._context.timing.heartbeat)
            if not self._outbox.frames.full():
                await self._tell({"type": "heartbeat"} | self._told())
            if self._subscription is not None and await self._context.keys.client_of(self._digest) is None:
                raise denied("Invalid API key")

    def _told(self) -> dict[str, int]:
        """The number behind which nothing was told yet: a client that hears little can resume from it."""
        subscription = self._subscription
        if subscription is None or subscription.after is None or subscription.held is not None:
            return {}
        return {"seq": max(subscription.after, self._context.hub.position)}

    async def _watch_overflow(self) -> None:
        await self._outbox.overflow.wait()
        raise too_slow()

    async def _watch_replay(self) -> None:
        await self._failure

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
                await self._socket.close(why.code, why.reason)
        return None


def _raise_unexpected(results: list[Any]) -> None:
    expected = (asyncio.CancelledError, WebSocketDisconnect, Ended, type(None))
    for result in results:
        if not isinstance(result, expected):
            raise result


async def subscribe(socket: WebSocket) -> None:
    """One client's connection, from handshake to close."""
    await Session(socket, context_of(socket)).run()

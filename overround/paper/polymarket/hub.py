"""The two WebSocket channels and their misbehaviour (polymarket sheet, sections 6 and 7)."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.websockets import WebSocket, WebSocketDisconnect

from overround.paper.polymarket.accounts import Accounts
from overround.paper.world import Faults

VENUE = "polymarket"
CUT = "\0cut"
BROKEN_FRAME = '{"event_type":"trade","id":'


@dataclass(slots=True, eq=False)
class Listener:
    """One open socket. ``account`` is None on the market channel; ``names`` are conditions or assets, None is all."""

    channel: Literal["user", "market"]
    account: str | None
    names: set[str] | None
    frozen_until: float = 0.0
    outbox: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)

    def wants(self, names: set[str]) -> bool:
        return self.names is None or bool(self.names & names)


class Hub:
    """Who listens to what."""

    def __init__(self, accounts: Accounts, faults: Faults, snapshot: Callable[[str], dict[str, Any] | None]) -> None:
        self._accounts, self._faults, self._snapshot = accounts, faults, snapshot
        self.listeners: set[Listener] = set()

    # -- out --------------------------------------------------------------------------------------------------------

    def tell_account(self, account: str, market: str, event: dict[str, Any]) -> None:
        """Send a user event to the account's sockets, unless a fault says otherwise."""
        targets = [x for x in self.listeners if x.account == account and x.wants({market})]
        if not targets:
            return
        self._misbehave(targets)
        for target in targets:
            self._put(target, json.dumps(event))

    def _misbehave(self, targets: list[Listener]) -> None:
        if details := self._faults.fires(VENUE, "stream_frozen"):
            until = asyncio.get_running_loop().time() + float(details.get("seconds", 1))
            for target in targets:
                target.frozen_until = until
        if self._faults.fires(VENUE, "stream_cut") is not None:
            for target in targets:
                target.outbox.put_nowait(CUT)
        if self._faults.fires(VENUE, "bad_frame") is not None:
            for target in targets:
                self._put(target, BROKEN_FRAME)

    def tell_market(self, assets: set[str], event: dict[str, Any]) -> None:
        for listener in self.listeners:
            if listener.channel == "market" and listener.wants(assets):
                self._put(listener, json.dumps(event))

    def _put(self, listener: Listener, frame: str) -> None:
        """Frames meant for a frozen socket are lost."""
        if asyncio.get_running_loop().time() >= listener.frozen_until:
            listener.outbox.put_nowait(frame)

    # -- in ---------------------------------------------------------------------------------------------------------

    async def user(self, socket: WebSocket) -> None:
        """``/ws/user``: the first frame authenticates without an answer; bad credentials close the socket."""
        await socket.accept()
        hello = await self._hello(socket)
        trader = self._accounts.socket_client(hello.get("auth"))
        if hello.get("type") != "user" or trader is None:
            await socket.close(4401)
            return
        markets = hello.get("markets")
        await self._serve(socket, Listener("user", trader.account, None if markets is None else set(markets)))

    async def market(self, socket: WebSocket) -> None:
        """``/ws/market``: a full book of each asset on subscription, then changes."""
        await socket.accept()
        hello = await self._hello(socket)
        if hello.get("type") != "market":
            await socket.close(4400)
            return
        listener = Listener("market", None, set())
        self._subscribe(listener, hello.get("assets_ids") or [])
        await self._serve(socket, listener)

    async def _hello(self, socket: WebSocket) -> dict[str, Any]:
        try:
            async with asyncio.timeout(10):
                body = json.loads(await socket.receive_text())
        except (ValueError, RecursionError, TimeoutError, WebSocketDisconnect, KeyError):
            return {}
        return body if isinstance(body, dict) else {}

    async def _serve(self, socket: WebSocket, listener: Listener) -> None:
        self.listeners.add(listener)
        jobs = [asyncio.create_task(self._read(socket, listener)), asyncio.create_task(self._write(socket, listener))]
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.listeners.discard(listener)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _read(self, socket: WebSocket, listener: Listener) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                frame = await socket.receive_text()
                if frame == "PING":
                    self._put(listener, "PONG")
                else:
                    self._command(listener, json.loads(frame))

    async def _write(self, socket: WebSocket, listener: Listener) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while (frame := await listener.outbox.get()) != CUT:
                await socket.send_text(frame)
            await socket.close(1011)

    def _command(self, listener: Listener, body: dict[str, Any]) -> None:
        names = body.get("markets" if listener.channel == "user" else "assets_ids") or []
        if body.get("operation") == "subscribe":
            self._subscribe(listener, names)
        elif body.get("operation") == "unsubscribe" and listener.names is not None:
            listener.names -= set(names)

    def _subscribe(self, listener: Listener, names: list[str]) -> None:
        if listener.names is not None:
            listener.names |= set(names)
        if listener.channel == "market":
            for snapshot in filter(None, map(self._snapshot, names)):
                self._put(listener, json.dumps({**snapshot, "event_type": "book"}))

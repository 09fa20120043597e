"""One WebSocket session: commands in, frames out, heartbeats between (kalshi sheet, section 12)."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from overround.paper.kalshi.stream_state import (
    NUMBERED,
    CommandError,
    Subscription,
    Subscriptions,
    channels_of,
    sids_of,
    tickers_of,
)

HEARTBEAT_SECONDS = 10.0
Book = Callable[[str], dict[str, Any] | None]


class Session:
    """A connected client. ``book`` gives the snapshot message of a market, None when it is unknown."""

    def __init__(self, socket: WebSocket, account: str, book: Book) -> None:
        self._socket, self._book = socket, book
        self.account = account
        self.subscriptions = Subscriptions()
        self.frozen_until = 0.0
        self._out: asyncio.Queue[str | None] = asyncio.Queue()

    # -- out ----------------------------------------------------------------------------------------------------------

    def publish(self, channel: str, kind: str, ticker: str | None, message: dict[str, Any]) -> None:
        """Queue a message for every matching subscription."""
        for subscription in self.subscriptions.of(channel):
            if subscription.wants(ticker):
                self._push(subscription, kind, message)

    def _push(self, subscription: Subscription, kind: str, message: dict[str, Any]) -> None:
        frame: dict[str, Any] = {"type": kind, "sid": subscription.sid, "msg": message}
        if subscription.channel in NUMBERED:
            frame["seq"] = subscription.next_seq()
        self.send(frame)

    def send(self, frame: dict[str, Any]) -> None:
        self._out.put_nowait(json.dumps(frame))

    def send_raw(self, text: str) -> None:
        self._out.put_nowait(text)

    def cut(self) -> None:
        """Close the socket without another word: what is queued is lost."""
        while not self._out.empty():
            self._out.get_nowait()
        self._out.put_nowait(None)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until the client leaves or the venue cuts the line."""
        await self._socket.accept()
        work = [asyncio.create_task(job()) for job in (self._reader, self._writer, self._heartbeat)]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _reader(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                self._command(await self._socket.receive_text())

    async def _writer(self) -> None:
        loop = asyncio.get_running_loop()
        while (text := await self._out.get()) is not None:
            if (pause := self.frozen_until - loop.time()) > 0:
                await asyncio.sleep(pause)
            await self._socket.send_text(text)
        await self._socket.close(1012)

    async def _heartbeat(self) -> None:
        """Ping frames with body ``heartbeat``. ASGI cannot send one, so this reaches uvicorn's protocol where it is the
        server; elsewhere the server's own keep-alive pings must do."""
        protocol = getattr(self._socket.scope.get("raw_send"), "__self__", None)
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            frozen = self.frozen_until > asyncio.get_running_loop().time()
            if not frozen and hasattr(getattr(protocol, "conn", None), "send_ping"):
                protocol.conn.send_ping(b"heartbeat")  # type: ignore[union-attr]
                protocol.transport.write(b"".join(protocol.conn.data_to_send()))  # type: ignore[union-attr]

    # -- commands -----------------------------------------------------------------------------------------------------

    def _command(self, text: str) -> None:
        number: Any = None
        try:
            command = json.loads(text)
            number = command.get("id")
            params = command.get("params", {})
            match command.get("cmd"):
                case "subscribe":
                    self._subscribe(number, params)
                case "unsubscribe":
                    self._unsubscribe(number, params)
                case "update_subscription":
                    self._update(number, params)
                case "list_subscriptions":
                    self._list(number)
                case _:
                    raise CommandError(5, "Unknown command")
        except CommandError as error:
            self.send({"id": number, "type": "error", "msg": {"code": error.code, "msg": str(error)}})
        except (ValueError, AttributeError, TypeError, RecursionError):
            self.send({"type": "error", "msg": {"code": 1, "msg": "Unable to process message"}})

    def _subscribe(self, number: Any, params: dict[str, Any]) -> None:
        channels, tickers = channels_of(params), tickers_of(params)
        if "orderbook_delta" in channels and tickers is None:
            raise CommandError(14, "Market ticker required")
        self._require_known(tickers or set())
        for channel in channels:
            subscription = self.subscriptions.add(channel, None if tickers is None else set(tickers))
            self.send({"id": number, "type": "subscribed", "msg": {"channel": channel, "sid": subscription.sid}})
            self._snapshots(subscription, tickers)

    def _require_known(self, tickers: set[str]) -> None:
        if missing := [ticker for ticker in sorted(tickers) if self._book(ticker) is None]:
            raise CommandError(16, f"Market not found {missing[0]}")

    def _snapshots(self, subscription: Subscription, tickers: set[str] | None) -> None:
        if subscription.channel == "orderbook_delta":
            for ticker in sorted(tickers or ()):
                if (message := self._book(ticker)) is not None:
                    self._push(subscription, "orderbook_snapshot", message)

    def _unsubscribe(self, number: Any, params: dict[str, Any]) -> None:
        for sid in sids_of(params):
            gone = self.subscriptions.remove(sid)
            self.send({"id": number, "sid": gone.sid, "seq": gone.next_seq(), "type": "unsubscribed"})

    def _update(self, number: Any, params: dict[str, Any]) -> None:
        sids = sids_of(params)
        if len(sids) != 1:
            raise CommandError(12, "Exactly one subscription ID is required")
        subscription, tickers, action = self.subscriptions.get(sids[0]), tickers_of(params), params.get("action")
        if action is None:
            raise CommandError(15, "Action required")
        if tickers is None:
            raise CommandError(14, "Market ticker required")
        if action != "delete_markets":
            self._require_known(tickers)
        if action == "get_snapshot":
            return self._snapshots(subscription, tickers)
        self._retarget(subscription, tickers, action)
        listed = sorted(subscription.tickers or ())
        ok = {"id": number, "sid": subscription.sid, "seq": subscription.next_seq(), "type": "ok"}
        self.send({**ok, "market_tickers": listed})
        return self._snapshots(subscription, tickers if action == "add_markets" else None)

    def _retarget(self, subscription: Subscription, tickers: set[str], action: str) -> None:
        if action == "add_markets":
            subscription.tickers = (subscription.tickers or set()) | tickers
        elif action == "delete_markets":
            subscription.tickers = (subscription.tickers or set()) - tickers
        else:
            raise CommandError(13, "Unsupported action")

    def _list(self, number: Any) -> None:
        active = [{"channel": item.channel, "sid": item.sid} for item in self.subscriptions.by_sid.values()]
        self.send({"id": number, "type": "ok", "msg": active})

"""ABP's socket: log in, keep alive, notice gaps, reconnect for ever. Source: bookmakers sheet, section 5."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from overround.bookmakers.abp.messages import settlement
from overround.bookmakers.abp.numbers import decode, encode
from overround.bookmakers.abp.strict import VENUE, need, text, whole
from overround.bookmakers.base import BetReport, BetSettlement
from overround.venues import Account, TimedOut, Unauthorised, Unreadable, VenueError

LOG = logging.getLogger(__name__)
CHANNELS = ["orders", "bets", "settlements"]
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
REMEMBERED = 1000
V = TypeVar("V")


class Stream:
    """One account's pushed events. ``report_of`` turns an order or bet payload into a report, ``read_open`` reads every
    open request again."""

    def __init__(
        self,
        account: Account,
        report_of: Callable[[Any], Awaitable[BetReport | None]],
        read_open: Callable[[], Awaitable[list[BetReport]]],
    ) -> None:
        self._url = account.endpoints["ws"]
        self._key = account.secrets["api_key"]
        self._ping = float(account.options.get("ping_seconds", "30"))
        self._idle = float(account.options.get("idle_seconds", "75"))
        """The server beats every 60 s: silence past this is a dead socket."""
        self._report_of, self._read_open = report_of, read_open
        self._told: OrderedDict[str, BetReport] = OrderedDict()
        self._shown: OrderedDict[str, dict[str, str]] = OrderedDict()
        self.settlement_listeners: list[Callable[[BetSettlement], None]] = []

    async def reports(self) -> AsyncIterator[BetReport]:
        """Reports for ever; a report equal to the last of its request is not repeated."""
        failures = 0
        while True:
            try:
                async with connect(self._url, open_timeout=5, max_size=2**22, proxy=None) as socket:
                    await self._log_in(socket)
                    failures = 0
                    async for report in self._session(socket):
                        if self._is_news(report):
                            yield report
            except (OSError, WebSocketException, VenueError) as error:
                LOG.warning("abp stream broke, reconnecting: %s", error)
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
            failures += 1

    async def _log_in(self, socket: ClientConnection) -> None:
        await _send(socket, {"type": "login", "apiKey": self._key, "channels": CHANNELS})
        answer = await _receive(socket, 10.0)
        if need(answer, "type", "frame") != "login_ok":
            raise Unauthorised(VENUE, f"stream login refused: {answer.get('message', answer['type'])}")

    async def _session(self, socket: ClientConnection) -> AsyncIterator[BetReport]:
        """From login to the end of one connection."""
        for report in await self._read_open():
            yield report
        last: int | None = None
        async for frame in self._frames(socket):
            if frame.get("type") != "data":
                continue
            seq = whole(frame, "seq")
            gap = last is not None and seq != last + 1
            last = seq
            if gap:
                LOG.warning("abp stream gap before seq %d: reading open orders again", seq)
                for report in await self._read_open():
                    yield report
            event = await self._event(frame)
            if event is not None:
                yield event

    async def _frames(self, socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
        """Frames as they come, with our ping sent between them; ``TimedOut`` when the socket fell silent."""
        heard = pinged = time.monotonic()
        while True:
            now = time.monotonic()
            if now - heard >= self._idle:
                raise TimedOut(VENUE, f"stream silent for {self._idle:g} s")
            if now - pinged >= self._ping:
                await _send(socket, {"type": "ping"})
                pinged = now
            try:
                frame = await _receive(socket, max(0.0, min(pinged + self._ping, heard + self._idle) - now))
            except TimedOut:
                continue
            heard = time.monotonic()
            yield frame

    async def _event(self, frame: dict[str, Any]) -> BetReport | None:
        channel, payload = text(frame, "channel"), need(frame, "payload", "frame")
        if channel == "settlements":
            result = settlement(payload)
            for listener in self.settlement_listeners:
                listener(result)
            return None
        if channel not in {"orders", "bets"} or (channel == "bets" and self._covered(payload)):
            return None
        self._remember(payload)
        return await self._report_of(payload)

    def _remember(self, payload: Any) -> None:
        """Keep the bet states a whole order showed, so that the bet events beside it cost no look-up."""
        if isinstance(payload, dict) and isinstance(payload.get("bets"), list):
            states = {text(bet, "betId"): text(bet, "betStatus") for bet in payload["bets"]}
            _keep(self._shown, text(payload, "requestUuid"), states)

    def _covered(self, bet: Any) -> bool:
        """Whether the bet's order has already shown it in this state: the event then tells nothing new."""
        shown = self._shown.get(text(bet, "requestUuid"), {})
        return shown.get(text(bet, "betId")) == text(bet, "betStatus")

    def _is_news(self, report: BetReport) -> bool:
        known = self._told.get(report.request_id) == report
        _keep(self._told, report.request_id, report)
        return not known


def _keep(memory: OrderedDict[str, V], key: str, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)


async def _send(socket: ClientConnection, body: object) -> None:
    await socket.send(encode(body).decode())


async def _receive(socket: ClientConnection, timeout: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(timeout):
            raw = await socket.recv()
    except TimeoutError as error:
        raise TimedOut(VENUE, "no frame in time") from error
    try:
        frame = decode(raw)
    except ValueError as error:
        raise Unreadable(VENUE, "stream frame is not JSON") from error
    if not isinstance(frame, dict):
        raise Unreadable(VENUE, "stream frame is not an object")
    return frame

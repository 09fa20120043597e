"""A client's end of the subscription socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from overround.ledger.events import CHANNELS
from tests.api.conftest import Api

ALL = list(CHANNELS)


@dataclass
class Socket:
    """A client's end."""

    wire: ClientConnection

    async def say(self, **message: Any) -> None:
        await self.wire.send(json.dumps(message))

    async def hear(self, *, heartbeats: bool = False) -> dict[str, Any]:
        """The next message; heartbeats are passed over unless asked for."""
        while True:
            message = dict(json.loads(await asyncio.wait_for(self.wire.recv(), 10)))
            if heartbeats or message["type"] != "heartbeat":
                return message

    async def subscribe(self, key: str, channels: list[str] | None = None, **more: Any) -> dict[str, Any]:
        await self.say(type="subscribe", apiKey=key, channels=ALL if channels is None else channels, **more)
        return await self.hear()

    async def numbers(self, count: int) -> list[int]:
        """The ``n`` of the next broadcasts' payloads, which the test put there."""
        return [(await self.hear())["payload"]["n"] for _ in range(count)]

    async def closed(self) -> tuple[int, str]:
        """Code and reason, once the server closes."""
        with pytest.raises(ConnectionClosed) as ended:
            await asyncio.wait_for(self.wire.recv(), 15)
        assert ended.value.rcvd is not None
        return ended.value.rcvd.code, ended.value.rcvd.reason


@asynccontextmanager
async def opened(api: Api) -> AsyncIterator[Socket]:
    async with connect(api.url.replace("http", "ws") + "/ws/subscribe", proxy=None, compression=None) as wire:
        yield Socket(wire)

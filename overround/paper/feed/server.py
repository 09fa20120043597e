"""The paper feed as one Starlette app: REST under ``/{lang}``, the stream at ``/ws``."""

from collections.abc import Iterable

import orjson
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from overround.paper.feed.hub import Hub
from overround.paper.feed.limits import Limits
from overround.paper.feed.rest import Endpoints
from overround.paper.feed.socket import Connection, LoginRefused, read_login
from overround.paper.world import World

MAX_CONNECTIONS = 5


class PaperFeed:
    """``app`` serves the world to the given keys. Misbehaves by ``world.faults`` of venue ``feed``: on the stream at
    the next change, ``stream_cut`` (``code``: close with it instead of dropping), ``stream_frozen`` (``seconds``),
    ``bad_frame`` (``data``: the frame; or ``fixture_id``), ``restart``, ``reconnect`` (``seconds`` until closed),
    ``backpressure`` (``close``: with 4002 instead of ``snapshot_required``); on REST, ``rate_limited`` (``seconds``),
    ``maintenance`` (``seconds``), ``page_short``."""

    def __init__(self, world: World, api_keys: Iterable[str], *, limits: Limits | None = None) -> None:
        self._keys = set(api_keys)
        self.hub = Hub(world)
        self._connections: set[Connection] = set()
        endpoints = Endpoints(self.hub, self._keys, limits or Limits())
        self.app = Starlette(routes=[*endpoints.routes(), WebSocketRoute("/ws", self._stream)])

    def inflict(self, fault: str, **details: object) -> None:
        """Misbehave on every connection now, without waiting for a change."""
        self.hub.inflict(fault, dict(details))

    def revoke(self, api_key: str) -> None:
        """Take a key away: its connections are closed with 4001."""
        self._keys.discard(api_key)
        for connection in self._connections:
            if connection.key == api_key:
                connection.close(4001, "key revoked")

    async def _stream(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            login = await read_login(socket, self._keys)
            connection = self._admit(socket, login)
        except LoginRefused as refused:
            await _refuse(socket, refused)
            return
        except WebSocketDisconnect:
            return
        self._connections.add(connection)
        connection.greet(login)
        self.hub.clients.add(connection)
        try:
            await connection.run()
        finally:
            self.hub.clients.discard(connection)
            self._connections.discard(connection)

    def _admit(self, socket: WebSocket, login: dict[str, object]) -> Connection:
        used = sum(connection.key == login["apiKey"] for connection in self._connections)
        if used >= MAX_CONNECTIONS:
            raise LoginRefused(4003, "too_many_connections", f"at most {MAX_CONNECTIONS} connections")
        return Connection(socket, self.hub, login)


async def _refuse(socket: WebSocket, refused: LoginRefused) -> None:
    body = {"type": "error", "error": refused.error, "message": refused.message}
    await socket.send_text(orjson.dumps(body).decode())
    await socket.close(refused.code, refused.message)

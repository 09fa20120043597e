"""Several ASGI apps on consecutive loopback ports, in one event loop."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

HOST = "127.0.0.1"


class PortTaken(Exception):
    """A port cannot be bound; the message names it."""


class _Server(uvicorn.Server):
    """Leaves signals to whoever owns the process, and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()


class Servers:
    """Binds at once, so that a taken port is known before anything else happens. ``first`` 0 picks free ports."""

    def __init__(self, names: tuple[str, ...], first: int) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self._servers: list[_Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        try:
            for place, name in enumerate(names):
                self._sockets[name] = _bound(first + place if first else 0)
        except PortTaken:
            for bound in self._sockets.values():
                bound.close()
            raise

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://{HOST}:{bound.getsockname()[1]}" for name, bound in self._sockets.items()}

    async def start(self, apps: Mapping[str, ASGIApp]) -> list[asyncio.Task[None]]:
        """Serve every app; returns once all answer. The tasks end only when a server does."""
        for name, bound in self._sockets.items():
            config = uvicorn.Config(
                apps[name],
                log_level="error",
                access_log=False,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
                timeout_keep_alive=75,
            )
            server = _Server(config)
            self._servers.append(server)
            self._tasks.append(asyncio.create_task(server.serve(sockets=[bound]), name=f"{name} server"))
        for server, task in zip(self._servers, self._tasks, strict=True):
            up = asyncio.create_task(server.up.wait())
            await asyncio.wait([up, task], return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
        return list(self._tasks)

    async def stop(self) -> None:
        """Stop accepting, let answers finish for a second, and give the ports back."""
        for server in self._servers:
            server.should_exit = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=3.0)
        for bound in self._sockets.values():
            bound.close()


def _bound(port: int) -> socket.socket:
    # Named outright: asyncio sets TCP_NODELAY only on such sockets, and without it every answer waits 40 ms for an ACK.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen(128)
    except (OSError, OverflowError) as error:
        made.close()
        raise PortTaken(f"port {port} cannot be used: {getattr(error, 'strerror', None) or error}") from None
    return made

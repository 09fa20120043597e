"""``python -m api``: serve the API until SIGTERM or SIGINT."""

import gc
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import psycopg
import uvicorn

from api.app import create_app
from overround.process import BAD_CONFIGURATION, announce, leave
from overround.settings import Settings

MAX_MESSAGE = 64 * 1024
GONE_MS = 30_000


class Server(uvicorn.Server):
    """Calls ``ready`` once connections are accepted."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            gc.collect()
            gc.freeze()  # what is there now stays: no collection looks at it while broadcasts wait
            self._ready()


def checked() -> Settings:
    """The settings, if the API can run with them."""
    settings = Settings()
    if not settings.database_url:
        leave(BAD_CONFIGURATION, "the API needs a database: set DATABASE_URL")
    if not settings.secret_key.get_secret_value():
        leave(BAD_CONFIGURATION, "the API needs the key that peppers API keys: set OVERROUND_SECRET_KEY")
    try:
        psycopg.connect(settings.database_url.replace("+psycopg", "", 1), connect_timeout=10).close()
    except psycopg.Error as error:
        leave(1, f"the API cannot reach the database named by DATABASE_URL ({type(error).__name__})")
    return settings


def listen(settings: Settings) -> socket.socket:
    """The bound socket, or an end that names the setting."""
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    try:
        listener = socket.create_server((settings.api_host, settings.api_port), family=family, backlog=2048)
    except OSError as error:
        where = f"{settings.api_host}:{settings.api_port}"
        leave(
            BAD_CONFIGURATION,
            f"the API cannot listen on {where} ({error.strerror}): set OVERROUND_API_PORT to a free port",
        )
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Connections inherit it: what a peer never reads is not kept for ever after we closed.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MS)
    return listener


def main() -> NoReturn:
    settings = checked()
    listener = listen(settings)
    config = uvicorn.Config(
        create_app(settings),
        log_level=settings.log_level.lower(),
        access_log=False,
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    server = Server(config, partial(announce, f"{listener.getsockname()[1]}\n"))
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again, for us, once it has stopped in order.
        signal.signal(number, lambda *_: leave(0))
    server.run([listener])
    leave(0 if server.started else 1)


if __name__ == "__main__":
    main()

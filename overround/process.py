"""How each of our processes begins, says that it serves, and ends.

Ends without the interpreter's own shutdown: the Temporal SDK aborts in it now and then (stack sheet, section 4.2).
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import uvloop
from pydantic import ValidationError

from overround.logs import configure
from overround.settings import Settings

BAD_CONFIGURATION = 78
"""``EX_CONFIG``: starting again cannot help, the last line says which setting to change."""


class BadSetting(Exception):
    """A process cannot work with its settings; the message names the one to change."""


def leave(code: int, line: str = "") -> NoReturn:
    """Say why in one line, flush, and end at once."""
    if line:
        print(line, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def announce(text: str = "") -> None:
    """Make the file the supervisor waits for (``OVERROUND_READY_FILE``): this process serves."""
    if file := os.environ.get("OVERROUND_READY_FILE"):
        Path(file).write_text(text)


def stop_requested() -> asyncio.Event:
    """An event that SIGINT or SIGTERM sets; to be called inside the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def main(name: str, run: Callable[[Settings], Awaitable[None]]) -> NoReturn:
    """Read the settings, run until done, and leave: 0 in order, 78 for a bad setting, 1 for anything else."""
    try:
        settings = checked(Settings())
        configure(settings.log_level)
        uvloop.run(_as_coroutine(run, settings))
    except ValidationError as error:
        leave(BAD_CONFIGURATION, f"{name}: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}")
    except BadSetting as error:
        leave(BAD_CONFIGURATION, f"{name}: {error}")
    except Exception as error:
        leave(1, f"{name} stopped: {error!r}")
    leave(0)


async def _as_coroutine(run: Callable[[Settings], Awaitable[None]], settings: Settings) -> None:
    await run(settings)


def checked(settings: Settings) -> Settings:
    """Settings a trading process can run with. Raises ``BadSetting``."""
    for value, name in (
        (settings.database_url, "DATABASE_URL"),
        (settings.temporal_address, "TEMPORAL_ADDRESS"),
        (settings.secret_key.get_secret_value(), "OVERROUND_SECRET_KEY"),
        (settings.oddspapi_api_key.get_secret_value(), "ODDSPAPI_API_KEY"),
    ):
        if not value:
            raise BadSetting(f"set {name}")
    return settings

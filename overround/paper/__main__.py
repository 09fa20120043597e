"""``python -m overround.paper``: every paper venue, the odds feed and what moves them, in one process.

Simulated matches by default; recordings with ``--recording FILE`` (repeated) or ``OVERROUND_PAPER_RECORDING`` (several
separated as in ``PATH``). Exits with 78 when its configuration cannot work, the last line naming the setting.
"""

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from overround.paper.assembly import NAMES, Assembly, Options
from overround.paper.betfair_stream import RecordingError
from overround.paper.credentials import load_credentials, write_private
from overround.paper.servers import PortTaken, Servers
from overround.paper.store import Store
from overround.settings import Settings

BAD_CONFIGURATION = 78


def options(arguments: list[str], settings: Settings) -> Options:
    """From the command line, and from the environment where the command line says nothing."""
    env = os.environ
    parser = argparse.ArgumentParser(prog="python -m overround.paper", description=__doc__.split("\n\n", 1)[0])
    named = [name for name in env.get("OVERROUND_PAPER_RECORDING", "").split(os.pathsep) if name]
    parser.add_argument("--recording", action="append", type=Path, metavar="FILE", help="play this recording")
    parser.add_argument("--speed", type=float, default=env.get("OVERROUND_PAPER_SPEED") or None, help="times real time")
    parser.add_argument("--moves", type=float, default=env.get("OVERROUND_PAPER_MOVES") or 10.0, help="odds a second")
    parser.add_argument("--fixtures", type=int, default=env.get("OVERROUND_PAPER_FIXTURES") or 16, help="at a time")
    parser.add_argument("--turn", type=float, default=env.get("OVERROUND_PAPER_TURN") or 17.5, help="s between matches")
    parser.add_argument(
        "--pregame", type=float, default=env.get("OVERROUND_PAPER_PREGAME") or 60.0, help="s before a match begins"
    )
    parser.add_argument("--token", default=env.get("OVERROUND_PAPER_TOKEN", ""), help="names one playing")
    paused = env.get("OVERROUND_PAPER_PAUSED") == "1"
    parser.add_argument("--paused", action="store_true", default=paused, help="wait for the admin app's word")
    given = parser.parse_args(arguments)
    if given.speed is not None and not given.speed > 0:
        parser.error("--speed (OVERROUND_PAPER_SPEED) must be above 0")
    if not given.moves > 0:
        parser.error("--moves (OVERROUND_PAPER_MOVES) must be above 0")
    if not given.turn > 0 or not given.pregame > 0:
        parser.error("--turn (OVERROUND_PAPER_TURN) and --pregame (OVERROUND_PAPER_PREGAME) must be above 0")
    if not 0 < given.fixtures <= 50:
        parser.error("--fixtures (OVERROUND_PAPER_FIXTURES) must be from 1 to 50")
    recordings = tuple(given.recording or [Path(name) for name in named])
    return Options(
        seed=settings.paper_seed,
        moves_per_second=given.moves,
        fixtures=given.fixtures,
        turn=given.turn,
        pregame=given.pregame,
        recordings=recordings,
        speed=given.speed,
        token=given.token,
        paused=given.paused,
    )


async def serve(settings: Settings, chosen: Options) -> str:
    """Serve until told to stop; what went wrong, empty when nothing did."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    folder = settings.state_dir
    servers = Servers(NAMES, settings.paper_port)
    store = Store(folder / "paper" / "world.db")
    assembly = Assembly(store, load_credentials(folder / "paper" / "credentials.json"), chosen)
    tasks = await servers.start(assembly.apps())
    assembly.source.step()
    tasks += [
        asyncio.create_task(assembly.source.run(), name="source"),
        asyncio.create_task(assembly.world.housekeeping(), name="housekeeping"),
    ]
    write_private(folder / "paper.json", json.dumps(assembly.facts(servers.urls), indent=2))
    _say_ready()
    stopping = asyncio.create_task(stop.wait(), name="stop")
    work: list[asyncio.Task[Any]] = [*tasks, stopping]
    done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    await servers.stop()
    store.close()
    return "" if stopping in done else _obituary(done.pop())


def _say_ready() -> None:
    if ready := os.environ.get("OVERROUND_READY_FILE"):
        Path(ready).touch()


def _obituary(task: asyncio.Task[Any]) -> str:
    error = None if task.cancelled() else task.exception()
    return f"paper venues: the {task.get_name()} ended: {error!r}"


def main() -> int:
    """The exit code."""
    try:
        settings = Settings()
        problem = asyncio.run(serve(settings, options(sys.argv[1:], settings)))
    except PortTaken as error:
        return _complain(f"paper venues: {error}; set OVERROUND_PAPER_PORT", BAD_CONFIGURATION)
    except ValidationError as error:
        wrong = error.errors()[0]
        return _complain(f"paper venues: OVERROUND_{str(wrong['loc'][0]).upper()}: {wrong['msg']}", BAD_CONFIGURATION)
    except sqlite3.DatabaseError as error:
        folder = settings.state_dir / "paper"
        return _complain(f"paper venues: {folder} cannot be used: {error}; start with FRESH=1", BAD_CONFIGURATION)
    except (RecordingError, ValueError) as error:
        return _complain(f"paper venues: {error}", BAD_CONFIGURATION)
    return _complain(problem, 1) if problem else 0


def _complain(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

"""What tests ask of a running ``overround up``: its ledger, its venues, its processes, its commands."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import psycopg

from console.embedded.process import running
from tests.support.up import Up, until

QUICK = {
    "OVERROUND_PAPER_FIXTURES": "6",
    "OVERROUND_PAPER_MOVES": "3",
    "OVERROUND_PAPER_TURN": "4",
    "OVERROUND_PAPER_PREGAME": "12",
}
"""Few matches of 20 seconds: what a small, busy machine carries beside other tests."""
TRADED = """
SELECT (SELECT count(*) FROM fills WHERE NOT failed), (SELECT count(*) FROM bets WHERE placed_stake > 0),
       (SELECT count(*) FROM fixture_settlements WHERE state = 'BOOKED')
"""


def rows(up: Up, query: str, *values: Any) -> list[Any]:
    """Read the ledger of a running ``up``."""
    with psycopg.connect(up.facts["databaseUrl"], connect_timeout=10) as connection:
        return connection.execute(query.encode(), values).fetchall()


def one(up: Up, query: str, *values: Any) -> Any:
    return rows(up, query, *values)[0][0]


def eventually(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first truthy value; a ledger or venue that restarts meanwhile is not an answer."""
    found: list[Any] = []

    def met() -> bool:
        try:
            found[:] = [condition()]
        except (psycopg.OperationalError, httpx.TransportError, KeyError, OSError, ValueError):
            return False
        time.sleep(0.2)
        return bool(found[0])

    until(met, seconds, what)
    return found[0]


def console(up: Up, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """An ``overround`` command beside the running one."""
    command = [sys.executable, "-m", "console", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=up.state.parent, env=up.env, timeout=seconds
    )


def checked(up: Up, wait: int = 60) -> str:
    """``overround check`` is clean beside everything that goes on; what it printed."""
    done = console(up, "check", "--wait", str(wait), seconds=3 * wait)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{up.text}"
    return done.stdout


def admin(up: Up, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the paper venues' admin app, or tell it ``body``."""
    url = f"{up.facts['paper']['admin']}{path}"
    answer = httpx.get(url, trust_env=False, timeout=20) if body is None else _post(url, body)
    return json.loads(answer.raise_for_status().text)


def _post(url: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(url, json=body, trust_env=False, timeout=20)


def api(up: Up, path: str, key: str | None = None) -> httpx.Response:
    headers = {"X-API-Key": up.facts["apiKey"] if key is None else key}
    return httpx.get(f"{up.facts['apiUrl']}/api/v1{path}", headers=headers, trust_env=False, timeout=20)


def kill(up: Up, name: str, seconds: float = 40) -> None:
    """kill -9 a part, and wait until another process serves in its place."""
    before = up.facts["pids"][name]
    os.kill(before, signal.SIGKILL)
    ready = up.state / f"{name}.ready"
    replaced = f"a new {name}"
    eventually(
        lambda: up.facts["pids"].get(name, before) != before and running(up.facts["pids"][name]), seconds, replaced
    )
    if name not in ("postgres", "temporal"):
        eventually(ready.exists, seconds, f"{replaced} that serves")

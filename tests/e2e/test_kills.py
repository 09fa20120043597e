"""Every process of a running ``overround up`` is killed in turn: nothing is lost, nothing happens twice."""

import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.processes import tree
from console.embedded.process import running
from tests.support.running import QUICK, TRADED, api, checked, eventually, kill, one, rows
from tests.support.up import Up, start

pytestmark = pytest.mark.timeout(300)
ORDERS, FILLS = "SELECT count(*) FROM orders", "SELECT count(*) FROM fills WHERE NOT failed"
OWNERS = "SELECT age(now(), at) < interval '4 seconds' FROM heartbeats WHERE name = %s"


def more(up: Up, query: str, than: int, what: str, seconds: float = 60) -> int:
    """Wait until a count has grown; what it is then."""
    eventually(lambda: one(up, query) > than, seconds, what)
    return int(one(up, query))


def all_heard(up: Up) -> bool:
    """Worker, streamers and feed have all said something in the last seconds."""
    return all(rows(up, OWNERS, name) == [(True,)] for name in ("trading", "hedging", "streamers", "feed"))


def partners(up: Up) -> None:
    """What the ledger alone can say of itself: one bet per claim, one fill per trade, no hedge beyond its order."""
    assert rows(up, "SELECT venue_fill_id FROM fills GROUP BY venue_fill_id, client_order_id HAVING count(*) > 1") == []
    assert rows(up, "SELECT part_id FROM bet_parts GROUP BY part_id HAVING count(*) > 1") == []
    assert rows(up, "SELECT client_order_id FROM orders WHERE filled > size") == []


def test_the_workers_are_killed_three_times_and_the_books_agree(cleanup: ExitStack, tmp_path: Path) -> None:
    """SIGKILL in the middle of trading: every order, fill and bet has its partner, PnL agrees to the cent."""
    up = start(cleanup, tmp_path / "state", env=QUICK).ready(90)
    fills = more(up, FILLS, 1, "fills", 120)
    for _ in range(3):
        orders = one(up, ORDERS)
        kill(up, "trading")
        kill(up, "hedging")
        more(up, ORDERS, orders, "orders of the next worker")
        fills = more(up, FILLS, fills, "fills after a kill", 90)
    eventually(lambda: rows(up, TRADED)[0][2] >= 2, 90, "settlements")
    checked(up)
    partners(up)
    assert [up.text.count(f"{name} stopped with SIGKILL") for name in ("trading", "hedging")] == [3, 3]
    assert up.stop() == 0


def test_everything_else_is_killed_in_turn_and_the_next_up_continues(cleanup: ExitStack, tmp_path: Path) -> None:
    """Streamers, venues, database and Temporal die by SIGKILL; then Ctrl-C, a second ``up``, and a fresh one."""
    state = tmp_path / "state"
    bystander = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    cleanup.callback(bystander.wait)
    cleanup.callback(bystander.kill)
    up = start(cleanup, state, env=QUICK).ready(90)
    more(up, FILLS, 0, "fills", 120)
    for name in ("streamers", "paper", "postgres", "temporal", "api"):
        kill(up, name)
        eventually(lambda: all_heard(up), 60, f"everybody after {name} was killed")
        more(up, ORDERS, one(up, ORDERS), f"orders after {name} was killed", 90)
    eventually(lambda: api(up, "/me").status_code == 200, 30, "the API")
    checked(up)
    partners(up)
    before = remembered(up)
    stopped(up, bystander)

    again = start(cleanup, state, env=QUICK).ready(90)
    assert again.facts["apiKey"] == before["key"]
    after = remembered(again)
    assert before["orders"] <= after["orders"]
    assert before["fills"] <= after["fills"]
    assert before["bets"] <= after["bets"]
    more(again, ORDERS, len(after["orders"]), "orders of the second up")
    checked(again)
    stopped(again, bystander)

    fresh = start(cleanup, state, "--fresh", env=QUICK).ready(90)
    assert fresh.facts["apiKey"] != before["key"]
    assert not remembered(fresh)["orders"] & before["orders"]
    stopped(fresh, bystander)


def remembered(up: Up) -> dict[str, Any]:
    queries = {
        "orders": "SELECT client_order_id FROM orders",
        "fills": "SELECT account_id, venue_fill_id, client_order_id FROM fills",
        "bets": "SELECT part_id FROM bet_parts",
    }
    return {"key": up.facts["apiKey"], **{name: set(rows(up, query)) for name, query in queries.items()}}


def stopped(up: Up, bystander: subprocess.Popen[bytes]) -> None:
    """Ctrl-C ends the command with 0 and everything it started, all the way down, and nothing else."""
    started = tree(up.process.pid)
    assert set(up.facts["pids"].values()) < set(started)
    assert up.stop(signal.SIGINT) == 0, up.text
    assert [pid for pid in started if running(pid)] == []
    assert bystander.poll() is None
    assert not (up.state / "run.json").exists()

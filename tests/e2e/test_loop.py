"""``overround up`` on the match simulator: the whole loop, seen through everything an operator has."""

import re
import stat
import time
from collections import Counter
from decimal import Decimal

import pytest

from bench.processes import usage
from overround.paper.sports import SPORTS
from tests.e2e.conftest import UNKNOWN_OUTCOMES
from tests.support.running import TRADED, admin, api, checked, console, eventually, one, rows
from tests.support.up import Up

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("up")]
MEMORY = 1.5e9
SILENT = [number for ids in UNKNOWN_OUTCOMES.values() for number in ids]


def test_run_json_tells_programs_where_everything_is(up: Up) -> None:
    facts = up.facts
    assert {"apiUrl", "apiKey", "temporalUiUrl", "temporalAddress", "databaseUrl"} <= facts.keys()
    assert set(facts["pids"]) == {"postgres", "temporal", "paper", "trading", "hedging", "streamers", "api"}
    assert stat.S_IMODE((up.state / "run.json").stat().st_mode) == 0o600
    assert facts["databaseUrl"].split("@")[0] not in up.text, "the banner shows no password"


def test_odds_become_quotes_fills_hedges_and_settled_money(up: Up) -> None:
    """The main job, and the two sides' books agree on all of it."""

    def loop() -> bool:
        fills, bets, settled = rows(up, TRADED)[0]
        return bool(fills >= 5 and bets >= 3 and settled >= 3)

    eventually(loop, 150, "fills, hedges and settlements")
    venues = {exchange for (exchange,) in rows(up, "SELECT DISTINCT exchange FROM orders WHERE status <> 'FAILED'")}
    assert venues == {"kalshi", "polymarket"}
    said = checked(up)
    compared = re.search(r"clean: (\d+) orders, (\d+) fills, (\d+) bets compared", said)
    assert compared is not None, said
    assert all(int(number) > 0 for number in compared.groups())
    uncovered = "SELECT client_order_id, residual FROM hedges WHERE state = 'DONE' AND residual <> 0"
    assert rows(up, f"{uncovered} AND abs(residual) >= 1") == []


def test_a_fill_without_hedge_is_shown_and_alarmed(up: Up) -> None:
    """Promise 2: no fill stays naked in silence."""
    eventually(lambda: one(up, "SELECT count(*) FROM fills") >= 3, 120, "fills")
    silent = (
        "SELECT h.client_order_id FROM hedges h WHERE h.state = 'OPEN' AND h.updated_at < now() - interval '5 seconds' "
        "AND NOT EXISTS (SELECT 1 FROM alarms a WHERE a.kind = 'naked' AND a.subject = h.client_order_id)"
    )
    eventually(lambda: rows(up, silent) == [], 20, "an alarm for every open residual")


def test_the_api_answers_with_the_demo_key_and_with_no_other(up: Up) -> None:
    eventually(lambda: one(up, "SELECT count(*) FROM fills") >= 1, 120, "a fill")
    orders = api(up, "/orders?pageSize=50")
    assert orders.status_code == 200
    page = orders.json()
    assert page["total"] >= len(page["items"]) > 0
    assert {item["exchange"] for item in page["items"]} <= {"kalshi", "polymarket"}
    for path in ("/me", "/trading/status", "/bets", "/fixtures", "/positions", "/accounts", "/pnl"):
        assert api(up, path).status_code == 200, path
    assert api(up, "/orders", key="00000000-0000-0000-0000-000000000000").status_code == 401


def test_status_says_that_everything_runs(up: Up) -> None:
    done = console(up, "status")
    assert done.returncode == 0, done.stdout
    assert "open orders" in done.stdout
    assert up.facts["apiKey"] in done.stdout


def test_outcomes_nobody_knows_are_not_quoted_and_nothing_breaks(up: Up) -> None:
    """A trading file naming unknown outcomes for some tournaments: silence there, trading everywhere else."""
    eventually(lambda: one(up, "SELECT count(*) FROM orders") >= 10, 60, "orders")
    listed = Counter(number for (number,) in rows(up, "SELECT tournament_id FROM fixtures"))
    quoted = Counter(number for (number,) in rows(up, "SELECT tournament_id FROM orders"))
    assert any(listed[number] for number in SILENT), listed
    assert not any(quoted[number] for number in SILENT), quoted
    assert set(quoted) <= {number for sport in SPORTS for number, _ in sport.tournaments}
    assert "restart in" not in up.text, "no process died of it"


def test_an_unreadable_frame_is_reported_and_changes_nothing(up: Up) -> None:
    eventually(lambda: one(up, "SELECT count(*) FROM orders WHERE status = 'PLACED'") > 0, 60, "quotes")
    pids = up.facts["pids"]
    admin(up, "/faults", {"venue": "feed", "fault": "bad_frame", "times": 3})
    fired = {"venue": "feed", "fault": "bad_frame"}
    eventually(lambda: fired in admin(up, "/status")["fired"], 20, "the bad frame")
    alarm = "SELECT message FROM alarms WHERE kind = 'feed'"
    (message,) = eventually(lambda: rows(up, alarm), 20, "an alarm about it")[0]
    assert "unreadable frame" in message
    seen = one(up, "SELECT count(*) FROM orders")
    eventually(lambda: one(up, "SELECT count(*) FROM orders") > seen, 30, "trading going on")
    assert up.facts["pids"] == pids


def test_everything_together_stays_within_the_memory_promised(up: Up) -> None:
    """A minute after the start, over every process; shared pages count once."""
    started = (up.state / "run.json").stat().st_mtime
    time.sleep(max(0.0, started + 60 - time.time()))
    total = usage(up.process.pid).memory_kib * 1024
    parts = {name: usage(pid).memory_kib * 1024 for name, pid in up.facts["pids"].items()}
    shown = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in sorted(parts.items(), key=lambda item: -item[1]))
    print(f"\nmemory after a minute: {total / 1e6:.0f} MB ({shown})")
    assert all(parts.values()), shown
    assert total < MEMORY, shown


def test_the_live_line_moves_on(up: Up) -> None:
    first = eventually(lambda: re.findall(r"^(feed .*)$", up.text, re.M), 30, "a progress line")[-1]
    eventually(lambda: re.findall(r"^(feed .*)$", up.text, re.M)[-1] != first, 30, "another progress line")
    pattern = (
        r"feed [\d.]+s · \d+ open orders.* · \d+ fills · \d+ hedges \(\d+ bets\) · residual [\d.]+ · "
        r"\d+ settled · PnL [+-][\d.]+"
    )
    line = re.findall(r"^(feed .*)$", up.text, re.M)[-1]
    assert re.match(pattern, line), line
    assert Decimal(line.split("residual ")[1].split(" ")[0]) >= 0

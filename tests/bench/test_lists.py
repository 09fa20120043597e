"""The rows of the lists' bench, what it asks for, and what it says a write costs."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from bench import api_lists, order_writes
from bench.figures import Report
from bench.list_rows import BIG, CLIENTS, INDEXES, TABLES, fill
from tests.support.servers import cloned_database

if TYPE_CHECKING:
    from console.embedded.postgres import Postgres

ROWS = 3000
CHECKS = {
    "orders": f"SELECT count(*) = {ROWS} FROM orders",
    "clients": f"SELECT count(DISTINCT client) = {CLIENTS} FROM orders",
    "one holds most": f"SELECT count(*) FILTER (WHERE client = '{BIG}') > count(*) / 2 FROM orders",
    "fixtures exist": "SELECT count(*) = 0 FROM orders LEFT JOIN fixtures f USING (fixture_id) "
    "WHERE f.fixture_id IS NULL",
    "accounts exist": "SELECT count(*) = 0 FROM orders o "
    "LEFT JOIN exchange_accounts a USING (account_id, client, exchange) "
    "WHERE a.account_id IS NULL",
    "fills": "SELECT bool_and(f.size = o.filled) FROM orders o "
    "JOIN (SELECT client_order_id, sum(size) AS size FROM fills GROUP BY 1) f USING (client_order_id)",
    "no fill is missing": "SELECT count(*) FILTER (WHERE filled > 0) * 2 = (SELECT count(*) FROM fills) FROM orders",
    "bets": "SELECT bool_and((b.of_order, b.of_exchange, b.of_day) = (o.order_id, o.exchange, utc_day(o.created_at))) "
    "FROM bets b JOIN orders o USING (client_order_id)",
    "results": "SELECT count(*) > 0 FROM settlements",
    "some rest": "SELECT count(*) > 0 FROM orders WHERE status IN ('PLACED', 'PARTIAL') AND remaining > 0",
    "counted": f"SELECT sum(orders) = {ROWS} FROM order_counts WHERE fixture_id = ''",
}


@pytest.fixture(scope="module")
def filled(postgres: "Postgres", template_database: str) -> Iterator[str]:
    with cloned_database(postgres, template_database) as url:
        fill(url, ROWS)
        yield url


def _rows(url: str, query: str, values: Any = None) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), values).fetchall()


@pytest.mark.parametrize("name", CHECKS)
def test_the_rows_belong_together(filled: str, name: str) -> None:
    assert _rows(filled, CHECKS[name]) == [(True,)]


def test_every_index_is_there_again(filled: str, postgres: "Postgres", template_database: str) -> None:
    with cloned_database(postgres, template_database) as empty:
        wanted = _rows(empty, INDEXES, {"tables": list(TABLES)})
    assert sorted(_rows(filled, INDEXES, {"tables": list(TABLES)})) == sorted(wanted)
    assert len(wanted) > 15


def test_each_list_and_summary_is_asked_for_once_and_answers(filled: str, tmp_path: Path) -> None:
    report = Report({})
    api_lists.measure_on(report, tmp_path, filled, count=1, warm=0)
    names = {item.name for item in report.figures}
    assert {"/orders", "/orders/summary", "/bets/summary", "/positions", "/pnl by week", "/orders by cursor"} <= names
    assert len(names) > 45
    assert all(item.p50 > 0 for item in report.figures)


def test_an_answer_that_is_not_200_is_no_measure() -> None:
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *_: Any) -> None:
            """Nothing on the tests' screen."""

    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with closing(api_lists.Caller(url, "a key")) as caller, pytest.raises(RuntimeError, match="answered 401"):
            caller.get("/api/v1/orders")
        thread.join()


def test_a_write_is_measured_with_the_counters_and_without_and_leaves_nothing(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_writes, "ROUNDS", 1)
    monkeypatch.setattr(order_writes, "EACH", 5)
    report = Report({})
    order_writes.measure(report, filled)
    assert [item.name for item in report.figures] == [f"order {step}" for step in order_writes.STEPS]
    assert all(item.p50 > 0 and "without the counters" in item.note for item in report.figures)
    assert _rows(filled, "SELECT count(*) FROM orders") == [(ROWS,)]
    assert _rows(filled, "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgenabled = 'D'") == [
        (0,)
    ]


def test_only_the_processs_own_time_counts() -> None:
    before = order_writes.cpu_seconds(os.getpid())
    time.sleep(0.05)
    slept = order_writes.cpu_seconds(os.getpid()) - before
    sum(range(2_000_000))
    assert slept < 0.04 < order_writes.cpu_seconds(os.getpid()) - before + 0.04

"""What the counters cost a writer: CPU of the database per order written, with their triggers and without."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.figures import Report, percentile, single

INSERT = """
INSERT INTO orders (client_order_id, client, account_id, exchange, fixture_id, market_id, outcome_id, venue_market,
    contract, position, workflow_id, run_id, price, size, remaining, status, odds, priced_at, payload)
  VALUES (%(key)s, 'c02:vertex', 'kalshi-c02:vertex', 'kalshi', %(fixture)s, 111, 111, 'KX', 'KX-1', 'no', 'orders:x',
    'run', 0.45, 100, 100, 'PENDING_PLACEMENT', 1.9, now(), repeat('x', 300))
"""
UPDATE = "UPDATE orders SET status = '{}', updated_at = now(){} WHERE client_order_id = %(key)s"
STEPS = {
    "insert": INSERT,
    "placed": UPDATE.format("PLACED", ", venue_order_id = %(key)s"),
    "filled": UPDATE.format("PARTIAL", ", filled = 10, remaining = 90"),
    "cancelled": UPDATE.format("CANCELLED", ", remaining = 0"),
}
ROUNDS, EACH = 6, 500


def cpu_seconds(pid: int) -> float:
    """CPU a process has used, to the nanosecond: other work on the machine does not count."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def without_counters(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """No triggers of ours until the end, when everything is counted anew."""
    connection.execute("ALTER TABLE orders DISABLE TRIGGER USER")
    try:
        yield
    finally:
        connection.execute("ALTER TABLE orders ENABLE TRIGGER USER")


def one_round(connection: psycopg.Connection[Any], tag: str) -> dict[str, float]:
    """Microseconds per row and step of ``EACH`` orders, taken back at the end."""
    pid, taken = connection.info.backend_pid, {}
    with connection.transaction(force_rollback=True):
        for name, statement in STEPS.items():
            before = cpu_seconds(pid)
            with connection.pipeline():
                for key in _keys(tag):
                    connection.execute(statement.encode(), key)
            taken[name] = (cpu_seconds(pid) - before) / EACH * 1e6
    return taken


def _keys(tag: str) -> Iterable[dict[str, str]]:
    return ({"key": f"{tag}-{number}", "fixture": f"new{number // 100}"} for number in range(EACH))


def measure(report: Report, url: str) -> None:
    """Both kinds in turn, so that a busier moment shows in both."""
    found: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    with psycopg.connect(url, autocommit=True, prepare_threshold=1) as connection:
        for number in range(ROUNDS):
            found["with"].append(one_round(connection, f"w{number}-{time.monotonic_ns()}"))
            with without_counters(connection):
                found["without"].append(one_round(connection, f"o{number}-{time.monotonic_ns()}"))
    for name in STEPS:
        cost, bare = (percentile([item[name] for item in found[kind]], 0.5) for kind in ("with", "without"))
        report.add(single(f"order {name}", "us", cost, note=f"CPU of the database; {bare:.0f} us without the counters"))

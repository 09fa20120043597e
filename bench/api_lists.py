"""``python -m bench lists``: every list and summary of the client API over HTTP, with a million orders behind it.

An embedded Postgres of its own, the API as a process of its own, one request after another on one connection.
"""

import asyncio
import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import orjson
import psycopg
from pydantic import SecretStr

from bench import order_writes
from bench.figures import Report, figure, single
from bench.list_rows import BIG, fill
from bench.processes import usage
from console.embedded import children
from console.embedded.postgres import Postgres
from console.embedded.process import Process, free_port
from overround.ledger import migrate
from overround.ledger.db import connect
from overround.ledger.keys import create_key

PARTS = ("lists",)
ORDERS = 1_000_000
WARM = 12
"""Requests before measuring: statements are prepared at their fifth use, and planned for good at their tenth."""
SECRET = "the bench's own throw-away secret"
AIM = "50 ms p99"
LIMIT_MS = 50.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What to ask for: ids that exist, days that hold orders."""

    fixtures: tuple[str, ...]
    live: tuple[str, ...]
    orders: tuple[int, ...]
    bets: tuple[int, ...]
    days: tuple[str, ...]


def facts(url: str) -> Facts:
    """A sample of the big client's rows."""
    with psycopg.connect(url) as connection:

        def column(query: str) -> tuple[str, ...]:
            return tuple(str(row[0]) for row in connection.execute(query.encode(), {"client": BIG}))

        every = "SELECT fixture_id FROM (SELECT DISTINCT fixture_id FROM orders WHERE client = %(client)s"
        return Facts(
            column(f"{every}) f ORDER BY hashtext(fixture_id) LIMIT 40"),
            column(f"{every} AND status = 'PLACED') f ORDER BY hashtext(fixture_id) LIMIT 10"),
            tuple(map(int, column("SELECT order_id FROM orders WHERE client = %(client)s ORDER BY 1 DESC LIMIT 40"))),
            tuple(map(int, column("SELECT bet_id FROM bets WHERE client = %(client)s ORDER BY 1 DESC LIMIT 40"))),
            column("SELECT DISTINCT day FROM order_counts WHERE client = %(client)s AND fixture_id = '' ORDER BY 1"),
        )


def requests_of(known: Facts) -> dict[str, list[str]]:
    """Every list and summary with each filter, by name; paths to ask in turn."""
    middle = len(known.days) // 2
    week = {"fromDate": known.days[middle], "toDate": known.days[middle + 6]}
    day = [{"fromDate": one, "toDate": one} for one in known.days[5:45]]
    fixture = [{"fixtureId": one} for one in known.fixtures]
    live = [{"fixtureId": one} for one in known.live]
    of_order = [{"orderId": one} for one in known.orders]
    cases: dict[str, list[str]] = {"/me": [_path("/me")], "/accounts": [_path("/accounts")]}
    status = {"/orders": "PLACED,PARTIAL", "/bets": "rejected"}
    for name in ("/orders", "/bets"):
        cases |= {
            name: [_path(name)],
            f"{name} page 300": [_path(name, {"page": 300})],
            f"{name} by fixture": [_path(name, one) for one in fixture],
            f"{name} by exchange": [_path(name, {"exchange": "kalshi"})],
            f"{name} by status": [_path(name, {"status": status[name]})],
            f"{name} by day": [_path(name, one) for one in day],
            f"{name} by week, exchange, status": [_path(name, week | {"exchange": "kalshi", "status": status[name]})],
            f"{name}/summary": [_path(f"{name}/summary")],
            f"{name}/summary by fixture": [_path(f"{name}/summary", one) for one in fixture],
            f"{name}/summary by week": [_path(f"{name}/summary", week)],
            f"{name}/summary by status": [_path(f"{name}/summary", {"status": status[name]})],
        }
    cases |= {
        "/orders/{id}": [_path(f"/orders/{one}") for one in known.orders],
        "/bets/{id}": [_path(f"/bets/{one}") for one in known.bets],
        "/orders/open": [_path("/orders/open", one) for one in live],
        "/bets by order": [_path("/bets", one) for one in of_order],
        "/fixtures": [_path("/fixtures")],
        "/fixtures by tournament": [_path("/fixtures", {"tournamentId": one}) for one in range(40)],
        "/fixtures by status": [_path("/fixtures", {"statusId": 1})],
        "/fixtures by week": [_path("/fixtures", week)],
        "/fixtures/{id}": [_path(f"/fixtures/{quote(one)}") for one in known.fixtures],
        "/positions": [_path("/positions")],
        "/positions page 100": [_path("/positions", {"page": 100})],
        "/positions by fixture": [_path("/positions", one) for one in fixture + live],
        "/positions by exchange": [_path("/positions", {"exchange": "kalshi"})],
        "/positions by week": [_path("/positions", week)],
        "/positions/summary": [_path("/positions/summary")],
        "/positions/summary by week": [_path("/positions/summary", week)],
        "/pnl": [_path("/pnl")],
        "/pnl by week": [_path("/pnl", week)],
        "/pnl by fixture": [_path("/pnl", one) for one in fixture + live],
        "/pnl by exchange": [_path("/pnl", {"exchange": "kalshi"})],
        "/pnl/series": [_path("/pnl/series")],
        "/exposure": [_path("/exposure")],
        "/trading/status": [_path("/trading/status")],
    }
    return cases


def _path(path: str, query: Mapping[str, object] | None = None) -> str:
    return f"/api/v1{path}" + (f"?{urlencode(query)}" if query else "")


class Caller:
    """One kept connection and a key."""

    def __init__(self, url: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"X-API-Key": key}

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> tuple[float, bytes]:
        """Milliseconds until the whole answer is there, and the answer; anything but 200 is an error."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path} answered {answer.status}: {body[:200]!r}")
        return took, body

    def times(self, paths: list[str], count: int, warm: int = WARM) -> list[float]:
        """``count`` requests over ``paths`` in turn, after some to warm up."""
        taken = [self.get(paths[place % len(paths)])[0] for place in range(warm + count)]
        return taken[warm:]

    def walk(self, path: str, pages: int) -> list[float]:
        """Page after page by cursor."""
        taken, cursor = [], ""
        for _ in range(pages):
            took, body = self.get(path + (f"&cursor={cursor}" if cursor else ""))
            taken.append(took)
            cursor = orjson.loads(body)["nextCursor"]
            if cursor is None:
                break
        return taken


async def key_for(url: str, client: str) -> str:
    """A new key of a client of the bench."""
    engine = connect(url, pool=1)
    try:
        async with engine.begin() as connection:
            return await create_key(connection, SecretStr(SECRET), "client", client)
    finally:
        await engine.dispose()


@contextmanager
def served(folder: Path, url: str) -> Iterator[tuple[str, int]]:
    """The API as a process of its own; its address and pid."""
    port = free_port()
    environment = {
        "DATABASE_URL": url,
        "OVERROUND_SECRET_KEY": SECRET,
        "OVERROUND_STATE_DIR": str(folder),
        "OVERROUND_API_PORT": str(port),
        "OVERROUND_REST_LIMIT_PER_MINUTE": "1000000",
    }
    process = Process(children.python_part("api", ["-m", "api"], folder, environment))
    process.launch()
    try:
        process.wait_ready()
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.kill()


def postmaster(url: str) -> int:
    """The pid of the database server behind ``url``, on this machine: the parent of what serves a connection."""
    with psycopg.connect(url) as connection:
        status = Path(f"/proc/{connection.info.backend_pid}/status").read_text()
    return int(status.split("PPid:", 1)[1].split(None, 1)[0])


@dataclass(slots=True)
class Meter:
    """Times requests and says what CPU they cost API and database: that depends less on what else runs here."""

    caller: Caller
    pids: tuple[int, ...]
    report: Report
    floor: list[float]

    def spent(self) -> float:
        return sum(usage(pid).cpu_ms for pid in self.pids)

    def add(self, name: str, ask: Callable[[], list[float]], warm: int, aim: str = AIM) -> None:
        """One line of the table; ``ask`` returns the measured times, ``warm`` more requests than those were made."""
        before = self.spent()
        taken = ask()
        cost = (self.spent() - before) / (len(taken) + warm)
        self.report.add(figure(name, "ms", taken, self.floor, aim=aim, note=f"CPU {cost:.1f} ms a request"))


def measure_on(report: Report, folder: Path, url: str, count: int = 200, warm: int = WARM) -> None:
    """Ask for everything, ``count`` times each, of a filled ledger."""
    key = asyncio.run(key_for(url, BIG))
    with served(folder, url) as (address, pid), closing(Caller(address, key)) as caller:
        meter = Meter(caller, (pid, postmaster(url)), report, caller.times([_path("/me")], count, warm))
        for name, paths in requests_of(facts(url)).items():
            meter.add(name, partial(caller.times, paths, count, warm), warm)
        for name in ("/orders", "/positions"):
            meter.add(f"{name} by cursor", partial(caller.walk, _path(name, {"pageSize": 50}), count), 0)
        longest = [_path("/orders", {"pageSize": 2000})]
        meter.add("/orders, 2000 a page", partial(caller.times, longest, max(1, count // 10), warm), warm, "")
    slow = [item.name for item in report.figures if item.aim == AIM and item.p99 > LIMIT_MS]
    report.notes.append(f"above {LIMIT_MS:.0f} ms at p99: {', '.join(slow) or 'none'}")


def measure(report: Report, folder: Path, orders: int = ORDERS, count: int = 200) -> None:
    """Start a Postgres in ``folder``, fill it, measure, and stop it."""
    postgres = Postgres(folder)
    try:
        url = postgres.start()
        migrate.upgrade(url)
        began = time.monotonic()
        fill(url, orders)
        report.add(single("making the rows", "s", time.monotonic() - began, note=f"{orders:,} orders"))
        order_writes.measure(report, url)
        measure_on(report, folder, url, count)
    finally:
        postgres.destroy()

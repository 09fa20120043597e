"""Every query of the lists and sums, as Postgres plans it over twenty thousand orders: none reads a big table whole."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bench.list_rows import BIG, fill
from overround.ledger.db import connect
from overround.ledger.exposure import fixture_risk
from overround.ledger.lookups import unchanged
from overround.ledger.reads import bets, orders, pnl, positions
from overround.ledger.reads.page import Filters, Window, cursor
from tests.support.servers import cloned_database

if TYPE_CHECKING:
    from console.embedded.postgres import Postgres

ROWS = 20_000
BIG_TABLES = {"orders", "bets", "fills", "hedges", "settlements", "position_days"}
Read = Callable[[AsyncConnection], Awaitable[Any]]
TODAY = datetime.now(UTC).date()
WEEK: dict[str, Any] = {"from_date": TODAY - timedelta(days=30), "to_date": TODAY - timedelta(days=24)}
FIXTURE, LIVE = "id00000040", "id00000080"


@pytest.fixture(scope="module")
def filled_url(postgres: "Postgres", template_database: str) -> Iterator[str]:
    with cloned_database(postgres, template_database) as url:
        fill(url, ROWS)
        yield url


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect(filled_url, pool=1)
    yield engine
    await engine.dispose()


def _orders(window: Window | None = None, **filters: Any) -> Read:
    return lambda connection: orders.list_orders(connection, BIG, Filters(**filters), window or Window())


def _bets(window: Window | None = None, **filters: Any) -> Read:
    return lambda connection: bets.list_bets(connection, BIG, Filters(**filters), window or Window())


def _positions(window: Window | None = None, **filters: Any) -> Read:
    return lambda connection: positions.list_positions(connection, BIG, Filters(**filters), window or Window())


LISTS: dict[str, Read] = {
    "orders": _orders(),
    "orders, a later page": _orders(Window(40)),
    "orders, on from a cursor": _orders(Window(cursor=cursor("orders", ROWS // 2))),
    "orders of a fixture": _orders(fixture_id=FIXTURE),
    "orders of an exchange": _orders(exchange="kalshi"),
    "orders of two states": _orders(statuses=("PLACED", "PARTIAL")),
    "orders of a week": _orders(**WEEK),
    "orders of everything": _orders(**WEEK, exchange="kalshi", statuses=("FILLED", "CANCELLED")),
    "open orders": lambda connection: orders.open_orders(connection, BIG, LIVE, Window()),
    "an order": lambda connection: orders.find_order(connection, BIG, 5),
    "bets": _bets(),
    "bets, on from a cursor": _bets(Window(cursor=cursor("bets", 1000))),
    "bets of a fixture": _bets(fixture_id=FIXTURE),
    "bets of an order": _bets(order_id=ROWS // 2),
    "bets of an exchange": _bets(exchange="kalshi"),
    "bets of a state": _bets(statuses=("rejected",)),
    "bets of a week": _bets(**WEEK),
    "a bet": lambda connection: bets.find_bet(connection, BIG, 5),
    "positions": _positions(),
    "positions, on from a cursor": _positions(Window(cursor=cursor("positions", ROWS // 2))),
    "positions of a fixture": _positions(fixture_id=LIVE),
    "positions of a week": _positions(**WEEK),
}
SUMS: dict[str, Read] = {
    "order summary": lambda connection: orders.summarise_orders(connection, BIG, Filters()),
    "order summary of a week": lambda connection: orders.summarise_orders(connection, BIG, Filters(**WEEK)),
    "bet summary": lambda connection: bets.summarise_bets(connection, BIG, Filters()),
    "bet summary of an order": lambda connection: bets.summarise_bets(connection, BIG, Filters(order_id=ROWS // 2)),
    "profit": lambda connection: pnl.profit_and_loss(connection, BIG, Filters()),
    "profit of a fixture": lambda connection: pnl.profit_and_loss(connection, BIG, Filters(fixture_id=LIVE)),
    "profit of a week": lambda connection: pnl.profit_and_loss(connection, BIG, Filters(**WEEK)),
    "risk of a fixture": lambda connection: fixture_risk(connection, BIG, LIVE),
    "orders to remind owners of": lambda connection: unchanged(connection, timedelta(0), timedelta(seconds=15)),
    "orders to remind owners of at the start": lambda connection: unchanged(connection, timedelta(0)),
}


async def _plans(engine: AsyncEngine, read: Read) -> list[dict[str, Any]]:
    """The plan of each statement that ``read`` executes."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    async with engine.connect() as connection:
        await connection.exec_driver_sql(
            "SET random_page_cost = 1.1"
        )  # all of it is in memory, as the big ledger's top
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        try:
            await read(connection)
        finally:
            event.remove(engine.sync_engine, "before_cursor_execute", note)
        return [await _plan(connection, *one) for one in asked]


async def _plan(connection: AsyncConnection, statement: str, parameters: Any) -> dict[str, Any]:
    found = (await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)).scalar_one()
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


@pytest.mark.parametrize("name", LISTS | SUMS)
async def test_no_query_reads_a_big_table_whole(filled: AsyncEngine, name: str) -> None:
    plans = await _plans(filled, (LISTS | SUMS)[name])
    scans = [node for plan in plans for node in _nodes(plan) if "Relation Name" in node]
    assert scans
    whole = {node["Relation Name"] for node in scans if node["Node Type"] == "Seq Scan"}
    assert whole & BIG_TABLES == set()


@pytest.mark.parametrize(
    "name", ["orders", "orders, on from a cursor", "orders of two states", "bets", "bets of a state"]
)
async def test_a_page_is_read_in_the_order_of_its_index(filled: AsyncEngine, name: str) -> None:
    """Nothing is collected and sorted that grows with the ledger: of orders and bets only the page's rows are read."""
    plans = await _plans(filled, LISTS[name])
    page = next(plan for plan in plans if any(node.get("Relation Name") in {"orders", "bets"} for node in _nodes(plan)))
    ids = [node for node in _nodes(page) if node["Node Type"] in {"Index Only Scan", "Index Scan"}]
    assert any(node["Scan Direction"] == "Backward" for node in ids)
    bitmaps = [node for node in _nodes(page) if node["Node Type"] == "Bitmap Heap Scan"]
    assert bitmaps == []


async def test_what_the_bench_fills_is_what_the_lists_show(filled: AsyncEngine) -> None:
    async with filled.connect() as connection:
        summary = await orders.summarise_orders(connection, BIG, Filters())
        listed = await orders.list_orders(connection, BIG, Filters(), Window(size=10))
        held = await positions.list_positions(connection, BIG, Filters(fixture_id=LIVE), Window())
        profit = await pnl.profit_and_loss(connection, BIG, Filters())
    assert listed.total == summary["totalOrders"] > ROWS / 2
    assert summary["openCount"] > 0
    assert any(item["contracts"] > 0 and item["hedgedPayout"] > 0 for item in held.items)
    assert profit["settledCount"] > profit["unsettledCount"] > 0
    assert profit["unrealizedPnl"] != 0

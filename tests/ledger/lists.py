"""What the lists and sums must say, counted row by row: slow, plain SQL beside the counters."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.reads.counts import BETS, ORDERS, counted, fixtures_of
from overround.ledger.reads.page import Filters, Page, Window

Lines = dict[tuple[str, int, int, str], dict[str, Any]]
CLIENTS = ("demo", "rival")

COUNT_ORDERS = """
SELECT exchange, status, count(*), sum(size), sum(filled), min(order_id), max(order_id) FROM orders
WHERE client = :client AND (CAST(:fixture AS text) IS NULL OR fixture_id = :fixture) GROUP BY 1, 2 ORDER BY 1, 2
"""
COUNT_BETS = """
SELECT o.exchange, b.bookmaker, b.status, count(*), sum(b.stake), sum(b.placed_stake), min(bet_id), max(bet_id)
FROM bets b JOIN orders o USING (client_order_id)
WHERE b.client = :client AND (CAST(:fixture AS text) IS NULL OR b.fixture_id = :fixture)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
FIXTURES = "SELECT count(DISTINCT fixture_id) FROM {} WHERE client = :client"
LINES = """
SELECT o.*, coalesce(t.size, 0) AS traded, coalesce(t.cost, 0) AS paid, coalesce(t.fee, 0) AS fee,
  coalesce((SELECT sum(p.profit) FROM (
    SELECT DISTINCT ON (s.subject, s.subject_id) s.profit FROM settlements s
    WHERE (s.subject = 'order' AND s.subject_id = o.client_order_id) OR (s.subject = 'bet' AND s.subject_id IN
      (SELECT CAST(b.request_id AS text) FROM bets b WHERE b.client_order_id = o.client_order_id))
    ORDER BY s.subject, s.subject_id, s.revision DESC) p), 0) AS profit
FROM orders o LEFT JOIN (
  SELECT client_order_id, sum(size) AS size, sum(size * price) AS cost, sum(fee) AS fee FROM fills WHERE NOT failed
  GROUP BY 1) t USING (client_order_id)
WHERE o.client = :client AND (CAST(:fixture AS text) IS NULL OR fixture_id = :fixture)
  AND (CAST(:exchange AS text) IS NULL OR exchange = :exchange)
  AND (CAST(:first AS date) IS NULL OR CAST(created_at AT TIME ZONE 'UTC' AS date) >= :first)
  AND (CAST(:last AS date) IS NULL OR CAST(created_at AT TIME ZONE 'UTC' AS date) <= :last)
"""


async def mismatches(connection: AsyncConnection) -> list[str]:
    """Where counters and rows disagree; bounds of ids may be wider than needed, never narrower."""
    found = []
    for client in CLIENTS:
        for fixture in (None, "one", "two", "three"):
            for of, query in ((ORDERS, COUNT_ORDERS), (BETS, COUNT_BETS)):
                found += await _compare(connection, of, query, client, fixture)
        for of, table in ((ORDERS, "orders"), (BETS, "bets")):
            for filters in (Filters(), Filters(statuses=("FILLED",))):
                found += await _compare_fixtures(connection, of, table, client, filters)
    return found


async def _compare(connection: AsyncConnection, of: Any, query: str, client: str, fixture: str | None) -> list[str]:
    said = await counted(connection, of, client, Filters(fixture_id=fixture))
    rows = (await connection.execute(text(query), {"client": client, "fixture": fixture})).all()
    told = {count.kind: (count.rows, count.stake, count.matched) for count in said}
    width = len(of.kind)
    counts = {tuple(row[:width]): tuple(row[width : width + 3]) for row in rows}
    wrong = [] if told == counts else [f"{client} {fixture}: {told} for {counts}"]
    bounds = {count.kind: (count.first_id, count.last_id) for count in said}
    for row in rows:
        low, high = bounds.get(tuple(row[:width]), (0, 1 << 62))
        if not low <= row[-2] <= row[-1] <= high:
            wrong.append(f"{client} {fixture}: ids {row[-2]} to {row[-1]} outside {low} to {high}")
    return wrong


async def _compare_fixtures(
    connection: AsyncConnection, of: Any, table: str, client: str, filters: Filters
) -> list[str]:
    query = FIXTURES.format(table) + (" AND status = 'FILLED'" if filters.statuses else "")
    counted_rows = (await connection.execute(text(query), {"client": client})).scalar_one()
    said = await fixtures_of(connection, of, client, filters)
    return [] if said == counted_rows else [f"{client}: {said} fixtures with {table} for {counted_rows}"]


async def line_oracle(connection: AsyncConnection, client: str, filters: Filters) -> Lines:
    """Every line of the client, by the API's names: what its rows, joined one by one, add up to."""
    values = {"client": client, "fixture": filters.fixture_id, "exchange": filters.exchange}
    values |= {"first": filters.from_date, "last": filters.to_date}  # type: ignore[dict-item]
    lines: Lines = defaultdict(lambda: defaultdict(Decimal))
    for row in (await connection.execute(text(LINES), values)).mappings():
        _add(lines[row["fixture_id"], row["market_id"], row["outcome_id"], row["exchange"]], row)
    return lines


def _add(line: dict[str, Any], row: Any) -> None:
    sign = 1 if row["action"] == "buy" else -1
    cost = row["paid"] + (row["filled"] - row["traded"]) * row["price"]
    resting = row["status"] in ("PENDING_PLACEMENT", "PLACED", "PARTIAL")
    line["matched"] += row["filled"]
    line["allFees"] += row["fee"]
    line["realizedPnl"] += row["profit"]
    line["orderCount"] += 1 if row["filled"] > 0 else 0
    line["matchedStake"] += row["filled"] if sign > 0 else 0
    if row["settlement"] == "UNDECIDED" and (row["filled"] > 0 or row["remaining"] > 0):
        line["contracts"] += sign * row["filled"]
        line["cost"] += sign * cost
        line["fees"] += row["fee"]
        line["openStake"] += (row["size"] - row["filled"]) * row["price"] if resting and sign > 0 else 0


async def all_pages(fetch: Callable[[Window], Awaitable[Page]], size: int) -> list[Any]:
    """Everything, page after page by cursor."""
    items: list[Any] = []
    window = Window(size=size)
    while True:
        page = await fetch(window)
        items += page.items
        if page.next_cursor is None:
            assert len(items) == page.total
            return items
        window = Window(size=size, cursor=page.next_cursor)

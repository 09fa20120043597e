"""Positions: what a client holds per fixture, outcome and exchange, how much of it is hedged, and what it may lose.

What is over comes from the counters, what is open from the open rows themselves (``open_lines``).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, Table, func, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.events import Row
from overround.ledger.reads.open_lines import Line, OpenLine, open_lines, shown
from overround.ledger.reads.page import Build, Filters, Item, Page, Window, cursor, on_days, page_of
from overround.ledger.rollups import LINE, LINE_SUMS, RESULTS, position_days, position_deltas, positions

KEY = LINE[1:]
WORDS = {name: name.upper() for name in RESULTS}


def _conditions(table: Table, client: str, filters: Filters) -> list[ColumnElement[bool]]:
    kept: list[ColumnElement[bool]] = [table.c.client == client]
    if "day" in table.c:
        kept += on_days(table.c.day, filters)
    if filters.fixture_id is not None:
        kept.append(table.c.fixture_id == filters.fixture_id)
    if filters.exchange is not None:
        kept.append(table.c.exchange == filters.exchange)
    return kept


def summed(client: str, filters: Filters, *columns: str, only: Sequence[Line] | None = None) -> Subquery:
    """Counted and not yet counted changes of the client's lines together; ``fresh`` is 1 for the latter."""
    parts = []
    for fresh, table in enumerate((position_days if filters.dated else positions, position_deltas)):
        kept = _conditions(table, client, filters)
        if only is not None:
            kept.append(tuple_(*(table.c[name] for name in KEY)).in_(only))
        chosen = [table.c[name] for name in (*KEY, "opened", *columns)]
        parts.append(select(*chosen, literal(fresh).label("fresh")).where(*kept))
    return union_all(*parts).subquery("changes")


def _opened(changes: Subquery) -> ColumnElement[int]:
    """The line's place in the list: as counted once, or else as it will be."""
    return func.coalesce(func.min(changes.c.opened).filter(changes.c.fresh == 0), func.min(changes.c.opened))


def held_lines(client: str, filters: Filters) -> Select[Any]:
    """Key and ``opened`` of every line that was ever filled."""
    changes = summed(client, filters, "matched")
    key = [changes.c[name] for name in KEY]
    return select(*key, _opened(changes).label("opened")).group_by(*key).having(func.sum(changes.c.matched) > 0)


def _sums(client: str, filters: Filters, only: Sequence[Line]) -> Select[Any]:
    changes = summed(client, filters, *LINE_SUMS, "updated_at", only=only)
    key = [changes.c[name] for name in KEY]
    sums = [func.sum(changes.c[name]).label(name) for name in LINE_SUMS]
    updated = func.max(changes.c.updated_at).label("updated_at")
    return select(*key, _opened(changes).label("opened"), updated, *sums).group_by(*key)


async def list_positions(connection: AsyncConnection, client: str, filters: Filters, window: Window) -> Page:
    """The lines that were last opened first."""
    after = window.after("positions", int)
    lines = held_lines(client, filters).cte("lines")
    total = (await connection.execute(select(func.count()).select_from(lines))).scalar_one()
    if window.beyond(total):
        return Page([], window, total)
    query = select(lines).order_by(lines.c.opened.desc()).limit(window.size + 1).offset(window.offset)
    if after is not None:
        query = query.where(lines.c.opened < after[0])
    rows = (await connection.execute(query)).mappings().all()
    build = await _builder(connection, client, filters, [_line_of(row) for row in rows[: window.size]])
    return page_of(rows, window, total, build, lambda row: cursor("positions", row["opened"]))


async def _builder(connection: AsyncConnection, client: str, filters: Filters, lines: Sequence[Line]) -> Build:
    """What makes the position of a row of ``held_lines``, one of ``lines``."""
    if not lines:
        return dict
    sums = {_line_of(row): row for row in (await connection.execute(_sums(client, filters, lines))).mappings()}
    live = await open_lines(connection, client, filters, sorted({line[0] for line in lines}))
    return lambda row: position_payload(sums[_line_of(row)], live.get(_line_of(row)))


def _line_of(row: Row) -> Line:
    return row["fixture_id"], row["market_id"], row["outcome_id"], row["exchange"]


def position_payload(row: Row, live: OpenLine | None) -> Item:
    """The position object; ``hedgedPayout`` and ``residual`` in contracts, everything else in currency."""
    now = live or OpenLine()
    times = [at for at in (row["updated_at"], now.updated_at) if at is not None]
    return {
        "fixtureId": row["fixture_id"],
        "marketId": row["market_id"],
        "outcomeId": row["outcome_id"],
        "exchange": row["exchange"],
        "orderCount": int(row["orders"]),
        "matchedStake": row["bought"],
        "contracts": now.contracts,
        "averagePrice": shown(row["bought_cost"] / row["bought"]) if row["bought"] else None,
        "cost": now.cost,
        "fees": now.fees,
        "hedgedPayout": now.payout - now.against,
        "hedgeStake": now.stake,
        "residual": now.residual,
        "openStake": now.resting,
        "worstCaseExposure": now.worst_case(),
        "realizedPnl": row["realised"],
        "unrealizedPnl": now.unrealised(),
        "settlementStatus": _settlement(row, now),
        "updatedAt": max(times),
    }


def _settlement(row: Row, live: OpenLine) -> str:
    """Undecided while anything is; a line's orders settle alike, or else the first word by name is shown."""
    if live.live or row["undecided"]:
        return WORDS["undecided"]
    return min((word for name, word in WORDS.items() if row[name] > 0), default=WORDS["undecided"])

"""A client's lines in the order of their list, from the counters: one line per fixture, market, outcome and exchange.

``opened`` names a line and its place. It is what the counters say; a line that was not counted yet has the id of its
first filled order. What writers left since the last fold is few rows: it is added here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Select, Table, bindparam, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.events import Row
from overround.ledger.reads.page import Filters, Window, on_days
from overround.ledger.rollups import LINE, LINE_SUMS, position_days, position_deltas, positions

KEY = LINE[1:]
Line = tuple[str, int, int, str]


@dataclass(frozen=True, slots=True)
class Sums:
    """A line's sums by column of the counters, and when one of them last changed."""

    line: Line
    values: Mapping[str, Any]
    updated_at: datetime | None

    def plus(self, other: "Sums | None") -> "Sums":
        """Both together; ``other`` is of the same line."""
        if other is None:
            return self
        values = {name: self.values[name] + other.values[name] for name in LINE_SUMS}
        times = [at for at in (self.updated_at, other.updated_at) if at is not None]
        return Sums(self.line, values, max(times, default=None))


@dataclass(frozen=True, slots=True)
class Held:
    """The page's lines from the newest, one more if there is one, and how many there are in all."""

    opened: list[int]
    sums: dict[int, Sums]
    total: int


def _conditions(table: Table, client: str, filters: Filters) -> list[ColumnElement[bool]]:
    kept: list[ColumnElement[bool]] = [table.c.client == client]
    if "day" in table.c:
        kept += on_days(table.c.day, filters)
    if filters.fixture_id is not None:
        kept.append(table.c.fixture_id == filters.fixture_id)
    if filters.exchange is not None:
        kept.append(table.c.exchange == filters.exchange)
    return kept


def _sums(row: Row) -> Sums:
    line = (row["fixture_id"], row["market_id"], row["outcome_id"], row["exchange"])
    return Sums(line, {name: row[name] for name in LINE_SUMS}, row["updated_at"])


def _grouped(table: Table) -> Select[Any]:
    sums = [func.sum(table.c[name]).label(name) for name in LINE_SUMS]
    key = [table.c[name] for name in KEY]
    return select(*key, *sums, func.max(table.c.updated_at).label("updated_at")).group_by(*key)


async def held(connection: AsyncConnection, client: str, filters: Filters, window: Window) -> Held:
    """Lines that were ever filled; raises ``BadPage`` for a page that cannot be given."""
    after = window.after("positions", int)
    counted = position_days if filters.dated else positions
    fresh = await _fresh(connection, client, filters)
    before = await _counted(connection, counted, client, filters, list(fresh))
    filled = {key for key in fresh if _matched(before.get(key)) + _matched(fresh[key]) > 0}
    known = sum(_matched(sums) > 0 for sums in before.values())
    total = await _total(connection, counted, client, filters) + len(filled) - known
    if window.beyond(total):
        return Held([], {}, total)
    opened = await _newest(connection, counted, client, filters, window, after, fresh, filled)
    sums = await _counted(connection, counted, client, filters, opened)
    return Held(opened, {key: _together(sums.get(key), fresh.get(key)) for key in opened}, total)


def _matched(sums: Sums | None) -> Any:
    return 0 if sums is None else sums.values["matched"]


def _together(counted: Sums | None, fresh: Sums | None) -> Sums:
    first, second = (counted, fresh) if counted is not None else (fresh, None)
    assert first is not None
    return first.plus(second)


async def _fresh(connection: AsyncConnection, client: str, filters: Filters) -> dict[int, Sums]:
    """What is not counted yet, by ``opened``."""
    grouped = _grouped(position_deltas).add_columns(func.min(position_deltas.c.opened).label("first"))
    news = grouped.where(*_conditions(position_deltas, client, filters)).subquery("news")
    same = [positions.c[name] == news.c[name] for name in KEY]
    opened = func.coalesce(positions.c.opened, news.c.first).label("opened")
    query = select(news, opened).outerjoin(
        positions, (positions.c.client == client) & same[0] & same[1] & same[2] & same[3]
    )
    return {row["opened"]: _sums(row) for row in (await connection.execute(query)).mappings()}


async def _counted(
    connection: AsyncConnection, table: Table, client: str, filters: Filters, opened: Collection[int]
) -> dict[int, Sums]:
    if not opened:
        return {}
    kept = (*_conditions(table, client, filters), table.c.opened == func.any(_array("opened", opened)))
    query = _grouped(table).add_columns(table.c.opened).group_by(table.c.opened).where(*kept)
    return {row["opened"]: _sums(row) for row in (await connection.execute(query)).mappings()}


def _array(name: str, values: Collection[int]) -> ColumnElement[Any]:
    return bindparam(name, list(values), ARRAY(BigInteger), unique=True)


def held_query(table: Table, client: str, filters: Filters) -> Select[Any]:
    """``opened`` of every counted line."""
    kept = (*_conditions(table, client, filters), table.c.matched > 0)
    query = select(table.c.opened).where(*kept)
    return query.group_by(table.c.opened) if filters.dated else query


async def _total(connection: AsyncConnection, table: Table, client: str, filters: Filters) -> int:
    query = select(func.count()).select_from(held_query(table, client, filters).subquery())
    return int((await connection.execute(query)).scalar_one())


async def _newest(
    connection: AsyncConnection,
    table: Table,
    client: str,
    filters: Filters,
    window: Window,
    after: tuple[int] | tuple[Any, ...] | None,
    fresh: Collection[int],
    filled: Collection[int],
) -> list[int]:
    """``opened`` of the page's lines: the counted ones in the index's order, among them the others."""
    query = held_query(table, client, filters).order_by(table.c.opened.desc())
    if fresh:
        query = query.where(table.c.opened != func.all(_array("fresh", fresh)))
    if after is not None:
        query = query.where(table.c.opened < after[0])
        filled = [key for key in filled if key < after[0]]
    lines = query.limit(window.offset + window.size + 1).subquery("lines")
    both = union_all(select(lines.c.opened), select(func.unnest(_array("filled", filled)))).subquery("both")
    page = select(both.c.opened).order_by(both.c.opened.desc()).limit(window.size + 1).offset(window.offset)
    return list((await connection.execute(page)).scalars())

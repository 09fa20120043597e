"""Totals of orders and bets from the counters, and which kinds of rows a list has to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, Table, func, literal, literal_column, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.reads.page import Filters, on_days
from overround.ledger.rollups import ALL, bet_counts, bet_deltas, order_counts, order_deltas

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Counters:
    """Where one kind of row is counted: ``kind`` are the columns that tell its rows apart, ``sums`` what is added."""

    counts: Table
    deltas: Table
    kind: tuple[str, ...]
    sums: tuple[str, str, str]


ORDERS = Counters(order_counts, order_deltas, ("exchange", "status"), ("orders", "stake", "filled"))
BETS = Counters(bet_counts, bet_deltas, ("exchange", "bookmaker", "status"), ("bets", "stake", "placed"))


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of one kind: how many, their stakes, what of it was matched, and between which ids they lie."""

    kind: tuple[str, ...]
    rows: int
    stake: Decimal
    matched: Decimal
    first_id: int
    last_id: int

    @property
    def status(self) -> str:
        return self.kind[-1]


def _conditions(table: Table, client: str, filters: Filters) -> list[ColumnElement[bool]]:
    kept = [table.c.client == client, *on_days(table.c.day, filters)]
    if filters.exchange is not None:
        kept.append(table.c.exchange == filters.exchange)
    if filters.bookmaker is not None:
        kept.append(table.c.bookmaker == filters.bookmaker)
    if filters.statuses:
        kept.append(table.c.status.in_(filters.statuses))
    return kept


def _both(of: Counters, client: str, filters: Filters, *columns: str) -> Subquery:
    """Counted and not yet counted rows together, of the filters' fixture or else of all."""
    counts, deltas = of.counts, of.deltas
    kept = [*_conditions(counts, client, filters), counts.c.fixture_id == (filters.fixture_id or ALL)]
    kept.append(counts.c.exchange != ALL)
    fresh = _conditions(deltas, client, filters)
    if filters.fixture_id is not None:
        fresh.append(deltas.c.fixture_id == filters.fixture_id)
    ids = {"first_id": deltas.c.item_id, "last_id": deltas.c.item_id}
    return union_all(
        select(*(counts.c[name] for name in columns)).where(*kept),
        select(*((ids[name] if name in ids else deltas.c[name]).label(name) for name in columns)).where(*fresh),
    ).subquery("both")


async def counted(connection: AsyncConnection, of: Counters, client: str, filters: Filters) -> list[Count]:
    """Every kind of row that passes ``filters`` and of which there is any."""
    both = _both(of, client, filters, *of.kind, *of.sums, "first_id", "last_id")
    kind = [both.c[name] for name in of.kind]
    rows, stake, matched = (func.sum(both.c[name]) for name in of.sums)
    query = (
        select(*kind, rows, stake, matched, func.min(both.c.first_id), func.max(both.c.last_id))
        .group_by(*kind)
        .having(rows > 0)
        .order_by(*kind)
    )
    width = len(kind)
    found = (await connection.execute(query)).all()
    return [Count(tuple(row[:width]), int(row[width]), *row[width + 1 :]) for row in found]


async def fixtures_of(connection: AsyncConnection, of: Counters, client: str, filters: Filters) -> int:
    """How many fixtures have a row that passes ``filters``, of which there is at least one."""
    if filters.fixture_id is not None:
        return 1
    held = fixtures_query(of, client, filters).subquery()
    return int((await connection.execute(select(func.count()).select_from(held))).scalar_one())


def fixtures_query(of: Counters, client: str, filters: Filters) -> Select[Any]:
    """Each such fixture once; from one row per fixture and day where only dates are filtered."""
    rows, parts = of.sums[0], []
    for table in (of.counts, of.deltas):
        kept = [*_conditions(table, client, filters), table.c.fixture_id != ALL]
        if table is of.counts:
            whole = not (filters.exchange or filters.bookmaker or filters.statuses)
            kept.append(literal_column("exchange = ''") if whole else table.c.exchange != ALL)
        parts.append(select(table.c.fixture_id, table.c[rows]).where(*kept))
    both = union_all(*parts).subquery("both")
    return select(literal(1)).select_from(both).group_by(both.c.fixture_id).having(func.sum(both.c[rows]) > 0)


def branches(
    ids: Select[Any], columns: Sequence[ColumnElement[Any]], counts: Sequence[Count], key: ColumnElement[Any], most: int
) -> Select[Any]:
    """The newest ``most`` of ``ids`` over several kinds: each is read from its own place in the index, then merged."""
    parts = [
        ids.where(*(column == value for column, value in zip(columns, count.kind, strict=True)))
        .order_by(key.desc())
        .limit(most)
        for count in counts
    ]
    merged = union_all(*parts).subquery("merged")
    return select(merged.c[0])

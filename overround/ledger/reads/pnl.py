"""Profit and loss and turnover of one client (mm-api sheet, sections 5.9 and 8.4)."""

from typing import Any

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.reads.open_lines import open_lines, total_unrealised
from overround.ledger.reads.page import Filters, Item, on_days
from overround.ledger.rollups import PROFIT_SUMS, RESULTS, position_days, position_deltas, profit_days


def _sums(client: str, filters: Filters) -> Select[Any]:
    """Everything that only adds up, over the orders created on the filters' days."""
    parts = []
    for table in (profit_days if filters.fixture_id is None else position_days, position_deltas):
        kept = [table.c.client == client, *on_days(table.c.day, filters)]
        if filters.fixture_id is not None:
            kept.append(table.c.fixture_id == filters.fixture_id)
        if filters.exchange is not None:
            kept.append(table.c.exchange == filters.exchange)
        parts.append(select(*(table.c[name] for name in PROFIT_SUMS)).where(*kept))
    both = union_all(*parts).subquery("both")
    return select(*(func.coalesce(func.sum(both.c[name]), 0).label(name) for name in PROFIT_SUMS))


async def profit_and_loss(connection: AsyncConnection, client: str, filters: Filters) -> Item:
    """Realised from results, unrealised from open positions; ``turnover`` and stakes are matched contracts."""
    row = (await connection.execute(_sums(client, filters))).mappings().one()
    unrealised = total_unrealised((await open_lines(connection, client, filters)).values())
    return {
        "pnl": row["realised"] + unrealised,
        "realizedPnl": row["realised"],
        "unrealizedPnl": unrealised,
        "totalMatchedStake": row["matched"],
        "turnover": row["matched"],
        "fees": row["fees"],
        "settledCount": sum(int(row[name]) for name in RESULTS if name != "undecided"),
        "unsettledCount": int(row["undecided"]),
        "fromDate": filters.from_date,
        "toDate": filters.to_date,
    }

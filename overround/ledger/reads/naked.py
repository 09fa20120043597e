"""What no accepted bet covers yet, and for how long."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.events import Row
from overround.ledger.live import HEDGE_OPEN
from overround.ledger.reads.page import Item
from overround.ledger.tables import hedges, orders

SHOWN = 200
NAKED: ColumnElement[Decimal] = hedges.c.residual + hedges.c.in_flight


def _query(client: str, *columns: Any) -> Select[Any]:
    """Open hedges of unsettled orders."""
    joined = hedges.join(orders, orders.c.client_order_id == hedges.c.client_order_id)
    return (
        select(*columns)
        .select_from(joined)
        .where(hedges.c.client == client, HEDGE_OPEN, orders.c.settlement == "UNDECIDED")
        .where(NAKED != 0)
    )


async def naked_exposure(connection: AsyncConnection, client: str) -> Item:
    """Fills that no accepted bet covers, oldest first; a bet in flight counts as not placed. Sizes in contracts."""
    sums = _query(
        client,
        func.count().label("orders"),
        func.coalesce(func.sum(func.abs(NAKED)), 0).label("naked"),
        func.coalesce(func.sum(hedges.c.in_flight), 0).label("in_flight"),
        func.min(hedges.c.opened_at).label("oldest"),
        func.clock_timestamp().label("now"),
    )
    total = (await connection.execute(sums)).one()
    rows = await connection.execute(
        _query(client, hedges, orders.c.order_id, orders.c.exchange).order_by(hedges.c.opened_at).limit(SHOWN)
    )
    return {
        "orders": total.orders,
        "naked": total.naked,
        "inFlight": total.in_flight,
        "oldestSeconds": None if total.oldest is None else _seconds(total.now, total.oldest),
        "items": [_item(row, total.now) for row in rows.mappings()],
    }


def _item(row: Row, now: datetime) -> Item:
    return {
        "orderId": row["order_id"],
        "fixtureId": row["fixture_id"],
        "marketId": row["market_id"],
        "outcomeId": row["outcome_id"],
        "exchange": row["exchange"],
        "matchedStake": row["target"],
        "hedgedPayout": row["done"],
        "inFlight": row["in_flight"],
        "pooled": row["dust"],
        "naked": row["residual"] + row["in_flight"],
        "state": row["state"],
        "reason": row["reason"],
        "since": row["opened_at"],
        "ageSeconds": _seconds(now, row["opened_at"]),
    }


def _seconds(now: datetime, then: datetime) -> Decimal:
    return max(Decimal(0), Decimal(int((now - then).total_seconds() * 10)).scaleb(-1))

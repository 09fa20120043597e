"""Realised profit over time: when which result was booked."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.reads.page import Item
from overround.ledger.tables import settlements

POINTS = 240
STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600)
EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def step_of(hours: int) -> timedelta:
    """The finest step that keeps a window of ``hours`` within ``POINTS`` points."""
    wanted = hours * 3600 / POINTS
    return timedelta(seconds=next((step for step in STEPS if step >= wanted), STEPS[-1]))


async def profit_series(connection: AsyncConnection, client: str, hours: int) -> Item:
    """The bookings of the last ``hours``, summed by step; a step without a booking has no point.

    A later revision of a result counts with its difference to the one it supersedes, at the time it was booked.
    """
    now: datetime = (await connection.execute(select(func.now()))).scalar_one()
    since, step = now - timedelta(hours=hours), step_of(hours)
    corrected = settlements.alias("corrected")
    before = select(corrected.c.profit).where(corrected.c.settlement_id == settlements.c.supersedes).scalar_subquery()
    change = case((settlements.c.supersedes.is_(None), settlements.c.profit), else_=settlements.c.profit - before)
    place = func.date_bin(literal(step), settlements.c.booked_at, literal(EPOCH))
    query = (
        select(func.max(settlements.c.booked_at).label("at"), func.sum(change).label("change"))
        .where(settlements.c.client == client, settlements.c.booked_at >= since)
        .group_by(place)
        .order_by(place)
    )
    points, total = [], Decimal(0)
    for row in await connection.execute(query):
        total += row.change
        points.append({"at": row.at, "change": row.change, "realizedPnl": total})
    return {"from": since, "to": now, "stepSeconds": int(step.total_seconds()), "realizedPnl": total, "points": points}

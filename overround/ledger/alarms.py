"""What a person must know: raised once per kind and subject, cleared when it is over."""

from typing import Any

from sqlalchemy import RowMapping, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t


async def raise_alarm(
    connection: AsyncConnection, kind: str, subject: str, message: str, client: str | None = None
) -> None:
    """Raise an alarm, or refresh the text of the one already raised."""
    statement = insert(t.alarms).values(kind=kind, subject=subject, message=message, client=client)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"], index_where=t.alarms.c.cleared_at.is_(None), set_={"message": message}
        )
    )


async def clear_naked(connection: AsyncConnection, fixture_id: str) -> None:
    """A fixture is booked: what was naked in it is history."""
    mine = select(t.orders.c.client_order_id).where(t.orders.c.fixture_id == fixture_id)
    await connection.execute(
        update(t.alarms)
        .where(t.alarms.c.kind == "naked", t.alarms.c.subject.in_(mine), t.alarms.c.cleared_at.is_(None))
        .values(cleared_at=func.now())
    )


async def clear_alarm(connection: AsyncConnection, kind: str, subject: str) -> None:
    await connection.execute(
        update(t.alarms)
        .where(t.alarms.c.kind == kind, t.alarms.c.subject == subject, t.alarms.c.cleared_at.is_(None))
        .values(cleared_at=func.now())
    )


def listed(client: str | None, kind: str | None, *, history: bool) -> Select[Any]:
    """Alarms that are open, or with ``history`` every one ever raised."""
    query = select(t.alarms)
    for column, value in ((t.alarms.c.client, client), (t.alarms.c.kind, kind)):
        if value is not None:
            query = query.where(column == value)
    return query if history else query.where(t.alarms.c.cleared_at.is_(None))


async def close_alarm(connection: AsyncConnection, alarm_id: int) -> tuple[RowMapping, bool] | None:
    """Clear one alarm; its row and whether it was open, None when there is none of that id."""
    change = update(t.alarms).where(t.alarms.c.alarm_id == alarm_id, t.alarms.c.cleared_at.is_(None))
    cleared = await connection.execute(change.values(cleared_at=func.now()).returning(t.alarms.c.alarm_id))
    was_open = cleared.one_or_none() is not None
    query = select(t.alarms).where(t.alarms.c.alarm_id == alarm_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else (row, was_open)

"""What a person must know: raised once per kind and subject, cleared when it is over."""

from sqlalchemy import func, select, update
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

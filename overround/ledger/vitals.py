"""Signs of life of every part, and of every client's active accounts."""

from sqlalchemy import RowMapping, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.tables import alarms, bookmaker_accounts, exchange_accounts, heartbeats
from overround.ledger.waiting import disputes, residuals


async def beats(connection: AsyncConnection) -> dict[str, RowMapping]:
    """The last sign of life by name; ``age`` in seconds."""
    age = func.round(func.greatest(func.extract("epoch", func.clock_timestamp() - heartbeats.c.at), 0), 1)
    rows = await connection.execute(select(heartbeats, age.label("age")))
    return {row["name"]: row for row in rows.mappings()}


async def venues(connection: AsyncConnection) -> list[RowMapping]:
    """Status of every active account, exchanges first."""
    sides = []
    for kind, table, venue in (
        ("exchange", exchange_accounts, exchange_accounts.c.exchange),
        ("bookmaker", bookmaker_accounts, bookmaker_accounts.c.bookmaker),
    ):
        age = func.round(func.extract("epoch", func.clock_timestamp() - table.c.balance_at), 1)
        columns = (table.c.account_id, table.c.client, table.c.status, table.c.status_reason)
        head = (literal(kind).label("kind"), venue.label("venue"))
        sides.append(select(*head, *columns, age.label("age")).where(table.c.active))
    query = union_all(*sides).subquery()
    return list((await connection.execute(select(query).order_by(query.c.kind.desc(), query.c.account_id))).mappings())


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """How much waits for a person."""
    queries = {
        "openAlarms": select(alarms.c.alarm_id).where(alarms.c.cleared_at.is_(None)),
        "openResiduals": residuals(),
        "disputes": disputes(),
    }
    return {
        name: (await connection.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
        for name, query in queries.items()
    }

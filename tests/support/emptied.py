"""A ledger as new for the next test: only what the last one used is emptied: each truncated table costs new files."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import rollups, tables
from overround.ledger.schema import metadata

DEFINED_IN = (tables, rollups)
"""Imported so that ``metadata`` knows every table."""
NAMES = sorted(metadata.tables)
ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('fold_lists', 7))")
"""A fold of another process, between the look and the emptying, would leave rows in a table that had none."""
FULL = text(" UNION ALL ".join(f"SELECT '{name}' AS name WHERE EXISTS (SELECT 1 FROM {name})" for name in NAMES))
DRAWN = text("SELECT sequencename AS name FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL")


async def empty(connection: AsyncConnection) -> None:
    """Leave every table without rows. Numbers go on: somebody may still be following them."""
    await connection.execute(ALONE)
    full = [row.name for row in await connection.execute(FULL)]
    if full:
        await connection.exec_driver_sql(f"TRUNCATE {', '.join(full)} CASCADE")


async def renew(connection: AsyncConnection) -> None:
    """Leave every table without rows and every number at its first."""
    await empty(connection)
    for row in (await connection.execute(DRAWN)).all():
        await connection.exec_driver_sql(f"ALTER SEQUENCE {row.name} RESTART")

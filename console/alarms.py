"""``overround alarms``: what a person must know now (docs/operations.md says what each kind asks for)."""

import asyncio
from typing import Annotated, Any

import typer
from sqlalchemy import Row, select

from console import config, target
from overround.ledger import tables as t
from overround.ledger.db import connect


def alarms(history: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False) -> None:
    """List alarms, oldest first. Exit code 1 while any is open."""
    rows = asyncio.run(_read(target.database_url(config.load()), history))
    for row in rows:
        over = "" if row.cleared_at is None else f"  (over since {row.cleared_at:%H:%M:%S})"
        print(f"{row.raised_at:%Y-%m-%d %H:%M:%S}  {row.kind:<8}  {row.subject}: {row.message}{over}")
    if not rows:
        print("no alarms")
    raise typer.Exit(int(any(row.cleared_at is None for row in rows)))


async def _read(database_url: str, history: bool) -> list[Row[Any]]:
    query = select(t.alarms).order_by(t.alarms.c.alarm_id)
    engine = connect(database_url, pool=1)
    try:
        async with engine.connect() as connection:
            return list(await connection.execute(query if history else query.where(t.alarms.c.cleared_at.is_(None))))
    finally:
        await engine.dispose()

"""Signs of life of the processes, and what each says of itself."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t

WORKERS = ("trading", "hedging")
PARTS = ("streamers", *WORKERS)
DEAD_SECONDS = Decimal(6)
"""Each part beats every second; after this long without it is taken for dead, and the guard pulls every quote when it
is a worker."""


async def beat(connection: AsyncConnection, name: str, detail: dict[str, Any]) -> None:
    """Say that ``name`` is alive; ``detail`` is shown to operators."""
    statement = insert(t.heartbeats).values(name=name, at=func.now(), detail=detail)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"at": func.now(), "detail": detail})
    )


async def ages(connection: AsyncConnection, names: Collection[str]) -> dict[str, Decimal]:
    """Seconds since each last said that it is alive; one that never did is not among them."""
    elapsed = func.extract("epoch", func.now() - t.heartbeats.c.at).label("age")
    query = select(t.heartbeats.c.name, elapsed).where(t.heartbeats.c.name.in_(names))
    return {row.name: row.age for row in await connection.execute(query)}

"""Signs of life of the processes, and what each says of itself."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t


async def beat(connection: AsyncConnection, name: str, detail: dict[str, Any]) -> None:
    """Say that ``name`` is alive; ``detail`` is shown to operators."""
    statement = insert(t.heartbeats).values(name=name, at=func.now(), detail=detail)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"at": func.now(), "detail": detail})
    )


async def age(connection: AsyncConnection, name: str) -> float | None:
    """Seconds since ``name`` last said it is alive, None when it never did."""
    query = select(func.extract("epoch", func.now() - t.heartbeats.c.at)).where(t.heartbeats.c.name == name)
    value = (await connection.execute(query)).scalar_one_or_none()
    return None if value is None else float(value)

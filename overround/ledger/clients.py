"""Clients as operators see and change them."""

from typing import Any

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.clients import ClientId
from overround.ledger import tables as t
from overround.ledger.live import ORDER_OPEN


async def create_client(connection: AsyncConnection, who: ClientId, name: str, odds_format: str) -> bool:
    """A client that may trade as soon as it has accounts; False when the id is taken."""
    values = {"client": who.client, "name": name, "bookmaker": who.bookmaker, "odds_format": odds_format}
    statement = insert(t.clients).values(values).on_conflict_do_nothing().returning(t.clients.c.client)
    return (await connection.execute(statement)).one_or_none() is not None


async def find_client(connection: AsyncConnection, client: str, *, lock: bool = False) -> RowMapping | None:
    """A client's row; with ``lock`` nobody else changes it until the transaction ends."""
    query = select(t.clients).where(t.clients.c.client == client)
    found = await connection.execute(query.with_for_update(key_share=True) if lock else query)
    row: RowMapping | None = found.mappings().one_or_none()
    return row


async def change_client(connection: AsyncConnection, client: str, values: dict[str, Any]) -> RowMapping:
    """Set columns of a client that exists; the new row."""
    query = update(t.clients).where(t.clients.c.client == client).values(values).returning(t.clients)
    row: RowMapping = (await connection.execute(query)).mappings().one()
    return row


async def unfinished(connection: AsyncConnection, client: str) -> dict[str, int]:
    """What still runs for a client: ``open orders`` and ``hedges under way``, each above zero."""
    orders = select(func.count()).where(t.orders.c.client == client, ORDER_OPEN)
    hedges = select(func.count()).where(t.hedges.c.client == client, t.hedges.c.state != "DONE")
    found = {
        "open orders": (await connection.execute(orders)).scalar_one(),
        "hedges under way": (await connection.execute(hedges)).scalar_one(),
    }
    return {what: count for what, count in found.items() if count}

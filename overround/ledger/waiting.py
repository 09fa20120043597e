"""What waits for a person: fills without a hedge, and results that disagree."""

from typing import Any

from sqlalchemy import RowMapping, Select, exists, func, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.tables import clients, fixture_settlements, fixtures, hedges, orders

STUCK = ("OPEN", "UNKNOWN")
DISPUTED = "DISPUTED"
JOINED = hedges.join(orders, orders.c.client_order_id == hedges.c.client_order_id)


def residuals(client: str | None = None) -> Select[Any]:
    """Hedges that are open or unknown, of orders that are not settled; ``age`` in seconds."""
    age = func.round(func.greatest(func.extract("epoch", func.clock_timestamp() - hedges.c.opened_at), 0), 1)
    query = (
        select(hedges, orders.c.account_id, orders.c.exchange, orders.c.price, age.label("age"))
        .select_from(JOINED)
        .where(hedges.c.state.in_(STUCK), orders.c.settlement == "UNDECIDED")
    )
    return query if client is None else query.where(hedges.c.client == client)


async def hedge(connection: AsyncConnection, client_order_id: str) -> RowMapping | None:
    """The hedge of an order."""
    query = select(hedges).where(hedges.c.client_order_id == client_order_id)
    return (await connection.execute(query)).mappings().one_or_none()


def disputes() -> Select[Any]:
    """Settlements that wait for a decision, with who is concerned."""
    fixture = fixture_settlements.c.fixture_id
    traded = (
        exists()
        .where(orders.c.client == clients.c.client, orders.c.fixture_id == fixture)
        .correlate(clients, fixture_settlements)
    )
    concerned = select(func.coalesce(func.array_agg(clients.c.client), array([], type_=clients.c.client.type)))
    return (
        select(
            fixture_settlements,
            fixtures.c.participant1,
            fixtures.c.participant2,
            concerned.where(traded).correlate(fixture_settlements).scalar_subquery().label("clients"),
        )
        .select_from(fixture_settlements.outerjoin(fixtures, fixtures.c.fixture_id == fixture))
        .where(fixture_settlements.c.state == DISPUTED)
    )


async def settlement(connection: AsyncConnection, fixture_id: str) -> RowMapping | None:
    """Where a fixture's settlement stands."""
    query = select(fixture_settlements).where(fixture_settlements.c.fixture_id == fixture_id)
    return (await connection.execute(query)).mappings().one_or_none()

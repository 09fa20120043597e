"""Orders that rest: which a cancel concerns, what became of them, and how many keep a choice from being changed."""

from collections.abc import Collection, Sequence

from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.live import ORDER_OPEN
from overround.ledger.tables import fixtures, instruments, orders


async def orders_of(connection: AsyncConnection, client: str, order_ids: Collection[int]) -> dict[int, RowMapping]:
    """The client's own orders among these, by id."""
    query = select(orders).where(orders.c.client == client, orders.c.order_id.in_(order_ids))
    return {row["order_id"]: row for row in (await connection.execute(query)).mappings()}


async def resting(connection: AsyncConnection, client: str, fixture_id: str | None, exchange: str | None) -> list[int]:
    """Ids of the client's open orders in a fixture and at an exchange (None is any), oldest first.

    A sale that unwinds a hedge is not among them: it is the hedge's, and ends by itself.
    """
    query = select(orders.c.order_id).where(orders.c.client == client, ORDER_OPEN, orders.c.action == "buy")
    if fixture_id is not None:
        query = query.where(orders.c.fixture_id == fixture_id)
    if exchange is not None:
        query = query.where(orders.c.exchange == exchange)
    return list((await connection.execute(query.order_by(orders.c.order_id))).scalars())


async def still_open(connection: AsyncConnection, client: str, order_ids: Sequence[int]) -> bool:
    """Is any of these not known to be over?"""
    query = select(orders.c.order_id).where(orders.c.client == client, orders.c.order_id.in_(order_ids), ORDER_OPEN)
    return (await connection.execute(query.limit(1))).first() is not None


async def open_counts(connection: AsyncConnection, client: str) -> dict[tuple[int, int], int]:
    """How many of the client's orders are open, by tournament and outcome."""
    place = (orders.c.tournament_id, orders.c.outcome_id)
    query = select(*place, func.count().label("open")).where(
        orders.c.client == client, ORDER_OPEN, orders.c.action == "buy"
    )
    rows = await connection.execute(query.group_by(*place))
    return {(row.tournament_id, row.outcome_id): row.open for row in rows}


async def market_ids(connection: AsyncConnection, outcome_ids: Collection[int]) -> dict[int, int]:
    """Outcome to the market it belongs to, as far as any exchange has listed it."""
    query = select(instruments.c.outcome_id, func.min(instruments.c.market_id).label("market_id"))
    query = query.where(instruments.c.outcome_id.in_(outcome_ids)).group_by(instruments.c.outcome_id)
    return {row.outcome_id: row.market_id for row in await connection.execute(query)}


async def tournament_names(connection: AsyncConnection, tournament_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Tournament to its name and its sport's, as far as the feed has had a fixture of it."""
    columns = (fixtures.c.tournament_id, fixtures.c.tournament, fixtures.c.sport)
    query = select(*columns).ext(distinct_on(fixtures.c.tournament_id)).order_by(fixtures.c.tournament_id)
    rows = await connection.execute(query.where(fixtures.c.tournament_id.in_(tournament_ids)))
    return {row.tournament_id: (row.tournament, row.sport) for row in rows}

"""Exchange orders of one client (mm-api sheet, sections 5.2 to 5.4)."""

from typing import Any

from sqlalchemy import ColumnElement, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.orders import OPEN, OrderStatus
from overround.ledger.events import order_payload
from overround.ledger.reads.page import Filters, Item, Page, Window, fetch_page, within
from overround.ledger.tables import orders

OPEN_STATUSES = tuple(sorted(status.value for status in OPEN))
NEWEST = (orders.c.order_id.desc(),)


def conditions(client: str, filters: Filters) -> list[ColumnElement[bool]]:
    """The client's orders that pass ``filters``."""
    kept: list[ColumnElement[bool]] = [orders.c.client == client]
    if filters.fixture_id is not None:
        kept.append(orders.c.fixture_id == filters.fixture_id)
    if filters.exchange is not None:
        kept.append(orders.c.exchange == filters.exchange)
    if filters.order_id is not None:
        kept.append(orders.c.order_id == filters.order_id)
    if filters.statuses:
        kept.append(orders.c.status.in_(filters.statuses))
    return kept + within(orders.c.created_at, filters.from_date, filters.to_date)


async def list_orders(connection: AsyncConnection, client: str, filters: Filters, window: Window) -> Page:
    query = select(orders).where(*conditions(client, filters))
    return await fetch_page(connection, query, NEWEST, window, order_payload)


async def open_orders(connection: AsyncConnection, client: str, fixture_id: str, window: Window) -> Page:
    filters = Filters(fixture_id=fixture_id, statuses=OPEN_STATUSES)
    return await list_orders(connection, client, filters, window)


async def find_order(connection: AsyncConnection, client: str, order_id: int) -> Item | None:
    """One order of this client; None when there is none, or it is somebody else's."""
    query = select(orders).where(orders.c.client == client, orders.c.order_id == order_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else order_payload(row)


async def summarise_orders(connection: AsyncConnection, client: str, filters: Filters) -> Item:
    """The nine fields of mm-api sheet, section 5.8; stakes in contracts."""
    is_open = orders.c.status.in_(OPEN_STATUSES)
    query = select(
        func.count().label("totalOrders"),
        func.count(distinct(orders.c.fixture_id)).label("fixtureCount"),
        func.count(distinct(orders.c.exchange)).label("exchangeCount"),
        _sum(orders.c.size).label("totalStake"),
        _sum(orders.c.filled).label("totalMatched"),
        func.coalesce(func.sum(orders.c.size - orders.c.filled).filter(is_open), 0).label("totalOpen"),
        func.count().filter(orders.c.status == OrderStatus.FILLED.value).label("filledCount"),
        func.count().filter(orders.c.status == OrderStatus.CANCELLED.value).label("cancelledCount"),
        func.count().filter(is_open).label("openCount"),
    ).where(*conditions(client, filters))
    return dict((await connection.execute(query)).mappings().one())


def _sum(column: Any) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)

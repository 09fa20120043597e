"""Exchange orders of one client (mm-api sheet, sections 5.2 to 5.4)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.orders import OPEN, OrderStatus
from overround.ledger.events import order_payload
from overround.ledger.live import ORDER_OPEN
from overround.ledger.reads.counts import ORDERS, ZERO, Count, branches, counted, fixtures_of
from overround.ledger.reads.page import Filters, Item, Page, Window, by_number, within
from overround.ledger.tables import orders

OPEN_STATUSES = tuple(sorted(status.value for status in OPEN))


def newest_ids(client: str, filters: Filters, window: Window, counts: Sequence[Count]) -> Select[Any]:
    """Ids of the page's orders, newest first, and of one more."""
    after = window.after("orders", int)
    kept = [orders.c.client == client, *within(orders.c.created_at, filters.from_date, filters.to_date)]
    if filters.dated:
        kept.append(orders.c.order_id >= min(count.first_id for count in counts))
        kept.append(orders.c.order_id <= max(count.last_id for count in counts))
    if after is not None:
        kept.append(orders.c.order_id < after[0])
    ids = select(orders.c.order_id).where(*kept)
    most = window.offset + window.size + 1
    if filters.fixture_id is not None:
        ids = ids.where(orders.c.fixture_id == filters.fixture_id, *_rest(filters))
    elif filters.exchange is not None or filters.statuses:
        ids = branches(ids, (orders.c.exchange, orders.c.status), counts, orders.c.order_id, most)
    return ids.order_by(ids.selected_columns[0].desc()).limit(window.size + 1).offset(window.offset)


def _rest(filters: Filters) -> list[ColumnElement[bool]]:
    kept: list[ColumnElement[bool]] = []
    if filters.exchange is not None:
        kept.append(orders.c.exchange == filters.exchange)
    if filters.statuses == OPEN_STATUSES:
        kept.append(ORDER_OPEN)
    elif filters.statuses:
        kept.append(orders.c.status.in_(filters.statuses))
    return kept


async def list_orders(connection: AsyncConnection, client: str, filters: Filters, window: Window) -> Page:
    counts = await counted(connection, ORDERS, client, filters)
    total = sum(count.rows for count in counts)
    window.after("orders", int)
    if window.beyond(total):
        return Page([], window, total)
    ids = newest_ids(client, filters, window, counts)
    return await by_number(connection, "orders", ids, orders.c.order_id, window, total, order_payload)


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
    counts = await counted(connection, ORDERS, client, filters)
    resting = [count for count in counts if count.status in OPEN_STATUSES]
    return {
        "totalOrders": sum(count.rows for count in counts),
        "fixtureCount": await fixtures_of(connection, ORDERS, client, filters) if counts else 0,
        "exchangeCount": len({count.kind[0] for count in counts}),
        "totalStake": sum((count.stake for count in counts), ZERO),
        "totalMatched": sum((count.matched for count in counts), ZERO),
        "totalOpen": sum((count.stake - count.matched for count in resting), ZERO),
        "filledCount": rows_in(counts, OrderStatus.FILLED),
        "cancelledCount": rows_in(counts, OrderStatus.CANCELLED),
        "openCount": sum(count.rows for count in resting),
    }


def rows_in(counts: Sequence[Count], status: str) -> int:
    """How many rows have this status."""
    return sum(count.rows for count in counts if count.status == status)

"""Hedge bets of one client (mm-api sheet, section 5.6). Their date filter is the date of the order they hedge."""

from typing import Any

from sqlalchemy import ColumnElement, Select, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.events import BET_STATUS, Row, bet_payload
from overround.ledger.reads.page import Filters, Item, Page, Window, fetch_page, within
from overround.ledger.tables import bets, orders

STORED_STATUS = {shown: stored for stored, shown in BET_STATUS.items()}
OPEN = ("SENT", "PENDING", "UNKNOWN")
JOINED = bets.join(orders, orders.c.client_order_id == bets.c.client_order_id)


def conditions(client: str, filters: Filters) -> list[ColumnElement[bool]]:
    """The client's bets that pass ``filters``; statuses in the API's words."""
    kept: list[ColumnElement[bool]] = [bets.c.client == client]
    for column, value in (
        (bets.c.fixture_id, filters.fixture_id),
        (bets.c.bookmaker, filters.bookmaker),
        (orders.c.exchange, filters.exchange),
        (orders.c.order_id, filters.order_id),
    ):
        if value is not None:
            kept.append(column == value)
    if filters.statuses:
        kept.append(bets.c.status.in_([STORED_STATUS[status] for status in filters.statuses]))
    return kept + within(orders.c.created_at, filters.from_date, filters.to_date)


def _payload(row: Row) -> Item:
    return bet_payload(row, row["order_id"])


def _query() -> Select[Any]:
    return select(bets, orders.c.order_id).select_from(JOINED)


async def list_bets(connection: AsyncConnection, client: str, filters: Filters, window: Window) -> Page:
    query = _query().where(*conditions(client, filters))
    return await fetch_page(connection, query, (bets.c.bet_id.desc(),), window, _payload)


async def find_bet(connection: AsyncConnection, client: str, bet_id: int) -> Item | None:
    """One bet of this client; None when there is none, or it is somebody else's."""
    query = _query().where(bets.c.client == client, bets.c.bet_id == bet_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _payload(row)


async def summarise_bets(connection: AsyncConnection, client: str, filters: Filters) -> Item:
    """Nine fields in parallel to the orders'; stakes in the bookmaker's currency."""
    is_open = bets.c.status.in_(OPEN)
    query = (
        select(
            func.count().label("totalBets"),
            func.count(distinct(bets.c.fixture_id)).label("fixtureCount"),
            func.count(distinct(bets.c.bookmaker)).label("bookmakerCount"),
            func.coalesce(func.sum(bets.c.stake), 0).label("totalStake"),
            func.coalesce(func.sum(bets.c.placed_stake), 0).label("totalMatched"),
            func.coalesce(func.sum(bets.c.stake - bets.c.placed_stake).filter(is_open), 0).label("totalOpen"),
            func.count().filter(bets.c.status == "FILLED").label("matchedCount"),
            func.count().filter(bets.c.status == "REJECTED").label("rejectedCount"),
            func.count().filter(is_open).label("openCount"),
        )
        .select_from(JOINED)
        .where(*conditions(client, filters))
    )
    return dict((await connection.execute(query)).mappings().one())

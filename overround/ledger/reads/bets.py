"""Hedge bets of one client (mm-api sheet, section 5.6). Their date filter is the date of the order they hedge."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.bookmakers.base import IN_FLIGHT
from overround.ledger.events import BET_STATUS, Row, bet_payload
from overround.ledger.reads.counts import BETS, ZERO, Count, branches, counted, fixtures_of
from overround.ledger.reads.orders import rows_in
from overround.ledger.reads.page import Filters, Item, Page, Window, by_number, on_days
from overround.ledger.tables import bets

STORED_STATUS = {shown: stored for stored, shown in BET_STATUS.items()}
KIND = (bets.c.of_exchange, bets.c.bookmaker, bets.c.status)


def _stored(filters: Filters) -> Filters:
    """The filters with the ledger's words for the API's."""
    return replace(filters, statuses=tuple(STORED_STATUS[status] for status in filters.statuses))


def _payload(row: Row) -> Item:
    return bet_payload(row, row["of_order"])


def newest_ids(client: str, filters: Filters, window: Window, counts: Sequence[Count]) -> Select[Any]:
    """Ids of the page's bets, newest first, and of one more."""
    after = window.after("bets", int)
    kept = [bets.c.client == client, *on_days(bets.c.of_day, filters)]
    if filters.dated and counts:
        kept.append(bets.c.bet_id >= min(count.first_id for count in counts))
        kept.append(bets.c.bet_id <= max(count.last_id for count in counts))
    if after is not None:
        kept.append(bets.c.bet_id < after[0])
    ids = select(bets.c.bet_id).where(*kept)
    if filters.order_id is not None or filters.fixture_id is not None:
        ids = _narrowed(ids, filters)
    elif filters.exchange is not None or filters.bookmaker is not None or filters.statuses:
        ids = branches(ids, KIND, counts, bets.c.bet_id, window.offset + window.size + 1)
    return ids.order_by(ids.selected_columns[0].desc()).limit(window.size + 1).offset(window.offset)


def _narrowed(ids: Select[Any], filters: Filters) -> Select[Any]:
    """Few rows, by order or fixture: the rest is looked at one by one."""
    for column, value in (
        (bets.c.of_order, filters.order_id),
        (bets.c.fixture_id, filters.fixture_id),
        (bets.c.of_exchange, filters.exchange),
        (bets.c.bookmaker, filters.bookmaker),
    ):
        if value is not None:
            ids = ids.where(column == value)
    return ids.where(bets.c.status.in_(filters.statuses)) if filters.statuses else ids


async def _of_order(connection: AsyncConnection, client: str, filters: Filters) -> list[Count]:
    """``counted`` for the bets of one order, of which there are few."""
    kept = _narrowed(select(bets).where(bets.c.client == client, *on_days(bets.c.of_day, filters)), filters).subquery()
    kind = [kept.c[column.name] for column in KIND]
    sums = (func.count(), func.sum(kept.c.stake), func.sum(kept.c.placed_stake))
    query = select(*kind, *sums, func.min(kept.c.bet_id), func.max(kept.c.bet_id)).group_by(*kind)
    found = [tuple(row) for row in await connection.execute(query)]
    return [Count(row[:3], row[3], row[4], row[5], row[6], row[7]) for row in found]


async def _counted(connection: AsyncConnection, client: str, filters: Filters) -> list[Count]:
    if filters.order_id is not None:
        return await _of_order(connection, client, filters)
    return await counted(connection, BETS, client, filters)


async def list_bets(connection: AsyncConnection, client: str, filters: Filters, window: Window) -> Page:
    filters = _stored(filters)
    counts = await _counted(connection, client, filters)
    total = sum(count.rows for count in counts)
    window.after("bets", int)
    if window.beyond(total):
        return Page([], window, total)
    ids = newest_ids(client, filters, window, counts)
    return await by_number(connection, "bets", ids, bets.c.bet_id, window, total, _payload)


async def find_bet(connection: AsyncConnection, client: str, bet_id: int) -> Item | None:
    """One bet of this client; None when there is none, or it is somebody else's."""
    query = select(bets).where(bets.c.client == client, bets.c.bet_id == bet_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _payload(row)


async def summarise_bets(connection: AsyncConnection, client: str, filters: Filters) -> Item:
    """Nine fields in parallel to the orders'; stakes in the bookmaker's currency."""
    filters = _stored(filters)
    counts = await _counted(connection, client, filters)
    running = [count for count in counts if count.status in IN_FLIGHT]
    return {
        "totalBets": sum(count.rows for count in counts),
        "fixtureCount": await _fixtures(connection, client, filters) if counts else 0,
        "bookmakerCount": len({count.kind[1] for count in counts}),
        "totalStake": sum((count.stake for count in counts), ZERO),
        "totalMatched": sum((count.matched for count in counts), ZERO),
        "totalOpen": sum((count.stake - count.matched for count in running), ZERO),
        "matchedCount": rows_in(counts, "FILLED"),
        "rejectedCount": rows_in(counts, "REJECTED"),
        "openCount": sum(count.rows for count in running),
    }


async def _fixtures(connection: AsyncConnection, client: str, filters: Filters) -> int:
    if filters.order_id is not None:
        return 1  # an order belongs to one fixture, and so do its bets
    return await fixtures_of(connection, BETS, client, filters)

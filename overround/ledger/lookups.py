"""Whose order is this? Finds an order by whatever the venue called it, with what its hedge needs to know."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.markets import Instrument
from overround.domain.messages import HedgedOrder, Owner
from overround.domain.orders import OPEN, Seen
from overround.ledger import tables as t
from overround.ledger.configs import Configs

INSTRUMENT = TypeAdapter(Instrument)


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order's identity: who owns it and what it trades. A sale's ``workflow_id`` is the hedge it unwinds."""

    client_order_id: str
    venue_order_id: str | None
    workflow_id: str
    action: str
    owner: Owner
    outcome_id: int
    hedged: HedgedOrder


def _facts(row: Row[Any], configs: Configs, instrument: Instrument | None, others: tuple[int, ...]) -> OrderFacts:
    title = "" if row.participant1 is None else f"{row.participant1} v {row.participant2}"
    owner = Owner(row.client, row.account_id, row.exchange, row.fixture_id, row.market_id, row.tournament_id, title)
    hedged = HedgedOrder(
        row.client,
        row.account_id,
        row.exchange,
        row.client_order_id,
        row.workflow_id,
        row.fixture_id,
        row.market_id,
        row.outcome_id,
        row.price,
        configs.of(row.client, row.tournament_id, row.market_id),
        instrument,
        others,
        title,
    )
    return OrderFacts(
        row.client_order_id, row.venue_order_id, row.workflow_id, row.action, owner, row.outcome_id, hedged
    )


async def find_order(
    connection: AsyncConnection,
    configs: Configs,
    account_id: str,
    *,
    venue_order_id: str | None,
    client_order_id: str | None,
) -> OrderFacts | None:
    """The order of an account under either id; None when the ledger has never heard of it."""
    names = ((t.orders.c.client_order_id, client_order_id), (t.orders.c.venue_order_id, venue_order_id))
    known = [column == name for column, name in names if name is not None]
    if not known:
        return None
    query = (
        select(t.orders, t.fixtures.c.participant1, t.fixtures.c.participant2)
        .outerjoin(t.fixtures, t.fixtures.c.fixture_id == t.orders.c.fixture_id)
        .where(t.orders.c.account_id == account_id, or_(*known))
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    siblings = (
        await connection.execute(
            select(t.instruments.c.outcome_id, t.instruments.c.body).where(
                t.instruments.c.exchange == row.exchange,
                t.instruments.c.fixture_id == row.fixture_id,
                t.instruments.c.market_id == row.market_id,
            )
        )
    ).all()
    body = next((item.body for item in siblings if item.outcome_id == row.outcome_id), None)
    instrument = None if body is None else INSTRUMENT.validate_json(json.dumps(body))
    others = tuple(sorted(item.outcome_id for item in siblings if item.outcome_id != row.outcome_id))
    return _facts(row, configs, instrument, others)


async def confirmed(connection: AsyncConnection, account_id: str, views: Sequence[Seen]) -> set[str]:
    """Venue ids of the orders about which the ledger, and so their owner, already says exactly what the venue says."""
    said = {view.venue_order_id: view for view in views}
    columns = (t.orders.c.venue_order_id, t.orders.c.status, t.orders.c.filled)
    query = select(*columns).where(
        t.orders.c.account_id == account_id, t.orders.c.venue_order_id.in_(said), ~t.orders.c.unknown
    )
    rows = await connection.execute(query)
    return {row.venue_order_id for row in rows if _agree(said[row.venue_order_id], row.status, row.filled)}


def _agree(view: Seen, status: str, filled: Decimal) -> bool:
    resting = "PARTIAL" if view.filled else "PLACED"
    return status == (view.ended or resting) and filled == view.filled


async def instruments_of(
    connection: AsyncConnection, exchange: str, fixture_id: str, market_id: int
) -> list[Instrument]:
    """The market's instruments as last written down, proved or not."""
    query = select(t.instruments.c.body).where(
        t.instruments.c.exchange == exchange,
        t.instruments.c.fixture_id == fixture_id,
        t.instruments.c.market_id == market_id,
        t.instruments.c.body.is_not(None),
    )
    return [INSTRUMENT.validate_json(json.dumps(row.body)) for row in await connection.execute(query)]


async def forgotten(connection: AsyncConnection, older_than_seconds: float) -> list[tuple[str, str]]:
    """``(workflow_id, client_order_id)`` of orders claimed a while ago and never projected: their owner may have lost
    them in a crash between the claim and the end of its workflow task."""
    rows = await connection.execute(
        select(t.orders.c.workflow_id, t.orders.c.client_order_id).where(
            t.orders.c.status == "PENDING_PLACEMENT",
            t.orders.c.action == "buy",
            ~t.orders.c.unknown,
            t.orders.c.created_at < _seconds_ago(older_than_seconds),
        )
    )
    return [(row.workflow_id, row.client_order_id) for row in rows]


async def account_of(connection: AsyncConnection, client_order_id: str) -> str:
    """The exchange account an order is placed with."""
    query = select(t.orders.c.account_id).where(t.orders.c.client_order_id == client_order_id)
    return str((await connection.execute(query)).scalar_one())


def _seconds_ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


async def open_owners(connection: AsyncConnection, client: str | None) -> list[str]:
    """Workflow ids that own open orders, of one client or of all; an unwinding sale belongs to a hedge and goes on."""
    query = (
        select(t.orders.c.workflow_id).where(t.orders.c.status.in_(list(OPEN)), t.orders.c.action == "buy").distinct()
    )
    if client is not None:
        query = query.where(t.orders.c.client == client)
    return [row.workflow_id for row in await connection.execute(query)]

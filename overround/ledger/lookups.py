"""Whose order is this? Finds an order by whatever the venue called it, with what its hedge needs to know."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, ScalarSelect, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.markets import Instrument
from overround.domain.messages import HedgedOrder, Owner
from overround.domain.orders import Seen
from overround.ledger import tables as t
from overround.ledger.configs import Configs
from overround.ledger.live import ORDER_OPEN

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


def _facts(row: Row[Any], configs: Configs, contracts: dict[int, Instrument | None]) -> OrderFacts:
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
        configs.of(row.client, row.tournament_id),
        contracts.get(row.outcome_id),
        tuple(sorted(outcome for outcome in contracts if outcome != row.outcome_id)),
        title,
    )
    return OrderFacts(
        row.client_order_id, row.venue_order_id, row.workflow_id, row.action, owner, row.outcome_id, hedged
    )


async def find_orders(
    connection: AsyncConnection,
    configs: Configs,
    account_id: str,
    *,
    venue_order_ids: Collection[str] = (),
    client_order_ids: Collection[str] = (),
) -> list[OrderFacts]:
    """The orders of an account under any of these ids; what the ledger has never heard of is left out."""
    query = (
        select(t.orders, t.fixtures.c.participant1, t.fixtures.c.participant2)
        .outerjoin(t.fixtures, t.fixtures.c.fixture_id == t.orders.c.fixture_id)
        .where(
            t.orders.c.account_id == account_id,
            or_(t.orders.c.client_order_id.in_(client_order_ids), t.orders.c.venue_order_id.in_(venue_order_ids)),
        )
    )
    rows = (await connection.execute(query)).all()
    if not rows:
        return []
    contracts = await _contracts(connection, {(row.exchange, row.fixture_id, row.market_id) for row in rows})
    return [_facts(row, configs, contracts[(row.exchange, row.fixture_id, row.market_id)]) for row in rows]


async def _contracts(
    connection: AsyncConnection, markets: Collection[tuple[str, str, int]]
) -> dict[tuple[str, str, int], dict[int, Instrument | None]]:
    """Each market's instruments as last written down, by outcome."""
    found: dict[tuple[str, str, int], dict[int, Instrument | None]] = {market: {} for market in markets}
    of = t.instruments.c
    query = select(of.exchange, of.fixture_id, of.market_id, of.outcome_id, of.body).where(
        tuple_(of.exchange, of.fixture_id, of.market_id).in_(list(markets))
    )
    for row in await connection.execute(query):
        instrument = None if row.body is None else INSTRUMENT.validate_json(json.dumps(row.body))
        found[(row.exchange, row.fixture_id, row.market_id)][row.outcome_id] = instrument
    return found


async def confirmed(connection: AsyncConnection, account_id: str, views: Sequence[Seen]) -> set[str]:
    """Venue ids of the orders about which the ledger, and so their owner, already says exactly what the venue says."""
    said = {view.venue_order_id: view for view in views}
    columns = (t.orders.c.venue_order_id, t.orders.c.status, t.orders.c.filled)
    query = select(*columns).where(
        t.orders.c.account_id == account_id, t.orders.c.venue_order_id.in_(said), ~t.orders.c.unknown
    )
    rows = await connection.execute(query)
    return {row.venue_order_id for row in rows if _agree(said[row.venue_order_id], row.status, row.filled)}


def traded() -> ScalarSelect[Decimal]:
    """Beside a row of ``orders``: the contracts of its trades that stand, as far as they are known."""
    fills = t.fills.alias()
    total = func.coalesce(func.sum(fills.c.size), 0)
    return select(total).where(fills.c.client_order_id == t.orders.c.client_order_id, ~fills.c.failed).scalar_subquery()


async def recorded(
    connection: AsyncConnection, account_id: str, fill_ids: Collection[str]
) -> dict[tuple[str, bool], bool]:
    """Trades the ledger holds, by venue id and whether they failed; the value says that the order's owner, too, has
    taken everything its order traded."""
    query = (
        select(t.fills.c.venue_fill_id, t.fills.c.failed, (t.orders.c.filled == traded()).label("taken"))
        .join(t.orders, t.orders.c.client_order_id == t.fills.c.client_order_id)
        .where(t.fills.c.account_id == account_id, t.fills.c.venue_fill_id.in_(fill_ids))
    )
    return {(row.venue_fill_id, row.failed): row.taken for row in await connection.execute(query)}


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


async def unchanged(
    connection: AsyncConnection, quiet: timedelta, window: timedelta | None = None
) -> list[tuple[str, int, str]]:
    """``(client_order_id, version, workflow_id)`` of open orders last written at least ``quiet`` ago, and no more than
    ``window`` before that where one is given."""
    changed, limit = t.orders.c.updated_at, func.now() - quiet
    query = select(t.orders.c.client_order_id, t.orders.c.version, t.orders.c.workflow_id)
    query = query.where(ORDER_OPEN, t.orders.c.action == "buy", changed <= limit)
    if window is not None:
        query = query.where(changed > limit - window)
    rows = await connection.execute(query)
    return [(row.client_order_id, row.version, row.workflow_id) for row in rows]


async def account_of(connection: AsyncConnection, client_order_id: str) -> str:
    """The exchange account an order is placed with."""
    query = select(t.orders.c.account_id).where(t.orders.c.client_order_id == client_order_id)
    return str((await connection.execute(query)).scalar_one())


async def open_owners(connection: AsyncConnection, client: str | None) -> list[str]:
    """Workflow ids that own open orders, of one client or of all; an unwinding sale belongs to a hedge and goes on."""
    query = select(t.orders.c.workflow_id).where(ORDER_OPEN, t.orders.c.action == "buy").distinct()
    if client is not None:
        query = query.where(t.orders.c.client == client)
    return [row.workflow_id for row in await connection.execute(query)]

"""Settlement in the ledger: what a fixture holds, and append-only results, where a later revision counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.results import BetPartResult, Booked
from overround.domain.settling import SettlementState
from overround.ledger import tables as t
from overround.ledger.events import bet_payload, emit, order_payload
from overround.ledger.live import ORDER_OPEN
from overround.ledger.lookups import traded

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class FilledOrder:
    """An order with fills, before its value is known; ``contract`` and ``position`` say what was bought."""

    client_order_id: str
    client: str
    account_id: str
    market_id: int
    outcome_id: int
    action: str
    venue_market: str
    contract: str
    position: str
    size: Decimal
    cost: Decimal
    fees: Decimal


async def filled_orders(connection: AsyncConnection, fixture_id: str) -> list[FilledOrder]:
    """Every order of the fixture with at least one trade that stands."""
    rows = await connection.execute(
        select(
            t.orders,
            func.sum(t.fills.c.size).label("bought"),
            func.sum(t.fills.c.size * t.fills.c.price).label("cost"),
            func.sum(t.fills.c.fee).label("fees"),
        )
        .join(t.fills, t.fills.c.client_order_id == t.orders.c.client_order_id)
        .where(t.orders.c.fixture_id == fixture_id, ~t.fills.c.failed)
        .group_by(t.orders.c.order_id)
        .order_by(t.orders.c.order_id)
    )
    return [
        FilledOrder(
            row.client_order_id,
            row.client,
            row.account_id,
            row.market_id,
            row.outcome_id,
            row.action,
            row.venue_market,
            row.contract,
            row.position,
            row.bought,
            row.cost,
            row.fees,
        )
        for row in rows
    ]


async def placed_parts(connection: AsyncConnection, fixture_id: str) -> list[tuple[str, BetPartResult]]:
    """``(account_id, part)`` of every accepted bet part of the fixture."""
    rows = await connection.execute(
        select(t.bet_parts, t.bets.c.account_id, t.bets.c.client, t.bets.c.market_id, t.bets.c.outcome_id)
        .join(t.bets, t.bets.c.request_id == t.bet_parts.c.request_id)
        .where(t.bets.c.fixture_id == fixture_id)
        .order_by(t.bets.c.bet_id, t.bet_parts.c.part_id)
    )
    return [
        (
            row.account_id,
            BetPartResult(
                row.request_id,
                row.part_id,
                row.client,
                row.market_id,
                row.outcome_id,
                row.stake,
                row.price,
                row.settlement,
            ),
        )
        for row in rows
    ]


async def note_parts(connection: AsyncConnection, words: dict[tuple[str, str], str]) -> None:
    """Save the bookmaker's results of bet parts, by request and part id."""
    for (request_id, part_id), word in words.items():
        await connection.execute(
            update(t.bet_parts)
            .where(t.bet_parts.c.request_id == request_id, t.bet_parts.c.part_id == part_id)
            .values(settlement=word)
        )


async def still_open(connection: AsyncConnection, fixture_id: str) -> tuple[list[str], list[str]]:
    """Workflow ids that still own open orders of the fixture, and of hedges that are not done."""
    orders = await connection.execute(
        select(t.orders.c.workflow_id).where(t.orders.c.fixture_id == fixture_id, ORDER_OPEN).distinct()
    )
    hedges = await connection.execute(
        select(t.hedges.c.workflow_id).where(t.hedges.c.fixture_id == fixture_id, t.hedges.c.state != "DONE")
    )
    return [row.workflow_id for row in orders], [row.workflow_id for row in hedges]


async def hedging(connection: AsyncConnection, fixture_id: str) -> int:
    """Hedges of the fixture with a bet under way or unanswered; an open residual is not under way any more."""
    query = select(func.count()).where(
        t.hedges.c.fixture_id == fixture_id, t.hedges.c.state.in_(["HEDGING", "UNKNOWN"])
    )
    return int((await connection.execute(query)).scalar_one())


async def untold(connection: AsyncConnection, fixture_id: str) -> int:
    """Orders of the fixture that traded more, by their venue's word, than the trades we know of."""
    query = select(func.count()).where(t.orders.c.fixture_id == fixture_id, t.orders.c.filled > traded())
    return int((await connection.execute(query)).scalar_one())


async def owners(connection: AsyncConnection, fixture_id: str) -> list[str]:
    """Every order workflow that ever owned an order of the fixture."""
    rows = await connection.execute(
        select(t.orders.c.workflow_id).where(t.orders.c.fixture_id == fixture_id).distinct()
    )
    return [row.workflow_id for row in rows if row.workflow_id.startswith("orders:")]


async def book(
    connection: AsyncConnection, fixture_id: str, workflow_id: str, run_id: str, booked: Sequence[Booked]
) -> int:
    """Write results that are new or differ from the last revision; how many were written."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 7))"), {"key": f"book/{fixture_id}"}
    )
    written = 0
    for item in booked:
        written += await _book_one(connection, fixture_id, workflow_id, run_id, item)
    return written


async def _book_one(connection: AsyncConnection, fixture_id: str, workflow_id: str, run_id: str, item: Booked) -> int:
    last = (
        await connection.execute(
            select(t.settlements)
            .where(t.settlements.c.subject == item.subject, t.settlements.c.subject_id == item.subject_id)
            .order_by(t.settlements.c.revision.desc())
            .limit(1)
        )
    ).one_or_none()
    if last is not None and (last.status, last.profit) == (item.status, item.profit):
        return 0
    await connection.execute(
        insert(t.settlements).values(
            client=item.client,
            fixture_id=fixture_id,
            market_id=item.market_id,
            outcome_id=item.outcome_id,
            subject=item.subject,
            subject_id=item.subject_id,
            revision=1 if last is None else last.revision + 1,
            status=item.status,
            value=item.value,
            profit=item.profit,
            fee=item.fee,
            workflow_id=workflow_id,
            run_id=run_id,
            supersedes=None if last is None else last.settlement_id,
        )
    )
    await (_mark_order if item.subject == "order" else _mark_bet)(connection, item)
    return 1


async def _mark_order(connection: AsyncConnection, item: Booked) -> None:
    query = select(t.orders).where(t.orders.c.client_order_id == item.subject_id).with_for_update()
    old = (await connection.execute(query)).mappings().one()
    change = (
        update(t.orders)
        .where(t.orders.c.client_order_id == item.subject_id)
        .values(settlement=item.status, updated_at=func.now())
        .returning(t.orders)
    )
    new = (await connection.execute(change)).mappings().one()
    await emit(connection, "orders", "UPDATE", item.client, order_payload(dict(new)), order_payload(dict(old)))


async def _mark_bet(connection: AsyncConnection, item: Booked) -> None:
    query = (
        select(t.bets, t.orders.c.order_id)
        .join(t.orders, t.orders.c.client_order_id == t.bets.c.client_order_id)
        .where(t.bets.c.request_id == item.subject_id)
    )
    old = (await connection.execute(query)).mappings().one()
    change = (
        update(t.bets)
        .where(t.bets.c.request_id == item.subject_id)
        .values(settlement=item.status, updated_at=func.now(), version=t.bets.c.version + 1)
        .returning(t.bets)
    )
    new = (await connection.execute(change)).mappings().one()
    await emit(
        connection,
        "bets",
        "UPDATE",
        item.client,
        bet_payload(dict(new), old["order_id"]),
        bet_payload(dict(old), old["order_id"]),
    )


async def write_state(connection: AsyncConnection, state: SettlementState) -> None:
    """Show where a fixture's settlement stands."""
    values = {"state": state.state, "reason": state.reason, "workflow_id": state.workflow_id, "updated_at": func.now()}
    statement = insert(t.fixture_settlements).values(fixture_id=state.fixture_id, **values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["fixture_id"], set_={**values, "version": t.fixture_settlements.c.version + 1}
        )
    )


async def latest_profit(connection: AsyncConnection, client: str | None = None) -> Decimal:
    """The sum of profits over the last revision of every result."""
    newest = func.row_number().over(
        partition_by=(t.settlements.c.subject, t.settlements.c.subject_id), order_by=t.settlements.c.revision.desc()
    )
    ranked = select(t.settlements.c.profit, t.settlements.c.client, newest.label("rank")).subquery()
    query = select(func.coalesce(func.sum(case((ranked.c.rank == 1, ranked.c.profit), else_=0)), 0))
    if client is not None:
        query = query.where(ranked.c.client == client)
    return Decimal((await connection.execute(query)).scalar_one())

"""Orders in the ledger: intents claimed before the first byte leaves, and projections of what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Row, RowMapping, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.markets import Instrument
from overround.domain.messages import Owner, PlaceOrders
from overround.domain.orders import TERMINAL, Fill, Order, OrderSpec, OrderStatus
from overround.ledger import tables as t
from overround.ledger.events import emit_all, order_payload
from overround.ledger.exposure import MarketRisk, fixture_risk
from overround.ledger.gates import closed_because, hold

ZERO = Decimal(0)

WRITE = text(
    "UPDATE orders SET status = n.status, filled = n.filled, remaining = n.remaining, "
    "matched_status = n.matched_status, unknown = n.unknown, reason = n.reason, "
    "venue_order_id = coalesce(n.venue_order_id, orders.venue_order_id), expires_at = n.expires_at, "
    "matched_at = n.matched_at, ended_at = CASE WHEN n.ended THEN coalesce(orders.ended_at, now()) END, "
    "updated_at = now(), version = n.version "
    "FROM unnest(CAST(:client_order_id AS text[]), CAST(:status AS text[]), CAST(:filled AS numeric[]), "
    "CAST(:remaining AS numeric[]), CAST(:matched_status AS text[]), CAST(:unknown AS boolean[]), "
    "CAST(:reason AS text[]), CAST(:venue_order_id AS text[]), CAST(:expires_at AS timestamptz[]), "
    "CAST(:matched_at AS timestamptz[]), CAST(:ended AS boolean[]), CAST(:version AS bigint[])) "
    "AS n(client_order_id, status, filled, remaining, matched_status, unknown, reason, venue_order_id, expires_at, "
    "matched_at, ended, version) WHERE orders.client_order_id = n.client_order_id RETURNING orders.*"
)
"""One statement for any number of orders, always the same text: compiling it costs more than running it."""


@dataclass(frozen=True, slots=True)
class Intent:
    """An order about to be sent: its spec, and what will leave (``payload``, ``venue_order_id`` where known before)."""

    spec: OrderSpec
    payload: str
    venue_order_id: str | None


@dataclass(frozen=True, slots=True)
class Claims:
    """The outcome of a claim: what may be sent now, what an earlier attempt had claimed, what was kept out."""

    fresh: frozenset[str]
    found: dict[str, Order]
    blocked: dict[str, str]


async def lock_fixture(connection: AsyncConnection, client: str, fixture_id: str) -> None:
    """Serialise claims of one client in one fixture until the transaction ends."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 7))"), {"key": f"{client}/{fixture_id}"}
    )


async def claim(connection: AsyncConnection, request: PlaceOrders, intents: Sequence[Intent]) -> Claims:
    """Write intents as PENDING_PLACEMENT, after the gate and the exposure limits said yes.

    Runs inside the caller's transaction, which must commit before anything is sent. An id claimed before is returned as
    ``found`` with the state the ledger holds: it must be probed, never sent again.
    """
    owner = request.owner
    await lock_fixture(connection, owner.client, owner.fixture_id)
    found = {
        order.spec.client_order_id: order for order in await load(connection, [i.spec.client_order_id for i in intents])
    }
    new = [intent for intent in intents if intent.spec.client_order_id not in found]
    blocked = await _blocked(connection, request, new)
    fresh = [intent for intent in new if intent.spec.client_order_id not in blocked]
    if fresh:
        rows = [_row(request, intent) for intent in fresh]
        inserted = await connection.execute(insert(t.orders).returning(t.orders, sort_by_parameter_order=True), rows)
        news = [(order_payload(row), None) for row in inserted.mappings()]
        await emit_all(connection, "orders", "INSERT", owner.client, news)
    return Claims(frozenset(intent.spec.client_order_id for intent in fresh), found, blocked)


async def _blocked(connection: AsyncConnection, request: PlaceOrders, intents: Sequence[Intent]) -> dict[str, str]:
    if not intents:
        return {}
    await hold(connection)
    reason = await closed_because(connection, request.owner.client)
    if reason is not None:
        return {intent.spec.client_order_id: f"trading is {reason}" for intent in intents}
    risk = await fixture_risk(connection, request.owner.client, request.owner.fixture_id)
    blocked: dict[str, str] = {}
    for intent in intents:
        reason = _over_limit(request, risk, intent.spec)
        if reason is not None:
            blocked[intent.spec.client_order_id] = reason
    return blocked


def _over_limit(request: PlaceOrders, risk: dict[int, MarketRisk], spec: OrderSpec) -> str | None:
    """Reserve the order in ``risk``, or say which limit it would break and leave ``risk`` unchanged."""
    market = risk.setdefault(request.owner.market_id, MarketRisk())
    market.rests(spec.outcome_id, spec.size * spec.price)
    config = request.config
    if market.loss() > config.max_market_loss:
        reason = f"market loss {market.loss()} would exceed max_market_loss {config.max_market_loss}"
    elif (total := sum((item.loss() for item in risk.values()), ZERO)) > config.max_fixture_loss:
        reason = f"fixture loss {total} would exceed max_fixture_loss {config.max_fixture_loss}"
    else:
        return None
    market.rests(spec.outcome_id, -spec.size * spec.price)
    return reason


def _row(request: PlaceOrders, intent: Intent) -> dict[str, object]:
    owner, spec = request.owner, intent.spec
    instrument = instrument_of(request.instruments, spec.outcome_id)
    return {
        "client_order_id": spec.client_order_id,
        "client": owner.client,
        "account_id": owner.account_id,
        "exchange": owner.exchange,
        "fixture_id": owner.fixture_id,
        "tournament_id": owner.tournament_id,
        "market_id": owner.market_id,
        "outcome_id": spec.outcome_id,
        "venue_market": instrument.venue_market,
        "contract": instrument.contract,
        "position": instrument.position,
        "workflow_id": request.workflow_id,
        "run_id": request.run_id,
        "action": spec.action,
        "level": spec.level,
        "price": spec.price,
        "size": spec.size,
        "remaining": spec.size,
        "status": OrderStatus.PENDING_PLACEMENT,
        "venue_order_id": intent.venue_order_id,
        "odds": spec.odds,
        "odds_limit": spec.limit,
        "priced_at": moment(spec.priced_at),
        "config_version": request.config.version,
        "payload": intent.payload,
        "expires_at": None if spec.expires_at is None else moment(spec.expires_at * 1000),
    }


def instrument_of(instruments: Sequence[Instrument], outcome_id: int) -> Instrument:
    """The instrument that hedges on ``outcome_id``."""
    return {item.outcome_id: item for item in instruments}[outcome_id]


def moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def epoch_ms(value: datetime) -> int:
    return round(value.timestamp() * 1000)


async def project(connection: AsyncConnection, owner: Owner, order: Order, version: int) -> bool:
    """Write an order's state as decided at ``version``; False when the ledger already holds a later decision."""
    return await project_all(connection, owner, [order], version) == 1


async def project_all(connection: AsyncConnection, owner: Owner, orders: Sequence[Order], version: int) -> int:
    """``project`` several orders in a few statements; how many were written."""
    found = {order.spec.client_order_id: order for order in orders}
    query = select(t.orders).where(t.orders.c.client_order_id.in_(found)).order_by(t.orders.c.order_id)
    held = (await connection.execute(query.with_for_update())).mappings()
    old = {row["client_order_id"]: row for row in held if row["version"] <= version}
    if not old:
        return 0
    rows = [_projection(found[key], version, row) for key, row in old.items()]
    new = (await connection.execute(WRITE, {name: [row[name] for row in rows] for name in rows[0]})).mappings().all()
    changes = [(order_payload(row), order_payload(old[row["client_order_id"]])) for row in new]
    await emit_all(connection, "orders", "UPDATE", owner.client, changes)
    return len(new)


def _projection(order: Order, version: int, old: RowMapping) -> dict[str, object]:
    """The columns of ``WRITE``, in its order."""
    last = max((fill.at for fill in order.fills.values()), default=None)
    return {
        "client_order_id": order.spec.client_order_id,
        "status": order.status,
        "filled": order.traded,
        "remaining": order.remaining,
        "matched_status": matched_status(order.traded, order.spec.size),
        "unknown": order.unknown,
        "reason": order.reason,
        "venue_order_id": order.venue_order_id,
        "expires_at": None if order.spec.expires_at is None else moment(order.spec.expires_at * 1000),
        "matched_at": moment(last) if last is not None else old["matched_at"],
        "ended": order.status in TERMINAL,
        "version": version,
    }


def matched_status(filled: Decimal, size: Decimal) -> str:
    """mm-api sheet, section 6.2."""
    if filled <= ZERO:
        return "NOT_MATCHED"
    return "FULLY_MATCHED" if filled >= size else "PARTIALLY_MATCHED"


async def load(connection: AsyncConnection, client_order_ids: Sequence[str]) -> list[Order]:
    """Orders as the ledger holds them, with their fills."""
    if not client_order_ids:
        return []
    rows = (await connection.execute(select(t.orders).where(t.orders.c.client_order_id.in_(client_order_ids)))).all()
    fills: dict[str, dict[str, Fill]] = {}
    failed: dict[str, list[str]] = {}
    if rows:
        query = select(t.fills).where(t.fills.c.client_order_id.in_(client_order_ids))
        for fill in await connection.execute(query):
            if fill.failed:
                failed.setdefault(fill.client_order_id, []).append(fill.venue_fill_id)
            else:
                fills.setdefault(fill.client_order_id, {})[fill.venue_fill_id] = Fill(
                    fill.venue_fill_id, fill.size, fill.price, fill.fee, epoch_ms(fill.at)
                )
    return [restore(row, fills.get(row.client_order_id, {}), failed.get(row.client_order_id, [])) for row in rows]


async def named(connection: AsyncConnection, orders: Sequence[Order]) -> tuple[Order, ...]:
    """The orders, each with the venue's id it was claimed under where the venue has not named it yet."""
    nameless = [order.spec.client_order_id for order in orders if order.venue_order_id is None]
    query = select(t.orders.c.client_order_id, t.orders.c.venue_order_id)
    rows = await connection.execute(query.where(t.orders.c.client_order_id.in_(nameless)))
    claimed = {row.client_order_id: row.venue_order_id for row in rows}
    return tuple(
        replace(order, venue_order_id=order.venue_order_id or claimed.get(order.spec.client_order_id))
        for order in orders
    )


def restore(row: Row[tuple[object, ...]], fills: dict[str, Fill], failed: Sequence[str]) -> Order:
    """An ``Order`` from its row and fills."""
    spec = OrderSpec(
        row.client_order_id,
        row.outcome_id,
        row.price,
        row.size,
        row.odds,
        row.odds_limit,
        epoch_ms(row.priced_at),
        row.level,
        None if row.expires_at is None else epoch_ms(row.expires_at) // 1000,
        row.action,
        epoch_ms(row.created_at),
    )
    order = Order(spec, OrderStatus(row.status), row.venue_order_id, fills, tuple(failed))
    reported = max(ZERO, row.filled)
    return replace(order, reported=reported, unknown=row.unknown, reason=row.reason, version=1)

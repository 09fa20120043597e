"""Positions: what a client holds per fixture, outcome and exchange, how much of it is hedged, and what it may lose.

Formulas: mm-api sheet, section 8.4; pricing sheet, sections 4.4 and 5.2. Amounts are in account currency; a contract
pays 1 when the outcome does *not* happen.
"""

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, Text, and_, case, cast, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.events import Row
from overround.ledger.exposure import MarketRisk
from overround.ledger.reads.orders import OPEN_STATUSES, conditions
from overround.ledger.reads.page import Filters, Item, Page, Window, fetch_page
from overround.ledger.tables import bets, fills, hedges, orders, settlements

ZERO = Decimal(0)
DISPLAY = Decimal("0.00000001")


def filled_by_order(client: str) -> Subquery:
    """Size, cost and fee of every order's good trades."""
    return (
        select(
            fills.c.client_order_id,
            func.sum(fills.c.size).label("size"),
            func.sum(fills.c.size * fills.c.price).label("cost"),
            func.sum(fills.c.fee).label("fee"),
        )
        .join(orders, orders.c.client_order_id == fills.c.client_order_id)
        .where(orders.c.client == client, ~fills.c.failed)
        .group_by(fills.c.client_order_id)
        .subquery("trades")
    )


def backed_by_order(client: str) -> Subquery:
    """Stake and payout of every order's unsettled bets, as far as accepted: ``bets.payout`` is a hope until a bet is
    final. ``against`` is the payout on other outcomes, which takes back what was hedged too much."""
    accepted = case(
        (bets.c.status == "FILLED", bets.c.payout),
        else_=func.round(bets.c.placed_stake * func.coalesce(bets.c.placed_price, 0), 10),
    )
    same = bets.c.outcome_id == orders.c.outcome_id
    return (
        select(
            bets.c.client_order_id,
            func.sum(bets.c.placed_stake).label("stake"),
            func.coalesce(func.sum(accepted).filter(same), 0).label("payout"),
            func.coalesce(func.sum(accepted).filter(~same), 0).label("against"),
        )
        .join(orders, orders.c.client_order_id == bets.c.client_order_id)
        .where(bets.c.client == client, bets.c.settlement.is_(None))
        .group_by(bets.c.client_order_id)
        .subquery("backed")
    )


def profit_by_order(client: str) -> Subquery:
    """Realised profit of every order together with its bets: the newest revision of each result."""
    newest = (
        select(settlements.c.subject, settlements.c.subject_id, settlements.c.profit)
        .where(settlements.c.client == client)
        .ext(distinct_on(settlements.c.subject, settlements.c.subject_id))
        .order_by(settlements.c.subject, settlements.c.subject_id, settlements.c.revision.desc())
        .subquery("newest")
    )
    same_bet = and_(newest.c.subject == "bet", cast(bets.c.request_id, Text) == newest.c.subject_id)
    owner = case((newest.c.subject == "order", newest.c.subject_id), else_=bets.c.client_order_id)
    return (
        select(owner.label("client_order_id"), func.sum(newest.c.profit).label("profit"))
        .select_from(newest.outerjoin(bets, same_bet))
        .group_by(owner)
        .subquery("profits")
    )


def _over(column: Any, *only: ColumnElement[bool]) -> ColumnElement[Any]:
    """The sum of ``column`` over the group's orders that pass ``only``, 0 when there are none."""
    return func.coalesce(func.sum(column).filter(*only) if only else func.sum(column), 0)


def positions_query(client: str, filters: Filters) -> Select[Any]:
    """One row per fixture, market, outcome and exchange in which anything was filled; newest first by ``newest``."""
    trades, backed, profits = filled_by_order(client), backed_by_order(client), profit_by_order(client)
    bought = orders.c.action == "buy"
    live = orders.c.settlement == "UNDECIDED"
    sign = case((bought, 1), else_=-1)
    cost = func.coalesce(trades.c.cost, 0) + (orders.c.filled - func.coalesce(trades.c.size, 0)) * orders.c.price
    resting = (orders.c.size - orders.c.filled) * orders.c.price
    return (
        select(
            orders.c.fixture_id,
            orders.c.market_id,
            orders.c.outcome_id,
            orders.c.exchange,
            func.count().filter(orders.c.filled > 0).label("orders"),
            _over(orders.c.filled, bought).label("bought"),
            _over(cost, bought).label("bought_cost"),
            _over(orders.c.filled / orders.c.odds, bought, live).label("implied"),
            _over(orders.c.filled, bought, live).label("marked"),
            _over(orders.c.filled * sign, live).label("contracts"),
            _over(cost * sign, live).label("cost"),
            _over(trades.c.fee, live).label("fees"),
            _over(backed.c.stake).label("stake"),
            _over(backed.c.payout).label("payout"),
            _over(backed.c.against).label("against"),
            _over(hedges.c.residual, live).label("residual"),
            _over(resting, bought, orders.c.status.in_(OPEN_STATUSES)).label("resting"),
            _over(profits.c.profit).label("realised"),
            func.min(orders.c.settlement).label("first_settlement"),
            func.bool_or(live).label("live"),
            func.max(orders.c.order_id).label("newest"),
            func.max(orders.c.updated_at).label("updated_at"),
        )
        .select_from(
            orders.outerjoin(trades, trades.c.client_order_id == orders.c.client_order_id)
            .outerjoin(backed, backed.c.client_order_id == orders.c.client_order_id)
            .outerjoin(profits, profits.c.client_order_id == orders.c.client_order_id)
            .outerjoin(hedges, hedges.c.client_order_id == orders.c.client_order_id)
        )
        .where(*conditions(client, filters), or_(orders.c.filled > 0, orders.c.status.in_(OPEN_STATUSES)))
        .group_by(orders.c.fixture_id, orders.c.market_id, orders.c.outcome_id, orders.c.exchange)
        .having(func.sum(orders.c.filled) > 0)
    )


def unrealised(row: Row) -> Decimal:
    """Locked profit of what is hedged plus the rest marked at the odds it was priced from.

    A pair of contract and payout is worth 1 whatever happens, so a fully hedged line does not depend on the mark. A bet
    on another outcome is marked as if it paid whenever this one does not happen, which is exact in two-way markets.
    """
    unless = row["contracts"] + row["against"]
    pairs = min(unless, row["payout"])
    naked, over = unless - pairs, row["payout"] - pairs
    happens = row["implied"] / row["marked"] if row["marked"] else ZERO
    value = pairs + naked * (1 - happens) + over * happens
    return _shown(value - row["cost"] - row["fees"] - row["stake"])


def exposure(row: Row) -> Decimal:
    """The most this line can lose: its worst outcome with every resting order filled; bets in flight do not count."""
    risk = MarketRisk()
    risk.bought(0, row["contracts"], row["cost"] + row["fees"])
    risk.backed(0, row["payout"], row["stake"])
    risk.backed(1, row["against"], ZERO)
    risk.rests(0, row["resting"])
    return risk.loss()


def _shown(value: Decimal) -> Decimal:
    return value.quantize(DISPLAY, ROUND_HALF_EVEN)


def position_payload(row: Row) -> Item:
    """The position object; ``hedgedPayout`` and ``residual`` in contracts, everything else in currency."""
    return {
        "fixtureId": row["fixture_id"],
        "marketId": row["market_id"],
        "outcomeId": row["outcome_id"],
        "exchange": row["exchange"],
        "orderCount": row["orders"],
        "matchedStake": row["bought"],
        "contracts": row["contracts"],
        "averagePrice": _shown(row["bought_cost"] / row["bought"]) if row["bought"] else None,
        "cost": row["cost"],
        "fees": row["fees"],
        "hedgedPayout": row["payout"] - row["against"],
        "hedgeStake": row["stake"],
        "residual": row["residual"],
        "openStake": row["resting"],
        "worstCaseExposure": exposure(row),
        "realizedPnl": row["realised"],
        "unrealizedPnl": unrealised(row),
        "settlementStatus": "UNDECIDED" if row["live"] else row["first_settlement"],
        "updatedAt": row["updated_at"],
    }


async def list_positions(connection: AsyncConnection, client: str, filters: Filters, window: Window) -> Page:
    query = positions_query(client, filters)
    newest = query.selected_columns["newest"].desc()
    return await fetch_page(connection, query, (newest,), window, position_payload)


async def open_value(connection: AsyncConnection, client: str, from_date: date | None, to_date: date | None) -> Decimal:
    """Unrealised profit over all positions of orders created on these days."""
    lines = positions_query(client, Filters(from_date=from_date, to_date=to_date)).subquery()
    rows = await connection.execute(select(lines).where(or_(lines.c.live, lines.c.payout > 0)))
    return sum((unrealised(row) for row in rows.mappings()), ZERO)

"""What is open on a client's lines: contracts, their hedges, resting orders and bets in flight, from indexes that hold
only what is live. A line is one fixture, market, outcome and exchange.

Formulas: mm-api sheet, section 8.4; pricing sheet, sections 3.3, 4.4 and 5.2. Amounts are in account currency; a
contract pays 1 when the outcome does *not* happen.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, bindparam, case, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.exposure import exposure
from overround.domain.payoffs import Vector
from overround.ledger.exposure import accepted
from overround.ledger.live import BET_IN_FLIGHT, BET_STANDING, ORDER_AT_RISK, ORDER_OPEN
from overround.ledger.reads.lines import Line
from overround.ledger.reads.page import Filters, on_days, within
from overround.ledger.tables import bets, fills, hedges, orders

ZERO = Decimal(0)
DISPLAY = Decimal("0.00000001")
HAPPENS, OTHER, NEITHER = "happens", "other", "neither"


@dataclass(slots=True)
class OpenLine:
    """Sums over a line's unsettled orders and bets. ``payout`` is what accepted bets pay if the outcome happens,
    ``against`` what they pay on other outcomes; ``asked`` is the stake of bets nobody has answered for yet."""

    contracts: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO
    residual: Decimal = ZERO
    resting: Decimal = ZERO
    resting_contracts: Decimal = ZERO
    stake: Decimal = ZERO
    payout: Decimal = ZERO
    against: Decimal = ZERO
    asked: Decimal = ZERO
    odds: Decimal | None = None
    updated_at: datetime | None = None
    live: bool = False

    def unrealised(self) -> Decimal:
        """Locked profit of what is hedged, plus the rest marked at the newest odds the ledger knows.

        A pair of contract and payout is worth 1 whatever happens, so a hedged line does not depend on the mark. The
        mark is the hedge's price, ``1/odds``: the conservative one. A bet on another outcome is marked as if it paid
        whenever this one does not happen, which is exact in two-way markets.
        """
        unless = self.contracts + self.against
        pairs = min(unless, self.payout)
        naked, over = unless - pairs, self.payout - pairs
        happens = 1 / self.odds if self.odds else ZERO
        return shown(pairs + naked * (1 - happens) + over * happens - self.cost - self.fees - self.stake)

    def worst_case(self) -> Decimal:
        """The most the line can lose: its worst outcome, with resting orders and unanswered bets filled where that
        hurts and not filled where it does not."""
        paid = self.cost + self.fees + self.stake
        held: Vector = {
            HAPPENS: self.payout - paid,
            OTHER: self.contracts + self.against - paid,
            NEITHER: self.contracts - paid,
        }
        gain = self.resting_contracts - self.resting
        resting: Vector = {HAPPENS: -self.resting, OTHER: gain, NEITHER: gain}
        asked: Vector = {HAPPENS: ZERO, OTHER: -self.asked, NEITHER: -self.asked}
        return exposure(held, [resting, asked])


def shown(value: Decimal) -> Decimal:
    return value.quantize(DISPLAY, ROUND_HALF_EVEN)


def _texts(values: Collection[str]) -> ColumnElement[Any]:
    return bindparam("fixtures", list(values), ARRAY(Text), unique=True)


def _line() -> tuple[ColumnElement[Any], ...]:
    return orders.c.fixture_id, orders.c.market_id, orders.c.outcome_id, orders.c.exchange


def _kept(client: str, filters: Filters, fixtures: Collection[str] | None) -> list[ColumnElement[bool]]:
    kept = [orders.c.client == client, *within(orders.c.created_at, filters.from_date, filters.to_date)]
    if filters.exchange is not None:
        kept.append(orders.c.exchange == filters.exchange)
    if fixtures is not None:
        kept.append(orders.c.fixture_id == func.any(_texts(fixtures)))
    return kept


async def open_lines(
    connection: AsyncConnection, client: str, filters: Filters, fixtures: Collection[str] | None = None
) -> dict[Line, OpenLine]:
    """Every line with an unsettled order or bet, of ``fixtures`` only if given."""
    if fixtures is None and filters.fixture_id is not None:
        fixtures = [filters.fixture_id]
    lines: dict[Line, OpenLine] = {}
    await _add_orders(connection, client, filters, fixtures, lines)
    await _add_bets(connection, client, filters, fixtures, lines)
    await _add_odds(connection, client, lines)
    return lines


async def _add_orders(
    connection: AsyncConnection,
    client: str,
    filters: Filters,
    fixtures: Collection[str] | None,
    lines: dict[Line, OpenLine],
) -> None:
    good = fills.c.client_order_id == orders.c.client_order_id
    sums = (func.sum(fills.c.size), func.sum(fills.c.size * fills.c.price), func.sum(fills.c.fee))
    names = ("size", "cost", "fee")
    trades = (
        select(*(func.coalesce(total, 0).label(name) for total, name in zip(sums, names, strict=True)))
        .where(good, ~fills.c.failed)
        .lateral("trades")
    )
    hedged = hedges.c.client_order_id == orders.c.client_order_id
    residual = select(hedges.c.residual).where(hedged).correlate(orders).scalar_subquery()
    bought = orders.c.action == "buy"
    sign = case((bought, 1), else_=-1)
    left = orders.c.size - orders.c.filled
    resting = func.sum(left * orders.c.price).filter(bought, ORDER_OPEN)
    query = (
        select(
            *_line(),
            func.sum(orders.c.filled * sign),
            func.sum((trades.c.cost + (orders.c.filled - trades.c.size) * orders.c.price) * sign),
            func.sum(trades.c.fee),
            func.coalesce(func.sum(residual), 0),
            func.coalesce(resting, 0),
            func.coalesce(func.sum(left).filter(bought, ORDER_OPEN), 0),
            func.max(orders.c.updated_at),
        )
        .select_from(orders.join(trades, true()))
        .where(*_kept(client, filters, fixtures), ORDER_AT_RISK)
        .group_by(*_line())
    )
    for row in await connection.execute(query):
        line = lines.setdefault((row[0], row[1], row[2], row[3]), OpenLine(live=True))
        line.contracts, line.cost, line.fees, line.residual, line.resting, line.resting_contracts = row[4:10]
        line.updated_at = row[10]


async def _add_bets(
    connection: AsyncConnection,
    client: str,
    filters: Filters,
    fixtures: Collection[str] | None,
    lines: dict[Line, OpenLine],
) -> None:
    kept = [bets.c.client == client, *on_days(bets.c.of_day, filters)]
    if filters.exchange is not None:
        kept.append(bets.c.of_exchange == filters.exchange)
    if fixtures is not None:
        kept.append(bets.c.fixture_id == func.any(_texts(fixtures)))
    same = bets.c.outcome_id == orders.c.outcome_id
    query = (
        select(
            *_line(),
            func.sum(bets.c.placed_stake),
            func.coalesce(func.sum(accepted()).filter(same), 0),
            func.coalesce(func.sum(accepted()).filter(~same), 0),
            func.coalesce(func.sum(bets.c.stake - bets.c.placed_stake).filter(BET_IN_FLIGHT, same), 0),
        )
        .select_from(bets.join(orders, orders.c.client_order_id == bets.c.client_order_id))
        .where(*kept, BET_STANDING)
        .group_by(*_line())
    )
    for row in await connection.execute(query):
        line = lines.setdefault((row[0], row[1], row[2], row[3]), OpenLine())
        line.stake, line.payout, line.against, line.asked = row[4:8]


async def _add_odds(connection: AsyncConnection, client: str, lines: Mapping[Line, OpenLine]) -> None:
    """The odds of each outcome's newest order, whatever became of it: what the bookmaker last said here."""
    wanted = sorted({line[:3] for line in lines})
    if not wanted:
        return
    columns = (orders.c.fixture_id, orders.c.market_id, orders.c.outcome_id)
    names = [item.name for item in columns]
    arrays = [
        bindparam(item.name, [key[place] for key in wanted], ARRAY(item.type), unique=True)
        for place, item in enumerate(columns)
    ]
    keys = func.unnest(*arrays).table_valued(*names, name="keys").render_derived()
    newest = (
        select(orders.c.odds)
        .where(orders.c.client == client, *(item == keys.c[item.name] for item in columns))
        .order_by(orders.c.order_id.desc())
        .limit(1)
        .lateral("newest")
    )
    query = select(*(keys.c[name] for name in names), newest.c.odds).join(newest, true())
    odds = {(row[0], row[1], row[2]): row[3] for row in await connection.execute(query)}
    for line, open_line in lines.items():
        open_line.odds = odds.get(line[:3])


def total_unrealised(lines: Iterable[OpenLine]) -> Decimal:
    """Unrealised profit over all lines."""
    return sum((line.unrealised() for line in lines), ZERO)

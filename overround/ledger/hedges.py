"""Hedges in the ledger: fills recorded, bets claimed before they are sent, residuals derived from the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import BigInteger, Row, RowMapping, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.bookmakers.base import IN_FLIGHT, BetReport, BetStatus
from overround.domain.ids import hedge_workflow
from overround.domain.messages import HedgedOrder, HedgeStep, HedgeTotals, PlacedBet, SaleTrade
from overround.domain.numbers import ZERO
from overround.domain.orders import Fill, OrderStatus
from overround.ledger import tables as t
from overround.ledger.accounts import BookmakerLine
from overround.ledger.events import bet_payload, emit
from overround.ledger.orders import epoch_ms, matched_status, moment

STANDING = text(
    "SELECT (SELECT coalesce(sum(size), 0) FROM fills WHERE client_order_id = :key AND NOT failed) AS filled, "
    "(SELECT coalesce(sum(f.size), 0) FROM fills f JOIN orders o ON o.client_order_id = f.client_order_id "
    "WHERE o.workflow_id = :hedge AND o.action = 'sell' AND NOT f.failed) AS unwound, "
    "(SELECT coalesce(sum(payout), 0) FROM dust WHERE client_order_id = :key) AS pooled, "
    "(SELECT coalesce(sum(d.payout), 0) FROM dust d JOIN bets b ON d.claimed_by = CAST(b.request_id AS text) "
    "WHERE b.client_order_id = :key) AS claimed, "
    "(SELECT coalesce(sum(payout), 0) FROM dust WHERE client = :client AND fixture_id = :fixture "
    "AND outcome_id = :outcome AND claimed_by IS NULL) AS lent, "
    "coalesce(sum(signed) FILTER (WHERE status <> ALL(CAST(:open AS text[]))), 0) AS done, "
    "coalesce(sum(signed) FILTER (WHERE status = ANY(CAST(:open AS text[]))), 0) AS in_flight, "
    "min(request) FILTER (WHERE status = ANY(CAST(:open AS text[]))) AS unanswered, "
    "max(placed_stake) FILTER (WHERE request = :asked) AS placed, max(stake) FILTER (WHERE request = :asked) AS stake, "
    "max(refusal) FILTER (WHERE request = :asked) AS refusal, max(reason) FILTER (WHERE request = :asked) AS reason "
    "FROM (SELECT CAST(request_id AS text) AS request, status, placed_stake, stake, refusal, reason, "
    "CASE WHEN outcome_id = :outcome THEN payout ELSE -payout END AS signed "
    "FROM bets WHERE client_order_id = :key) AS mine"
)
"""Everything a step is decided from, in one round trip."""
ORDER_ID = literal_column(
    "(SELECT order_id FROM orders WHERE orders.client_order_id = bets.client_order_id)", BigInteger
).label("order_id")
"""To return with a bet: the number of the order it hedges."""


@dataclass(frozen=True, slots=True)
class ToldBet:
    """What the ledger holds of one bet; ``placed`` is the accepted stake so far."""

    stake: Decimal
    placed: Decimal
    refusal: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a hedge stands: its totals, the free payout in the pool of its outcome, the request id of a bet without a
    final answer, and the bet that was asked for, if there is one."""

    totals: HedgeTotals
    lent: Decimal
    unanswered: str | None
    asked: ToldBet | None


@dataclass(frozen=True, slots=True)
class BetIntent:
    """A bet to claim: back ``outcome_id`` with ``stake`` at no less than ``min_price``, expecting ``odds``."""

    request_id: str
    outcome_id: int
    stake: Decimal
    odds: Decimal
    min_price: Decimal
    attempt: int


async def lock(connection: AsyncConnection, order: HedgedOrder, workflow_id: str, run_id: str) -> None:
    """Open the hedge's row and hold it until the transaction ends: one step at a time per order."""
    await connection.execute(
        insert(t.hedges)
        .on_conflict_do_update(index_elements=["client_order_id"], set_={"run_id": run_id})
        .values(
            client_order_id=order.client_order_id,
            client=order.client,
            fixture_id=order.fixture_id,
            market_id=order.market_id,
            outcome_id=order.outcome_id,
            workflow_id=workflow_id,
            run_id=run_id,
            state="HEDGING",
        )
    )


async def record_fills(
    connection: AsyncConnection, account_id: str, client_order_id: str, fills: Sequence[Fill], failed: Sequence[str]
) -> None:
    """Write trades once each; a trade that failed at the venue is marked, never deleted."""
    if fills:
        rows = [
            {
                "account_id": account_id,
                "venue_fill_id": fill.fill_id,
                "client_order_id": client_order_id,
                "size": fill.size,
                "price": fill.price,
                "fee": fill.fee,
                "at": moment(fill.at),
                "failed": fill.fill_id in failed,
            }
            for fill in fills
        ]
        await connection.execute(insert(t.fills).on_conflict_do_nothing(), rows)
    if failed:
        await connection.execute(
            update(t.fills)
            .where(t.fills.c.client_order_id == client_order_id, t.fills.c.venue_fill_id.in_(failed))
            .values(failed=True)
        )


async def record_sales(connection: AsyncConnection, account_id: str, sales: Sequence[SaleTrade]) -> None:
    """Write trades of unwinding sales, and what they leave of those orders."""
    for key in {sale.client_order_id for sale in sales}:
        mine = [sale for sale in sales if sale.client_order_id == key]
        failed = [sale.fill.fill_id for sale in mine if sale.failed]
        await record_fills(connection, account_id, key, [sale.fill for sale in mine], failed)
        await book_sale(connection, key)


async def book_sale(
    connection: AsyncConnection, key: str, ended: OrderStatus | None = None, venue_order_id: str | None = None
) -> None:
    """Write what the trades on record leave of an unwinding sale; ``ended`` when the venue has said that it is over."""
    sold = select(func.coalesce(func.sum(t.fills.c.size), 0)).where(t.fills.c.client_order_id == key, ~t.fills.c.failed)
    query = select(t.orders.c.size, t.orders.c.status, sold.scalar_subquery().label("sold")).with_for_update()
    row = (await connection.execute(query.where(t.orders.c.client_order_id == key))).one()
    status = ended or (OrderStatus.CANCELLED if row.status == OrderStatus.FILLED else OrderStatus(row.status))
    values: dict[str, object] = {
        "status": OrderStatus.FILLED if row.sold >= row.size else status,
        "filled": row.sold,
        "matched_status": matched_status(row.sold, row.size),
    }
    if ended is not None:
        values |= {"ended_at": func.now(), "venue_order_id": func.coalesce(venue_order_id, t.orders.c.venue_order_id)}
    await connection.execute(update(t.orders).where(t.orders.c.client_order_id == key).values(values))


async def standing(connection: AsyncConnection, order: HedgedOrder, asked: str = "") -> Standing:
    """Where the hedge stands: contracts filled less unwound, payout of bets (against the order's outcome plus, on
    another outcome minus), payout in flight, and what was pooled less what was claimed from the pool. ``asked`` is the
    request id of a bet of this order that may exist."""
    key = order.client_order_id
    values = {"key": key, "hedge": hedge_workflow(key), "outcome": order.outcome_id, "open": list(IN_FLIGHT),
              "client": order.client, "fixture": order.fixture_id, "asked": asked}  # fmt: skip
    row = (await connection.execute(STANDING, values)).one()
    now = HedgeTotals(row.filled - row.unwound, row.done, row.in_flight, row.pooled - row.claimed)
    told = None if row.stake is None else ToldBet(row.stake, row.placed, row.refusal or "", row.reason or "")
    return Standing(now, row.lent, row.unanswered, told)


async def totals(connection: AsyncConnection, order: HedgedOrder) -> HedgeTotals:
    """The totals alone; see ``standing``."""
    return (await standing(connection, order)).totals


async def write_totals(
    connection: AsyncConnection, order: HedgedOrder, run_id: str, now: HedgeTotals, state: str | None, reason: str = ""
) -> None:
    """Save the totals, and the state when it changed."""
    values: dict[str, object] = {
        "target": now.target,
        "done": now.done,
        "in_flight": now.in_flight,
        "dust": now.pooled,
        "residual": now.residual,
        "run_id": run_id,
        "updated_at": func.now(),
        "version": t.hedges.c.version + 1,
    }
    if state is not None:
        values |= {"state": state, "reason": reason}
    await connection.execute(update(t.hedges).where(t.hedges.c.client_order_id == order.client_order_id).values(values))


async def unresolved_bet(connection: AsyncConnection, client_order_id: str) -> Row[tuple[object, ...]] | None:
    """A bet of this order that was claimed and not yet answered: nothing more may be sent before it is resolved."""
    query = select(t.bets).where(t.bets.c.client_order_id == client_order_id, t.bets.c.status.in_(IN_FLIGHT)).limit(1)
    return (await connection.execute(query)).one_or_none()


async def parts_of(connection: AsyncConnection, request_id: str) -> tuple[PlacedBet, ...]:
    """The accepted parts of a bet, as far as the bookmaker has told them."""
    rows = await connection.execute(
        select(t.bet_parts).where(t.bet_parts.c.request_id == request_id).order_by(t.bet_parts.c.part_id)
    )
    return tuple(
        PlacedBet(row.part_id, row.bookmaker_bet_id, row.price, row.stake, row.currency, epoch_ms(row.placed_at))
        for row in rows
    )


async def claim_dust(connection: AsyncConnection, order: HedgedOrder, request_id: str) -> Decimal:
    """Take the pooled payout of this client and outcome into the bet about to be sent; its size."""
    free = (
        select(t.dust.c.dust_id)
        .where(
            t.dust.c.client == order.client,
            t.dust.c.fixture_id == order.fixture_id,
            t.dust.c.outcome_id == order.outcome_id,
            t.dust.c.claimed_by.is_(None),
        )
        .with_for_update(skip_locked=True)
    )
    taken = await connection.execute(
        update(t.dust).where(t.dust.c.dust_id.in_(free)).values(claimed_by=request_id).returning(t.dust.c.payout)
    )
    return sum((row.payout for row in taken), ZERO)


async def release_dust(connection: AsyncConnection, request_id: str) -> None:
    """Give back what a refused bet had claimed."""
    await connection.execute(update(t.dust).where(t.dust.c.claimed_by == request_id).values(claimed_by=None))


async def pool(connection: AsyncConnection, order: HedgedOrder, step: int, payout: Decimal) -> None:
    """Put a payout too small to bet into the pool, once per step."""
    await connection.execute(
        insert(t.dust)
        .values(
            client=order.client,
            fixture_id=order.fixture_id,
            market_id=order.market_id,
            outcome_id=order.outcome_id,
            client_order_id=order.client_order_id,
            step=step,
            payout=payout,
        )
        .on_conflict_do_nothing()
    )


async def next_pool(connection: AsyncConnection, order: HedgedOrder) -> int:
    """The number of the order's next entry in the pool; to be asked under the hedge's lock."""
    query = select(func.coalesce(func.max(t.dust.c.step), 0)).where(t.dust.c.client_order_id == order.client_order_id)
    return int((await connection.execute(query)).scalar_one()) + 1


async def claim_bet(connection: AsyncConnection, step: HedgeStep, intent: BetIntent, line: BookmakerLine) -> None:
    """Write the bet as SENT; the caller commits before the first byte leaves."""
    order = step.order
    inserted = await connection.execute(
        insert(t.bets)
        .returning(t.bets, ORDER_ID)
        .values(
            request_id=intent.request_id,
            client_order_id=order.client_order_id,
            client=order.client,
            account_id=line.account_id,
            bookmaker=line.bookmaker,
            fixture_id=order.fixture_id,
            market_id=order.market_id,
            outcome_id=intent.outcome_id,
            workflow_id=step.workflow_id,
            run_id=step.run_id,
            attempt=intent.attempt,
            min_price=intent.min_price,
            stake=intent.stake,
            payout=intent.stake * intent.odds,
            status=BetStatus.SENT,
        )
    )
    await _tell(connection, inserted.mappings().one(), None)


async def record_report(connection: AsyncConnection, report: BetReport) -> None:
    """Write the bookmaker's word on a bet: its parts, its exact payout, and what was refused.

    Words may come late and twice: an accepted part never vanishes, and a lost answer unsays nothing final.
    """
    query = select(t.bets).where(t.bets.c.request_id == report.request_id).with_for_update()
    old = (await connection.execute(query)).mappings().one()
    if _outdated(report, old["status"], old["placed_stake"]):
        return
    for part in report.bets:
        values = {
            "bookmaker_bet_id": part.bookmaker_bet_id,
            "price": part.price,
            "stake": part.stake,
            "currency": part.currency,
            "placed_at": moment(part.placed_at),
        }
        await connection.execute(
            insert(t.bet_parts)
            .values(request_id=report.request_id, part_id=part.bet_id, **values)
            .on_conflict_do_update(index_elements=["request_id", "part_id"], set_=values)
        )
    expected = old["payout"] or old["stake"] * old["min_price"]
    change = update(t.bets).where(t.bets.c.request_id == report.request_id).values(_reported(report, expected))
    written = await connection.execute(change.returning(t.bets, ORDER_ID))
    if report.final and not report.bets:
        await release_dust(connection, report.request_id)
    await _tell(connection, written.mappings().one(), old)


def _outdated(report: BetReport, status: str, placed: Decimal) -> bool:
    if status in IN_FLIGHT:
        return False
    stake = sum((part.stake for part in report.bets), ZERO)
    return report.status is BetStatus.UNKNOWN or stake < placed or (placed > ZERO and not report.final)


def _reported(report: BetReport, expected: Decimal) -> dict[str, object]:
    stake = sum((part.stake for part in report.bets), ZERO)
    payout = sum((part.stake * part.price for part in report.bets), ZERO)
    values: dict[str, object] = {
        "status": report.status,
        "refusal": report.refusal,
        "reason": report.reason,
        "payout": payout if report.final else expected,
        "updated_at": func.now(),
        "version": t.bets.c.version + 1,
    }
    if report.bets:
        values |= {
            "placed_stake": stake,
            "placed_price": payout / stake,
            "bookmaker_bet_id": report.bets[0].bookmaker_bet_id,
            "placed_at": moment(min(part.placed_at for part in report.bets)),
        }
    return values


async def _tell(connection: AsyncConnection, row: RowMapping, old: RowMapping | None) -> None:
    payload = bet_payload(row, row["order_id"])
    if old is None:
        await emit(connection, "bets", "INSERT", row["client"], payload)
    else:
        await emit(connection, "bets", "UPDATE", row["client"], payload, bet_payload(old, row["order_id"]))

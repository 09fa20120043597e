"""Profit and loss and turnover of one client (mm-api sheet, sections 5.9 and 8.4)."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.reads.orders import conditions
from overround.ledger.reads.page import Filters, Item
from overround.ledger.reads.positions import filled_by_order, open_value, profit_by_order
from overround.ledger.tables import orders


async def profit_and_loss(
    connection: AsyncConnection, client: str, from_date: date | None, to_date: date | None
) -> Item:
    """Realised from results, unrealised from open positions; ``turnover`` and stakes are matched contracts."""
    trades, profits = filled_by_order(client), profit_by_order(client)
    settled = orders.c.settlement != "UNDECIDED"
    query = (
        select(
            func.coalesce(func.sum(profits.c.profit), 0).label("realised"),
            func.coalesce(func.sum(orders.c.filled), 0).label("matched"),
            func.coalesce(func.sum(trades.c.fee), 0).label("fees"),
            func.count().filter(orders.c.filled > 0, settled).label("settled"),
            func.count().filter(orders.c.filled > 0, ~settled).label("unsettled"),
        )
        .select_from(
            orders.outerjoin(trades, trades.c.client_order_id == orders.c.client_order_id).outerjoin(
                profits, profits.c.client_order_id == orders.c.client_order_id
            )
        )
        .where(*conditions(client, Filters(from_date=from_date, to_date=to_date)))
    )
    row = (await connection.execute(query)).one()
    unrealised = await open_value(connection, client, from_date, to_date)
    return {
        "pnl": row.realised + unrealised,
        "realizedPnl": row.realised,
        "unrealizedPnl": unrealised,
        "totalMatchedStake": row.matched,
        "turnover": row.matched,
        "fees": row.fees,
        "settledCount": row.settled,
        "unsettledCount": row.unsettled,
        "fromDate": from_date,
        "toDate": to_date,
    }

"""Exchange accounts of one client: only the columns that may be shown are ever read (mm-api sheet, section 5.11)."""

from datetime import datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.events import Row, account_payload
from overround.ledger.reads.page import Page, Window, cursor, page_of
from overround.ledger.tables import exchange_accounts

SHOWN = (
    "account_id",
    "exchange",
    "active",
    "status",
    "status_reason",
    "currency",
    "balance",
    "available",
    "balance_at",
    "created_at",
)


async def list_accounts(connection: AsyncConnection, client: str, window: Window) -> Page:
    mine = exchange_accounts.c.client == client
    total = (await connection.execute(select(func.count()).select_from(exchange_accounts).where(mine))).scalar_one()
    key = (exchange_accounts.c.created_at, exchange_accounts.c.account_id)
    after = window.after("accounts", datetime, str)
    if window.beyond(total):
        return Page([], window, total)
    query = select(*(exchange_accounts.c[name] for name in SHOWN)).where(mine)
    if after is not None:
        query = query.where(tuple_(*key) < tuple_(*after))
    query = query.order_by(*(column.desc() for column in key)).limit(window.size + 1).offset(window.offset)
    rows = (await connection.execute(query)).mappings().all()
    return page_of(rows, window, total, account_payload, _mark)


def _mark(row: Row) -> str:
    return cursor("accounts", row["created_at"], row["account_id"])

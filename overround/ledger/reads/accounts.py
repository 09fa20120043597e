"""Exchange accounts of one client: only the columns that may be shown are ever read (mm-api sheet, section 5.11)."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.events import account_payload
from overround.ledger.reads.page import Page, Window, listed
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
    """Newest first."""
    query = select(*(exchange_accounts.c[name] for name in SHOWN)).where(exchange_accounts.c.client == client)
    key = (exchange_accounts.c.created_at, exchange_accounts.c.account_id)
    return await listed(connection, "accounts", query, key, window, account_payload)

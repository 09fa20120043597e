"""Exchange and bookmaker accounts: who trades where, with which sealed credentials."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, RowMapping, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t
from overround.ledger.live import BET_IN_FLIGHT, ORDER_OPEN
from overround.ledger.secrets import seal, unseal
from overround.venues import Account


@dataclass(frozen=True, slots=True)
class BookmakerLine:
    """A bookmaker account as the hedger chooses it; amounts in the account's currency."""

    account_id: str
    bookmaker: str
    priority: int
    currency: str
    min_stake: Decimal
    stake_step: Decimal


class UnknownAccount(LookupError):
    """No active account of that id."""


async def exchange_account(connection: AsyncConnection, account_id: str, secret_key: str) -> Account:
    """One exchange account with its secrets opened; raises ``UnknownAccount`` or ``WrongSecretKey``."""
    row = (
        await connection.execute(select(t.exchange_accounts).where(t.exchange_accounts.c.account_id == account_id))
    ).one_or_none()
    if row is None or not row.active:
        raise UnknownAccount(f"no active exchange account {account_id!r}")
    secrets = unseal(secret_key, account_id, row.secrets)
    return Account(account_id, row.exchange, row.client, row.endpoints, secrets, row.options)


async def bookmaker_account(connection: AsyncConnection, account_id: str, secret_key: str) -> Account:
    """One bookmaker account with its secrets opened; ``venue`` is the route that reaches it (``abp``)."""
    row = (
        await connection.execute(select(t.bookmaker_accounts).where(t.bookmaker_accounts.c.account_id == account_id))
    ).one_or_none()
    if row is None or not row.active:
        raise UnknownAccount(f"no active bookmaker account {account_id!r}")
    secrets = unseal(secret_key, account_id, row.secrets)
    return Account(account_id, row.route, row.client, row.endpoints, secrets, row.options)


async def exchange_accounts(connection: AsyncConnection) -> list[tuple[str, str, str]]:
    """``(account_id, client, exchange)`` of every active exchange account of an active client."""
    rows = await connection.execute(
        select(t.exchange_accounts.c.account_id, t.exchange_accounts.c.client, t.exchange_accounts.c.exchange)
        .join(t.clients, t.clients.c.client == t.exchange_accounts.c.client)
        .where(t.exchange_accounts.c.active, t.clients.c.active)
        .order_by(t.exchange_accounts.c.account_id)
    )
    return [(row.account_id, row.client, row.exchange) for row in rows]


async def hedge_lines(connection: AsyncConnection, client: str) -> list[BookmakerLine]:
    """The client's bookmaker accounts in the order they are asked."""
    rows = await connection.execute(
        select(t.bookmaker_accounts)
        .where(t.bookmaker_accounts.c.client == client, t.bookmaker_accounts.c.active)
        .order_by(t.bookmaker_accounts.c.priority, t.bookmaker_accounts.c.account_id)
    )
    return [
        BookmakerLine(row.account_id, row.bookmaker, row.priority, row.currency, row.min_stake, row.stake_step)
        for row in rows
    ]


async def save_client(connection: AsyncConnection, client: str, name: str, bookmaker: str) -> None:
    """Create a client, or leave it as it is."""
    await connection.execute(
        insert(t.clients).values(client=client, name=name, bookmaker=bookmaker).on_conflict_do_nothing()
    )


async def save_exchange_account(connection: AsyncConnection, account: Account, secret_key: str) -> None:
    """Create or replace an exchange account's addresses and credentials."""
    values = {
        "endpoints": account.endpoints,
        "options": account.options,
        "secrets": seal(secret_key, account.account_id, account.secrets),
    }
    statement = insert(t.exchange_accounts).values(
        account_id=account.account_id, client=account.client, exchange=account.venue, **values
    )
    await connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=values))


async def save_bookmaker_account(
    connection: AsyncConnection, account: Account, secret_key: str, *, bookmaker: str, priority: int = 0
) -> None:
    """Create or replace a bookmaker account's addresses and credentials."""
    values = {
        "endpoints": account.endpoints,
        "options": account.options,
        "secrets": seal(secret_key, account.account_id, account.secrets),
    }
    statement = insert(t.bookmaker_accounts).values(
        account_id=account.account_id,
        client=account.client,
        bookmaker=bookmaker,
        route=account.venue,
        priority=priority,
        **values,
    )
    await connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=values))


async def find_account(
    connection: AsyncConnection, table: Table, account_id: str, *, lock: bool = False
) -> RowMapping | None:
    """What may be told of an account in one of the two tables; credentials are not even read."""
    query = select(*shown(table)).where(table.c.account_id == account_id)
    query = query.with_for_update(key_share=True) if lock else query
    return (await connection.execute(query)).mappings().one_or_none()


def shown(table: Table) -> list[Column[Any]]:
    """Every column of an account but its sealed credentials."""
    return [column for column in table.c if column.name != "secrets"]


async def change_account(
    connection: AsyncConnection, table: Table, account_id: str, values: Mapping[str, Any]
) -> RowMapping:
    """Set columns of an account that exists; what may be told of it afterwards."""
    query = update(table).where(table.c.account_id == account_id).values(dict(values)).returning(*shown(table))
    return (await connection.execute(query)).mappings().one()


async def unfinished(connection: AsyncConnection, table: Table, account_id: str) -> dict[str, int]:
    """What still needs an account: orders or bets that rest, are unanswered or are not settled; each above zero."""
    if table is t.exchange_accounts:
        mine = t.orders.c.account_id == account_id
        filled = (t.orders.c.filled > 0) & (t.orders.c.settlement == "UNDECIDED")
        wanted = {"open orders": mine & ORDER_OPEN, "unsettled orders": mine & filled}
    else:
        mine = t.bets.c.account_id == account_id
        placed = (t.bets.c.placed_stake > 0) & t.bets.c.settlement.is_(None)
        wanted = {"unanswered bets": mine & BET_IN_FLIGHT, "unsettled bets": mine & placed}
    counts = {
        what: (await connection.execute(select(func.count()).where(where))).scalar_one()
        for what, where in wanted.items()
    }
    return {what: count for what, count in counts.items() if count}


async def note_exchange(
    connection: AsyncConnection,
    account_id: str,
    status: str,
    *,
    reason: str = "",
    balance: Decimal | None = None,
    available: Decimal | None = None,
) -> None:
    """Record an exchange account's health, and its balance when it was read."""
    values: dict[str, object] = {"status": status, "status_reason": reason}
    if balance is not None:
        values |= {"balance": balance, "available": available, "balance_at": datetime.now(UTC)}
    await connection.execute(
        update(t.exchange_accounts).where(t.exchange_accounts.c.account_id == account_id).values(values)
    )


async def note_bookmaker(
    connection: AsyncConnection, account_id: str, status: str, *, reason: str = "", balance: Decimal | None = None
) -> None:
    """Record a bookmaker account's health, and its balance when it was read."""
    values: dict[str, object] = {"status": status, "status_reason": reason}
    if balance is not None:
        values |= {"balance": balance, "balance_at": datetime.now(UTC)}
    await connection.execute(
        update(t.bookmaker_accounts).where(t.bookmaker_accounts.c.account_id == account_id).values(values)
    )

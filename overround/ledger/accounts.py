"""Exchange and bookmaker accounts: who trades where, with which sealed credentials."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t
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

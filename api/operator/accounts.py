"""Exchange and bookmaker accounts: what both kinds share. Credentials are sealed before they are stored."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from fastapi import Request
from sqlalchemy import Table, select

from api.context import Reader, context_of
from api.errors import Refusal, absent, invalid
from api.exact import ExactJSON
from api.operator.access import Operator, Writer
from api.operator.audit import note
from api.operator.listing import listed
from api.operator.schemas.accounts import Access
from overround import credentials
from overround.ledger import accounts as ledger
from overround.ledger.events import Row
from overround.ledger.reads.page import Window
from overround.ledger.tables import bookmaker_accounts, exchange_accounts
from overround.venues import Account

VENUE = {exchange_accounts: "exchange", bookmaker_accounts: "route"}
"""The column that says where the account is: it never changes, nor does the client."""


def shown(row: Row) -> dict[str, Any]:
    """An account as operators see it; addresses without a user, options only by name."""
    common = {
        "accountId": row["account_id"],
        "client": row["client"],
        "active": row["active"],
        "status": row["status"],
        "statusReason": row["status_reason"],
        "currency": row["currency"],
        "balance": row["balance"],
        "balanceAt": row["balance_at"],
        "endpoints": {name: _address(value) for name, value in sorted(row["endpoints"].items())},
        "optionNames": sorted(row["options"]),
        "createdAt": row["created_at"],
    }
    if "exchange" in row:
        return common | {"exchange": row["exchange"], "available": row["available"]}
    names = {"priority": "priority", "min_stake": "minStake", "stake_step": "stakeStep"}
    return common | {
        "bookmaker": row["bookmaker"],
        "route": row["route"],
        **{name: row[column] for column, name in names.items()},
    }


def _address(url: str) -> str:
    """Scheme, host and path: what could be a credential is left out."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


async def page(reader: Reader, table: Table, client: str | None, window: Window) -> ExactJSON:
    """Accounts of a table, newest first."""
    query = select(*ledger.shown(table))
    if client is not None:
        query = query.where(table.c.client == client)
    return await listed(reader, table.name, query, (table.c.created_at, table.c.account_id), window, shown)


async def found(connection: Reader, table: Table, account_id: str, *, lock: bool = False) -> Row:
    """The account's row, or 404."""
    row = await ledger.find_account(connection, table, account_id, lock=lock)
    if row is None:
        raise absent("Account")
    return row


def opened(table: Table, account_id: str, venue: str, body: Access) -> Account:
    """The account with its credentials in clear, if its venue can use it; else 422 without any value in it."""
    account = Account(
        account_id,
        venue,
        body.client,
        dict(body.endpoints),
        {name: value.get_secret_value() for name, value in body.secrets.items()},
        dict(body.options),
    )
    try:
        credentials.check(account, credentials.EXCHANGES if table is exchange_accounts else credentials.ROUTES)
    except credentials.UnusableAccount as error:
        where = [VENUE[table] if part == "venue" else part for part in error.where]
        raise invalid(str(error), *where) from None
    return account


async def same_as_before(writer: Writer, table: Table, account: Account) -> Row | None:
    """The account as it is, None when it is new; 409 when it is another client's or elsewhere."""
    row = await ledger.find_account(writer, table, account.account_id, lock=True)
    if row is not None:
        refuse_another(table, row, account)
    return row


def refuse_another(table: Table, row: Row, account: Account) -> None:
    """409 unless ``row`` is the account's own; asked again after writing, for two may create an id at once."""
    venue = VENUE[table]
    if (row["client"], row[venue]) != (account.client, account.venue):
        owner = f"{row['client']}'s account at {row[venue]}"
        raise Refusal(409, f"{account.account_id} is {owner} and stays that: choose another id")


def secret_key(request: Request) -> str:
    """What seals credentials."""
    return context_of(request).settings.secret_key.get_secret_value()


async def tell(writer: Writer, operator: Operator, action: str, old: Row | None, new: Row) -> dict[str, Any]:
    """Audit a change and return the account as it is now."""
    now = shown(new)
    await note(
        writer, operator, action, new["account_id"], new["client"], old=None if old is None else shown(old), new=now
    )
    return now


async def switch(writer: Writer, operator: Operator, table: Table, account_id: str, *, active: bool) -> dict[str, Any]:
    """Activate or deactivate; 409 while something still needs the account."""
    old = await found(writer, table, account_id, lock=True)
    if old["active"] == active:
        return shown(old)
    if not active:
        busy = await ledger.unfinished(writer, table, account_id)
        if busy:
            counts = " and ".join(f"{count} {what}" for what, count in busy.items())
            raise Refusal(409, f"{account_id} has {counts}: stop its client and wait until they are finished")
    new = await ledger.change_account(writer, table, account_id, {"active": active})
    return await tell(writer, operator, "account.activate" if active else "account.deactivate", old, new)

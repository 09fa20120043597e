"""``overround accounts``: add, list and try exchange and bookmaker accounts.

Addresses and credentials come from a TOML file or standard input, never from the command line, which every user of the
machine can read.
"""

import asyncio
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from console import config, target
from console.embedded.process import StartError
from overround.bookmakers import UnknownRoute, open_bookmaker
from overround.domain.clients import BadClient, ClientId, parse_client
from overround.exchanges import UnknownVenue, open_exchange
from overround.ledger import accounts as ledger
from overround.ledger import tables as t
from overround.ledger import trail
from overround.ledger.db import connect
from overround.ledger.secrets import WrongSecretKey
from overround.settings import Settings
from overround.venues import Account, VenueError

TABLES = ("endpoints", "secrets", "options")


class Action(StrEnum):
    ADD = "add"
    LIST = "list"
    TRY = "try"


class Kind(StrEnum):
    EXCHANGE = "exchange"
    BOOKMAKER = "bookmaker"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line said. ``venue`` is an exchange's slug, or the route that reaches a bookmaker."""

    action: Action
    kind: Kind | None
    account_id: str
    client: str
    venue: str
    bookmaker: str
    priority: int
    file: Path

    def account(self) -> Account:
        """The account with what the file says. Raises ``StartError`` when something is missing or unusable."""
        if not (self.kind and self.account_id and self.client and self.venue):
            raise StartError("accounts add: give exchange or bookmaker, an account id, --client and --venue")
        parts = _read(self.file)
        return Account(self.account_id, self.venue, self.client, parts["endpoints"], parts["secrets"], parts["options"])


def accounts(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    kind: Annotated[Kind | None, typer.Argument(help="What kind of account.")] = None,
    account_id: Annotated[str, typer.Argument(help="Our own name of the account, for example kalshi-1.")] = "",
    client: Annotated[str, typer.Option(help="Whose account: NAME:BOOKMAKER, for example acme:vertex.")] = "",
    venue: Annotated[str, typer.Option(help="kalshi, polymarket, ...; for a bookmaker the route: abp.")] = "",
    bookmaker: Annotated[str, typer.Option(help="The bookmaker's slug; otherwise the client's.")] = "",
    priority: Annotated[int, typer.Option(help="Bookmaker accounts are asked in this order, lowest first.")] = 0,
    file: Annotated[Path, typer.Option(help="TOML with [endpoints], [secrets], [options]; - is stdin.")] = Path("-"),
) -> None:
    """Add, list and try exchange and bookmaker accounts. Credentials are encrypted before they are stored."""
    wanted = Wanted(action, kind, account_id, client, venue, bookmaker, priority, file)
    for line in asyncio.run(_within(config.load(), wanted)):
        print(line)


async def _within(settings: Settings, wanted: Wanted) -> list[str]:
    url, secret = target.database_url(settings), ""
    if wanted.action is not Action.LIST:
        secret = target.secret_key(settings).get_secret_value()
    engine = connect(url, pool=1)
    try:
        async with engine.begin() as connection:
            if wanted.action is Action.ADD:
                return [await _add(connection, wanted, secret)]
            if wanted.action is Action.TRY:
                return await _try(connection, wanted, secret)
            return await _list(connection)
    finally:
        await engine.dispose()


async def _add(connection: AsyncConnection, wanted: Wanted, secret: str) -> str:
    account = wanted.account()
    _check(account, wanted.kind)
    who = _client(wanted.client)
    await ledger.save_client(connection, who.client, who.name, who.bookmaker)
    if wanted.kind is Kind.EXCHANGE:
        await _same_as_before(connection, t.exchange_accounts, "exchange", account)
        await ledger.save_exchange_account(connection, account, secret)
    else:
        await _same_as_before(connection, t.bookmaker_accounts, "route", account)
        bookmaker = wanted.bookmaker or who.bookmaker
        await ledger.save_bookmaker_account(connection, account, secret, bookmaker=bookmaker, priority=wanted.priority)
    body = {"new": {"kind": str(wanted.kind), "venue": account.venue}}
    await trail.record(connection, "console", "account.put", account.account_id, account.client, body)
    return f"{wanted.kind} account {account.account_id} of {account.client} is stored"


def _client(text: str) -> ClientId:
    try:
        return parse_client(text)
    except BadClient as error:
        raise StartError(f"--client: {error}") from None


async def _same_as_before(connection: AsyncConnection, table: Table, venue: str, account: Account) -> None:
    """An account id keeps its client and venue for ever: orders and bets refer to it."""
    row = (await connection.execute(select(table).where(table.c.account_id == account.account_id))).mappings().first()
    if row and (row["client"], row[venue]) != (account.client, account.venue):
        raise StartError(f"{account.account_id} is {row['client']}'s account at {row[venue]}: choose another id")


def _check(account: Account, kind: Kind | None) -> None:
    """Let the adapter read its settings; nothing is connected, nothing secret is shown."""
    try:
        open_exchange(account) if kind is Kind.EXCHANGE else open_bookmaker(account)
    except (UnknownVenue, UnknownRoute) as error:
        raise StartError(f"--venue: {error}") from None
    except KeyError as error:
        raise StartError(f"{account.venue} accounts need {error} in the file") from None
    except Exception as error:
        raise StartError(f"{account.venue} cannot use these credentials ({type(error).__name__})") from None


def _read(file: Path) -> dict[str, dict[str, str]]:
    """The three tables, text values only. The file's content never enters a message."""
    try:
        body = tomllib.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except OSError as error:
        raise StartError(f"--file: {file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise StartError(f"--file: {file} is not TOML") from None
    unknown = sorted(body.keys() - set(TABLES))
    if unknown:
        raise StartError(f"--file: unknown [{unknown[0]}]; a file holds [endpoints], [secrets] and [options]")
    return {name: _texts(name, body.get(name, {})) for name in TABLES}


def _texts(name: str, table: Any) -> dict[str, str]:
    if not isinstance(table, Mapping):
        raise StartError(f"--file: [{name}] is not a table")
    for key, value in table.items():
        if not isinstance(value, str):
            raise StartError(f"--file: {key} in [{name}] must be text in quotes")
    return dict(table)


async def _list(connection: AsyncConnection) -> list[str]:
    lines = []
    for table, kind, venue in (
        (t.exchange_accounts, "exchange", "exchange"),
        (t.bookmaker_accounts, "bookmaker", "route"),
    ):
        for row in (await connection.execute(select(table).order_by(table.c.account_id))).mappings():
            state = row["status"] if row["active"] else "inactive"
            lines.append(f"{kind:<9}  {row['account_id']:<20}  {row['client']:<20}  {row[venue]:<12}  {state}")
    return lines or ["there are no accounts yet"]


async def _try(connection: AsyncConnection, wanted: Wanted, secret: str) -> list[str]:
    """Log in and read the balance."""
    try:
        if wanted.kind is Kind.EXCHANGE:
            return await _try_exchange(await ledger.exchange_account(connection, wanted.account_id, secret))
        if wanted.kind is Kind.BOOKMAKER:
            return await _try_bookmaker(await ledger.bookmaker_account(connection, wanted.account_id, secret))
    except (ledger.UnknownAccount, WrongSecretKey, VenueError) as error:
        raise StartError(f"accounts try: {error}") from None
    raise StartError("accounts try: give exchange or bookmaker, and an account id")


async def _try_exchange(account: Account) -> list[str]:
    async with open_exchange(account) as session:
        balance = await session.balance()
    return [f"{account.account_id}: {account.venue} answers, balance {balance.total}, available {balance.available}"]


async def _try_bookmaker(account: Account) -> list[str]:
    async with open_bookmaker(account) as session:
        held = await session.accounts()
    return [
        f"{account.account_id}: {item.bookmaker} balance {item.balance} {item.currency}, least stake {item.min_stake}"
        for item in held
    ] or [f"{account.account_id}: {account.venue} answers and holds no bookmaker account"]

"""``overround keys``: create, list and revoke API keys."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from console import config, target
from console.embedded.process import StartError
from overround.ledger import trail
from overround.ledger.db import connect
from overround.ledger.keys import SHOWN, KeyKind, issue_key, revoke_key, state
from overround.ledger.tables import api_keys, clients
from overround.settings import Settings


class Action(StrEnum):
    CREATE = "create"
    LIST = "list"
    REVOKE = "revoke"


def keys(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    who: Annotated[str, typer.Argument(help="create: a client, or nothing with --operator. revoke: a key's id.")] = "",
    operator: Annotated[bool, typer.Option(help="A key that speaks for no client but may stop everything.")] = False,
    label: Annotated[str, typer.Option(help="create: whose or what for; the audit names operators so.")] = "",
) -> None:
    """Create, list and revoke API keys. A new key is shown once; the ledger keeps only its digest."""
    for line in asyncio.run(_within(config.load(), action, who, label, operator)):
        print(line)


async def _within(settings: Settings, action: Action, who: str, label: str, operator: bool) -> list[str]:
    engine = connect(target.database_url(settings), pool=1)
    try:
        async with engine.begin() as connection:
            if action is Action.CREATE:
                return [await _create(connection, settings, who, label, operator)]
            if action is Action.REVOKE:
                return [await _revoke(connection, who)]
            return await _list(connection)
    finally:
        await engine.dispose()


async def _create(connection: AsyncConnection, settings: Settings, who: str, label: str, operator: bool) -> str:
    if operator == bool(who):
        raise StartError("keys create: name a client, or give --operator, not both")
    if who and not (await connection.execute(select(clients).where(clients.c.client == who))).first():
        raise StartError(f"keys create: there is no client {who}")
    pepper = target.secret_key(settings)
    kind: KeyKind = "operator" if operator else "client"
    made = await issue_key(connection, pepper, kind, who or None, label.strip())
    body = {"new": {"kind": kind, "client": who or None, "label": label.strip()}}
    await trail.record(connection, "console", "key.issue", str(made.key_id), who or None, body)
    return made.key


async def _revoke(connection: AsyncConnection, who: str) -> str:
    if not who.isdecimal():
        raise StartError("keys revoke: give the number that 'keys list' shows")
    if not await revoke_key(connection, int(who)):
        raise StartError(f"keys revoke: there is no live key {who}")
    await trail.record(connection, "console", "key.revoke", who, None, {})
    return f"key {who} is revoked"


async def _list(connection: AsyncConnection) -> list[str]:
    rows = (await connection.execute(select(*SHOWN, api_keys.c.last4).order_by(api_keys.c.key_id))).mappings()
    return [
        f"{row['key_id']:>5}  {row['kind']:<8}  {row['client'] or '-':<20}  …{row['last4']}  {state(row):<7}  "
        f"{row['label']}".rstrip()
        for row in rows
    ]

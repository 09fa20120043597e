"""``overround trading``: show and change trading settings while everything runs (docs/trading.md)."""

import asyncio
import sys
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from console import config, target
from console.embedded.process import StartError
from overround.domain.config import BadConfig
from overround.ledger import configs, seed
from overround.ledger import tables as t
from overround.ledger.db import connect
from overround.settings import Settings


class Action(StrEnum):
    SHOW = "show"
    SET = "set"


def trading(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.SHOW,
    client: Annotated[str, typer.Argument(help="Whose settings, for example demo:vertex.")] = "",
    file: Annotated[Path, typer.Option(help="set: TOML with [default] and [tournament.ID]; - is stdin.")] = Path("-"),
) -> None:
    """Show or change trading settings. A change is a new version; quotes follow it within a second or two."""
    for line in asyncio.run(_within(config.load(), action, client, file)):
        print(line)


async def _within(settings: Settings, action: Action, client: str, file: Path) -> list[str]:
    engine = connect(target.database_url(settings), pool=1)
    try:
        async with engine.begin() as connection:
            known = [row.client for row in await connection.execute(select(t.clients.c.client))]
            if client not in known:
                raise StartError(f"trading: name a client; known: {', '.join(sorted(known)) or 'none yet'}")
            if action is Action.SET:
                return await _set(connection, client, _read(file))
            return await _show(connection, client)
    finally:
        await engine.dispose()


async def _set(connection: AsyncConnection, client: str, file: Mapping[str, Any]) -> list[str]:
    try:
        bodies = seed.trading_bodies(file)
        saved = {item: await configs.save(connection, client, item, body, "console") for item, body in bodies.items()}
    except BadConfig as error:
        raise StartError(f"trading set: {error}") from None
    return [f"{_name(tournament)} is now version {saved[tournament].version}" for tournament in sorted(saved)]


async def _show(connection: AsyncConnection, client: str) -> list[str]:
    """As TOML that ``set`` reads back."""
    held = await configs.load(connection)
    whole = (t.trading_configs.c.client == client, t.trading_configs.c.market_id == configs.DEFAULT)
    query = select(t.trading_configs.c.tournament_id).where(*whole).distinct()
    wanted = sorted(row.tournament_id for row in await connection.execute(query))
    lines = []
    for tournament in wanted or [configs.DEFAULT]:
        now = held.of(client, tournament)
        lines += [f"# version {now.version}", f"[{_name(tournament)}]"]
        lines += [f"{name} = {_toml(value)}" for name, value in configs.as_plain(now).items()]
    return lines


def _name(tournament: int) -> str:
    return "default" if tournament == configs.DEFAULT else f"tournament.{tournament}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StartError(f"--file: {file} cannot be read: {error}") from None

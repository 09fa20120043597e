"""The demo's client, accounts, trading settings and key, on the paper venues' throw-away credentials."""

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from overround.domain.config import BadConfig, parse_config
from overround.domain.ids import NAMESPACE
from overround.feed.catalogue import DEFAULT_OUTCOMES
from overround.ledger import configs, keys
from overround.ledger import tables as t
from overround.ledger.accounts import save_bookmaker_account, save_client, save_exchange_account
from overround.ledger.db import normalise
from overround.venues import Account

CLIENT, NAME, BOOKMAKER = "demo:vertex", "Demo", "vertex"
SOCCER_RESULT = (101, 102, 103)
DEFAULTS: dict[str, Any] = {"outcomes": [*DEFAULT_OUTCOMES, *SOCCER_RESULT]}
"""The seed's fourteen outcomes, and the three-way result of soccer."""


def demo(
    database_url: str, *, paper: Mapping[str, Any], secret_key: str, trading: Mapping[str, Any] | None = None
) -> str:
    """Create or refresh the demo; returns its API key, the same for the same secret.

    ``trading`` is the parsed trading file: ``[default]`` and ``[tournament.ID]`` tables of ``TradingConfig`` names;
    raises ``BadConfig`` and changes nothing when one is wrong.
    """
    return asyncio.run(_demo(database_url, paper, secret_key, trading or {}))


async def _demo(database_url: str, paper: Mapping[str, Any], secret_key: str, trading: Mapping[str, Any]) -> str:
    wanted = trading_bodies(trading)
    engine = create_async_engine(normalise(database_url))
    try:
        async with engine.begin() as connection:
            await save_client(connection, CLIENT, NAME, BOOKMAKER)
            await _save_accounts(connection, paper["accounts"], secret_key)
            for tournament_id, body in wanted.items():
                await _save_trading(connection, tournament_id, body)
            key = str(uuid.uuid5(NAMESPACE, f"demo key of {secret_key}"))
            await keys.store_key(connection, SecretStr(secret_key), key, "client", CLIENT)
    finally:
        await engine.dispose()
    return key


async def _save_accounts(connection: AsyncConnection, accounts: list[Mapping[str, Any]], secret_key: str) -> None:
    for item in accounts:
        account = Account(
            item["account_id"], item["venue"], item["client"], item["endpoints"], item["secrets"], item["options"]
        )
        if item["kind"] == "exchange":
            await save_exchange_account(connection, account, secret_key)
        else:
            await save_bookmaker_account(connection, account, secret_key, bookmaker=BOOKMAKER)


def trading_bodies(trading: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Settings per tournament id (0 is the default) from a parsed trading file. Raises ``BadConfig``."""
    unknown = sorted(trading.keys() - {"default", "tournament"})
    if unknown:
        raise BadConfig(f"unknown table [{unknown[0]}]; a trading file holds [default] and [tournament.ID]")
    default = {**DEFAULTS, **trading.get("default", {})}
    bodies = {configs.DEFAULT: default}
    for name, body in trading.get("tournament", {}).items():
        if not name.isdigit() or not isinstance(body, dict):
            raise BadConfig(f"[tournament.{name}]: the name must be a tournament id")
        bodies[int(name)] = {**default, **body}
    for body in bodies.values():
        parse_config(body, version=0)
    return bodies


async def _save_trading(connection: AsyncConnection, tournament_id: int, body: dict[str, Any]) -> None:
    """A new version only where something differs from the newest."""
    plain = configs.as_plain(parse_config(body, version=0))
    query = (
        select(t.trading_configs.c.body)
        .where(t.trading_configs.c.client == CLIENT, t.trading_configs.c.tournament_id == tournament_id)
        .where(t.trading_configs.c.market_id == configs.DEFAULT)
        .order_by(t.trading_configs.c.config_version.desc())
        .limit(1)
    )
    newest = (await connection.execute(query)).scalar_one_or_none()
    if newest is None or configs.as_plain(parse_config(newest, version=0)) != plain:
        await configs.save(connection, CLIENT, tournament_id, plain, "trading file")

"""The demo's client, accounts and keys, on the paper venues' throw-away credentials."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from overround.domain.config import BadConfig
from overround.ledger import configs, keys
from overround.ledger import tables as t
from overround.ledger.accounts import save_bookmaker_account, save_client, save_exchange_account
from overround.ledger.db import normalise
from overround.venues import Account

CLIENT = "demo:vertex"
SOCCER = (101, 102, 103)
DEFAULTS: dict[str, Any] = {}


def demo(
    database_url: str, *, paper: Mapping[str, Any], secret_key: str, trading: Mapping[str, Any] | None = None
) -> str:
    """Create or refresh the demo; returns its API key. ``trading`` is the parsed trading configuration file."""
    return asyncio.run(_demo(database_url, paper, secret_key, trading or {}))


async def _demo(database_url: str, paper: Mapping[str, Any], secret_key: str, trading: Mapping[str, Any]) -> str:
    engine = create_async_engine(normalise(database_url))
    async with engine.begin() as connection:
        await save_client(connection, CLIENT, "Demo", "vertex")
        for account in exchange_accounts(paper):
            await save_exchange_account(connection, account, secret_key)
        await save_bookmaker_account(connection, bookmaker_account(paper), secret_key, bookmaker="vertex")
        await save_trading(connection, CLIENT, trading)
        key = await _api_key(connection, secret_key)
    await engine.dispose()
    return key

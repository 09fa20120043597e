"""One open session per venue account, shared by every activity of a process."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from overround.bookmakers import open_bookmaker
from overround.bookmakers.base import Bookmaker
from overround.exchanges import open_exchange
from overround.exchanges.base import Exchange
from overround.ledger.accounts import bookmaker_account, exchange_account

T = TypeVar("T", Exchange, Bookmaker)


class Sessions:
    """Sessions by account id, opened on first use and closed together."""

    def __init__(self, ledger: AsyncEngine, secret_key: str) -> None:
        self._ledger = ledger
        self._secret_key = secret_key
        self._exchanges: dict[str, Exchange] = {}
        self._bookmakers: dict[str, Bookmaker] = {}
        self._lock = asyncio.Lock()

    async def exchange(self, account_id: str) -> Exchange:
        """The open session of an exchange account."""
        return await self._session(self._exchanges, account_id, self._open_exchange)

    async def bookmaker(self, account_id: str) -> Bookmaker:
        """The open session of a bookmaker account."""
        return await self._session(self._bookmakers, account_id, self._open_bookmaker)

    async def close(self) -> None:
        for exchange in self._exchanges.values():
            await exchange.__aexit__(None, None, None)
        for bookmaker in self._bookmakers.values():
            await bookmaker.__aexit__(None, None, None)

    async def _session(self, sessions: dict[str, T], account_id: str, opener: Callable[[str], Awaitable[T]]) -> T:
        if account_id not in sessions:
            async with self._lock:
                if account_id not in sessions:
                    sessions[account_id] = await opener(account_id)
        return sessions[account_id]

    async def _open_exchange(self, account_id: str) -> Exchange:
        async with self._ledger.connect() as connection:
            account = await exchange_account(connection, account_id, self._secret_key)
        return await open_exchange(account).__aenter__()

    async def _open_bookmaker(self, account_id: str) -> Bookmaker:
        async with self._ledger.connect() as connection:
            account = await bookmaker_account(connection, account_id, self._secret_key)
        return await open_bookmaker(account).__aenter__()

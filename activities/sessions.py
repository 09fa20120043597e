"""One open session per venue account, shared by every activity of a process."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.bookmakers import open_bookmaker
from overround.bookmakers.base import Bookmaker
from overround.exchanges import open_exchange
from overround.exchanges.base import Exchange
from overround.ledger.accounts import bookmaker_account, exchange_account

log = structlog.get_logger(__name__)
T = TypeVar("T", Exchange, Bookmaker)


class Sessions:
    """Sessions by account id, opened on first use and closed together."""

    def __init__(self, ledger: AsyncEngine, secret_key: str) -> None:
        self._ledger = ledger
        self._secret_key = secret_key
        self._exchanges: dict[str, Exchange] = {}
        self._bookmakers: dict[str, Bookmaker] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def exchange(self, account_id: str) -> Exchange:
        """The open session of an exchange account."""
        return await self._session(self._exchanges, account_id, self._open_exchange)

    async def bookmaker(self, account_id: str) -> Bookmaker:
        """The open session of a bookmaker account."""
        return await self._session(self._bookmakers, account_id, self._open_bookmaker)

    async def close(self) -> None:
        """Close every session, whatever one of them does."""
        sessions: list[tuple[str, Exchange | Bookmaker]] = [*self._exchanges.items(), *self._bookmakers.items()]
        self._exchanges, self._bookmakers = {}, {}
        for account_id, session in sessions:
            try:
                await session.__aexit__(None, None, None)
            except Exception as error:
                log.warning("a session did not close", account=account_id, error=repr(error))

    async def _session(self, sessions: dict[str, T], account_id: str, opener: Callable[[str], Awaitable[T]]) -> T:
        """One that is slow to open makes only those wait who ask for it."""
        if account_id not in sessions:
            async with self._opening[account_id]:
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

"""The bookmaker watch: reads every bookmaker account now and then, and shows its balance and health."""

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.sessions import Sessions
from overround.ledger import tables as t
from overround.ledger.accounts import note_bookmaker
from overround.venues import VenueError

log = structlog.get_logger(__name__)


class BookmakerWatch:
    """``look`` must be called every quarter of a minute or so."""

    def __init__(self, database: AsyncEngine, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    async def look(self) -> None:
        """Note the balance of each active account, or why it cannot be read."""
        query = select(t.bookmaker_accounts.c.account_id, t.bookmaker_accounts.c.bookmaker).where(
            t.bookmaker_accounts.c.active
        )
        async with self._database.connect() as connection:
            accounts = [(row.account_id, row.bookmaker) for row in await connection.execute(query)]
        for account_id, bookmaker in accounts:
            await self._note(account_id, bookmaker)

    async def _note(self, account_id: str, bookmaker: str) -> None:
        status, reason, balance = "connected", "", None
        try:
            session = await self._sessions.bookmaker(account_id)
            held = next((item for item in await session.accounts() if item.bookmaker == bookmaker), None)
            if held is None:
                status, reason = "unknown", f"the route has no account at {bookmaker}"
            elif not held.active:
                status, reason, balance = "blocked", f"{bookmaker} has blocked the account", held.balance
            else:
                balance = held.balance
        except VenueError as error:
            status, reason = "unreachable", error.message
            log.warning("bookmaker account", account=account_id, error=str(error))
        async with self._database.begin() as connection:
            await note_bookmaker(connection, account_id, status, reason=reason, balance=balance)

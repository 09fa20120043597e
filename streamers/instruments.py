"""The instrument desk: which venue contracts express a feed market, proved before anything is quoted on them."""

import time
from dataclasses import dataclass
from decimal import Decimal

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.sessions import Sessions
from overround.domain.markets import Instrument, MarketBook, MarketKey
from overround.exchanges.base import NativeIds, VenueMarket
from overround.instruments import Proof, prove
from overround.ledger.fixtures import save_instrument, save_unmapped
from overround.venues import VenueError

log = structlog.get_logger(__name__)
RETRY_SECONDS = 10.0


@dataclass(slots=True)
class Listing:
    """What is known of one market on one exchange. ``instruments`` is empty until the mapping is proved."""

    instruments: tuple[Instrument, ...]
    reason: str
    venue_market: str = ""
    checked_at: float = 0.0

    @property
    def venue_markets(self) -> set[str]:
        """The venue market, and those of its contracts where each has its own (Polymarket conditions)."""
        return {self.venue_market, *(item.venue_market for item in self.instruments)}

    @property
    def overdue(self) -> bool:
        """An unproved mapping that should be asked for again."""
        return not self.instruments and time.monotonic() - self.checked_at > RETRY_SECONDS


class InstrumentDesk:
    """Asks venues for metadata, proves mappings, remembers the answer and writes it to the ledger."""

    def __init__(self, database: AsyncEngine, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self._listings: dict[tuple[str, MarketKey], Listing] = {}

    def known(self, exchange: str, key: MarketKey) -> Listing | None:
        """The listing, while it may be used; None when it must be asked for (again)."""
        listing = self._listings.get((exchange, key))
        return None if listing is None or listing.overdue else listing

    def overdue(self) -> list[tuple[str, MarketKey]]:
        """Exchange and market of every unproved mapping that should be asked for again."""
        return [key for key, listing in self._listings.items() if listing.overdue]

    async def ask(
        self, exchange: str, account_id: str, ids: NativeIds, names: dict[int, str], book: MarketBook, band: Decimal
    ) -> Listing:
        """Read the venue's metadata and prove or refuse the mapping; whatever goes wrong is a refusal."""
        try:
            listing = await self._ask(account_id, ids, names, book, band)
        except Exception as error:
            log.error("instruments could not be checked", exchange=exchange, key=str(book.key), error=repr(error))
            listing = Listing((), f"the mapping could not be checked: {type(error).__name__}")
        listing.checked_at = time.monotonic()
        before = self._listings.get((exchange, book.key))
        if before is None or (before.instruments, before.reason) != (listing.instruments, listing.reason):
            await self._write(exchange, book.key, names, listing)  # what is not written is not traded either
        self._listings[(exchange, book.key)] = listing
        return listing

    async def _ask(
        self, account_id: str, ids: NativeIds, names: dict[int, str], book: MarketBook, band: Decimal
    ) -> Listing:
        if not names.keys() <= ids.outcomes.keys():
            return Listing((), "the feed has no native ids of this market on the exchange")
        session = await self._sessions.exchange(account_id)
        try:
            market = await session.market(book.key.fixture_id, book.key.market_id, ids)
        except VenueError as error:
            return Listing((), f"the venue's metadata could not be read: {error.message}")
        proof = prove(names, market, book, band)
        return _listing(market, names, proof)

    async def _write(self, exchange: str, key: MarketKey, names: dict[int, str], listing: Listing) -> None:
        async with self._database.begin() as connection:
            for instrument in listing.instruments:
                await save_instrument(connection, instrument, proved=True, reason=listing.reason)
            if not listing.instruments:
                for outcome in names:
                    await save_unmapped(connection, exchange, key, outcome, listing.reason)

    def forget(self, exchange: str, venue_market: str) -> set[MarketKey]:
        """A venue market changed: its listings must be asked for again. The feed markets concerned."""
        keys = {
            key
            for (name, key), listing in self._listings.items()
            if name == exchange and venue_market in listing.venue_markets
        }
        for key in keys:
            del self._listings[(exchange, key)]
        return keys

    def forget_fixture(self, fixture_id: str) -> None:
        """The fixture is over."""
        for item in [item for item in self._listings if item[1].fixture_id == fixture_id]:
            del self._listings[item]


def _listing(market: VenueMarket, names: dict[int, str], proof: Proof) -> Listing:
    if not proof.proved:
        return Listing((), proof.reason, market.venue_market)
    instruments = tuple(market.instruments[outcome] for outcome in names if outcome in market.instruments)
    return Listing(instruments, proof.reason, market.venue_market)

"""Why a book may not be quoted from: the rules of the oddspapi sheet, section 7, as pure functions.

**Sign of life.** Prices that do not move are not re-sent, so silence is judged per bookmaker, not per price (pricing
sheet, section 4.5). Before the start, anything the feed says of the bookmaker on *any* fixture proves that its prices
still reach us; in play only what is said of it on *that* fixture counts. A frame counts as of the moment the gateway
emitted it, so one delivered late is not fresh. A REST answer that covers the bookmaker counts as of the moment it was
asked for. A live socket alone proves nothing about a bookmaker. The newest sign must be inside the bookmaker's own
published delay, ``maxDelayPregameInSec`` or ``maxDelayLiveInSec``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from overround.feed.catalogue import BookmakerInfo, CatalogueMarket
from overround.feed.messages import CANCELLED, BookmakerState, Fixture, OddsRow

DISCONNECTED, SNAPSHOT_PENDING = "feed disconnected", "snapshot pending"
SMALL_MARKET = 3
"""Up to this many outcomes an inactive one pulls the whole market; in larger ones it is a non-runner."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds. ``pregame`` and ``live`` are the silence allowed where a bookmaker publishes no bound."""

    pregame: int = 60_000
    live: int = 10_000
    unread: int = 3_000
    """How long a fixture may be quoted after an unreadable frame while a snapshot is being fetched."""
    hush: int = 2_000
    """After this long without any frame, live fixtures are confirmed by REST."""

    def allowed(self, info: BookmakerInfo | None, live: bool) -> int:
        published = None if info is None else info.max_delay_live if live else info.max_delay_pregame
        if published is None or not published > 0:
            return self.live if live else self.pregame
        return int(published * 1000)


class Lag:
    """Maps the gateway's emit times to the local clock: the fastest delivery of a connection is taken to be immediate.

    The estimate may rise by 0.05 % of the time passed, so that clocks drifting apart do not age odds for ever.
    """

    CREEP = 0.0005

    def __init__(self) -> None:
        self._offset: float | None = None
        self._at = 0

    def emitted(self, received: int, ts: int) -> int:
        """When a frame stamped ``ts`` left the gateway, epoch milliseconds of the local clock; never after receipt."""
        offset = float(received - ts)
        if self._offset is not None:
            offset = min(offset, self._offset + (received - self._at) * self.CREEP)
        self._offset, self._at = offset, received
        return min(received, int(ts + offset))


def fixture_reason(fixture: Fixture | None) -> str | None:
    if fixture is None:
        return "fixture unknown"
    if fixture.over:
        return "fixture cancelled" if fixture.status_id == CANCELLED else "fixture finished"
    return f"fixture reissued as {fixture.reissued_as}" if fixture.reissued_as else None


def bookmaker_reason(state: BookmakerState | None) -> str | None:
    """A slug missing from the map means no odds (sheet, section 3.2); whether the prices of a rotated book are already
    turned round is not documented, so they are not used."""
    if state is None or not state.has_odds:
        return "bookmaker has no odds"
    if state.stale_odds:
        return "bookmaker stale"
    if state.suspended:
        return "suspended"
    return "participants rotated" if state.participants_rotated else None


def market_reason(rows: Sequence[OddsRow], market: CatalogueMarket | None) -> str | None:
    """Judge the rows of one market at one bookmaker against what the catalogue says the market is."""
    if market is None:
        return "market not in catalogue"
    if len(rows) != market.length or any(row.outcome_id not in market.outcomes for row in rows):
        return f"market incomplete: {len(rows)} of {market.length} outcomes"
    if any(row.market_active is False for row in rows):
        return "market not active"
    if not any(row.active for row in rows) or (len(rows) <= SMALL_MARKET and not all(row.active for row in rows)):
        return "outcome not active"
    unusable = next((row for row in rows if row.unusable and (row.active or len(rows) <= SMALL_MARKET)), None)
    return None if unusable is None else f"outcome {unusable.outcome_id}: {unusable.unusable}"


def silence_reason(heard: int, now_ms: int, allowed: int) -> str | None:
    age = now_ms - heard
    return f"bookmaker silent for {age / 1000:.1f} s" if age > allowed else None

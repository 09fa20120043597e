"""What the feed has told so far, as books that say themselves whether they may be quoted from.

``FeedState`` is fed stream events and REST snapshots and never does I/O. Times are epoch milliseconds of the local
``FeedClock``; pass the same clock's ``now_ms()``.
"""

from collections.abc import Iterable

from overround.domain.markets import MarketBook, MarketKey, OutcomePrice
from overround.exchanges.base import NativeIds
from overround.feed.catalogue import BookmakerInfo, CatalogueMarket
from overround.feed.events import (
    BadFrame,
    BookmakerChange,
    ClockChange,
    Connected,
    Disconnected,
    FixtureChange,
    OddsChange,
    Resumed,
    ScoreChange,
    SnapshotNeeded,
    StreamEvent,
    Update,
)
from overround.feed.held import Held, HeldFixture
from overround.feed.messages import Fixture, FixtureOdds, OddsRow
from overround.feed.rules import (
    DISCONNECTED,
    SNAPSHOT_PENDING,
    Delays,
    Lag,
    bookmaker_reason,
    fixture_reason,
    market_reason,
    silence_reason,
)

BOOK_CHANNELS = frozenset({"fixtures", "odds", "bookmakers"})
"""A gap in one of these makes books doubtful."""


class FeedState:
    """Fixtures, bookmakers, odds, scores and the catalogue. ``quoting`` names the bookmakers whose prices are quoted
    from (None: any); others, the exchanges, only give native ids. ``market_ids`` limits what is kept (None: all)."""

    def __init__(
        self,
        *,
        quoting: Iterable[str] | None = None,
        market_ids: Iterable[int] | None = None,
        delays: Delays | None = None,
    ) -> None:
        self._quoting = None if quoting is None else frozenset(quoting)
        self._market_ids = None if market_ids is None else frozenset(market_ids)
        self._delays = delays or Delays()
        self._held: dict[str, HeldFixture] = {}
        self._heard: dict[str, int] = {}
        self._resuming: frozenset[str] = frozenset()
        self._lag, self._emitted, self.last_frame = Lag(), 0, 0
        self.connected = False
        self.catalogue: dict[int, CatalogueMarket] = {}
        self.bookmakers: dict[str, BookmakerInfo] = {}
        self._dirty: set[MarketKey] = set()
        self._dirty_fixtures: set[str] = set()
        self._dirty_scores: set[str] = set()

    # -- reading ----------------------------------------------------------------------------------------------------

    def fixtures(self) -> list[Fixture]:
        return [held.fixture for held in self._held.values() if held.fixture is not None]

    def fixture(self, fixture_id: str) -> Fixture | None:
        held = self._held.get(fixture_id)
        return None if held is None else held.fixture

    def markets_of(self, fixture_id: str, bookmaker: str | None = None) -> list[int]:
        """Ids of the markets with rows, at one bookmaker or at any."""
        held = self._held.get(fixture_id)
        return [] if held is None else sorted(held.market_ids(bookmaker))

    def book(self, fixture_id: str, market_id: int, bookmaker: str, now_ms: int) -> MarketBook:
        """The market at one bookmaker; ``pull`` names why nothing may be quoted from it. ``received_at`` is the last
        sign of life behind it, 0 without any."""
        held = self._held.get(fixture_id) or HeldFixture(fixture_id, None)
        rows = held.market(bookmaker, market_id)
        market = self.catalogue.get(market_id)
        return MarketBook(
            key=MarketKey(fixture_id, market_id),
            bookmaker=bookmaker,
            outcomes=tuple(_price(item.row) for item in rows if item.row.unusable is None),
            live=held.fixture is not None and held.fixture.live,
            received_at=self._life(held, bookmaker),
            winners=1 if market is None else market.winners,
            pull=self._pull(held, rows, market_id, bookmaker, now_ms),
        )

    def native_ids(self, fixture_id: str, market_id: int, exchange: str) -> NativeIds:
        """What the exchange with this slug calls the market. ``market`` is None where its outcomes are markets of their
        own."""
        held = self._held.get(fixture_id) or HeldFixture(fixture_id, None)
        state = held.state(exchange)
        rows = [item.row for item in held.market(exchange, market_id)]
        markets = {row.bookmaker_market_id for row in rows}
        return NativeIds(
            event=None if state is None else state.bookmaker_fixture_id,
            market=markets.pop() if len(markets) == 1 else None,
            outcomes={row.outcome_id: row.bookmaker_outcome_id for row in rows if row.bookmaker_outcome_id},
        )

    def row(self, fixture_id: str, bookmaker: str, outcome_id: int) -> OddsRow | None:
        held = self._held.get(fixture_id)
        rows = {} if held is None else held.rows.get(bookmaker, {})
        return next((market[outcome_id].row for market in rows.values() if outcome_id in market), None)

    # -- why not ----------------------------------------------------------------------------------------------------

    def _pull(self, held: HeldFixture, rows: list[Held], market_id: int, bookmaker: str, now_ms: int) -> str | None:
        return (
            (None if self.connected else DISCONNECTED)
            or fixture_reason(held.fixture)
            or (SNAPSHOT_PENDING if held.wanted_since is not None or self._resuming else None)
            or bookmaker_reason(held.state(bookmaker))
            or market_reason([item.row for item in rows], self.catalogue.get(market_id))
            or self._overdue(held, bookmaker, now_ms)
        )

    def _overdue(self, held: HeldFixture, bookmaker: str, now_ms: int) -> str | None:
        if held.unread_since is not None and now_ms - held.unread_since > self._delays.unread:
            return "unreadable frame"
        return silence_reason(self._life(held, bookmaker), now_ms, self._allowed(held, bookmaker))

    def _allowed(self, held: HeldFixture, bookmaker: str) -> int:
        live = held.fixture is not None and held.fixture.live
        return self._delays.allowed(self.bookmakers.get(bookmaker), live)

    def _life(self, held: HeldFixture, bookmaker: str) -> int:
        """When the bookmaker last gave a sign of life that counts for this fixture (``rules``, sign of life)."""
        here = held.heard.get(bookmaker, 0)
        live = held.fixture is not None and held.fixture.live
        return here if live else max(here, self._heard.get(bookmaker, 0))

    # -- stream -----------------------------------------------------------------------------------------------------

    def apply(self, event: StreamEvent) -> None:
        """Take one event of the stream."""
        if isinstance(event, Update):
            self._update(event)
        elif isinstance(event, Connected):
            self._connect(event)
        elif isinstance(event, Disconnected):
            self._set_connection(False, frozenset())
        elif isinstance(event, Resumed):
            self._set_connection(self.connected, frozenset())
        elif isinstance(event, SnapshotNeeded):
            self._doubt(event)
        elif isinstance(event, BadFrame):
            self._lose(event)

    def _lose(self, event: BadFrame) -> None:
        """What an unreadable frame said is lost: nothing changes now, but snapshots must confirm what is held."""
        named = self._held.get(event.fixture_id or "")
        lost = [named] if named is not None else list(self._held.values()) if event.fixture_id is None else []
        for held in lost if event.channel is None or event.channel in BOOK_CHANNELS else []:
            held.unread(event.at.epoch_ms)

    def _connect(self, event: Connected) -> None:
        if event.new_epoch:
            for held in self._held.values():
                held.forget_rows()
        self._lag = Lag()
        self._set_connection(True, BOOK_CHANNELS & set(event.resuming))

    def _set_connection(self, connected: bool, resuming: frozenset[str]) -> None:
        changed = (connected, bool(resuming)) != (self.connected, bool(self._resuming))
        self.connected, self._resuming = connected, resuming
        if changed:
            self.mark_all()

    def _doubt(self, event: SnapshotNeeded) -> None:
        self._resuming -= set(event.channels)
        if BOOK_CHANNELS & set(event.channels):
            for held in self._held.values():
                held.doubt(event.at.epoch_ms)
        self.mark_all()

    def _update(self, event: Update) -> None:
        body, at = event.body, event.at.epoch_ms
        self._emitted = self._lag.emitted(at, event.ts)
        self.last_frame = at
        if isinstance(body, OddsChange):
            self._odds(self._hold(body.fixture_id, at), body, at)
        elif isinstance(body, BookmakerChange):
            self._states(self._hold(body.fixture_id, at), body, at)
        elif isinstance(body, FixtureChange):
            self._fixture(self._hold(body.fixture.fixture_id, at), body.fixture, at)
        elif isinstance(body, ScoreChange):
            if self._hold(body.fixture_id, at).put_scores(body.scores):
                self._dirty_scores.add(body.fixture_id)
        elif isinstance(body, ClockChange) and self._hold(body.fixture_id, at).put_clock(body.clock):
            self._dirty_fixtures.add(body.fixture_id)

    def _hold(self, fixture_id: str, at: int) -> HeldFixture:
        """The fixture's entry; a new one is doubtful until its first snapshot."""
        if fixture_id not in self._held:
            self._held[fixture_id] = HeldFixture(fixture_id, wanted_since=at)
        return self._held[fixture_id]

    def _odds(self, held: HeldFixture, body: OddsChange, at: int) -> None:
        for slug, rows in body.odds.items():
            self._hear(held, slug)
            for row in rows:
                if not self._keeps(row):
                    continue
                priced, mapped = held.put_row(row, at)
                if mapped or (priced and self._quotes(slug)):
                    self._dirty.add(MarketKey(held.fixture_id, row.market_id))

    def _states(self, held: HeldFixture, body: BookmakerChange, at: int) -> None:
        for slug, state in body.bookmakers.items():
            self._hear(held, slug)
            if held.put_state(state, at):
                self._mark(held.fixture_id)

    def _fixture(self, held: HeldFixture, fixture: Fixture, at: int, *, asked: bool = False) -> None:
        was_live = held.fixture is not None and held.fixture.live
        changed, scored = held.put_fixture(fixture, at, asked=asked)
        if scored:
            self._dirty_scores.add(held.fixture_id)
        if changed:
            self._dirty_fixtures.add(held.fixture_id)
        if changed and (held.fixture is None or held.fixture.over or held.fixture.live != was_live):
            self._mark(held.fixture_id)

    def _hear(self, held: HeldFixture, slug: str) -> None:
        held.heard[slug] = max(self._emitted, held.heard.get(slug, 0))
        self._heard[slug] = max(self._emitted, self._heard.get(slug, 0))

    # -- snapshots --------------------------------------------------------------------------------------------------

    def list_fixture(self, fixture: Fixture, asked: int) -> None:
        """A fixture from a list asked for at ``asked``; its odds are still to be read."""
        self._fixture(self._hold(fixture.fixture_id, asked), fixture, asked, asked=True)

    def snapshot(self, answer: FixtureOdds, asked: int) -> bool:
        """A fixture with all its odds, from REST, asked for at ``asked``. True when it told prices that a stream not in
        doubt should have told before."""
        held = self._hold(answer.fixture.fixture_id, asked - 1)
        doubtful = held.wanted_since is not None
        odds = {slug: tuple(row for row in rows if self._keeps(row)) for slug, rows in answer.odds.items()}
        prices, ids = held.replace_rows(odds, asked)
        states = held.replace_states(answer.fixture.bookmakers, asked)
        self._fixture(held, answer.fixture, asked, asked=True)
        held.settle(answer, asked)
        for slug in {*odds, *answer.fixture.bookmakers}:
            self._heard[slug] = max(asked, self._heard.get(slug, 0))
        changed = ids | {market for slug, market in prices if self._quotes(slug)}
        self._dirty |= {MarketKey(held.fixture_id, market) for market in changed}
        if states or doubtful:
            self._mark(held.fixture_id)
        return not doubtful and bool(changed or states)

    def learn_markets(self, markets: Iterable[CatalogueMarket]) -> None:
        new = {market.market_id: market for market in markets if self.catalogue.get(market.market_id) != market}
        self.catalogue |= new
        for held in self._held.values():
            self._dirty |= {MarketKey(held.fixture_id, key) for key in held.market_ids() & new.keys()}

    def learn_bookmakers(self, bookmakers: Iterable[BookmakerInfo]) -> None:
        self.bookmakers |= {info.slug: info for info in bookmakers}
        self.mark_all()

    def forget(self, fixture_id: str) -> None:
        self._held.pop(fixture_id, None)

    def keys(self) -> set[MarketKey]:
        """Every market held."""
        return {MarketKey(held.fixture_id, key) for held in self._held.values() for key in held.market_ids()}

    def doubtful(self) -> int:
        """How many open fixtures wait for a snapshot."""
        return sum(held.wanted_since is not None and not held.over() for held in self._held.values())

    def settled(self) -> bool:
        """True when connected and nothing held is doubtful."""
        return self.connected and not self._resuming and not self.doubtful()

    # -- what to do next --------------------------------------------------------------------------------------------

    def wanted(self, now_ms: int) -> list[str]:
        """Fixtures to read by REST, most urgent first: doubtful ones (live before pregame), then those an unreadable
        frame was about or with a bookmaker silent for half of what it is allowed."""
        open_ones = [held for held in self._held.values() if not held.over()]
        doubtful = [held for held in open_ones if held.wanted_since is not None]
        doubtful.sort(key=lambda held: held.fixture is None or not held.fixture.live)
        quiet = [held for held in open_ones if held.wanted_since is None and self._unsure(held, now_ms)]
        quiet.sort(key=lambda held: held.fixture is None or not held.fixture.live)
        return [held.fixture_id for held in [*doubtful, *quiet]]

    def _unsure(self, held: HeldFixture, now_ms: int) -> bool:
        if held.unread_since is not None:
            return True
        hushed = held.fixture is not None and held.fixture.live and now_ms - self.last_frame > self._delays.hush
        ages = {
            slug: now_ms - self._life(held, slug) for slug, rows in held.rows.items() if rows and self._quotes(slug)
        }
        return any(
            2 * age > self._allowed(held, slug) or (hushed and age > self._delays.hush) for slug, age in ages.items()
        )

    def unknown_markets(self) -> dict[int, set[int]]:
        """Sport id to the market ids quoted there whose meaning is not known yet."""
        unknown: dict[int, set[int]] = {}
        for held in self._held.values():
            if held.fixture is None or held.fixture.over:
                continue
            ids = {key for slug in held.rows if self._quotes(slug) for key in held.market_ids(slug)}
            if missing := ids - self.catalogue.keys():
                unknown.setdefault(held.fixture.sport_id, set()).update(missing)
        return unknown

    def expire(self, now_ms: int) -> None:
        """Mark markets of bookmakers that fell silent, or speak again, since last asked."""
        for held in self._held.values():
            for slug in held.rows:
                silent = self._quotes(slug) and self._overdue(held, slug, now_ms) is not None
                if held.silent.get(slug, False) != silent:
                    held.silent[slug] = silent
                    self._dirty |= {MarketKey(held.fixture_id, key) for key in held.market_ids(slug)}

    # -- what changed -----------------------------------------------------------------------------------------------

    def take_dirty(self) -> tuple[set[MarketKey], set[str], set[str]]:
        """Markets, fixtures and scores (fixture ids) changed since last asked."""
        taken = self._dirty, self._dirty_fixtures, self._dirty_scores
        self._dirty, self._dirty_fixtures, self._dirty_scores = set(), set(), set()
        return taken

    def mark_all(self) -> None:
        for fixture_id in self._held:
            self._mark(fixture_id)

    def _mark(self, fixture_id: str) -> None:
        self._dirty |= {MarketKey(fixture_id, key) for key in self._held[fixture_id].market_ids()}

    def _quotes(self, slug: str) -> bool:
        return self._quoting is None or slug in self._quoting

    def _keeps(self, row: OddsRow) -> bool:
        return row.player_id == 0 and (self._market_ids is None or row.market_id in self._market_ids)


def _price(row: OddsRow) -> OutcomePrice:
    return OutcomePrice(row.outcome_id, row.price, row.limit, row.active, row.changed_at)

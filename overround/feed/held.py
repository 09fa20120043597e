"""One fixture as last heard: its rows merged from stream and snapshots.

Merging (oddspapi sheet, section 2.6): of two versions of a row the one with the newer ``changedAt`` stays; on a tie
the one received later. A snapshot replaces what was received before it was *asked for*, and rows it lacks are gone;
what the stream brought meanwhile stays. That is the same as buffering the stream and applying it after the snapshot.
"""

from dataclasses import dataclass, field, replace

from overround.feed.messages import PREGAME, BookmakerState, Clock, Fixture, FixtureOdds, OddsRow, Score


@dataclass(slots=True)
class Held:
    """A row and when it was last received, epoch milliseconds of the local clock."""

    row: OddsRow
    received: int

    def shows_as(self, row: OddsRow) -> bool:
        """True when ``row`` would be quoted exactly alike."""
        mine = self.row
        return (
            (mine.price == row.price or (mine.price.is_nan() and row.price.is_nan()))
            and (mine.active, mine.market_active, mine.limit, mine.unusable, mine.market_id)
            == (row.active, row.market_active, row.limit, row.unusable, row.market_id)
        )  # fmt: skip

    def maps_as(self, row: OddsRow) -> bool:
        """True when ``row`` names the same native ids."""
        mine = (self.row.bookmaker_market_id, self.row.bookmaker_outcome_id)
        return mine == (row.bookmaker_market_id, row.bookmaker_outcome_id)


@dataclass(slots=True)
class HeldFixture:
    """Everything known of one fixture. ``wanted_since`` is when its state became doubtful (epoch ms), None when a newer
    snapshot has been applied; ``unread_since`` when a frame about it could not be read; ``heard`` is the last sign of
    life of each bookmaker here."""

    fixture_id: str
    wanted_since: int | None
    unread_since: int | None = None
    fixture: Fixture | None = None
    fixture_received: int = 0
    rows: dict[str, dict[int, dict[int, Held]]] = field(default_factory=dict)
    """Bookmaker to market to outcome."""
    states: dict[str, tuple[BookmakerState, int]] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    silent: dict[str, bool] = field(default_factory=dict)

    def over(self) -> bool:
        return self.fixture is not None and self.fixture.over

    # -- rows -------------------------------------------------------------------------------------------------------

    def put_row(self, row: OddsRow, received: int) -> tuple[bool, bool]:
        """Merge a row from the stream; says whether its price and whether its native ids now differ."""
        rows = self.rows.setdefault(row.bookmaker, {}).setdefault(row.market_id, {})
        held = rows.get(row.outcome_id)
        if held is not None and row.changed_at < held.row.changed_at:
            return False, False
        rows[row.outcome_id] = Held(row, received)
        return held is None or not held.shows_as(row), held is None or not held.maps_as(row)

    def replace_rows(self, odds: dict[str, tuple[OddsRow, ...]], asked: int) -> tuple[set[tuple[str, int]], set[int]]:
        """Merge a snapshot; returns (bookmaker, market) whose prices and markets whose native ids became others."""
        prices: set[tuple[str, int]] = set()
        ids: set[int] = set()
        for slug, rows in odds.items():
            for row in rows:
                if self._newer(slug, row, asked):
                    continue
                priced, mapped = self.put_row(row, asked)
                prices |= {(slug, row.market_id)} if priced else set()
                ids |= {row.market_id} if mapped else set()
        for slug, markets in self.rows.items():
            present = {row.outcome_id for row in odds.get(slug, ())}
            prices |= {(slug, market_id) for market_id, rows in markets.items() if _drop(rows, present, asked)}
        return prices, ids

    def _newer(self, slug: str, row: OddsRow, asked: int) -> bool:
        held = self.rows.get(slug, {}).get(row.market_id, {}).get(row.outcome_id)
        return held is not None and held.received >= asked and held.row.changed_at >= row.changed_at

    def market(self, slug: str, market_id: int) -> list[Held]:
        """The rows of one market at one bookmaker, by outcome id."""
        rows = self.rows.get(slug, {}).get(market_id, {})
        return [rows[key] for key in sorted(rows)]

    def market_ids(self, slug: str | None = None) -> set[int]:
        slugs = self.rows if slug is None else (slug,)
        return {market_id for name in slugs for market_id, rows in self.rows.get(name, {}).items() if rows}

    # -- bookmakers -------------------------------------------------------------------------------------------------

    def put_state(self, state: BookmakerState, received: int) -> bool:
        """Merge a bookmaker's state; says whether it differs in anything that matters."""
        held = self.states.get(state.bookmaker)
        if held is not None and _older(state.updated_at, held[0].updated_at):
            return False
        self.states[state.bookmaker] = (state, received)
        return held is None or replace(held[0], updated_at=None) != replace(state, updated_at=None)

    def replace_states(self, states: dict[str, BookmakerState], asked: int) -> set[str]:
        """Merge a snapshot's bookmakers; returns the slugs that differ. A slug it lacks has no odds."""
        changed = set()
        for slug, state in states.items():
            held = self.states.get(slug)
            if (held is None or held[1] < asked or _older(held[0].updated_at, state.updated_at)) and self.put_state(
                state, asked
            ):
                changed.add(slug)
        gone = [slug for slug, (_, received) in self.states.items() if slug not in states and received < asked]
        for slug in gone:
            del self.states[slug]
        return changed | set(gone)

    def state(self, slug: str) -> BookmakerState | None:
        held = self.states.get(slug)
        return None if held is None else held[0]

    # -- the fixture itself -----------------------------------------------------------------------------------------

    def put_fixture(self, fixture: Fixture, received: int, *, asked: bool = False) -> tuple[bool, bool]:
        """Merge a fixture object (``asked``: from a snapshot asked for at ``received``); says whether it and whether
        its scores differ. The status only moves forward."""
        old = self.fixture
        late = asked and self.fixture_received >= received
        base = old if old is not None and late else fixture
        status = max(fixture.status_id, old.status_id if old is not None else PREGAME)
        merged = merge_scores(old.scores if old is not None else {}, fixture.scores)
        clock = base.clock if base.clock is not None else old.clock if old is not None else None
        self.fixture = replace(base, status_id=status, scores=merged, clock=clock, bookmakers={})
        self.fixture_received = max(self.fixture_received, received)
        return self.fixture != old, old is None or merged != old.scores

    def put_scores(self, scores: dict[str, Score]) -> bool:
        if self.fixture is None:
            return False
        merged = merge_scores(self.fixture.scores, scores)
        changed = merged != self.fixture.scores
        self.fixture = replace(self.fixture, scores=merged)
        return changed

    def put_clock(self, clock: Clock) -> bool:
        if self.fixture is None:
            return False
        changed = self.fixture.clock != clock
        self.fixture = replace(self.fixture, clock=clock)
        return changed

    # -- doubt ------------------------------------------------------------------------------------------------------

    def doubt(self, at: int) -> None:
        """What is held may be incomplete from ``at`` on, until a snapshot asked for later arrives."""
        self.wanted_since = at

    def unread(self, at: int) -> None:
        """A frame about this fixture was lost at ``at``."""
        self.unread_since = at if self.unread_since is None else self.unread_since

    def settle(self, snapshot: FixtureOdds, asked: int) -> None:
        """A snapshot asked for at ``asked`` was applied: clear older doubt and note signs of life."""
        for slug in {*snapshot.odds, *snapshot.fixture.bookmakers}:
            self.heard[slug] = max(asked, self.heard.get(slug, 0))
        if self.wanted_since is not None and self.wanted_since < asked:
            self.wanted_since = None
        if self.unread_since is not None and self.unread_since < asked:
            self.unread_since = None

    def forget_rows(self) -> None:
        """A restarted gateway may stamp changes with another clock: only its own snapshot counts."""
        self.rows.clear()
        self.states.clear()


def merge_scores(old: dict[str, Score], new: dict[str, Score]) -> dict[str, Score]:
    """Period by period, the newer ``updated_at`` stays."""
    late = {key for key, score in new.items() if key in old and _older(score.updated_at, old[key].updated_at)}
    return {**old, **{key: score for key, score in new.items() if key not in late}}


def _drop(rows: dict[int, Held], present: set[int], asked: int) -> bool:
    """Remove the rows a snapshot lacks, except those received since it was asked for; says whether there were any."""
    gone = [key for key, held in rows.items() if key not in present and held.received < asked]
    for key in gone:
        del rows[key]
    return bool(gone)


def _older(mine: int | None, other: int | None) -> bool:
    return mine is not None and other is not None and mine < other

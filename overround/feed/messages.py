"""What the feed says, as frozen rows, and the strict parsers that make them.

Source: oddspapi sheet, sections 3, 4.2 and 6. A row whose price cannot be traded on is kept with the reason in
``OddsRow.unusable``; a row that cannot be understood raises ``Unreadable``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, get_args

from overround.feed.wire import VENUE, Row
from overround.venues import Unreadable

SettlementStatus = Literal["WIN", "LOSE", "PUSH", "HALFWIN", "HALFLOSS", "CANCELLED", "UNDECIDED"]

PREGAME, LIVE, FINISHED, CANCELLED = 0, 1, 2, 3
"""``statusId``; it only moves forward: 0, 1, 2, and anything to 3."""


@dataclass(frozen=True, slots=True)
class OddsRow:
    """One outcome at one bookmaker. ``price`` is decimal odds; ``limit`` the largest stake in the bookmaker's limit
    currency; times are epoch milliseconds. ``unusable`` says why the price must not be used, None when it may."""

    bookmaker: str
    market_id: int
    outcome_id: int
    player_id: int
    price: Decimal
    active: bool
    market_active: bool | None
    limit: Decimal | None
    changed_at: int
    bookmaker_changed_at: int | None = None
    main_line: bool | None = None
    bookmaker_market_id: str | None = None
    bookmaker_outcome_id: str | None = None
    unusable: str | None = None


@dataclass(frozen=True, slots=True)
class BookmakerState:
    """A bookmaker's connection to one fixture (sheet, section 3.2). ``updated_at`` is epoch milliseconds."""

    bookmaker: str
    bookmaker_fixture_id: str | None
    has_odds: bool
    stale_odds: bool
    suspended: bool
    participants_rotated: bool
    updated_at: int | None


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one period; ``updated_at`` epoch milliseconds."""

    period: str
    participant1: int
    participant2: int
    updated_at: int | None


@dataclass(frozen=True, slots=True)
class Clock:
    """A match clock; times are ``mm:ss`` text. All empty is normal even in play."""

    current_period: str | None = None
    current_time: str | None = None
    remaining_time: str | None = None
    remaining_time_in_period: str | None = None
    stopped: bool | None = None


@dataclass(frozen=True, slots=True)
class Fixture:
    """A fixture (sheet, section 4.2). ``start_time`` is epoch seconds. ``participant1`` is the first listed side."""

    fixture_id: str
    status_id: int
    sport_id: int
    sport: str
    tournament_id: int
    tournament: str
    start_time: int
    participant1: str
    participant2: str
    scores: dict[str, Score] = field(default_factory=dict)
    clock: Clock | None = None
    bookmakers: dict[str, BookmakerState] = field(default_factory=dict)
    reissued_as: str | None = None

    @property
    def live(self) -> bool:
        return self.status_id == LIVE

    @property
    def over(self) -> bool:
        return self.status_id in (FINISHED, CANCELLED)


@dataclass(frozen=True, slots=True)
class FixtureOdds:
    """A fixture with odds as ``GET /fixtures/odds`` answers it: slug to rows."""

    fixture: Fixture
    odds: dict[str, tuple[OddsRow, ...]]


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """The feed's grading of one outcome (sheet, section 6); the same for every bookmaker."""

    market_id: int
    market_type: str | None
    outcome_id: int
    player_id: int
    status: SettlementStatus
    team1_score: Decimal | None
    team2_score: Decimal | None
    periods: tuple[str, ...]
    reason: str | None


def odds_row(body: object) -> OddsRow:
    """One odds row. Raises ``Unreadable`` when a required field is missing or mistyped."""
    row = Row("odds row", body)
    price, limit = _price(row), row.maybe_number("limit")
    return OddsRow(
        bookmaker=row.text("bookmaker"),
        market_id=row.integer("marketId"),
        outcome_id=row.integer("outcomeId"),
        player_id=row.integer("playerId"),
        price=price,
        active=row.flag("active"),
        market_active=row.maybe_flag("marketActive"),
        limit=limit,
        changed_at=row.integer("changedAt"),
        bookmaker_changed_at=row.maybe_integer("bookmakerChangedAt"),
        main_line=row.maybe_flag("mainLine"),
        bookmaker_market_id=row.maybe_text("bookmakerMarketId"),
        bookmaker_outcome_id=row.maybe_text("bookmakerOutcomeId"),
        unusable=_defect(price, limit),
    )


def _price(row: Row) -> Decimal:
    """The price as written; null counts as not a number."""
    return Decimal("NaN") if row.has("price") and row.body["price"] is None else row.number("price")


def _defect(price: Decimal, limit: Decimal | None) -> str | None:
    if not price.is_finite():
        return "price is not a number"
    if price.adjusted() > 9:
        return "price is beyond any odds"
    if price <= 1:
        return f"price {price} is not above 1"
    if limit is not None and (not limit.is_finite() or limit < 0 or limit.adjusted() > 15):
        return f"limit {limit} is not an amount"
    return None


def odds_by_bookmaker(body: Mapping[str, Any]) -> dict[str, tuple[OddsRow, ...]]:
    """``{slug: {oddsId: row}}``; each row must name the slug it is listed under."""
    return {slug: _owned_rows(slug, Row(f"odds of {slug}", rows).body) for slug, rows in body.items()}


def _owned_rows(slug: str, rows: Mapping[str, Any]) -> tuple[OddsRow, ...]:
    return tuple(_owned(slug, item) for item in rows.values())


def _owned(slug: str, body: object) -> OddsRow:
    row = odds_row(body)
    if row.bookmaker != slug:
        raise Unreadable(VENUE, f"odds row of {row.bookmaker!r} listed under {slug!r}")
    return row


def bookmaker_state(slug: str, body: object) -> BookmakerState:
    row = Row(f"bookmaker {slug}", body)
    return BookmakerState(
        bookmaker=slug,
        bookmaker_fixture_id=row.maybe_text("bookmakerFixtureId"),
        has_odds=row.flag("hasOdds"),
        stale_odds=row.flag("staleOdds"),
        suspended=row.flag("suspended"),
        participants_rotated=bool(row.maybe_flag("participantsRotated")),
        updated_at=row.maybe_time("updatedAt"),
    )


def bookmaker_states(body: Mapping[str, Any]) -> dict[str, BookmakerState]:
    return {slug: bookmaker_state(slug, state) for slug, state in body.items()}


def scores(body: Mapping[str, Any]) -> dict[str, Score]:
    """Period to score; may carry only some periods (sheet, section 3.4)."""
    return {period: _score(period, item) for period, item in body.items()}


def _score(period: str, body: object) -> Score:
    row = Row(f"score {period}", body)
    return Score(
        period, row.integer("participant1Score"), row.integer("participant2Score"), row.maybe_time("updatedAt")
    )


def clock(body: object) -> Clock:
    row = Row("clock", body)
    return Clock(
        row.maybe_text("currentPeriod"),
        row.maybe_text("currentTime"),
        row.maybe_text("remainingTime"),
        row.maybe_text("remainingTimeInPeriod"),
        row.maybe_flag("stopped"),
    )


def fixture(body: object) -> Fixture:
    """A fixture object, with or without its bookmakers."""
    row = Row("fixture", body)
    sport, tournament, participants = row.row("sport"), row.row("tournament"), row.row("participants")
    return Fixture(
        fixture_id=row.text("fixtureId"),
        status_id=_status(row.row("status")),
        sport_id=sport.integer("sportId"),
        sport=sport.maybe_text("sportName") or "",
        tournament_id=tournament.integer("tournamentId"),
        tournament=tournament.maybe_text("tournamentName") or "",
        start_time=row.integer("startTime"),
        participant1=participants.text("participant1Name"),
        participant2=participants.text("participant2Name"),
        scores=scores(row.maybe_mapping("scores")),
        clock=clock(row.body["clock"]) if row.body.get("clock") is not None else None,
        bookmakers=bookmaker_states(row.maybe_mapping("bookmakers")),
        reissued_as=row.maybe_text("reissuedFixtureId"),
    )


def _status(row: Row) -> int:
    status = row.integer("statusId")
    if status not in (PREGAME, LIVE, FINISHED, CANCELLED):
        raise Unreadable(VENUE, f"fixture status {status} is unknown")
    return status


def fixture_odds(body: object) -> FixtureOdds:
    """One answer of ``GET /fixtures/odds`` (``odds`` may be absent when no book prices it)."""
    return FixtureOdds(fixture(body), odds_by_bookmaker(Row("fixture", body).maybe_mapping("odds")))


def settlement_row(body: object) -> SettlementRow:
    row = Row("settlement", body)
    status = row.text("status")
    if status not in get_args(SettlementStatus):
        raise Unreadable(VENUE, f"settlement status {status!r} is unknown")
    return SettlementRow(
        market_id=row.integer("marketId"),
        market_type=row.maybe_text("marketType"),
        outcome_id=row.integer("outcomeId"),
        player_id=row.maybe_integer("playerId") or 0,
        status=status,  # type: ignore[arg-type]
        team1_score=row.maybe_number("team1Score"),
        team2_score=row.maybe_number("team2Score"),
        periods=row.texts("periods"),
        reason=row.maybe_text("reason"),
    )


def settlements(body: object) -> tuple[Fixture, tuple[SettlementRow, ...]]:
    """The answer of ``GET /fixtures/settlement``: the fixture and its graded outcomes."""
    return fixture(body), tuple(settlement_row(row.body) for row in Row("settlement answer", body).rows("settlements"))

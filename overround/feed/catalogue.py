"""The feed's reference rows: what a market and its outcomes mean, who the bookmakers are, and their names.

Source: oddspapi sheet, sections 5 and 6. Meaning comes from ``GET /markets``, never from the digits of an id; names are
translated and never branched on.
"""

from dataclasses import dataclass
from decimal import Decimal

from overround.feed.wire import Row

DEFAULT_OUTCOMES: tuple[int, ...] = (111, 112, 121, 122, 131, 132, 141, 142, 151, 152, 161, 162, 171, 172)
"""Both sides of the match-winner market of sports 11 to 17 (oddspapi sheet, section 5)."""


@dataclass(frozen=True, slots=True)
class CatalogueMarket:
    """A market's meaning. ``length`` is how many outcomes make its whole probability space; ``outcomes`` id to name.
    ``winners`` is how many of them win: 1 unless the row says otherwise (only the paper feed does)."""

    market_id: int
    length: int
    sport_id: int
    player_prop: bool
    handicap: Decimal | None
    period: str
    market_type: str
    name: str
    outcomes: dict[int, str]
    winners: int = 1


@dataclass(frozen=True, slots=True)
class BookmakerInfo:
    """A bookmaker open to the key. Delays are seconds, None when not published."""

    slug: str
    name: str
    active: bool
    max_delay_pregame: Decimal | None
    max_delay_live: Decimal | None
    limit_currency: str | None


@dataclass(frozen=True, slots=True)
class Sport:
    sport_id: int
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Tournament:
    tournament_id: int
    sport_id: int
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class Participant:
    participant_id: int
    sport_id: int
    name: str
    short_name: str | None
    abbreviation: str | None


@dataclass(frozen=True, slots=True)
class FixtureMapping:
    """The feed's fixture and what one bookmaker calls it."""

    fixture_id: str
    bookmaker_fixture_id: str | None


@dataclass(frozen=True, slots=True)
class Currency:
    """``value`` is units of the currency per US dollar (sheet, section 3.6)."""

    currency: str
    value: Decimal


def market(body: object) -> CatalogueMarket:
    row = Row("market", body)
    return CatalogueMarket(
        market_id=row.integer("marketId"),
        length=row.integer("marketLength"),
        sport_id=row.integer("sportId"),
        player_prop=bool(row.maybe_flag("playerProp")),
        handicap=row.maybe_number("handicap"),
        period=row.maybe_text("period") or "",
        market_type=row.maybe_text("marketType") or "",
        name=row.maybe_text("marketName") or "",
        outcomes={item.integer("outcomeId"): item.maybe_text("outcomeName") or "" for item in row.rows("outcomes")},
        winners=row.maybe_integer("winners") or 1,
    )


def bookmaker(body: object) -> BookmakerInfo:
    row = Row("bookmaker", body)
    return BookmakerInfo(
        slug=row.text("slug"),
        name=row.maybe_text("bookmakerName") or row.text("slug"),
        active=row.flag("active"),
        max_delay_pregame=row.maybe_number("maxDelayPregameInSec"),
        max_delay_live=row.maybe_number("maxDelayLiveInSec"),
        limit_currency=row.maybe_text("limitCurrency"),
    )


def sport(body: object) -> Sport:
    row = Row("sport", body)
    return Sport(row.integer("sportId"), row.maybe_text("slug") or "", row.maybe_text("sportName") or "")


def tournament(body: object) -> Tournament:
    row = Row("tournament", body)
    return Tournament(
        row.integer("tournamentId"),
        row.integer("sportId"),
        row.maybe_text("tournamentName") or "",
        row.maybe_text("categoryName") or "",
    )


def participant(body: object) -> Participant:
    row = Row("participant", body)
    return Participant(
        row.integer("participantId"),
        row.integer("sportId"),
        row.text("name"),
        row.maybe_text("participantShortName"),
        row.maybe_text("participantAbbr"),
    )


def mapping(body: object) -> FixtureMapping:
    row = Row("mapping", body)
    return FixtureMapping(row.text("fixtureId"), row.maybe_text("bookmakerFixtureId"))


def currency(body: object) -> Currency:
    row = Row("currency", body)
    return Currency(row.text("currency"), row.number("currencyValue"))

"""Paper world objects in the feed's own shapes (oddspapi sheet, sections 3, 4.2 and 6)."""

import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from overround.paper.world import NativeIds, PaperFixture, PaperMarket, PaperOutcome

Json = dict[str, Any]

STATUS_NAMES = ("Pre-Game", "Live", "Finished", "Cancelled")


def wire_number(value: Decimal) -> int | float:
    """A JSON number: the shortest float text of an exact price or amount."""
    return int(value) if value == value.to_integral_value() else float(value)


def iso(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def odds_id(fixture_id: str, slug: str, outcome_id: int) -> str:
    return f"{fixture_id}:{slug}:{outcome_id}:0"


def fixture_object(fixture: PaperFixture) -> Json:
    """A fixture without its bookmakers and with untimed scores; the view adds both."""
    return {
        "fixtureId": fixture.fixture_id,
        "status": {"live": fixture.status == 1, "statusId": fixture.status, "statusName": STATUS_NAMES[fixture.status]},
        "sport": {"sportId": fixture.sport_id, "sportName": fixture.sport},
        "tournament": {
            "tournamentId": fixture.tournament_id,
            "tournamentName": fixture.tournament,
            "categoryName": "Paper",
        },
        "season": {"seasonId": None, "seasonName": None, "seasonRound": None},
        "venue": {"venueId": None, "venueName": None, "venueLocation": None},
        "startTime": fixture.start_time,
        "trueStartTime": None,
        "trueEndTime": None,
        "participants": _participants(fixture),
        "clock": clock_object(fixture),
        "expectedPeriods": None,
        "periodLength": None,
        "externalProviders": {},
    }


def participant_id(name: str) -> int:
    """A stable number for a participant known only by name."""
    return zlib.crc32(name.encode()) % 900_000 + 100_000


def _participants(fixture: PaperFixture) -> Json:
    body: Json = {}
    for side, name in (("participant1", fixture.participant1), ("participant2", fixture.participant2)):
        body |= {
            f"{side}Id": participant_id(name),
            f"{side}Name": name,
            f"{side}ShortName": name,
            f"{side}Abbr": name[:3].upper(),
            f"{side}RotNr": None,
        }
    return body


def clock_object(fixture: PaperFixture) -> Json:
    names = ("currentPeriod", "currentTime", "remainingTime", "remainingTimeInPeriod", "stopped")
    return {name: fixture.clock.get(name) for name in names}


def score_object(period: str, score: tuple[int, int], updated_at: int) -> Json:
    return {
        "period": period,
        "participant1Score": score[0],
        "participant2Score": score[1],
        "updatedAt": iso(updated_at),
    }


def bookmaker_row(fixture: PaperFixture, market: PaperMarket, outcome: PaperOutcome, price: Decimal) -> Json:
    """The quoted bookmaker's row; ``price`` is the outcome's price or, when it has none now, its last."""
    return _row(fixture.bookmaker, market, outcome, price) | {
        "active": outcome.active and outcome.price is not None,
        "bookmakerMarketId": f"{fixture.fixture_id}-{market.market_id}",
        "bookmakerOutcomeId": f"{fixture.fixture_id}-{outcome.outcome_id}",
        "limit": wire_number(outcome.limit),
    }


def exchange_row(slug: str, ids: NativeIds, market: PaperMarket, outcome: PaperOutcome, price: Decimal) -> Json:
    """An exchange's row: it is there for the native ids; its price is only indicative."""
    key = str(outcome.outcome_id)
    return _row(slug, market, outcome, price) | {
        "active": True,
        "bookmakerMarketId": ids.markets.get(key),
        "bookmakerOutcomeId": ids.outcomes.get(key),
    }


def _row(slug: str, market: PaperMarket, outcome: PaperOutcome, price: Decimal) -> Json:
    return {
        "bookmaker": slug,
        "outcomeId": outcome.outcome_id,
        "playerId": 0,
        "price": wire_number(price),
        "marketActive": market.active,
        "mainLine": True,
        "marketId": market.market_id,
        "bookmakerChangedAt": outcome.changed_at or None,
        "priceFractional": "",
        "priceAmerican": 0,
        "limit": None,
        "betslip": None,
        "meta": None,
    }


def bookmaker_objects(fixture: PaperFixture) -> dict[str, Json]:
    """Every slug's connection to the fixture, untimed."""
    states = {
        fixture.bookmaker: _state(fixture.bookmaker, fixture.fixture_id, fixture.has_odds)
        | {"staleOdds": fixture.stale, "suspended": fixture.suspended}
    }
    return states | {slug: _state(slug, ids.event, True) for slug, ids in fixture.native.items()}


def _state(slug: str, bookmaker_fixture_id: str, has_odds: bool) -> Json:
    return {
        "bookmaker": slug,
        "bookmakerFixtureId": bookmaker_fixture_id,
        "fixturePath": None,
        "hasOdds": has_odds,
        "staleOdds": False,
        "staleOddsResponseCode": None,
        "suspended": False,
        "participantsRotated": False,
        "meta": None,
    }


def settlement_rows(fixture: PaperFixture) -> list[Json]:
    """One row per outcome; UNDECIDED until the market has results."""
    return [_settlement(fixture, market, outcome) for market in fixture.markets for outcome in market.outcomes]


def _settlement(fixture: PaperFixture, market: PaperMarket, outcome: PaperOutcome) -> Json:
    status = market.results.get(outcome.outcome_id)
    scores = fixture.scores.get(market.period) or fixture.scores.get("result") or (None, None)
    return {
        "marketId": market.market_id,
        "marketType": market.market_type,
        "outcomeId": outcome.outcome_id,
        "playerId": 0,
        "status": status or "UNDECIDED",
        "margin": None,
        "team1Score": scores[0],
        "team2Score": scores[1],
        "periods": [market.period],
        "reason": None if status else "MISSING_PERIODS",
    }

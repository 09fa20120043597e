"""The paper feed's catalogues: markets of the world's fixtures over a fixed table, bookmakers, sports.

Source: oddspapi sheet, sections 4.4 and 5. Rows carry one field the real feed has not: ``winners``.
"""

from typing import Any

from overround.paper.feed.rows import participant_id, wire_number
from overround.paper.world import PaperFixture, PaperMarket

Json = dict[str, Any]

SPORTS = {
    10: "Soccer",
    11: "Basketball",
    12: "Tennis",
    13: "Baseball",
    14: "American Football",
    15: "Ice Hockey",
    16: "ESport Dota",
    17: "ESport CS",
    27: "Cricket",
    79: "Horse Racing",
    80: "Greyhound Racing",
}

FIXED = (
    (10, 101, "1x2", "fulltime", "Full Time Result", ("1", "X", "2")),
    (10, 104, "bothteamsscore", "fulltime", "Both Teams To Score", ("Yes", "No")),
    (11, 111, "moneyline", "result", "Winner (incl. overtime)", ("1", "2")),
    (12, 121, "moneyline", "result", "Winner", ("1", "2")),
    (13, 131, "moneyline", "result", "Winner (incl. extra innings)", ("1", "2")),
    (14, 141, "1x2", "result", "Winner (incl. overtime)", ("1", "2")),
    (15, 151, "moneyline", "result", "Winner (incl. overtime and penalties)", ("1", "2")),
    (16, 161, "moneyline", "result", "Match Winner", ("1", "2")),
    (17, 171, "moneyline", "result", "Match Winner", ("1", "2")),
)

MAX_DELAYS = {"maxDelayPregameInSec": 60, "maxDelayLiveInSec": 10, "maxDelayPregameMainInSec": 60}


def _fixed(sport: int, market: int, kind: str, period: str, name: str, sides: tuple[str, ...]) -> Json:
    outcomes = [{"outcomeId": market + index, "outcomeName": side} for index, side in enumerate(sides)]
    return {
        "marketId": market,
        "marketLength": len(sides),
        "sportId": sport,
        "playerProp": False,
        "handicap": 0,
        "period": period,
        "marketType": kind,
        "marketName": name,
        "marketNameShort": name,
        "outcomes": outcomes,
        "winners": 1,
    }


def _of_market(fixture: PaperFixture, market: PaperMarket) -> Json:
    names = [{"outcomeId": outcome.outcome_id, "outcomeName": outcome.name} for outcome in market.outcomes]
    return {
        "marketId": market.market_id,
        "marketLength": len(market.outcomes),
        "sportId": fixture.sport_id,
        "playerProp": False,
        "handicap": 0 if market.handicap is None else wire_number(market.handicap),
        "period": market.period,
        "marketType": market.market_type,
        "marketName": market.name,
        "marketNameShort": market.name,
        "outcomes": names,
        "winners": market.winners,
    }


def markets(fixtures: list[PaperFixture]) -> list[Json]:
    """Every market known: the fixed table, and over it those of the fixtures. The catalogue only grows."""
    known = {row[1]: _fixed(*row) for row in FIXED}
    for fixture in fixtures:
        for market in fixture.markets:
            if market.market_id not in known:
                known[market.market_id] = _of_market(fixture, market)
    return list(known.values())


def bookmakers(fixtures: list[PaperFixture]) -> list[Json]:
    slugs = {"vertex": None} | {fixture.bookmaker: None for fixture in fixtures}
    slugs |= {slug: None for fixture in fixtures for slug in fixture.native}
    return [
        {
            "slug": slug,
            "bookmakerName": slug.title(),
            "active": True,
            "domain": None,
            "websocketPregame": True,
            "websocketLive": True,
            **MAX_DELAYS,
            "availableCountries": [],
            "playerProps": False,
            "limitCurrency": "USD",
        }
        for slug in slugs
    ]


def sports(fixtures: list[PaperFixture]) -> list[Json]:
    known = {fixture.sport_id: fixture.sport for fixture in fixtures} | SPORTS
    return [{"sportId": key, "slug": name.lower().replace(" ", "-"), "sportName": name} for key, name in known.items()]


def tournaments(fixtures: list[PaperFixture]) -> list[Json]:
    rows = {
        fixture.tournament_id: {
            "tournamentId": fixture.tournament_id,
            "sportId": fixture.sport_id,
            "tournamentSlug": fixture.tournament.lower().replace(" ", "-"),
            "categorySlug": "paper",
            "tournamentName": fixture.tournament,
            "categoryName": "Paper",
        }
        for fixture in fixtures
    }
    return list(rows.values())


def participants(fixtures: list[PaperFixture]) -> list[Json]:
    rows = {
        participant_id(name): {
            "participantId": participant_id(name),
            "sportId": fixture.sport_id,
            "name": name,
            "participantShortName": name,
            "participantMediumName": name,
            "participantAbbr": name[:3].upper(),
        }
        for fixture in fixtures
        for name in (fixture.participant1, fixture.participant2)
    }
    return list(rows.values())

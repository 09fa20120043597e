"""A recorded exchange market as a bookmaker's market: ids, names, prices, states and the result."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zlib import crc32

from overround.paper.betfair_book import ZERO, RunnerKey, StreamMarket, runner_key
from overround.paper.recording_scan import ScannedMarket
from overround.paper.world import OutcomeResult, PaperFixture, PaperMarket, PaperOutcome

SPORTS: dict[str, tuple[int, str]] = {
    "1": (10, "Soccer"),
    "7522": (11, "Basketball"),
    "2": (12, "Tennis"),
    "7511": (13, "Baseball"),
    "6423": (14, "American Football"),
    "7524": (15, "Ice Hockey"),
    "3503": (19, "Darts"),
    "26420387": (20, "MMA"),
    "6": (21, "Boxing"),
    "6422": (24, "Snooker"),
    "5": (26, "Rugby"),
    "1477": (26, "Rugby"),
    "4": (27, "Cricket"),
    "61420": (31, "Aussie Rules"),
    "3": (67, "Golf"),
    "2378961": (69, "Politics"),
    "7": (79, "Horse Racing"),
    "4339": (80, "Greyhound Racing"),
}
"""Betfair event type to sport of the odds feed (oddspapi sheet, section 4.4)."""
UNLISTED = 99

CATALOGUE: dict[tuple[int, str], tuple[int, str, str, tuple[int, ...]]] = {
    (10, "MATCH_ODDS"): (101, "1x2", "fulltime", (101, 103, 102)),
    (10, "BOTH_TEAMS_TO_SCORE"): (104, "bothteamsscore", "fulltime", (104, 105)),
    (10, "OVER_UNDER_05"): (106, "totals", "fulltime", (107, 106)),
    (10, "OVER_UNDER_25"): (1010, "totals", "fulltime", (1011, 1010)),
}
"""Feed ids where its catalogue has the market, outcomes in Betfair's order (oddspapi sheet, section 5)."""
FIRST_OF = {"MATCH_ODDS": 1, "WIN": 1, "PLACE": 101}

RESULTS: dict[str, OutcomeResult] = {"WINNER": "WIN", "PLACED": "WIN", "LOSER": "LOSE"}


def market_ids(sport_id: int, market_type: str, runners: int) -> tuple[int, str, str, tuple[int, ...]]:
    """Market id, feed type, period and outcome ids in runner order, ``<sport><number>`` outside the catalogue."""
    known = CATALOGUE.get((sport_id, market_type))
    if known and len(known[3]) == runners:
        return known
    first = FIRST_OF.get(market_type, 1001 + crc32(market_type.encode()) % 9000 * 100)
    ids = tuple(int(f"{sport_id}{first + place}") for place in range(runners))
    kind = "moneyline" if runners == 2 and market_type == "MATCH_ODDS" else market_type.lower()
    return ids[0], kind, "result", ids


class RecordedMarket:
    """Keeps one fixture like its recorded market. ``run`` numbers the playings of the same recording."""

    def __init__(self, scanned: ScannedMarket, run: int, start_time: int) -> None:
        self.scanned = scanned
        definition = scanned.definition
        self.sport_id, self.sport = SPORTS.get(
            str(definition.get("eventTypeId")), (UNLISTED, f"Event type {definition.get('eventTypeId')}")
        )
        market_type = str(definition.get("marketType", "UNKNOWN"))
        market_id, kind, period, ids = market_ids(self.sport_id, market_type, len(scanned.runners))
        self.ids: dict[RunnerKey, int] = dict(zip(scanned.runners, ids, strict=True))
        self.fixture = self._fixture(run, start_time)
        name = str(definition.get("name") or market_type.replace("_", " ").title())
        self.fixture.markets = [
            PaperMarket(
                market_id,
                name,
                kind,
                period,
                sorted((self._outcome(key) for key in scanned.runners), key=lambda outcome: outcome.outcome_id),
                winners=int(definition.get("numberOfWinners", 1)),
                active=False,
            )
        ]

    @property
    def market(self) -> PaperMarket:
        return self.fixture.markets[0]

    def adopt(self, fixture: PaperFixture) -> None:
        """Go on with a fixture saved before a restart."""
        self.fixture = fixture

    def follow(self, stream: StreamMarket, now_ms: int, pt: int) -> set[str]:
        """Take over the recorded state; which topics changed."""
        fixture, market, topics = self.fixture, self.market, set[str]()
        if fixture.status >= 2:
            return topics
        opened = stream.status == "OPEN"
        if (fixture.suspended, market.active) != (not opened, opened):
            fixture.suspended, market.active = not opened, opened
            topics |= {"bookmaker", "odds"}
        if (stream.in_play or stream.status == "CLOSED") and fixture.status == 0:
            fixture.status = 1
            topics.add("fixture")
        market.winners = int(stream.definition.get("numberOfWinners", market.winners)) or market.winners
        if self._prices(stream, now_ms):
            topics.add("odds")
        fixture.extra["recordingTime"] = iso(pt)
        fixture.extra["betDelay"] = str(stream.definition.get("betDelay", 0))
        return topics

    def close(self, stream: StreamMarket) -> None:
        """Grade from the closed definition's runner statuses; a market without a winner is void."""
        fixture, market = self.fixture, self.market
        market.results = dict.fromkeys(self.ids.values(), "CANCELLED")
        for runner in stream.definition.get("runners", []):
            market.results[self.ids[runner_key(runner)]] = RESULTS.get(str(runner["status"]), "CANCELLED")
        fixture.status = 2 if "WIN" in market.results.values() else 3
        if fixture.status == 3:
            market.results = dict.fromkeys(market.results, "CANCELLED")
        fixture.suspended, fixture.has_odds, market.active = True, False, False
        for outcome in market.outcomes:
            outcome.active = False

    def fair(self, stream: StreamMarket) -> dict[int, float]:
        """The middle between best back and lay of each runner that has both, as a chance."""
        fair = {}
        for key, outcome_id in self.ids.items():
            chances = _spread(stream, key)
            if chances is not None and self.market.outcome(outcome_id).active and chances[0] - chances[1] < 0.25:
                fair[outcome_id] = (chances[0] + chances[1]) / 2
        return fair

    def _prices(self, stream: StreamMarket, now_ms: int) -> bool:
        moved = False
        racing = {runner_key(r): r["status"] == "ACTIVE" for r in stream.definition.get("runners", [])}
        for key, outcome_id in self.ids.items():
            book, outcome = stream.runners.get(key), self.market.outcome(outcome_id)
            best = book.best_back() if book is not None and racing.get(key) else None
            price, limit = best or (None, ZERO)
            if (price, limit, best is not None) != (outcome.price, outcome.limit, outcome.active):
                outcome.price, outcome.limit, outcome.changed_at = price, limit, now_ms
                outcome.active = best is not None
                moved = True
        return moved

    def _outcome(self, key: RunnerKey) -> PaperOutcome:
        place = self.scanned.runners.index(key) + 1
        name = self.scanned.names.get(key, f"Runner {place} ({key[0]})")
        line = f" {key[1]:+}" if key[1] else ""
        return PaperOutcome(self.ids[key], name + line, limit=ZERO, active=False)

    def _fixture(self, run: int, start_time: int) -> PaperFixture:
        definition, digits = self.scanned.definition, "".join(filter(str.isdigit, self.scanned.market_id))
        first, second = self._sides()
        tournament_id = 900_000 + self.sport_id
        return PaperFixture(
            f"id{self.sport_id:02d}{tournament_id:06d}{digits}{run:02d}",
            self.sport_id,
            self.sport,
            tournament_id,
            f"Recorded {self.sport}",
            first,
            second,
            start_time,
            has_odds=True,
            suspended=True,
            extra={"recordedMarket": self.scanned.market_id, "recordedType": str(definition.get("marketType", ""))},
        )

    def _sides(self) -> tuple[str, str]:
        scanned, definition = self.scanned, self.scanned.definition
        event = scanned.event_name
        if " v " in event:
            first, second = event.split(" v ", 1)
            return first.strip(), second.strip()
        if len(scanned.runners) <= 3 and definition.get("marketType") == "MATCH_ODDS":
            return self._outcome(scanned.runners[0]).name, self._outcome(scanned.runners[1]).name
        place = event or str(definition.get("venue") or definition.get("countryCode") or "Event")
        return place, f"{len(scanned.runners)} runners, {str(definition.get('marketType', '')).lower()}"


def _spread(stream: StreamMarket, key: RunnerKey) -> tuple[float, float] | None:
    """Chances at the best back (what a backer pays) and best lay price."""
    book = stream.runners.get(key)
    back, lay = (book.best_back(), book.best_lay()) if book else (None, None)
    if back is None or lay is None or back[0] <= 1 or lay[0] <= 1:
        return None
    return float(1 / back[0]), float(1 / lay[0])


def iso(pt: int) -> str:
    """An epoch millisecond as ISO text in UTC."""
    return datetime.fromtimestamp(pt / 1000, UTC).isoformat(timespec="milliseconds")


def describe(recorded: RecordedMarket) -> dict[str, Any]:
    """Names and result of a market for a summary."""
    market = recorded.market
    return {
        "fixtureId": recorded.fixture.fixture_id,
        "marketId": market.market_id,
        "recordedMarket": recorded.scanned.market_id,
        "name": f"{recorded.fixture.participant1} v {recorded.fixture.participant2}: {market.name}",
        "sport": recorded.sport,
        "winners": market.winners,
        "status": recorded.fixture.status,
        "results": {str(key): value for key, value in market.results.items()},
        "names": {str(outcome.outcome_id): outcome.name for outcome in market.outcomes},
    }


def stakes(size: Decimal, price: Decimal) -> Decimal:
    """Whole contracts paying 1 in a matched volume: the feed counts both sides, a backer's 1 buys ``price``."""
    return (size * price / 2).to_integral_value()

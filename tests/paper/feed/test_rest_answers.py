"""REST: filters, catalogues and mappings over a world of several sports (oddspapi sheet, sections 1, 4, 5 and 6)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.feed.limits import Limits
from overround.paper.feed.rows import participant_id, settlement_rows, wire_number
from overround.paper.recorded_market import SPORTS as RECORDED
from overround.paper.sports import SPORTS as SIMULATED
from overround.paper.store import Store
from overround.paper.world import PaperFixture
from tests.paper.asgi import http
from tests.paper.feed.desk import KEY, Desk, fixture


@pytest.fixture
def full(desk: Desk) -> Desk:
    """Four fixtures: two of soccer, one live; tennis, over; basketball, elsewhere."""
    desk.tell(fixture(1), fixture(2, status=1), fixture(3, sport=12, status=2), fixture(4, sport=11, tournament_id=99))
    return desk


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [int(row["fixtureId"][-2:]) for row in rows]


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/fixtures", {"sportId": 10}, [1, 2]),
        ("/fixtures", {"tournamentId": 99}, [4]),
        ("/fixtures", {"sportId": 10, "tournamentId": 99}, []),
        ("/fixtures", {"fixtureIds": f"{fixture(3, sport=12).fixture_id},none"}, [3]),
        ("/fixtures", {"sportId": 10, "startTimeFrom": 1_790_000_002}, [2]),
        ("/fixtures", {"sportId": 10, "startTimeTo": 1_790_000_001}, [1]),
        ("/fixtures", {"sportId": 10, "bookmakers": "kalshi"}, [1, 2]),
        ("/fixtures", {"sportId": 10, "bookmakers": "pinnacle"}, []),
        ("/fixtures/today", {}, [1, 2, 4]),
        ("/fixtures/today", {"sportId": 11}, [4]),
        ("/fixtures/live", {}, [2]),
        ("/fixtures/odds/main", {"tournamentId": 17}, [1, 2, 3]),
        ("/fixtures/odds/main", {"fixtureIds": fixture(1).fixture_id}, [1]),
    ],
)
async def test_lists_select(full: Desk, path: str, query: dict[str, Any], expected: list[int]) -> None:
    assert numbers(await full.get(path, **query)) == expected


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/fixtures/odds/main", {}),
        ("/fixtures/odds/main", {"tournamentId": 17, "fixtureIds": "x"}),
        ("/participants", {}),
        ("/markets", {"sportId": 10, "marketIds": "101"}),
    ],
)
async def test_list_without_a_single_question_is_refused(full: Desk, path: str, query: dict[str, Any]) -> None:
    assert await full.get(path, **query) == "invalid_filters"


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "\u00b2", "1e3"])
async def test_number_that_is_none_is_a_validation_error(full: Desk, value: str) -> None:
    assert await full.get("/fixtures", sportId=value) == "validation_error"
    assert await full.get("/markets", marketIds=f"101,{value}") == "validation_error"


async def test_odds_since_a_time_hold_only_later_rows_of_the_bookmakers_asked_for(full: Desk) -> None:
    item = full.world.fixtures[fixture(1).fixture_id]
    await full.get("/fixtures/odds", fixtureId=item.fixture_id)
    full.clock.now += 10
    item.markets[0].outcomes[1].price = Decimal("2.20")
    full.tell(item)
    since = full.world.now_ms()
    body = await full.get("/fixtures/odds", fixtureId=item.fixture_id, since=since, bookmakers="vertex")
    assert [row["price"] for row in body["odds"]["vertex"].values()] == [2.2]
    assert set(body["bookmakers"]) == set(body["odds"]) == {"vertex"}
    whole = await full.get("/fixtures/odds", fixtureId=item.fixture_id)
    assert {slug: len(rows) for slug, rows in whole["odds"].items()} == {"vertex": 2, "kalshi": 2}


async def test_mapping_leads_from_the_bookmakers_id_to_ours_and_back(full: Desk) -> None:
    (row,) = await full.get("/fixtures/mapping", bookmaker="kalshi", bookmakerFixtureIds="KX-2")
    assert row == {"fixtureId": fixture(2).fixture_id, "bookmakerFixtureId": "KX-2"}
    (back,) = await full.get("/fixtures/mapping", bookmaker="kalshi", fixtureIds=row["fixtureId"])
    assert back == row
    assert await full.get("/fixtures/mapping", bookmaker="pinnacle") == []


@pytest.mark.parametrize("source", [SIMULATED, RECORDED], ids=["simulated", "recorded"])
async def test_every_sport_of_the_paper_world_is_in_the_catalogue(desk: Desk, source: Any) -> None:
    ids = {sport.sport_id for sport in source} if source is SIMULATED else {sport for sport, _ in source.values()}
    desk.tell(*(fixture(number, sport=sport) for number, sport in enumerate(sorted(ids), 1)))
    listed = [row["sportId"] for row in await desk.get("/sports")]
    assert ids <= set(listed)
    assert len(listed) == len(set(listed))


async def test_catalogues_hold_what_the_fixtures_name(full: Desk) -> None:
    item = fixture(4, sport=11, tournament_id=99)
    (tournament,) = await full.get("/tournaments", tournamentIds="99")
    assert tournament["sportId"] == 11
    assert [row["tournamentId"] for row in await full.get("/tournaments", sportId=11)] == [99]
    people = await full.get("/participants", sportId=11)
    assert {row["name"] for row in people} == {item.participant1, item.participant2}
    (one,) = await full.get("/participants", participantIds=str(participant_id(item.participant1)))
    assert one["name"] == item.participant1
    assert {row["slug"] for row in await full.get("/bookmakers")} == {"vertex", "kalshi"}
    (kalshi,) = await full.get("/bookmakers", bookmakers="kalshi")
    assert kalshi["maxDelayLiveInSec"] <= kalshi["maxDelayPregameInSec"]


async def test_market_is_described_like_its_rows(full: Desk) -> None:
    (market,) = await full.get("/markets", marketIds="111")
    odds = await full.get("/fixtures/odds", fixtureId=fixture(4, sport=11).fixture_id)
    rows = odds["odds"]["vertex"].values()
    assert {row["outcomeId"] for row in rows} == {item["outcomeId"] for item in market["outcomes"]}
    assert {row["marketId"] for row in rows} == {market["marketId"]}
    assert market["marketLength"] == len(market["outcomes"]) == 2
    by_outcome = await full.get("/markets", outcomeIds="112,102")
    assert {row["marketId"] for row in by_outcome} == {101, 111}


async def test_first_outcome_of_a_market_has_its_number(desk: Desk) -> None:
    for row in await desk.get("/markets", sportId=10) + await desk.get("/markets", sportId=14):
        assert row["outcomes"][0]["outcomeId"] == row["marketId"]


@pytest.mark.parametrize("results", [{}, {101: "WIN", 102: "LOSE"}, {101: "CANCELLED", 102: "CANCELLED"}])
def test_settlement_says_what_is_decided_and_why_not(results: Any) -> None:
    item: PaperFixture = fixture(scores={"result": (2, 1)})
    item.markets[0].results = results
    rows = settlement_rows(item)
    assert {row["outcomeId"]: row["status"] for row in rows} == (results or {101: "UNDECIDED", 102: "UNDECIDED"})
    assert {row["reason"] for row in rows} == ({None} if results else {"MISSING_PERIODS"})
    assert {(row["team1Score"], row["team2Score"]) for row in rows} == {(2, 1)}


@settings(max_examples=40, deadline=None)
@given(st.decimals("1.001", "1000", places=3))
def test_price_is_the_shortest_number_that_reads_back_exactly(price: Decimal) -> None:
    assert Decimal(str(wire_number(price))) == price


@pytest.mark.parametrize(
    ("path", "window", "limit"), [("/fixtures/odds", 1, 10), ("/fixtures/odds/main", 1, 10), ("/sports", 60, 100)]
)
def test_windows_count_by_key_and_endpoint(monkeypatch: pytest.MonkeyPatch, path: str, window: int, limit: int) -> None:
    now = [6_000_000.5]
    monkeypatch.setattr("overround.paper.feed.limits.time.time", lambda: now[0])
    limits = Limits()
    verdicts = [limits.count("key", path) for _ in range(limit + 1)]
    assert [verdict.remaining for verdict in verdicts] == [*range(limit - 1, -1, -1), 0]
    assert [verdict.allowed for verdict in verdicts] == [True] * limit + [False]
    assert verdicts[-1].headers()["Retry-After"] == str(window)
    assert "Retry-After" not in verdicts[0].headers()
    assert limits.count("other", path).allowed
    assert limits.count("key", path + "x").allowed
    now[0] += window
    assert limits.count("key", path).remaining == limit - 1


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, {}, 401),
        ({"X-API-Key": KEY}, {}, 200),
        ({}, {"apiKey": KEY}, 200),
        ({"X-API-Key": KEY}, {"apiKey": KEY}, 200),
        ({"X-API-Key": KEY}, {"apiKey": "other"}, 401),
        ({"X-API-Key": "other"}, {"apiKey": KEY}, 401),
    ],
)
async def test_key_goes_in_the_header_or_the_query_and_must_agree(
    desk: Desk, headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    async with http(desk.paper.app) as client:
        answer = await client.get("/en/sports", headers=headers, params=query)
    assert answer.status_code == status
    assert "other" not in answer.text


def test_saved_world_is_told_again_with_the_same_change_times() -> None:
    store = Store(None)
    first = Desk(store)
    item = fixture()
    item.markets[0].outcomes[0].changed_at = 1_780_000_000_123
    first.tell(item)
    again = Desk(store)
    view = again.paper.hub.view(item.fixture_id)
    assert view is not None
    row = view.rows["vertex"][f"{item.fixture_id}:vertex:101:0"]
    assert (row["price"], row["changedAt"]) == (1.91, 1_780_000_000_123)

"""REST against the paper server: every endpoint, limits, and each kind of refusal."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from overround.feed.rest import FeedRest
from overround.venues import NotFound, NotSent, RateLimited, Rejected, Unauthorised, Unreadable, VenueError
from tests.feed.conftest import Served
from tests.feed.worlds import BASKETBALL, KEY, SOCCER, basketball, move, soccer
from tests.support.serve import serve


@pytest.fixture
async def rest(served: Served) -> AsyncIterator[FeedRest]:
    served.world.tell(basketball(), "fixture")
    served.world.tell(soccer(), "fixture")
    async with FeedRest(SecretStr(KEY), served.rest_url) as client:
        yield client


@asynccontextmanager
async def answering(status: int, body: Any, headers: dict[str, str] | None = None) -> AsyncIterator[FeedRest]:
    """A client of a server that always answers the same; raw bytes as they are."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)

    async def answer(_: Request) -> Response:
        return Response(content, status, headers)

    async with (
        serve(Starlette(routes=[Route("/{path:path}", answer)])) as url,
        FeedRest(SecretStr(KEY), f"{url}/en") as client,
    ):
        yield client


# -- endpoints --------------------------------------------------------------------------------------------------------


async def test_odds_of_a_fixture_with_every_book(rest: FeedRest) -> None:
    answer = await rest.odds(BASKETBALL)
    assert set(answer.odds) == {"vertex", "kalshi", "polymarket"}
    assert [row.price for row in answer.odds["vertex"]] == [Decimal("1.91"), Decimal("2.01")]
    assert answer.fixture.bookmakers["kalshi"].bookmaker_fixture_id == "KXNBAGAME-26APR21HOULAL"
    assert {row.bookmaker_outcome_id for row in answer.odds["polymarket"]} == {"70001", "70002"}


async def test_more_than_five_bookmakers_take_two_calls_and_one_answer(rest: FeedRest) -> None:
    answer = await rest.odds(BASKETBALL, bookmakers=["a", "b", "c", "d", "vertex", "kalshi"])
    assert set(answer.odds) == {"vertex", "kalshi"}
    assert set(answer.fixture.bookmakers) == {"vertex", "kalshi"}


async def test_odds_since_only_later_changes(served: Served, rest: FeedRest) -> None:
    fixture = served.world.fixtures[BASKETBALL]
    move(served.world, fixture, 112, "2.05")
    answer = await rest.odds(BASKETBALL, bookmakers=["vertex"], since=1_788_421_025_500)
    assert [(row.outcome_id, row.price) for row in answer.odds["vertex"]] == [(112, Decimal("2.05"))]


async def test_main_lines_of_several_fixtures(rest: FeedRest) -> None:
    answers = await rest.odds_main(fixture_ids=[BASKETBALL, SOCCER])
    assert {answer.fixture.fixture_id for answer in answers} == {BASKETBALL, SOCCER}
    with pytest.raises(Rejected, match="one of"):
        await rest.odds_main()


async def test_fixture_lists_filter_by_sport_id_status_and_time(served: Served, rest: FeedRest) -> None:
    assert [item.fixture_id for item in await rest.fixtures(sport_id=10)] == [SOCCER]
    assert [item.fixture_id for item in await rest.fixtures(fixture_ids=[BASKETBALL])] == [BASKETBALL]
    assert await rest.fixtures(sport_id=10, start_from=1_788_430_001) == []
    assert len(await rest.fixtures_today()) == 2
    assert await rest.fixtures_live() == []
    fixture = served.world.fixtures[SOCCER]
    fixture.status = 1
    served.world.tell(fixture, "fixture")
    assert [item.fixture_id for item in await rest.fixtures_live(sport_id=10)] == [SOCCER]


async def test_markets_by_id_sport_or_outcome_but_exactly_one(rest: FeedRest) -> None:
    (market,) = await rest.markets(market_ids=[111])
    assert (market.length, market.outcomes) == (2, {111: "1", 112: "2"})
    assert {item.market_id for item in await rest.markets(sport_id=10)} >= {101, 104}
    assert [item.market_id for item in await rest.markets(outcome_ids=[152])] == [151]
    with pytest.raises(Rejected, match="exactly one"):
        await rest.markets(market_ids=[111], sport_id=11)


async def test_catalogues_of_names(rest: FeedRest) -> None:
    slugs = {item.slug: item for item in await rest.bookmakers()}
    assert slugs["vertex"].max_delay_live == 10
    assert [item.name for item in await rest.sports([11])] == ["Basketball"]
    assert [item.name for item in await rest.tournaments(sport_id=11)] == ["NBA"]
    assert {item.name for item in await rest.participants(sport_id=10)} == {"Arsenal", "Chelsea"}
    assert await rest.currencies() == []


async def test_mapping_both_ways(rest: FeedRest) -> None:
    (row,) = await rest.mapping("kalshi", bookmaker_fixture_ids=["KXNBAGAME-26APR21HOULAL"])
    assert row.fixture_id == BASKETBALL
    assert await rest.mapping("kalshi", fixture_ids=[SOCCER]) == []


async def test_settlement_is_undecided_until_the_market_has_results(served: Served, rest: FeedRest) -> None:
    _, before = await rest.settlement(BASKETBALL)
    assert {(row.status, row.reason) for row in before} == {("UNDECIDED", "MISSING_PERIODS")}
    fixture = served.world.fixtures[BASKETBALL]
    fixture.status, fixture.scores = 2, {"result": (101, 99)}
    fixture.markets[0].results = {111: "WIN", 112: "LOSE"}
    served.world.tell(fixture, "fixture")
    graded, (row,) = await rest.settlement(BASKETBALL, outcome_id=112)
    assert graded.over
    assert (row.status, row.team1_score, row.periods, row.reason) == ("LOSE", Decimal(101), ("result",), None)


# -- refusals ---------------------------------------------------------------------------------------------------------


async def test_wrong_key_is_unauthorised_and_not_shown(served: Served) -> None:
    async with FeedRest(SecretStr("f" * 32), served.rest_url) as client:
        with pytest.raises(Unauthorised, match="invalid_api_key") as caught:
            await client.sports()
    assert "f" * 32 not in str(caught.value)


async def test_unknown_fixture_is_not_found(rest: FeedRest) -> None:
    with pytest.raises(NotFound, match="id9"):
        await rest.odds("id9")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": 400, "code": "invalid_filters", "message": "m"}, Rejected),
        (401, {"error": 401, "reason": "invalid_api_key", "message": "m"}, Unauthorised),
        (403, {"error": 403, "code": "sport_not_allowed", "message": "m"}, Unauthorised),
        (404, b"<html>", NotFound),
        (422, {"error": 422, "code": "validation_error", "message": "m", "details": []}, Rejected),
        (501, {"error": 501, "code": "not_implemented", "message": "m"}, Rejected),
        (503, {"error": 503, "code": "rate_limiter_error", "message": "m"}, Unreadable),
        (502, b"<html>bad gateway</html>", Unreadable),
        (200, b"[{", Unreadable),
        (200, {"not": "a list"}, Unreadable),
        (200, [5], Unreadable),
        (200, [{"sportName": "x"}], Unreadable),
    ],
)
async def test_each_answer_has_its_error(status: int, body: Any, kind: type[VenueError]) -> None:
    async with answering(status, body) as client:
        with pytest.raises(kind) as caught:
            await client.sports()
    assert KEY not in str(caught.value)


async def test_machine_code_is_read_under_both_names() -> None:
    async with answering(403, {"error": 403, "reason": "channel_not_allowed"}) as client:
        with pytest.raises(Unauthorised, match="channel_not_allowed"):
            await client.sports()


async def test_answer_about_another_fixture_is_unreadable(served: Served, rest: FeedRest) -> None:
    body = served.paper.hub.view(SOCCER)
    assert body is not None
    async with answering(200, body.snapshot(None)) as client:
        with pytest.raises(Unreadable, match="asked for"):
            await client.odds(BASKETBALL)


async def test_page_cut_short_is_unreadable_not_half_a_list(served: Served, rest: FeedRest) -> None:
    served.world.faults.arm("feed", "page_short")
    with pytest.raises(Unreadable, match="not JSON"):
        await rest.fixtures_today()
    assert len(await rest.fixtures_today()) == 2


async def test_maintenance_is_unknown_until_it_ends(served: Served, rest: FeedRest) -> None:
    served.world.faults.arm("feed", "maintenance", seconds=0.05)
    with pytest.raises(Unreadable, match="503"):
        await rest.sports()
    await asyncio.sleep(0.06)
    assert await rest.sports()


async def test_server_that_is_not_there_was_never_asked() -> None:
    async with FeedRest(SecretStr(KEY), "http://127.0.0.1:1/en") as client:
        with pytest.raises(NotSent):
            await client.sports()


# -- limits -----------------------------------------------------------------------------------------------------------


async def test_refused_for_volume_says_when_to_come_back(served: Served, rest: FeedRest) -> None:
    served.world.faults.arm("feed", "rate_limited")
    with pytest.raises(RateLimited) as caught:
        await rest.odds(BASKETBALL)
    assert caught.value.retry_after == 1.0
    started = time.monotonic()
    await rest.odds(BASKETBALL)
    assert time.monotonic() - started > 0.5


async def test_odds_calls_never_break_the_servers_ten_a_second(rest: FeedRest) -> None:
    started = time.monotonic()
    for _ in range(12):
        await rest.odds(BASKETBALL)
    assert time.monotonic() - started > 1.0


async def test_empty_window_is_waited_out_before_the_server_must_refuse() -> None:
    reset = int(time.time()) + 2
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    async with answering(200, [], headers) as client:
        await client.sports()
        await client.sports()
        assert time.time() >= reset - 0.1


async def test_endpoints_are_limited_each_on_their_own(rest: FeedRest) -> None:
    started = time.monotonic()
    for _ in range(30):
        await rest.sports()
        await rest.fixtures_today()
    assert time.monotonic() - started < 2.0

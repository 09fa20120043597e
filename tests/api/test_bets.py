"""Hedge bets as clients read them (mm-api sheet, section 5.6)."""

from decimal import Decimal
from typing import Any

import pytest

from api.schemas import Bet, BetSummary, Page
from tests.api import rows
from tests.api.conftest import Api


async def _bet(api: Api, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo")
        return order, await rows.bet(connection, order, **changes)


async def test_a_bet_points_to_its_order_and_shows_the_documented_fields(api: Api) -> None:
    order, bet = await _bet(api, bookmaker_bet_id="789", placed_price="1.808")
    body = await api.body(f"/bets/{bet['bet_id']}")
    Bet.model_validate(body)
    assert body == {
        "betId": bet["bet_id"],
        "orderId": order["order_id"],
        "client": "demo",
        "bookmaker": "vertex",
        "bookmakerBetId": "789",
        "fixtureId": rows.FIXTURE,
        "outcomeId": 111,
        "placedPrice": Decimal("1.808"),
        "placedStake": 50,
        "betStatus": "matched",
        "declineReason": None,
        "settlementStatus": None,
        "placedAt": "2026-02-15T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("SENT", "sent"),
        ("PENDING", "pending"),
        ("FILLED", "matched"),
        ("PARTIAL", "partial"),
        ("REJECTED", "rejected"),
        ("UNKNOWN", "unknown"),
    ],
)
async def test_every_state_of_a_bet_has_a_word_and_a_filter(api: Api, stored: str, shown: str) -> None:
    _, bet = await _bet(api, status=stored)
    await _bet(api, status="REJECTED" if stored != "REJECTED" else "FILLED")
    body = await api.body("/bets", status=shown)
    assert [(item["betId"], item["betStatus"]) for item in body["items"]] == [(bet["bet_id"], shown)]


@pytest.mark.parametrize(
    "query", [{"bookmaker": "other"}, {"fixtureId": "other"}, {"fixture_id": "other"}, {"exchange": "polymarket"}]
)
async def test_each_filter_keeps_what_it_names(api: Api, query: dict[str, str]) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", exchange="polymarket")
        wanted = await rows.bet(connection, order, bookmaker="other", fixture_id="other")
        await rows.bet(connection, await rows.order(connection, "demo"))
    body = await api.body("/bets", **query)
    Page[Bet].model_validate(body)
    assert [item["betId"] for item in body["items"]] == [wanted["bet_id"]]


async def test_several_bets_of_one_order_are_found_by_it_newest_first(api: Api) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo")
        ids = [(await rows.bet(connection, order, attempt=attempt))["bet_id"] for attempt in (1, 2)]
        await rows.bet(connection, await rows.order(connection, "demo"))
    for spelling in ("orderId", "order_id"):
        body = await api.body("/bets", **{spelling: order["order_id"]})
        assert [item["betId"] for item in body["items"]] == ids[::-1]


async def test_dates_are_those_of_the_hedged_order(api: Api) -> None:
    async with api.writing() as connection:
        early = await rows.order(connection, "demo", created_at="2026-02-14T10:00:00Z")
        await rows.bet(connection, early, placed_at="2026-02-20T00:00:00Z")
    assert (await api.body("/bets", toDate="2026-02-14"))["total"] == 1
    assert (await api.body("/bets", fromDate="2026-02-15"))["total"] == 0


async def test_the_summary_has_its_nine_fields(api: Api) -> None:
    await _bet(api)
    await _bet(api, status="REJECTED", placed_stake="0", placed_price=None, payout="0", stake="10")
    await _bet(api, status="PENDING", placed_stake="5.5", stake="20", bookmaker="other", fixture_id="other")
    body = await api.body("/bets/summary")
    BetSummary.model_validate(body)
    assert body == {
        "totalBets": 3,
        "fixtureCount": 2,
        "bookmakerCount": 2,
        "totalStake": 80,
        "totalMatched": Decimal("55.5"),
        "totalOpen": Decimal("14.5"),
        "matchedCount": 1,
        "rejectedCount": 1,
        "openCount": 1,
    }


async def test_an_unknown_bet_is_404(api: Api) -> None:
    answer = await api.get("/bets/999999")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Bet not found")

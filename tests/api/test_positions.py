"""Positions and profit: what is held, hedged, won and at risk (mm-api sheet, sections 5.8, 5.9, 8.4)."""

from decimal import Decimal
from typing import Any

import pytest

from api.schemas import Page, Position, ProfitAndLoss
from tests.api import rows
from tests.api.conftest import Api


async def _filled(connection: Any, **changes: Any) -> dict[str, Any]:
    order = await rows.order(connection, "demo", **{"status": "FILLED", "filled": "100", "odds": "2", **changes})
    await rows.fill(connection, order, size=order["filled"])
    return order


async def _only(api: Api, **query: Any) -> dict[str, Any]:
    body = await api.body("/positions", **query)
    Page[Position].model_validate(body)
    (item,) = body["items"]
    return dict(item)


async def test_a_fully_hedged_position_shows_its_locked_profit_and_no_risk(api: Api) -> None:
    async with api.writing() as connection:
        order = await _filled(connection)
        await rows.bet(connection, order)
        await rows.hedge(connection, order)
    position = await _only(api)
    assert position["contracts"] == 100
    assert position["averagePrice"] == Decimal("0.45")
    assert position["cost"] == 45
    assert (position["hedgedPayout"], position["hedgeStake"], position["residual"]) == (100, 50, 0)
    assert (position["unrealizedPnl"], position["worstCaseExposure"]) == (5, 0)
    assert (position["realizedPnl"], position["settlementStatus"]) == (0, "UNDECIDED")


@pytest.mark.parametrize("odds", ["1.2", "2", "11"])
async def test_the_mark_does_not_move_a_fully_hedged_position(api: Api, odds: str) -> None:
    async with api.writing() as connection:
        order = await _filled(connection, odds=odds)
        await rows.bet(connection, order)
    assert (await _only(api))["unrealizedPnl"] == 5


async def test_a_naked_fill_is_marked_and_counts_as_exposure(api: Api) -> None:
    async with api.writing() as connection:
        order = await _filled(connection, odds="4")
        await rows.hedge(connection, order, done="0", residual="100", state="OPEN")
    position = await _only(api)
    assert (position["residual"], position["worstCaseExposure"]) == (100, 45)
    assert position["unrealizedPnl"] == 30  # 100 x (1 - 1/4) - 45


async def test_a_half_hedged_fill_is_locked_in_one_half_and_marked_in_the_other(api: Api) -> None:
    async with api.writing() as connection:
        order = await _filled(connection)
        await rows.bet(connection, order, stake="20", placed_stake="20", placed_price="2.5", payout="50")
    position = await _only(api)
    assert position["unrealizedPnl"] == 10  # 50 + 50 x 0.5 - 45 - 20
    assert position["worstCaseExposure"] == 15  # the outcome happens: 50 - 45 - 20


async def test_a_bet_in_flight_hedges_nothing_yet(api: Api) -> None:
    async with api.writing() as connection:
        order = await _filled(connection)
        pending = {"placed_stake": "0", "placed_price": None, "payout": "100", "bookmaker_bet_id": None}
        await rows.bet(connection, order, status="PENDING", **pending)
    position = await _only(api)
    assert (position["hedgedPayout"], position["worstCaseExposure"]) == (0, 45)


async def test_of_a_bet_still_running_only_the_accepted_part_hedges(api: Api) -> None:
    async with api.writing() as connection:
        await rows.bet(connection, await _filled(connection), status="PENDING", placed_stake="20", placed_price="2.5")
    position = await _only(api)
    assert (position["hedgedPayout"], position["hedgeStake"], position["worstCaseExposure"]) == (50, 20, 15)


async def test_a_bet_on_the_other_side_takes_back_what_was_hedged_too_much(api: Api) -> None:
    async with api.writing() as connection:
        order = await _filled(connection)
        await rows.bet(connection, order, placed_stake="60", payout="120")
        await rows.bet(connection, order, outcome_id=112, placed_stake="10", payout="20")
    position = await _only(api)
    assert (position["hedgedPayout"], position["hedgeStake"]) == (100, 70)
    assert position["unrealizedPnl"] == 5  # 120 pairs - 45 - 70
    assert position["worstCaseExposure"] == 15  # neither outcome: 100 - 45 - 70


async def test_resting_orders_of_the_same_line_count_as_exposure(api: Api) -> None:
    async with api.writing() as connection:
        await rows.bet(connection, await _filled(connection))
        await rows.order(connection, "demo", price="0.4", size="50")
    position = await _only(api)
    assert (position["openStake"], position["worstCaseExposure"], position["orderCount"]) == (20, 15, 1)


async def test_fees_are_paid_whatever_happens(api: Api) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", status="FILLED", filled="100")
        await rows.fill(connection, order, fee="1.75")
        await rows.bet(connection, order)
    position = await _only(api)
    assert (position["fees"], position["unrealizedPnl"]) == (Decimal("1.75"), Decimal("3.25"))


async def test_a_trade_that_failed_at_the_venue_costs_nothing(api: Api) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", status="PARTIAL", filled="10")
        await rows.fill(connection, order, size="10", price="0.4")
        await rows.fill(connection, order, size="90", failed=True, fee="9")
    position = await _only(api)
    assert (position["contracts"], position["cost"], position["fees"]) == (10, 4, 0)


async def test_an_unwind_takes_contracts_back(api: Api) -> None:
    async with api.writing() as connection:
        await _filled(connection)
        await _filled(connection, action="sell", size="40", filled="40", price="0.40")
    position = await _only(api)
    assert (position["contracts"], position["cost"], position["matchedStake"]) == (60, 29, 100)
    assert position["averagePrice"] == Decimal("0.45")


async def test_positions_are_apart_by_fixture_outcome_and_exchange(api: Api) -> None:
    async with api.writing() as connection:
        for changes in ({}, {}, {"exchange": "polymarket"}, {"outcome_id": 112}, {"fixture_id": "other"}):
            await _filled(connection, **changes)
        await rows.order(connection, "demo", outcome_id=121)
    body = await api.body("/positions")
    assert [(p["fixtureId"], p["outcomeId"], p["exchange"], p["contracts"]) for p in body["items"]] == [
        ("other", 111, "kalshi", 100),
        (rows.FIXTURE, 112, "kalshi", 100),
        (rows.FIXTURE, 111, "polymarket", 100),
        (rows.FIXTURE, 111, "kalshi", 200),
    ]
    assert (await api.body("/positions", fixtureId="other"))["total"] == 1
    assert (await api.body("/positions", exchange="polymarket"))["total"] == 1


async def test_after_settlement_nothing_is_held_and_profit_is_realised(api: Api) -> None:
    async with api.writing() as connection:
        order = await _filled(connection, settlement="WON")
        bet = await rows.bet(connection, order, settlement="LOST")
        await rows.settled(connection, order, "55")
        await rows.settled(connection, bet, "-50")
    position = await _only(api)
    assert (position["contracts"], position["worstCaseExposure"], position["unrealizedPnl"]) == (0, 0, 0)
    assert (position["realizedPnl"], position["settlementStatus"]) == (5, "WON")
    assert position["matchedStake"] == 100


async def test_profit_and_loss_adds_up_and_takes_only_the_newest_revision(api: Api) -> None:
    async with api.writing() as connection:
        order = await _filled(connection, settlement="VOID")
        bet = await rows.bet(connection, order, settlement="VOID")
        for revision, (ours, theirs) in enumerate((("55", "-50"), ("-45", "50"), ("0", "0.01")), start=1):
            await rows.settled(connection, order, ours, revision)
            await rows.settled(connection, bet, theirs, revision)
        live = await rows.order(connection, "demo", status="FILLED", filled="100", outcome_id=112)
        await rows.fill(connection, live, fee="0.5")
        await rows.bet(connection, live)
    body = await api.body("/pnl")
    ProfitAndLoss.model_validate(body)
    assert body == {
        "pnl": Decimal("4.51"),
        "realizedPnl": Decimal("0.01"),
        "unrealizedPnl": Decimal("4.5"),
        "totalMatchedStake": 200,
        "turnover": 200,
        "fees": Decimal("0.5"),
        "settledCount": 1,
        "unsettledCount": 1,
        "fromDate": None,
        "toDate": None,
    }


async def test_profit_and_loss_of_a_day_holds_only_orders_created_on_it(api: Api) -> None:
    async with api.writing() as connection:
        for day, profit in (("14", "1"), ("15", "10"), ("16", "100")):
            order = await _filled(connection, settlement="WON", created_at=f"2026-02-{day}T08:00:00Z")
            await rows.settled(connection, order, profit)
    for first, last in (("fromDate", "toDate"), ("from_date", "to_date")):
        body = await api.body("/pnl", **{first: "2026-02-15", last: "2026-02-15"})
        assert (body["realizedPnl"], body["settledCount"], body["fromDate"], body["toDate"]) == (
            10,
            1,
            "2026-02-15",
            "2026-02-15",
        )


@pytest.mark.parametrize(
    ("query", "realized", "turnover"),
    [
        ({"fixtureId": "other"}, 10, 100),
        ({"fixture_id": "other"}, 10, 100),
        ({"exchange": "polymarket"}, 100, 100),
        ({"fixtureId": "other", "exchange": "polymarket"}, 0, 0),
        ({"fixtureId": "other", "fromDate": "2026-02-16"}, 0, 0),
        ({"exchange": "kalshi", "toDate": "2026-02-15"}, 11, 300),
        ({}, 111, 400),
    ],
)
async def test_profit_and_loss_of_one_fixture_or_exchange(
    api: Api, query: dict[str, str], realized: int, turnover: int
) -> None:
    async with api.writing() as connection:
        for profit, changes in (("1", {}), ("10", {"fixture_id": "other"}), ("100", {"exchange": "polymarket"})):
            order = await _filled(connection, settlement="WON", **changes)
            await rows.settled(connection, order, profit)
        await _filled(connection, outcome_id=112)
    body = await api.body("/pnl", **query)
    ProfitAndLoss.model_validate(body)
    assert (body["realizedPnl"], body["turnover"]) == (realized, turnover)
    assert body["pnl"] == body["realizedPnl"] + body["unrealizedPnl"]


async def test_the_mark_is_the_newest_odds_the_ledger_knows_whatever_became_of_the_order(api: Api) -> None:
    async with api.writing() as connection:
        await _filled(connection, odds="2")
        await rows.order(connection, "demo", odds="4", status="CANCELLED", remaining="0")
        await rows.order(connection, "demo", odds="50", outcome_id=112)
        await rows.order(connection, "rival", odds="50")
    assert (await _only(api))["unrealizedPnl"] == 30  # 100 x (1 - 1/4) - 45
    assert (await api.body("/pnl"))["unrealizedPnl"] == 30


async def test_a_bet_nobody_has_answered_for_hurts_where_it_may_have_been_taken(api: Api) -> None:
    async with api.writing() as connection:
        order = await _filled(connection, price="0.9", filled="10")
        await rows.fill(connection, order, size="90", price="0.9", failed=True)
        pending = {"placed_stake": "0", "placed_price": None, "payout": "20", "bookmaker_bet_id": None}
        await rows.bet(connection, order, status="UNKNOWN", stake="10", **pending)
    position = await _only(api)
    assert position["hedgedPayout"] == 0
    # the outcome happens: 9 paid for nothing and no bet; otherwise 10 - 9 - 10 for a bet that lost
    assert position["worstCaseExposure"] == 9
    async with api.writing() as connection:
        order = await _filled(connection, price="0.9", filled="10", outcome_id=112)
        await rows.bet(connection, order, status="UNKNOWN", stake="30", **pending)
    worst = {item["outcomeId"]: item["worstCaseExposure"] for item in (await api.body("/positions"))["items"]}
    assert worst == {111: 9, 112: 29}


async def test_the_hoped_payout_of_a_bet_still_running_covers_nothing(api: Api) -> None:
    async with api.writing() as connection:
        await rows.bet(connection, await _filled(connection), status="UNKNOWN", placed_stake="10", payout="100")
    position = await _only(api)
    assert (position["hedgedPayout"], position["hedgeStake"]) == (20, 10)
    assert position["worstCaseExposure"] == 35  # the outcome happens: 20 - 45 - 10


async def test_profit_and_loss_of_nothing_is_zero(api: Api) -> None:
    body = await api.body("/pnl")
    assert {body[key] for key in body if not key.endswith("Date")} == {0}

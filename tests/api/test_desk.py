"""What the desk watches: signs of life, naked fills, profit over time, and who owns an order."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update

from api.schemas.desk import Exposure, Health, OrderWorkflows, ProfitSeries
from api.workflows import page_of
from overround.ledger import tables as t
from overround.ledger.reads.series import POINTS, step_of
from overround.settings import Settings
from tests.api import rows
from tests.api.conftest import Api


async def _beats(api: Api, name: str, seconds: float, **detail: Any) -> None:
    async with api.writing() as connection:
        at = datetime.now(UTC) - timedelta(seconds=seconds)
        await connection.execute(insert(t.heartbeats).values(name=name, at=at, detail=detail))


async def test_before_anything_ran_health_says_never(api: Api) -> None:
    body = await api.body("/health")
    Health.model_validate(body)
    assert body["feed"] == {"status": "never", "ageSeconds": None, "fixtures": None}
    assert [(part["name"], part["status"]) for part in body["engine"]] == [
        ("streamers", "never"),
        ("trading", "never"),
        ("hedging", "never"),
    ]


async def test_ages_tell_the_living_from_the_silent(api: Api) -> None:
    await _beats(api, "feed", 1, fixtures=57)
    await _beats(api, "trading", 30, pid=4242)
    await _beats(api, "hedging", 0.5)
    answer = await api.get("/health")
    assert "4242" not in answer.text
    body = await api.body("/health")
    assert (body["feed"]["status"], body["feed"]["fixtures"]) == ("live", 57)
    assert 1 <= body["feed"]["ageSeconds"] < 5
    assert {part["name"]: part["status"] for part in body["engine"]} == {
        "streamers": "never",
        "trading": "silent",
        "hedging": "live",
    }


async def test_venues_are_the_callers_and_show_nothing_secret(api: Api) -> None:
    async with api.writing() as connection:
        down = {"status": "down", "status_reason": "login refused"}
        await connection.execute(
            update(t.bookmaker_accounts).where(t.bookmaker_accounts.c.client == "demo").values(**down)
        )
        await connection.execute(
            update(t.exchange_accounts).where(t.exchange_accounts.c.client == "rival").values(status_reason="RIVALS")
        )
    answer = await api.get("/health")
    assert "planted" not in answer.text
    assert "RIVALS" not in answer.text
    assert "rival" not in answer.text
    assert [
        (venue["kind"], venue["venue"], venue["status"], venue["statusReason"]) for venue in answer.json()["venues"]
    ] == [("exchange", "kalshi", "starting", ""), ("bookmaker", "vertex", "down", "login refused")]


async def _naked(api: Api, owner: str, seconds: float, **hedge: Any) -> dict[str, Any]:
    since = datetime.now(UTC) - timedelta(seconds=seconds)
    async with api.writing() as connection:
        order = await rows.order(connection, owner, status="FILLED", filled="100", remaining="0")
        await rows.hedge(connection, order, opened_at=since, **hedge)
    return order


async def test_naked_fills_come_oldest_first_and_a_bet_in_flight_counts_as_not_placed(api: Api) -> None:
    young = await _naked(api, "demo", 5, done="60", in_flight="40", residual="0", state="HEDGING")
    old = await _naked(api, "demo", 90, done="30.5", residual="69.5", state="OPEN", reason="PRICE")
    await _naked(api, "demo", 500, state="DONE")
    body = await api.body("/exposure")
    Exposure.model_validate(body)
    assert (body["orders"], body["naked"], body["inFlight"]) == (2, Decimal("109.5"), 40)
    assert [item["orderId"] for item in body["items"]] == [old["order_id"], young["order_id"]]
    assert [item["naked"] for item in body["items"]] == [Decimal("69.5"), 40]
    assert 90 <= body["oldestSeconds"] == body["items"][0]["ageSeconds"] < 150
    assert body["items"][0]["reason"] == "PRICE"


async def test_what_is_settled_is_not_naked_any_more(api: Api) -> None:
    order = await _naked(api, "demo", 60, residual="100", done="0", state="OPEN")
    assert (await api.body("/exposure"))["orders"] == 1
    async with api.writing() as connection:
        ended = update(t.orders).where(t.orders.c.order_id == order["order_id"]).values(settlement="LOST")
        await connection.execute(ended)
    assert await api.body("/exposure") == {"orders": 0, "naked": 0, "inFlight": 0, "oldestSeconds": None, "items": []}


async def test_an_over_hedge_adds_to_exposure_instead_of_hiding_some(api: Api) -> None:
    await _naked(api, "demo", 5, residual="-10", state="OPEN")
    await _naked(api, "demo", 5, residual="10", state="OPEN")
    assert (await api.body("/exposure"))["naked"] == 20


async def _booked(api: Api, owner: str, *bookings: tuple[str, float]) -> None:
    """Results booked so many hours ago."""
    async with api.writing() as connection:
        for profit, hours in bookings:
            order = await rows.order(connection, owner, settlement="WON")
            await rows.settled(connection, order, profit)
            at = datetime.now(UTC) - timedelta(hours=hours)
            mine = t.settlements.c.subject_id == order["client_order_id"]
            await connection.execute(update(t.settlements).where(mine).values(booked_at=at))


async def test_profit_adds_up_over_the_window(api: Api) -> None:
    await _booked(api, "demo", ("1000", 30), ("1.10", 5), ("-0.35", 3), ("0.25", 1))
    await _booked(api, "rival", ("77777", 2))
    body = await api.body("/pnl/series", hours=24)
    ProfitSeries.model_validate(body)
    assert [point["change"] for point in body["points"]] == [Decimal("1.1"), Decimal("-0.35"), Decimal("0.25")]
    assert [point["realizedPnl"] for point in body["points"]] == [Decimal("1.1"), Decimal("0.75"), 1]
    assert body["realizedPnl"] == 1
    assert (await api.body("/pnl/series", hours=2))["realizedPnl"] == Decimal("0.25")
    assert (await api.body("/pnl/series", hours=168))["realizedPnl"] == 1001


async def test_a_correction_counts_with_its_difference(api: Api) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", settlement="WON")
        await rows.settled(connection, order, "10")
        await rows.settled(connection, order, "-4", revision=2)
        first = t.settlements.select().where(t.settlements.c.revision == 1)
        wrong = (await connection.execute(first)).mappings().one()
        second = update(t.settlements).where(t.settlements.c.revision == 2)
        await connection.execute(second.values(supersedes=wrong["settlement_id"]))
    assert (await api.body("/pnl/series"))["realizedPnl"] == -4 == (await api.body("/pnl"))["realizedPnl"]


@pytest.mark.parametrize("hours", [1, 2, 24, 72, 168])
def test_a_window_of_any_length_has_no_more_points_than_a_plot_can_show(hours: int) -> None:
    assert hours * 3600 / step_of(hours).total_seconds() <= POINTS


@pytest.mark.parametrize("hours", ["0", "169", "x"])
async def test_a_window_outside_a_week_is_refused(api: Api, hours: str) -> None:
    assert (await api.get("/pnl/series", hours=hours)).status_code == 422


async def test_an_order_names_the_workflows_that_own_it(api: Api) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", workflow_id="orders:demo-kalshi:x:111")
        bare = await rows.order(connection, "demo")
        await rows.hedge(connection, order, workflow_id="hedge:co", run_id="run-2")
        await connection.execute(
            insert(t.fixture_settlements).values(fixture_id=rows.FIXTURE, workflow_id="settlement:x", state="WAITING")
        )
    body = await api.body(f"/orders/{order['order_id']}/workflows")
    OrderWorkflows.model_validate(body)
    assert body["items"] == [
        {"kind": "order", "workflowId": "orders:demo-kalshi:x:111", "runId": "run-1", "url": None},
        {"kind": "hedge", "workflowId": "hedge:co", "runId": "run-2", "url": None},
        {"kind": "settlement", "workflowId": "settlement:x", "runId": None, "url": None},
    ]
    kinds = [item["kind"] for item in (await api.body(f"/orders/{bare['order_id']}/workflows"))["items"]]
    assert kinds == ["order", "settlement"]


async def test_another_clients_order_has_no_workflows(api: Api) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "rival")
    guessed = await api.get(f"/orders/{order['order_id']}/workflows")
    absent = await api.get("/orders/999999/workflows")
    assert guessed.status_code == absent.status_code == 404
    assert guessed.json()["detail"] == absent.json()["detail"]


async def test_another_clients_naked_fills_and_profits_never_appear(api: Api) -> None:
    await _naked(api, "rival", 60, residual="100", state="OPEN")
    await _booked(api, "rival", ("5", 1))
    assert (await api.body("/exposure"))["items"] == []
    assert (await api.body("/pnl/series"))["points"] == []
    assert (await api.body("/exposure", by="rival"))["orders"] == 1
    assert len((await api.body("/pnl/series", by="rival"))["points"]) == 1


def test_the_page_of_a_run_is_escaped_and_only_where_a_ui_is_configured() -> None:
    ui = Settings(temporal_ui_url="http://ui.invalid/", temporal_namespace="a/b")
    assert page_of(Settings(), "x", "r") is None
    assert page_of(ui, "orders:k:a/b?", "r1") == (
        "http://ui.invalid/namespaces/a%2Fb/workflows/orders%3Ak%3Aa%2Fb%3F/r1/history"
    )
    assert page_of(ui, "settlement:x", None) == "http://ui.invalid/namespaces/a%2Fb/workflows/settlement%3Ax"

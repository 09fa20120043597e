"""Me, fixtures, accounts and trading status (mm-api sheet, sections 5.1, 5.7, 5.10, 5.11)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update

from api.schemas import Account, Fixture, Me, Page, TradingStatus
from overround.ledger import tables as t
from tests.api import rows
from tests.api.conftest import Api


async def test_me_names_the_client_of_the_key(api: Api) -> None:
    body = await api.body("/me")
    Me.model_validate(body)
    assert body == {"client": "demo", "clientName": "Demo", "active": True}
    assert (await api.body("/me", by="rival"))["client"] == "rival"


async def test_a_fixture_is_shaped_as_the_feeds_with_scores(api: Api) -> None:
    async with api.writing() as connection:
        await rows.fixture(connection, clock={"currentPeriod": "p2", "half": 0.1})
    body = await api.body(f"/fixtures/{rows.FIXTURE}")
    Fixture.model_validate(body)
    assert body["status"] == {"live": True, "statusId": 1, "statusName": "Live"}
    assert body["sport"] == {"sportId": 11, "sportName": "Basketball"}
    assert body["tournament"] == {"tournamentId": 132, "tournamentName": "NBA"}
    assert body["participants"] == {"participant1Name": "Lakers", "participant2Name": "Celtics"}
    assert body["startTime"] == "2026-02-15T12:00:00Z"
    assert body["scores"]["p1"]["participant1Score"] == 21
    assert body["clock"]["half"] == Decimal("0.1")


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({}, ["c", "b", "a"]),
        ({"sportId": 12}, ["b"]),
        ({"tournamentId": 8}, ["c"]),
        ({"statusId": 2}, ["a"]),
        ({"fromDate": "2026-02-16"}, ["c"]),
        ({"to_date": "2026-02-14"}, ["a"]),
    ],
)
async def test_fixtures_are_filtered_and_latest_first(api: Api, query: dict[str, Any], kept: list[str]) -> None:
    async with api.writing() as connection:
        await rows.fixture(connection, "a", start_time=rows.NOON - timedelta(days=1), status_id=2)
        await rows.fixture(connection, "b", sport_id=12)
        await rows.fixture(connection, "c", start_time=rows.NOON + timedelta(days=1), tournament_id=8)
    body = await api.body("/fixtures", **query)
    Page[Fixture].model_validate(body)
    assert [item["fixtureId"] for item in body["items"]] == kept


async def test_an_unknown_fixture_is_404(api: Api) -> None:
    answer = await api.get("/fixtures/id9")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Fixture not found")


async def test_accounts_show_balances_and_status_and_no_secret(api: Api) -> None:
    async with api.writing() as connection:
        values = {"balance": "1000.10", "available": "900.05", "balance_at": rows.NOON, "status": "live"}
        await connection.execute(
            update(t.exchange_accounts).where(t.exchange_accounts.c.account_id == "demo-kalshi").values(values)
        )
    answer = await api.get("/accounts")
    assert "planted" not in answer.text
    assert "endpoint.invalid" not in answer.text
    body = await api.body("/accounts")
    Page[Account].model_validate(body)
    (account,) = body["items"]
    assert (account["accountId"], account["exchange"], account["status"]) == ("demo-kalshi", "kalshi", "live")
    assert (account["balance"], account["available"]) == (Decimal("1000.1"), Decimal("900.05"))


async def _gate(api: Api, scope: str, **flags: Any) -> None:
    async with api.writing() as connection:
        await connection.execute(insert(t.gates).values(scope=scope, **flags))


async def test_with_nothing_in_the_way_trading_is_live(api: Api) -> None:
    body = await api.body("/trading/status")
    TradingStatus.model_validate(body)
    assert body == {
        "client": "demo",
        "clientName": "Demo",
        "oddsFormat": "decimal",
        "status": "live",
        "tradingActive": True,
        "manualPaused": False,
        "manualPausedAt": None,
        "manualPauseReason": None,
        "manualStopped": False,
        "manualStoppedAt": None,
        "manualStopReason": None,
        "systemTradingBlocked": False,
        "emergencyActive": False,
        "systemStopped": False,
        "softPaused": False,
        "systemReason": None,
        "systemDurationSeconds": None,
    }


@pytest.mark.parametrize(
    ("own", "everyone", "status"),
    [
        ({"paused": True}, {}, "manual_paused"),
        ({"paused": True, "stopped": True}, {}, "manual_stopped"),
        ({"stopped": True}, {"soft_paused": True}, "soft_paused"),
        ({"stopped": True}, {"soft_paused": True, "stopped": True}, "system_stopped"),
        ({"paused": True}, {"emergency": True, "stopped": True}, "emergency"),
        ({}, {"soft_paused": True}, "soft_paused"),
    ],
)
async def test_the_gravest_state_wins_and_every_flag_is_still_shown(
    api: Api, own: dict[str, bool], everyone: dict[str, bool], status: str
) -> None:
    await _gate(api, "demo", **own)
    await _gate(api, "global", **everyone)
    await _gate(api, "rival", stopped=True, paused=True)
    body = await api.body("/trading/status")
    TradingStatus.model_validate(body)
    assert (body["status"], body["tradingActive"]) == (status, False)
    assert body["manualPaused"] is own.get("paused", False)
    assert body["manualStopped"] is own.get("stopped", False)
    assert body["emergencyActive"] is everyone.get("emergency", False)
    assert body["systemTradingBlocked"] is bool(everyone)


async def test_reasons_and_times_are_told(api: Api) -> None:
    await _gate(api, "demo", paused=True, paused_at=rows.NOON, pause_reason="lunch", stop_reason="an old one")
    since = datetime.now(UTC) - timedelta(seconds=90)
    await _gate(api, "global", stopped=True, system_since=since, system_reason="upgrade")
    body = await api.body("/trading/status")
    assert (body["manualPausedAt"], body["manualPauseReason"]) == ("2026-02-15T12:00:00Z", "lunch")
    assert body["manualStopReason"] is None
    assert body["systemReason"] == "upgrade"
    assert 90 <= body["systemDurationSeconds"] < 150

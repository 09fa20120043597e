"""What operators see of a running firm: alarms, health, residuals, disputes, the audit (issue 3)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import DBAPIError

from api.operator.schemas.running import Alarm, Change, Dispute, Residual, System, SystemHealth
from overround.ledger import tables as t
from overround.ledger import trail
from overround.ledger.alarms import raise_alarm
from overround.ledger.heartbeats import beat
from tests.api import rows
from tests.api.conftest import Api
from tests.api.operating import Desk


def long_ago() -> datetime:
    """A minute and a half before now."""
    return datetime.now(UTC) - timedelta(seconds=90)


@pytest.fixture
def desk(api: Api) -> Desk:
    return Desk(api)


async def test_alarms_are_shown_until_somebody_deals_with_them(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        await raise_alarm(connection, "naked", "co-1", "50 contracts are not hedged", "demo")
        await raise_alarm(connection, "feed", "odds", "unreadable frame")
    feed, naked = (await desk.ok("GET", "/alarms"))["items"]
    Alarm.model_validate(naked)
    assert (naked["kind"], naked["client"], naked["message"]) == ("naked", "demo", "50 contracts are not hedged")
    assert [item["kind"] for item in (await desk.ok("GET", "/alarms", kind="feed"))["items"]] == ["feed"]
    assert [item["kind"] for item in (await desk.ok("GET", "/alarms", client="demo"))["items"]] == ["naked"]
    cleared = await desk.ok("POST", f"/alarms/{feed['alarmId']}/clear")
    assert cleared["clearedAt"] is not None
    assert (await desk.ok("GET", "/alarms"))["items"] == [naked]
    assert (await desk.ok("GET", "/alarms", state="all"))["total"] == 2
    assert "over already" in await desk.refused(409, "POST", f"/alarms/{feed['alarmId']}/clear")
    assert await desk.refused(404, "POST", "/alarms/999999/clear") == "Alarm not found"
    await desk.refused(422, "GET", "/alarms", state="some")
    assert [change["kind"] for change in await desk.audit()] == ["alarm.clear"]


async def test_health_names_every_part_and_how_long_it_has_been_silent(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        for name in ("streamers", "trading", "hedging"):
            await beat(connection, name, {"pid": 1, "load": 0.5})
        await beat(connection, "feed", {"fixtures": 3})
        await connection.execute(update(t.heartbeats).where(t.heartbeats.c.name == "trading").values(at=long_ago()))
        await connection.execute(update(t.bookmaker_accounts).values(status="connected", active=False))
        await raise_alarm(connection, "worker", "trading", "no worker")
    found = await desk.ok("GET", "/health")
    SystemHealth.model_validate(found)
    parts = {part["name"]: part for part in found["parts"]}
    assert [parts[name]["alive"] for name in ("streamers", "feed", "trading", "hedging")] == [True, True, False, True]
    assert parts["trading"]["ageSeconds"] >= 90
    assert parts["streamers"]["detail"]["load"] == Decimal("0.5")
    assert (found["healthy"], found["workflowService"], found["openAlarms"]) == (False, "not configured", 1)
    assert {venue["accountId"] for venue in found["venues"]} == {"demo-kalshi", "rival-kalshi", "asleep-kalshi"}


async def test_a_part_that_never_lived_is_not_alive(desk: Desk) -> None:
    parts = (await desk.ok("GET", "/health"))["parts"]
    assert [(part["alive"], part["at"], part["ageSeconds"]) for part in parts] == [(False, None, None)] * 4


async def _stuck(api: Api, **changes: Any) -> str:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", status="FILLED", filled="100")
        values = {"state": "OPEN", "done": "60", "residual": "40", "reason": "40 contracts are not hedged (PRICE)"}
        await rows.hedge(connection, order, **{**values, "opened_at": long_ago(), **changes})
    return str(order["client_order_id"])


async def test_residuals_have_an_age_and_a_workflow(api: Api, desk: Desk) -> None:
    stuck = await _stuck(api)
    await _stuck(api, state="DONE", residual="0")
    lost = await _stuck(api, state="UNKNOWN", opened_at=datetime.now(UTC))
    unknown, naked = (await desk.ok("GET", "/residuals"))["items"]
    Residual.model_validate(naked)
    assert (naked["clientOrderId"], unknown["clientOrderId"]) == (stuck, lost)
    assert (naked["filled"], naked["covered"], naked["residual"], naked["client"]) == (100, 60, 40, "demo")
    assert 89 < naked["ageSeconds"] < 200
    assert (naked["workflowId"], naked["workflowUrl"]) == ("hedge-1", None)
    assert (await desk.ok("GET", "/residuals", client="rival"))["items"] == []
    async with api.writing() as connection:
        await connection.execute(update(t.orders).values(settlement="WON"))
    assert (await desk.ok("GET", "/residuals"))["total"] == 0, "a settled fixture has none"


async def test_a_hedge_that_is_done_is_not_retried(api: Api, desk: Desk) -> None:
    done = await _stuck(api, state="DONE")
    assert (
        await desk.refused(409, "POST", f"/residuals/{done}/retry") == f"The hedge of {done} is DONE: nothing is open"
    )
    assert await desk.refused(404, "POST", "/residuals/co-nothing/retry") == "Hedge not found"


async def test_disputes_name_the_match_and_whom_it_concerns(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        await rows.fixture(connection)
        await rows.order(connection, "rival")
        await rows.order(connection, "demo")
        for fixture, state in ((rows.FIXTURE, "DISPUTED"), ("id2", "DISPUTED"), ("id3", "BOOKED")):
            values = {"fixture_id": fixture, "workflow_id": f"settlement:{fixture}", "state": state, "reason": "why"}
            await connection.execute(insert(t.fixture_settlements).values(values))
    found = {item["fixtureId"]: item for item in (await desk.ok("GET", "/disputes"))["items"]}
    assert found.keys() == {rows.FIXTURE, "id2"}
    Dispute.model_validate(found["id2"])
    known = found[rows.FIXTURE]
    assert (known["fixture"], known["clients"], known["reason"]) == ("Lakers v Celtics", ["demo", "rival"], "why")
    assert (found["id2"]["fixture"], found["id2"]["clients"]) == (None, [])
    body = {"choice": "book", "reason": "x"}
    assert await desk.refused(404, "POST", "/disputes/nothing/decision", body) == "Settlement not found"
    for wrong in ({}, {"choice": "guess", "reason": "x"}, {"choice": "book"}, {"choice": "book", "reason": "  "}):
        await desk.refused(422, "POST", "/disputes/id2/decision", wrong)


async def test_without_the_workflow_service_nothing_is_promised(api: Api, desk: Desk) -> None:
    stuck = await _stuck(api)
    async with api.writing() as connection:
        values = {"fixture_id": "id2", "workflow_id": "settlement:id2", "state": "DISPUTED"}
        await connection.execute(insert(t.fixture_settlements).values(values))
    for path, body in (
        ("/system/stop", None),
        ("/system/emergency", {"reason": "x"}),
        ("/clients/demo/trading/pause", None),
        (f"/residuals/{stuck}/retry", None),
        ("/disputes/id2/decision", {"choice": "look", "reason": "x"}),
        ("/accounts/exchange/demo-kalshi/reconcile", None),
    ):
        assert "TEMPORAL_ADDRESS is not set" in await desk.refused(503, "POST", path, body)
    assert await desk.audit() == [], "what did not happen is not in the audit"
    system = await desk.ok("GET", "/system")
    System.model_validate(system)
    assert system["status"] == "live"


async def test_the_state_of_everybody_is_the_gravest_flag(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        await connection.execute(
            insert(t.gates).values(scope="global", stopped=True, soft_paused=True, system_reason="why")
        )
    system = await desk.ok("GET", "/system")
    assert (system["status"], system["softPaused"], system["systemReason"]) == ("system_stopped", True, "why")
    status = await desk.ok("GET", "/clients/demo/trading/status")
    assert (status["status"], status["client"]) == ("system_stopped", "demo")
    assert await desk.refused(404, "GET", "/clients/nobody/trading/status") == "Client not found"


async def test_the_audit_is_filtered_and_never_rewritten(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        for number in range(3):
            detail = {"new": {"size": Decimal("0.1") + number}}
            await trail.record(connection, f"ann {number}", "x.change", "s", "demo", detail)
        await trail.record(connection, "bob", "y.change", "s", None, {"old": None})
    found = await desk.audit()
    Change.model_validate(found[0])
    assert [item["changedBy"] for item in found] == ["bob", "ann 2", "ann 1", "ann 0"]
    assert found[1]["detail"] == {"new": {"size": Decimal("2.1")}}
    assert [item["kind"] for item in await desk.audit(changedBy="bob")] == ["y.change"]
    assert len(await desk.audit(kind="x.change", client="demo")) == 3
    for statement in ("UPDATE changes SET changed_by = 'nobody'", "DELETE FROM changes"):
        with pytest.raises(DBAPIError, match="never changed"):
            async with api.writing() as connection:
                await connection.exec_driver_sql(statement)


async def test_a_list_goes_on_where_it_ended_whatever_was_written_meanwhile(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        for number in range(5):
            await trail.record(connection, "ann", "x.change", str(number), None, {})
    first = await desk.ok("GET", "/audit", pageSize=2)
    async with api.writing() as connection:
        await trail.record(connection, "ann", "x.change", "5", None, {})
    second = await desk.ok("GET", "/audit", pageSize=2, cursor=first["nextCursor"])
    third = await desk.ok("GET", "/audit", pageSize=2, cursor=second["nextCursor"])
    shown = [item["subject"] for page in (first, second, third) for item in page["items"]]
    assert (shown, third["nextCursor"]) == (["4", "3", "2", "1", "0"], None)
    clients = await desk.ok("GET", "/clients", pageSize=2)
    rest = await desk.ok("GET", "/clients", pageSize=2, cursor=clients["nextCursor"])
    names = [item["client"] for page in (clients, rest) for item in page["items"]]
    assert sorted(names) == ["asleep", "demo", "rival"]
    await desk.refused(422, "GET", "/clients", cursor=first["nextCursor"])
    assert (await desk.ok("GET", "/audit", page=9))["items"] == []

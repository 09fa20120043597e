"""Operators stop and start everybody, or one client; residuals, disputes and reconciliation reach their workflows."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import insert
from temporalio.client import Client

from api.app import create_app
from api.operator.schemas.running import ClientResult, SystemResult
from overround.domain.ids import hedge_workflow, reconcile_workflow, settlement_workflow
from overround.domain.messages import FixtureStatus
from overround.domain.settling import SettlementStart
from overround.ledger import tables as t
from streamers.schedules import ensure_schedules
from tests.api import rows
from tests.api.commanding import Engine, commanded
from tests.api.conftest import QUICK, Api, settings_for
from tests.api.operating import Desk
from tests.support.serve import serve
from tests.support.waiting import until
from tests.workflows.desk import Desk as Firm
from tests.workflows.desk import at_work
from tests.workflows.test_resettlement import FIXTURE, OVER, results
from workflows.names import TASK_TIMEOUT


@dataclass
class Commanded:
    """An operator at a process whose commands are carried out; ``api`` is the clients' side of it."""

    api: Api
    desk: Desk


@pytest.fixture
async def firm(api: Api, database_url: str) -> AsyncIterator[Commanded]:
    async with commanded(database_url, Engine(api.engine)) as url:
        there = replace(api, url=url)
        yield Commanded(api, Desk(there))


# -- commands -------------------------------------------------------------------------------------------------------


async def test_a_system_stop_stops_everybody_until_it_is_started(firm: Commanded) -> None:
    stopped = await firm.desk.ok("POST", "/system/stop", {"reason": "the feed is wrong"})
    SystemResult.model_validate(stopped)
    assert (stopped["result"], stopped["status"], stopped["systemReason"]) == (
        "stopped", "system_stopped", "the feed is wrong",
    )  # fmt: skip
    for who in ("demo", "rival"):
        status = await firm.api.body("/trading/status", by=who)
        assert (status["status"], status["systemReason"]) == ("system_stopped", "the feed is wrong")
    assert (await firm.desk.ok("POST", "/system/stop"))["result"] == "already_stopped"
    started = await firm.desk.ok("POST", "/system/start")
    assert (started["result"], started["status"]) == ("started", "live")
    assert (await firm.api.body("/trading/status"))["tradingActive"] is True
    changes = await firm.desk.audit()
    assert [change["kind"] for change in changes] == ["trading.start", "trading.stop"]
    assert changes[1]["changedBy"].startswith("operator key ")
    assert changes[1]["detail"]["reason"] == "the feed is wrong"


async def test_soft_pause_and_emergency_are_lifted_together(firm: Commanded) -> None:
    assert (await firm.desk.ok("POST", "/system/soft-pause"))["result"] == "soft_paused"
    declared = await firm.desk.ok("POST", "/system/emergency", {"reason": "wallet"})
    assert (declared["status"], declared["softPaused"]) == ("emergency", True)
    assert (await firm.api.body("/trading/status"))["emergencyActive"] is True
    cleared = await firm.desk.ok("POST", "/system/clear")
    assert (cleared["result"], cleared["status"], cleared["softPaused"]) == ("cleared", "live", False)
    assert (await firm.desk.ok("POST", "/system/clear"))["result"] == "already_cleared"
    await firm.desk.refused(422, "POST", "/system/stop", {"reason": "x" * 201})
    await firm.desk.refused(422, "POST", "/system/stop", {"why": "x"})


async def test_an_operator_pauses_and_stops_on_behalf_of_one_client(firm: Commanded) -> None:
    paused = await firm.desk.ok("POST", "/clients/demo/trading/pause", {"reason": "asked by phone"})
    ClientResult.model_validate(paused)
    assert (paused["result"], paused["status"], paused["client"]) == ("paused", "manual_paused", "demo")
    assert (await firm.api.body("/trading/status"))["manualPauseReason"] == "asked by phone"
    assert (await firm.api.body("/trading/status", by="rival"))["status"] == "live"
    words = [
        (await firm.desk.ok("POST", f"/clients/demo/trading/{word}"))["result"] for word in ("stop", "resume", "start")
    ]
    assert words == ["stopped", "resumed", "started"]
    assert (await firm.api.body("/trading/status"))["status"] == "live"
    assert {change["client"] for change in await firm.desk.audit()} == {"demo"}
    for nobody in ("nobody", "global"):
        detail = await firm.desk.refused(404, "POST", f"/clients/{nobody}/trading/stop")
        assert detail == "Client not found"


# -- workflows ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _at(temporal: Client, address: str, database_url: str, api: Api) -> AsyncIterator[Desk]:
    settings = settings_for(database_url, temporal_address=address, temporal_ui_url="http://ui.invalid/")
    async with serve(create_app(settings, QUICK)) as url:
        yield Desk(replace(api, url=url))


@pytest.fixture
async def desk(temporal_server: Any, temporal: Client, database_url: str, api: Api) -> AsyncIterator[Desk]:
    """An operator at a process that speaks with the real server."""
    async with _at(temporal, temporal_server.address, database_url, api) as found:
        yield found


@pytest.fixture
async def started(temporal: Client) -> AsyncIterator[AsyncExitStack]:
    """Ends what a test starts on the shared server."""
    async with AsyncExitStack() as stack:
        yield stack


async def test_retry_is_the_signal_of_that_name(
    api: Api, desk: Desk, temporal: Client, task_queue: str, started: AsyncExitStack
) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", filled="100")
        name = hedge_workflow(f"{task_queue}-{order['client_order_id']}")
        await rows.hedge(connection, order, state="OPEN", residual="40", workflow_id=name)
    path = f"/residuals/{order['client_order_id']}/retry"
    assert await desk.refused(409, "POST", path) == f"{name} is not there, or has ended"
    handle = await temporal.start_workflow("Waiting", id=name, task_queue=task_queue)
    started.push_async_callback(handle.terminate)
    answer = await desk.ok("POST", path)
    assert answer == {"clientOrderId": order["client_order_id"], "result": "signalled"}
    events = (await handle.fetch_history()).events
    signals = [event.workflow_execution_signaled_event_attributes.signal_name for event in events]
    assert [name for name in signals if name] == ["retry"]
    (residual,) = (await desk.ok("GET", "/residuals"))["items"]
    assert residual["workflowUrl"] == "http://ui.invalid/namespaces/default/workflows/" + name.replace(":", "%3A")
    assert [change["kind"] for change in await desk.audit()] == ["residual.retry"]


async def test_a_dispute_is_decided_in_its_own_workflow_and_refused_in_its_words(
    api: Api, desk: Desk, temporal: Client, task_queue: str, started: AsyncExitStack
) -> None:
    firm = Firm()
    firm.results.extend([results("LOST"), results("LOST"), results("WON")])
    async with api.writing() as connection:
        values = {"fixture_id": FIXTURE, "workflow_id": settlement_workflow(FIXTURE), "state": "DISPUTED"}
        await connection.execute(insert(t.fixture_settlements).values(values))
    path, look = f"/disputes/{FIXTURE}/decision", {"choice": "look", "reason": "the league changed it"}
    await started.enter_async_context(at_work(temporal, task_queue, firm))
    live = SettlementStart(FIXTURE, FixtureStatus(FIXTURE, 1))
    handle = await temporal.start_workflow(
        "SettlementWorkflow", live, id=settlement_workflow(FIXTURE), task_queue=task_queue, task_timeout=TASK_TIMEOUT
    )
    started.push_async_callback(handle.terminate)
    assert await desk.refused(409, "POST", path, look) == f"fixture {FIXTURE} is not disputed, it is WAITING"
    await handle.signal("status", OVER)
    await until(lambda: any(item.state == "DISPUTED" for item in firm.settling), "disputed")
    answer = await desk.ok("POST", path, look)
    assert (answer["fixtureId"], answer["result"].split(" by ")[0]) == (FIXTURE, "look")
    await until(lambda: firm.count("collect_results") == 2, "read again")
    await until(lambda: sum(item.state == "DISPUTED" for item in firm.settling) == 2, "disputed again")
    await desk.ok("POST", path, {"choice": "book", "reason": "paid so"})
    await until(lambda: firm.booked, "booked")
    assert "paid so" in firm.booked[0].decided
    kinds = [change["kind"] for change in await desk.audit()]
    assert kinds == ["dispute.decide", "dispute.decide"]
    assert (await desk.audit())[0]["detail"]["new"] == {"choice": "book", "reason": "paid so"}


async def test_a_decision_that_nobody_answers_is_not_said_to_be_made(
    api: Api, desk: Desk, temporal: Client, task_queue: str, started: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operator.workflows.ANSWER_SECONDS", 0.3)
    handle = await temporal.start_workflow("SettlementWorkflow", id=f"settlement:{task_queue}", task_queue=task_queue)
    started.push_async_callback(handle.terminate)
    async with api.writing() as connection:
        values = {"fixture_id": "id2", "workflow_id": handle.id, "state": "DISPUTED"}
        await connection.execute(insert(t.fixture_settlements).values(values))
    body = {"choice": "book", "reason": "paid so"}
    assert (
        await desk.refused(503, "POST", "/disputes/id2/decision", body) == "No answer within 0 s: it may still happen"
    )
    (change,) = await desk.audit()
    assert change["detail"]["new"] == {**body, "answered": False}


async def test_an_account_is_compared_now_not_at_its_next_turn(
    desk: Desk, temporal: Client, task_queue: str, started: AsyncExitStack
) -> None:
    path = "/accounts/exchange/demo-kalshi/reconcile"
    name = reconcile_workflow("demo-kalshi")
    assert await desk.refused(409, "POST", path) == f"The schedule {name} is not there, or has ended"
    await ensure_schedules(temporal, ["demo-kalshi"], task_queue)
    schedule = temporal.get_schedule_handle(name)
    started.push_async_callback(schedule.delete)
    await schedule.pause()
    assert await desk.ok("POST", path) == {"accountId": "demo-kalshi", "result": "triggered", "workflowId": name}

    async def ran() -> bool:
        return (await schedule.describe()).info.num_actions > 0

    for _ in range(100):
        if await ran():
            break
    assert await ran()
    async for run in temporal.list_workflows(f"TaskQueue = '{task_queue}'"):
        await temporal.get_workflow_handle(run.id, run_id=run.run_id).terminate()
    assert await desk.refused(404, "POST", "/accounts/exchange/nothing/reconcile") == "Account not found"
    assert (await desk.ok("GET", "/health"))["workflowService"] == "answers"


async def test_a_server_that_is_away_is_said_so(api: Api, database_url: str, temporal: Client) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", filled="100")
        await rows.hedge(connection, order, state="OPEN", residual="40")
    async with _at(temporal, "127.0.0.1:9", database_url, api) as desk:
        path = f"/residuals/{order['client_order_id']}/retry"
        assert await desk.refused(503, "POST", path) == "The workflow service does not answer"
        health = await desk.ok("GET", "/health")
        assert (health["workflowService"], health["healthy"]) == ("silent", False)
        assert await desk.audit() == []

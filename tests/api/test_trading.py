"""Pause, resume, stop and start: two independent flags, and an answer that says what happened."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from json import loads

import pytest
from temporalio.service import RPCError, RPCStatusCode

from api import commands
from api.schemas import TradingAnswer, TradingStatus
from overround.domain.control import ControlRequest
from overround.ledger.keys import find_key
from tests.api.commanding import Engine, Sender, commanded
from tests.api.conftest import PEPPER, Api, running

WORDS = {"pause": "paused", "resume": "resumed", "stop": "stopped", "start": "started"}


async def key_of(api: Api, name: str) -> str:
    """How the audit names a key."""
    async with api.writing() as connection:
        owner = await find_key(connection, PEPPER, api.keys[name])
    assert owner is not None
    return f"key {owner.key_id}"


async def test_pause_says_what_it_did_and_how_things_stand(sender: Sender) -> None:
    answer = await sender.post("/trading/pause", {"reason": "maintenance"})
    assert answer.status_code == 200, answer.text
    told = loads(answer.text, parse_float=Decimal)
    TradingAnswer.model_validate(told)
    assert (told["result"], told["status"], told["tradingActive"]) == ("paused", "manual_paused", False)
    assert (told["manualPaused"], told["manualPauseReason"]) == (True, "maintenance")
    at = datetime.fromisoformat(told["manualPausedAt"])
    assert abs((datetime.now(UTC) - at).total_seconds()) < 30
    del told["result"]
    assert await sender.api.body("/trading/status") == told


async def test_repeating_a_command_changes_nothing_and_says_so(sender: Sender) -> None:
    for word, done in WORDS.items():
        first = "already_" if word == "start" else ""
        if word == "start":
            await sender.post("/trading/start")
        said = [(await sender.post(f"/trading/{word}")).json()["result"] for _ in range(2)]
        assert said == [f"{first}{done}", f"already_{done}"]


async def test_no_body_and_an_empty_one_are_the_same_and_leave_the_reason_empty(sender: Sender) -> None:
    for raw in (b"", b"{}", b"null"):
        headers = {"X-API-Key": sender.api.keys["demo"], "Content-Type": "application/json"}
        told = (await sender.api.http.post(f"{sender.url}/api/v1/trading/stop", content=raw, headers=headers)).json()
        assert (told["manualStopReason"], told["manualStoppedAt"] is None) == (None, False)


async def test_pause_and_stop_are_two_flags_and_each_has_its_own_undoing(sender: Sender) -> None:
    steps = [
        ("pause", "manual_paused", (True, False)),
        ("stop", "manual_stopped", (True, True)),
        ("resume", "manual_stopped", (False, True)),
        ("pause", "manual_stopped", (True, True)),
        ("start", "manual_paused", (True, False)),
        ("resume", "live", (False, False)),
    ]
    for word, status, flags in steps:
        told = (await sender.post(f"/trading/{word}", {"reason": word})).json()
        assert (told["status"], (told["manualPaused"], told["manualStopped"])) == (status, flags), word
        assert told["tradingActive"] == (status == "live")
    assert [told[f"manual{kind}"] for kind in ("PausedAt", "PauseReason", "StoppedAt", "StopReason")] == [None] * 4


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ("emergency", "emergency"),
        ("stopped", "system_stopped"),
        ("soft_paused", "soft_paused"),
        ("paused", "soft_paused"),
        ("emergency, stopped, soft_paused", "emergency"),
        ("stopped, soft_paused", "system_stopped"),
    ],
)
async def test_what_blocks_everybody_outranks_the_clients_own(sender: Sender, flags: str, status: str) -> None:
    await sender.post("/trading/stop")
    values = ", ".join("true" for _ in flags.split(","))
    async with sender.api.writing() as connection:
        await connection.exec_driver_sql(
            f"INSERT INTO gates (scope, {flags}, system_since, system_reason)"
            f" VALUES ('global', {values}, now() - interval '90 seconds', 'the feed is down')"
        )
    told = loads((await sender.post("/trading/start")).text, parse_float=Decimal)
    assert (told["result"], told["status"], told["tradingActive"]) == ("started", status, False)
    assert (told["systemTradingBlocked"], told["systemReason"]) == (True, "the feed is down")
    assert 90 <= told["systemDurationSeconds"] < 120
    TradingStatus.model_validate({key: value for key, value in told.items() if key != "result"})


async def test_a_client_commands_itself_alone(sender: Sender) -> None:
    await sender.post("/trading/stop", {"reason": "RIVALS"}, by="rival")
    assert (await sender.api.body("/trading/status"))["status"] == "live"
    assert [scope for scope, _ in sender.engine.asked] == ["rival"]
    assert sender.engine.commands() == [ControlRequest("stop", await key_of(sender.api, "rival"), "RIVALS")]


async def test_who_did_it_and_when_is_written_down_once(sender: Sender) -> None:
    for _ in range(2):
        await sender.post("/trading/pause", {"reason": "lunch"})
    (change,) = await sender.changes()
    assert (change.client, change.kind, change.body) == ("demo", "trading.pause", {"reason": "lunch"})
    assert change.changed_by == await key_of(sender.api, "demo")


@pytest.mark.parametrize(
    "body", [{"reason": "x" * 501}, {"reason": "two\nlines"}, {"reason": "\x00"}, {"why": "x"}, [], {"reason": 1}]
)
async def test_what_is_not_a_reason_is_refused_and_nothing_is_commanded(sender: Sender, body: object) -> None:
    answer = await sender.post("/trading/pause", body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"
    assert sender.engine.asked == []


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"reason": "\\ud800"}', b"[" * 5000, b'{"reason": 1e999999}'])
async def test_what_cannot_be_read_is_422_whatever_it_is(sender: Sender, raw: bytes) -> None:
    headers = {"X-API-Key": sender.api.keys["demo"], "Content-Type": "application/json"}
    answer = await sender.api.http.post(f"{sender.url}/api/v1/trading/pause", content=raw, headers=headers)
    assert answer.status_code == 422
    assert sender.engine.asked == []


async def test_without_the_workflow_service_a_command_is_503_in_plain_words(api: Api, database_url: str) -> None:
    headers = {"X-API-Key": api.keys["demo"]}
    unset = await api.http.post("/api/v1/trading/stop", headers=headers)
    assert (unset.status_code, unset.json()["code"]) == (503, "service_unavailable")
    assert "TEMPORAL_ADDRESS" in unset.json()["detail"]
    async with running(database_url, temporal_address="127.0.0.1:1") as process:
        away = await process.http.post("/api/v1/trading/stop", headers=headers)
    assert away.status_code == 503
    assert "does not answer" in away.json()["detail"]
    assert "127.0.0.1" not in away.text
    assert (await api.body("/trading/status"))["status"] == "live"


async def test_no_answer_in_time_is_503_and_promises_nothing(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "ANSWER_SECONDS", 0.05)
    sender.engine.before = lambda: asyncio.sleep(1)
    answer = await sender.post("/trading/stop")
    assert answer.status_code == 503
    assert "may still be carried out" in answer.json()["detail"]


async def test_the_workflow_services_own_words_stay_inside(sender: Sender, database_url: str) -> None:
    class Away(Engine):
        async def execute_update_with_start_workflow(self, *_: object, **__: object) -> object:
            raise RPCError("planted-detail", RPCStatusCode.UNAVAILABLE, b"")

    async with commanded(database_url, Away(sender.api.engine)) as url:
        answer = await Sender(sender.api, url, sender.engine).post("/trading/stop")
    assert answer.status_code == 503
    assert "planted" not in answer.text

"""Commands from the console reach the scope's ControlWorkflow; without a Temporal server they say so."""

from pathlib import Path

from temporalio.client import Client

from activities.control import ControlActivities
from console.control import command_gate
from overround.domain.control import ControlRequest
from overround.ledger.db import connect
from overround.settings import Settings
from tests.support.command import console
from worker import ROLES, build


async def test_a_command_starts_its_workflow_and_repeating_it_changes_nothing(
    temporal: Client, database_url: str
) -> None:
    database = connect(database_url)
    settings = Settings(temporal_address=temporal.service_client.config.target_host)
    async with build(temporal, ROLES["trading"], [ControlActivities(database, temporal)]):
        first = await command_gate(settings, "acme:vertex", ControlRequest("pause", "me", "lunch"))
        again = await command_gate(settings, "acme:vertex", ControlRequest("pause", "me", "lunch"))
        other = await command_gate(settings, "acme:vertex", ControlRequest("resume", "me"))
    await database.dispose()
    assert (first.result, first.blocked) == ("paused", "paused")
    assert (again.result, again.changed) == ("already_paused", False)
    assert (other.result, other.blocked) == ("resumed", None)


def test_without_temporal_the_command_says_which_setting_is_missing(tmp_path: Path) -> None:
    done = console("control", "emergency", OVERROUND_STATE_DIR=str(tmp_path), TEMPORAL_ADDRESS="")
    assert done.returncode == 1
    assert "TEMPORAL_ADDRESS is not set" in done.stderr


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    done = console("control", "emergency", OVERROUND_STATE_DIR=str(tmp_path), TEMPORAL_ADDRESS="127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("overround: TEMPORAL_ADDRESS: 127.0.0.1:9 did not carry out the command")
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_command_is_refused() -> None:
    assert console("control", "panic").returncode == 2

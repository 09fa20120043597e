"""The gate as the API's commands write it: repeated commands change nothing, every owner hears of it."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.control import ControlActivities
from overround.domain.control import Command, GateChange, GateResult, Sweep
from overround.domain.messages import Gate
from tests.ledger.desk import CLIENT, claim, owner, rows, spec, write
from tests.streamers.desk import FakeTemporal

OWNER = "orders:kalshi-demo:id1100013200000001:111"


@pytest.fixture
def temporal() -> FakeTemporal:
    return FakeTemporal(alive={OWNER})


@pytest.fixture
def does(ledger: AsyncEngine, temporal: FakeTemporal) -> ControlActivities:
    return ControlActivities(ledger, temporal)  # type: ignore[arg-type]


async def command(does: ControlActivities, word: Command, scope: str = CLIENT) -> GateResult:
    return await does.set_gate(GateChange(scope, word, "because"))


@pytest.mark.parametrize(
    ("word", "scope", "result", "blocked", "undo"),
    [
        ("pause", CLIENT, "paused", "paused", "resume"),
        ("stop", CLIENT, "stopped", "stopped", "start"),
        ("stop", "global", "stopped", "system stopped", "start"),
        ("soft_pause", "global", "soft_paused", "soft paused", "clear"),
        ("emergency", "global", "emergency", "emergency", "clear"),
    ],
)
async def test_a_command_acts_once_and_can_be_undone(
    does: ControlActivities, word: Any, scope: str, result: str, blocked: str, undo: Any
) -> None:
    assert await command(does, word, scope) == GateResult(result, True, blocked)
    assert await command(does, word, scope) == GateResult(f"already_{result}", False, blocked)
    assert (await command(does, undo, scope)).blocked is None
    assert not (await command(does, undo, scope)).changed


async def test_a_resumed_client_stays_blocked_by_what_blocks_everybody(does: ControlActivities) -> None:
    await command(does, "emergency", "global")
    await command(does, "pause")
    assert (await command(does, "resume")).blocked == "emergency"


async def test_a_global_command_is_told_to_everybody_once(does: ControlActivities, ledger: AsyncEngine) -> None:
    for _ in range(2):
        await command(does, "stop", "global")
    await command(does, "pause")
    told = await rows(ledger, "SELECT channel, client, payload FROM events")
    assert [(row.channel, row.client, row.payload["systemStopped"]) for row in told] == [("emergency", None, True)]


async def test_every_owner_of_open_orders_hears_of_it(
    does: ControlActivities, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await claim(ledger, spec("c1"), spec("c2"))
    await claim(ledger, spec("c3"), of=owner(222))
    await write(ledger, "INSERT INTO gates (scope, emergency) VALUES ('global', true)")
    sweep = Sweep("global", "emergency")
    assert await ActivityEnvironment().run(does.sweep_gate, sweep) == 2
    assert temporal.told == [(OWNER, "gate", Gate("emergency"))], "an owner that is gone stops nothing"
    assert await ActivityEnvironment().run(does.sweep_gate, Sweep("somebody", "paused")) == 0

"""The gate as the API's commands write it: repeated commands change nothing, every owner hears of it."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.control import ControlActivities
from overround.domain.control import CancelOrders, Command, Drop, DropOrders, GateChange, GateResult, Sweep
from overround.domain.messages import Gate
from tests.ledger.desk import CLIENT, OWNER, claim, owner, rows, spec, write
from tests.streamers.desk import FakeTemporal


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


async def since(ledger: AsyncEngine) -> tuple[Any, Any]:
    (row,) = await rows(ledger, "SELECT system_since, system_reason FROM gates WHERE scope = 'global'")
    return row.system_since, row.system_reason


async def say(does: ControlActivities, word: Command, reason: str, scope: str = "global") -> GateResult:
    return await does.set_gate(GateChange(scope, word, reason, "key 1"))


async def test_how_long_everybody_is_blocked_counts_from_the_first_flag_to_the_last(
    does: ControlActivities, ledger: AsyncEngine
) -> None:
    await say(does, "soft_pause", "the feed is late")
    began, _ = await since(ledger)
    await say(does, "stop", "")
    assert await since(ledger) == (began, "the feed is late"), "no reason given leaves the one that is told"
    await say(does, "emergency", "a bad price")
    await say(does, "start", "")
    assert await since(ledger) == (began, "a bad price"), "the emergency goes on"
    await say(does, "clear", "")
    assert await since(ledger) == (None, None)


async def test_no_reason_is_none(does: ControlActivities, ledger: AsyncEngine) -> None:
    await say(does, "pause", "", CLIENT)
    await say(does, "stop", "over", CLIENT)
    (gate,) = await rows(ledger, "SELECT pause_reason, stop_reason, paused_at, stopped_at FROM gates")
    assert (gate.pause_reason, gate.stop_reason, None in (gate.paused_at, gate.stopped_at)) == (None, "over", False)


async def test_who_commanded_is_written_down_with_the_change_and_not_without_one(
    does: ControlActivities, ledger: AsyncEngine
) -> None:
    for _ in range(2):
        await say(does, "pause", "lunch", CLIENT)
    await say(does, "emergency", "fire")
    written = await rows(ledger, "SELECT client, kind, subject, body, changed_by FROM changes ORDER BY change_id")
    assert [tuple(row) for row in written] == [
        (CLIENT, "trading.pause", CLIENT, {"reason": "lunch"}, "key 1"),
        (None, "trading.emergency", "global", {"reason": "fire"}, "key 1"),
    ]


async def drop(does: ControlActivities, client: str = CLIENT, **request: Any) -> int:
    asked = DropOrders(client, CancelOrders(**{"order_ids": (), "by": "key 1", **request}), "command 1")
    return int(await ActivityEnvironment().run(does.drop_orders, asked))


async def ids(ledger: AsyncEngine) -> dict[str, int]:
    found = await rows(ledger, "SELECT client_order_id, order_id FROM orders")
    return {row.client_order_id: row.order_id for row in found}


async def test_each_owner_hears_of_its_own_orders_that_are_open(
    does: ControlActivities, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    other = OWNER.replace(":111", ":222")
    temporal.alive.add(other)
    await claim(ledger, spec("c1"), spec("c2"), spec("over"))
    await claim(ledger, spec("c3"), of=owner(222))
    await write(ledger, "UPDATE orders SET status = 'FILLED' WHERE client_order_id = 'over'")
    number = await ids(ledger)
    assert await drop(does, order_ids=(number["c1"], number["over"], number["c3"])) == 2
    assert temporal.told == [(OWNER, "drop", Drop(("c1",))), (other, "drop", Drop(("c3",)))]


async def test_another_clients_orders_are_not_dropped(
    does: ControlActivities, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await claim(ledger, spec("c1"))
    number = await ids(ledger)
    assert await drop(does, "somebody", order_ids=(number["c1"],)) == 0
    assert await drop(does, "somebody", whole=True) == 0
    assert temporal.told == []


async def test_a_whole_selection_reaches_owners_that_are_between_two_orders(
    does: ControlActivities, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    other, elsewhere = OWNER.replace(":111", ":222"), OWNER.replace("kalshi", "polymarket")
    temporal.alive |= {other, elsewhere}
    await claim(ledger, spec("c1"))
    await claim(ledger, spec("c2"), of=owner(222))
    await claim(ledger, spec("c3"), of=owner(account="polymarket-demo"))
    await write(ledger, "UPDATE orders SET status = 'CANCELLED' WHERE client_order_id = 'c2'")
    number = await ids(ledger)
    assert await drop(does, order_ids=(number["c1"],), whole=True, exchange="kalshi") == 2
    assert sorted(temporal.told) == [
        (OWNER, "drop", Drop(("c1",), everything=True)),
        (other, "drop", Drop((), everything=True)),
    ]
    temporal.told.clear()
    assert await drop(does, whole=True, fixture_id="another") == 0
    await write(ledger, "INSERT INTO fixture_settlements VALUES (:f, 'w', 'BOOKED')", f=owner().fixture_id)
    assert await drop(does, whole=True) == 0, "what is settled has no owners left"


async def test_an_owner_that_ended_is_started_again_for_the_order_it_left(
    does: ControlActivities, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await claim(ledger, spec("c1"))
    temporal.alive.clear()
    does = ControlActivities(ledger, temporal, task_queue="a queue")  # type: ignore[arg-type]
    number = await ids(ledger)
    assert await drop(does, order_ids=(number["c1"],)) == 1
    ((name, word, (items,)),) = temporal.told
    assert (name, word) == (OWNER, "start+evidence")
    assert [(item.client_order_id, item.evidence.kind) for item in items] == [("c1", "lost")]


async def test_who_cancelled_what_is_written_down_once(does: ControlActivities, ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    number = await ids(ledger)
    for _ in range(2):
        await drop(does, order_ids=(number["c1"],), reason="wrong line", fixture_id="f", whole=True)
    (row,) = await rows(ledger, "SELECT client, kind, subject, body, changed_by FROM changes")
    assert (row.client, row.kind, row.subject, row.changed_by) == (CLIENT, "orders.cancel", "command 1", "key 1")
    told = {"reason": "wrong line", "orderIds": [number["c1"]], "fixtureId": "f", "exchange": None, "whole": True}
    assert row.body == told

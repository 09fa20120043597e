"""ControlWorkflow: what it starts it finishes, whoever dies in between."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from overround.domain.control import CancelOrders, ControlRequest, ControlStart, DropOrders, GateResult
from tests.support.stack import running_stack
from tests.support.waiting import until
from tests.workflows.desk import Desk, at_work, breaks
from workflows.control import ControlWorkflow
from workflows.names import TASK_TIMEOUT


async def control(client: Client, queue: str, scope: str = "global") -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "ControlWorkflow", ControlStart(scope), id=f"control-{queue}", task_queue=queue, task_timeout=TASK_TIMEOUT
    )


async def command(handle: WorkflowHandle[Any, Any], word: Any) -> GateResult:
    result: GateResult = await handle.execute_update(
        "command", ControlRequest(word, "an operator"), result_type=GateResult
    )
    return result


@asynccontextmanager
async def controlled(environment: WorkflowEnvironment, queue: str) -> AsyncIterator[tuple[Desk, Any]]:
    desk = Desk()
    async with at_work(environment.client, queue, desk):
        handle = await control(environment.client, queue)
        try:
            yield desk, handle
        finally:
            await handle.terminate()


async def test_a_repeated_command_says_so_and_changes_nothing(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with controlled(time_skipping, task_queue) as (_, handle):
        said = [(await command(handle, word)).result for word in ("pause", "pause", "resume", "resume")]
        assert said == ["paused", "already_paused", "resumed", "already_resumed"]


async def test_it_sweeps_until_nothing_rests(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with controlled(time_skipping, task_queue) as (desk, handle):
        desk.owners = 2
        assert (await command(handle, "emergency")).result == "emergency"
        assert desk.count("sweep_gate") >= 1
        await time_skipping.sleep(600)
        assert desk.count("sweep_gate") > 15
        desk.owners = 0
        await time_skipping.sleep(120)
        swept = desk.count("sweep_gate")
        await time_skipping.sleep(600)
        assert desk.count("sweep_gate") == swept
        assert {sweep.blocked for sweep in desk.asked("sweep_gate")} == {"emergency"}


async def test_owners_are_told_although_whoever_wrote_the_gate_died_before_saying_so(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with controlled(time_skipping, task_queue) as (desk, handle):

        def writes_and_dies(change: Any) -> Any:
            desk.write_gate(change)
            raise RuntimeError("killed")

        desk.then("set_gate", writes_and_dies)
        assert (await command(handle, "pause")).blocked == "paused"
        assert desk.count("sweep_gate") >= 1


async def test_a_command_is_finished_by_the_next_worker(temporal: Client, task_queue: str) -> None:
    first, second = Desk(), Desk()
    first.owners = 3
    async with at_work(temporal, task_queue, first):
        handle = await control(temporal, task_queue)
        await command(handle, "stop")
    async with at_work(temporal, task_queue, second):
        await until(lambda: second.count("sweep_gate") > 0, "swept by the second worker")
        assert {sweep.blocked for sweep in second.asked("sweep_gate")} == {"stopped"}
    await handle.terminate()


async def cancel(handle: WorkflowHandle[Any, Any], *ids: int, command_id: str) -> list[int]:
    asked = CancelOrders(ids, "key 1")
    result: list[int] = await handle.execute_update("cancel", asked, id=command_id, result_type=list[int])
    return result


async def test_a_cancel_is_told_once_under_its_name_and_answered_alike(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with controlled(time_skipping, task_queue) as (desk, handle):
        desk.then("drop_orders", breaks, times=2)
        assert await cancel(handle, 1, 2, command_id="k-1") == [1, 2]
        assert await cancel(handle, 3, command_id="k-1") == [1, 2], "the same command"
        told = desk.asked("drop_orders")
        assert told == [DropOrders("global", CancelOrders((1, 2), "key 1"), "k-1")] * 3


async def test_a_workflow_that_only_cancels_begins_anew_before_its_history_is_too_long(
    time_skipping: WorkflowEnvironment, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: ControlWorkflow) -> bool:
        return workflow.info().get_current_history_length() > 30 and workflow.all_handlers_finished()

    monkeypatch.setattr(ControlWorkflow, "_long", full)
    async with controlled(time_skipping, task_queue) as (desk, handle):
        await command(handle, "pause")
        first = (await handle.describe()).run_id
        anew = time_skipping.client.get_workflow_handle(handle.id)
        for number in range(12):
            assert await cancel(anew, number, command_id=f"k-{number}") == [number]
        assert (await anew.describe()).run_id != first
        assert desk.count("drop_orders") == 12
        assert (await command(anew, "pause")).blocked == "paused"


async def test_stop_cancels_everything_and_start_quotes_again(
    database_url: str, temporal: Client, task_queue: str
) -> None:
    async with running_stack(database_url, temporal, task_queue, venues=("kalshi",)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        everybody = await control(temporal, task_queue)
        await command(everybody, "pause")
        await until(lambda: not stack.ours("kalshi"), "nothing rests")
        await asyncio.sleep(0.5)
        assert not stack.ours("kalshi")
        started = time.monotonic()
        await command(everybody, "resume")
        await until(lambda: stack.ours("kalshi"), "quoting again")
        assert time.monotonic() - started < 8
        await everybody.terminate()
        await stack.check()

"""What happens when somebody pulls the plug: emergency stops, killed workers, and how soon hedging goes on."""

import asyncio
import time

from temporalio.common import WorkflowIDConflictPolicy

from bench.desk import OUTCOMES
from bench.rig import NotInTime, Rig
from overround.domain.clients import GLOBAL
from overround.domain.control import Command, ControlRequest, ControlStart, GateResult
from overround.domain.ids import control_workflow
from overround.paper.world import PaperFixture
from workflows.names import TRADING, hedging

RESTART_PAUSE = 0.2
"""The supervisor's pause before its first restart (``console.embedded.supervisor.BACKOFF``)."""


async def command(rig: Rig, word: Command) -> GateResult:
    """What an operator's command does."""
    handle = await rig.client.start_workflow(
        "ControlWorkflow",
        ControlStart(GLOBAL),
        id=control_workflow(GLOBAL),
        task_queue=TRADING,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    result: GateResult = await handle.execute_update("command", ControlRequest(word, "bench"), result_type=GateResult)
    return result


async def emergency(rig: Rig) -> float:
    """Milliseconds from the command to our last open order gone; quoting is then allowed again."""
    await rig.quoting()
    started = time.monotonic()
    asking = asyncio.create_task(command(rig, "emergency"))
    gone = await rig.until(lambda: rig.desk.ours() == 0, "no open order after an emergency stop", 30, 0.002)
    await asking
    await command(rig, "clear")
    await rig.quoting()
    return (gone - started) * 1000


async def emergency_floor(rig: Rig) -> float:
    """Milliseconds to tell as many idle workflows as there are owners of orders, one after another as a sweep does,
    until the last one's local activity ran."""
    ids = [f"floor:sweep:{number}" for number in range(rig.desk.owners)]
    for workflow_id in ids:
        await rig.start_floor(workflow_id)
    await asyncio.sleep(1.0)
    started = time.monotonic()
    marks = [await rig.touch(workflow_id) for workflow_id in ids]
    await rig.until(lambda: set(marks) <= rig.marks().keys(), "the floor's sweep", 10, 0.05)
    done = rig.marks()
    await asyncio.gather(*(rig.client.get_workflow_handle(i).terminate("measured") for i in ids))
    return (max(done[mark] for mark in marks) - started) * 1000


async def nobody_left(rig: Rig) -> float:
    """Milliseconds from the trading worker's SIGKILL, with nobody to restart it, to no open order."""
    killed = rig.kill("trading")
    try:
        gone = await rig.until(lambda: rig.desk.ours() == 0, "the guard pulled everything", 30, 0.005)
    finally:
        rig.start("trading")
        await rig.ready("trading")
    return (gone - killed) * 1000


class Takeover:
    """Fills right after a worker's SIGKILL. Milliseconds from the kill to the bet request: ``fresh`` for an order's
    first fill, ``running`` for another fill of an order whose hedge the dead worker held; ``floor`` likewise for the
    local activity of a running workflow that does nothing."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._turn = 0
        self.fresh: list[float] = []
        self.running: list[float] = []
        self.floor: list[float] = []

    async def with_standby(self) -> None:
        """Another worker already runs; afterwards it is the only one."""
        self._rig.start("hedging standby")
        await self._rig.ready("hedging standby")
        await asyncio.sleep(1.0)
        try:
            await self._measure(restart=False)
        finally:
            if "hedging" in self._rig.processes:
                self._rig.kill("hedging")
            self._rig.processes["hedging"] = self._rig.processes.pop("hedging standby")

    async def with_restart(self) -> None:
        """Nobody else runs; it is started again as the supervisor does."""
        await self._measure(restart=True)
        await self._rig.ready("hedging")

    async def _measure(self, *, restart: bool) -> None:
        old, new = self._next(), self._next()
        floor_id = f"floor:kill:{self._turn}"
        await self._prepare(old, floor_id)
        at = self._rig.kill("hedging")
        mark = await self._rig.touch(floor_id)
        self._fill(old)
        self._fill(new)
        if restart:
            await asyncio.sleep(RESTART_PAUSE)
            self._rig.start("hedging")
        self.running.append(await self._bet(old, at))
        self.fresh.append(await self._bet(new, at))
        await self._rig.until(lambda: mark in self._rig.marks(), "the floor after a kill", 30, 0.05)
        self.floor.append((self._rig.marks()[mark] - at) * 1000)
        await self._rig.client.get_workflow_handle(floor_id).terminate("measured")

    async def _prepare(self, old: PaperFixture, floor_id: str) -> None:
        """A floor workflow and a hedge that have run on the worker about to die."""
        await self._rig.quoting()
        await self._rig.start_floor(floor_id, hedging(TRADING))
        began = time.monotonic()
        self._fill(old)
        await self._bet(old, began)
        await asyncio.sleep(1.0)

    def _next(self) -> PaperFixture:
        self._turn += 1
        return self._rig.desk.fixtures[self._turn % len(self._rig.desk.fixtures)]

    def _fill(self, fixture: PaperFixture) -> None:
        """Take from the first outcome, so that a second fill is of the same order; from another where none rests."""
        desk = self._rig.desk
        venue = desk.venues(fixture.fixture_id)[0]
        if not any(desk.take(venue, fixture, outcome, "4") for outcome in OUTCOMES):
            raise NotInTime(f"nothing to take in {fixture.fixture_id}")

    async def _bet(self, fixture: PaperFixture, since: float) -> float:
        """Milliseconds from ``since`` to the fixture's next bet request."""
        arrivals = self._rig.desk.taps["abp"].arrivals

        def bet() -> float | None:
            return arrivals.first_after("abp", fixture.fixture_id, since)

        await self._rig.until(bet, "a bet after a kill", 40)
        return ((bet() or since) - since) * 1000

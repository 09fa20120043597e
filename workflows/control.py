"""ControlWorkflow: the trading state of one client, or of everybody; what it starts it finishes.

A command writes the gate first (from then on no order can be claimed), then tells every owner of open orders, and
goes on telling until nothing rests: also when every process dies half-way. A cancel tells the owners of single orders.
"""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from overround.domain.control import (
        CancelOrders,
        ControlRequest,
        ControlStart,
        DropOrders,
        GateChange,
        GateResult,
        Sweep,
    )
    from workflows.calls import fast, slow

ALIVE_SECONDS = 5.0
"""Somebody waits for the answer of a command: its worker is soon known to be dead."""
SWEEP_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


@workflow.defn(name="ControlWorkflow")
class ControlWorkflow:
    """See the module. One execution per scope, for ever."""

    @workflow.init
    def __init__(self, start: ControlStart) -> None:
        self._scope = start.scope
        self._blocked = start.blocked
        self._sweeping = start.sweeping

    @workflow.update
    async def command(self, request: ControlRequest) -> GateResult:
        """Apply a command; answered once the gate is written and a first sweep has told the owners.

        Also when the gate was so already: whoever wrote it may have died before anybody was told.
        """
        change = GateChange(self._scope, request.command, request.reason, request.by)
        result = await fast("set_gate", change, GateResult)
        self._blocked = result.blocked
        await self._sweep(f"{request.command}: tell every owner")
        self._sweeping = True
        return result

    @workflow.update
    async def cancel(self, request: CancelOrders) -> list[int]:
        """Tell the owners to cancel; the ids of the orders, once each owner has been told.

        An owner that was told cancels until the venue says that the order is over.
        """
        summary = f"Tell the owners of {len(request.order_ids)} order(s) to cancel"
        current = workflow.current_update_info()
        asked = DropOrders(self._scope, request, current.id if current else "")
        await slow("drop_orders", asked, int, summary=summary, alive=ALIVE_SECONDS)
        return list(request.order_ids)

    @workflow.run
    async def run(self, start: ControlStart) -> None:
        pauses = iter(SWEEP_PAUSES)
        while True:
            await workflow.wait_condition(lambda: self._sweeping or self._long())
            if not self._sweeping:
                workflow.continue_as_new(ControlStart(self._scope, self._blocked, self._sweeping))
            self._sweeping = False
            if await self._sweep("Finish what the command began") == 0 or self._blocked is None:
                pauses = iter(SWEEP_PAUSES)
            else:
                await self._pause(next(pauses, SWEEP_PAUSES[-1]))
                self._sweeping = True
            if self._long():
                workflow.continue_as_new(ControlStart(self._scope, self._blocked, self._sweeping))

    def _long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished()

    async def _pause(self, seconds: float) -> None:
        """Wait before the next sweep, or until a new command wants one."""
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._sweeping, timeout=timedelta(seconds=seconds))

    async def _sweep(self, summary: str) -> int:
        """Tell every owner how the gate stands; how many still own resting orders."""
        left = await slow("sweep_gate", Sweep(self._scope, self._blocked), int, summary=summary, alive=ALIVE_SECONDS)
        workflow.set_current_details(f"{self._scope}: {self._blocked or 'trading'}; {left} owner(s) of resting orders")
        return left

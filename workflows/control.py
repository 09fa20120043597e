"""ControlWorkflow: the trading state of one client, or of everybody; what it starts it finishes.

A command writes the gate first (from then on no order can be claimed), then tells every owner of open orders, and
goes on telling until nothing rests: also when every process dies half-way.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from overround.domain.control import ControlRequest, ControlStart, GateChange, GateResult, Sweep
    from workflows.calls import fast, slow

SWEEP_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@workflow.defn(name="ControlWorkflow")
class ControlWorkflow:
    """See the module. One execution per scope, for ever."""

    @workflow.init
    def __init__(self, start: ControlStart) -> None:
        self._scope = start.scope
        self._sweeping = False
        self._blocked: str | None = None

    @workflow.update
    async def command(self, request: ControlRequest) -> GateResult:
        """Apply a command; answered once the gate is written and a first sweep has told the owners."""
        change = GateChange(self._scope, request.command, request.reason or f"{request.command} by {request.by}")
        result = await fast("set_gate", change, GateResult)
        self._blocked = result.blocked
        if result.changed:
            self._sweeping = True
            await slow(
                "sweep_gate", Sweep(self._scope, self._blocked), int, summary=f"{request.command}: tell every owner"
            )
        return result

    @workflow.run
    async def run(self, start: ControlStart) -> None:
        while True:
            await workflow.wait_condition(lambda: self._sweeping)
            self._sweeping = False
            await self._finish()
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(start)

    async def _finish(self) -> None:
        """Sweep until nothing rests that the gate forbids."""
        for pause in (*SWEEP_PAUSES, *([30.0] * 200)):
            left = await slow(
                "sweep_gate", Sweep(self._scope, self._blocked), int, summary="Finish what the command began"
            )
            workflow.set_current_details(f"{self._scope}: {self._blocked or 'trading'}; {left} order(s) still resting")
            if self._blocked is None or left == 0 or self._sweeping:
                return
            await workflow.sleep(timedelta(seconds=pause))

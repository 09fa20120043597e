"""HedgeWorkflow: drives the residual of one exchange order to zero.

Started by the order's first fill. Fills add to a target; each step claims what is uncovered, sends one bet with a
price floor, waits for its acceptance and recomputes. Refusals widen the floor within the slippage budget, then the
next bookmaker account is asked, then the exchange position is unwound, then the residual is open: shown, alarmed, and
quoting stops. The ledger knows every bet ever claimed, so a later execution under the same id continues where this
one ended.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from overround.domain.ids import client_order_id, request_id
    from overround.domain.messages import (
        AwaitBet,
        FillSignal,
        HedgeOdds,
        HedgeProgress,
        HedgeStart,
        HedgeState,
        HedgeStep,
        HedgeStepResult,
        HedgeTotals,
        PoolDust,
        SaleTrade,
        Unwind,
    )
    from overround.domain.numbers import ONE, ZERO
    from overround.domain.orders import Fill
    from workflows.attributes import STATE
    from workflows.calls import FAILED, fast, note, slow

LINGER = timedelta(minutes=2)
BET_SECONDS = 4
OPEN_RETRY = timedelta(seconds=10)
STEP_SECONDS = 10.0
"""A step that cannot be taken for so long leaves the residual open: the owner must stop quoting."""
PAUSES = (0.25, 0.5, 1.0, 2.0, 3.0)

State = Literal["HEDGING", "DONE", "UNKNOWN", "OPEN"]


@workflow.defn(name="HedgeWorkflow")
class HedgeWorkflow:
    """See the module; ``run`` takes and hands on a ``HedgeStart``."""

    @workflow.init
    def __init__(self, start: HedgeStart) -> None:
        info = workflow.info()
        self._order = start.order
        self._fills: dict[str, Fill] = {fill.fill_id: fill for fill in start.fills}
        self._failed: set[str] = set(start.failed)
        self._sales = {(sale.client_order_id, sale.fill.fill_id): sale for sale in start.sales}
        self._step = start.step
        self._chain = start.chain or f"{info.workflow_id}/{info.first_execution_run_id}"
        self._state: State = start.state
        self._odds: HedgeOdds | None = None
        self._totals: HedgeTotals | None = None
        self._told: HedgeProgress | None = None
        self._work = bool(start.fills)
        self._reason = ""
        self._selling = start.selling
        self._unwound = start.selling is not None
        self._closing = ""

    @workflow.signal
    def fill(self, signal: FillSignal) -> None:
        """A trade of the order, or the failure of one reported before."""
        if signal.failed:
            self._failed.add(signal.fill.fill_id)
            self._fills.setdefault(signal.fill.fill_id, signal.fill)
            self._work = True
        elif signal.fill.fill_id not in self._fills:
            self._fills[signal.fill.fill_id] = signal.fill
            self._work = True
        self._odds = signal.odds or self._odds

    @workflow.signal
    def unwound(self, trade: SaleTrade) -> None:
        """A trade of a sale that unwound this position, or its failure at the venue: what failed must be covered."""
        key = (trade.client_order_id, trade.fill.fill_id)
        known = self._sales.get(key)
        if known is None or (trade.failed and not known.failed):
            self._sales[key] = trade
            self._work = True

    @workflow.signal
    def retry(self) -> None:
        """An operator, or the guard, asks for another try now."""
        self._work = True

    @workflow.signal
    def close(self, reason: str) -> None:
        """The fixture is over: nothing more can be hedged."""
        self._closing = reason
        self._work = True

    @workflow.query
    def totals(self) -> HedgeTotals | None:
        """Where the hedge stood after the last step."""
        return self._totals

    @workflow.run
    async def run(self, start: HedgeStart) -> None:
        while await self._wait():
            self._work = False
            await self._cover()
            await self._tell_owner()
            self._describe()
            if self._closing and not self._work:
                return
            if workflow.info().is_continue_as_new_suggested() and not self._work:
                workflow.continue_as_new(self._handover())

    async def _wait(self) -> bool:
        """True when there is something to do; False when the hedge is done and nothing came for a while."""
        pause = OPEN_RETRY if self._state in ("OPEN", "UNKNOWN") else LINGER
        try:
            await workflow.wait_condition(lambda: self._work, timeout=pause)
        except TimeoutError:
            return self._state in ("OPEN", "UNKNOWN") and not self._closing
        return True

    # -- covering ---------------------------------------------------------------------------------------------------

    async def _cover(self) -> None:
        attempt, account, misses, self._reason = 0, 0, 0, ""
        deadline = workflow.time() + self._order.config.hedge_seconds
        if self._selling is not None and not await self._sold(self._selling):
            return await self._enter("OPEN", self._reason)
        while True:
            try:
                result = await self._attempt(attempt, account)
            except FAILED as error:
                return self._stuck(error)
            self._totals = result.totals
            if result.outcome == "COVERED":
                return await self._enter("DONE", "")
            if result.outcome == "DUST":
                await self._pool(result.totals.residual)
                return await self._enter("DONE", "what is left is below the minimum stake and was pooled")
            if result.outcome in ("PENDING", "UNKNOWN"):
                await self._await_bet(result)
                continue
            if result.outcome == "BET":
                attempt = 0
                continue
            if result.outcome != "NO_ACCOUNT" or not self._reason:
                self._reason = f"{result.refusal or result.outcome}: {result.reason}"
            misses += 1
            attempt += 1
            if self._closing or result.outcome == "NO_ACCOUNT" or workflow.time() > deadline:
                return await self._give_up(result)
            if attempt >= self._order.config.hedge_attempts:
                attempt, account = 0, account + 1
            await workflow.sleep(PAUSES[min(misses, len(PAUSES)) - 1])

    async def _attempt(self, attempt: int, account: int) -> HedgeStepResult:
        self._step += 1
        info = workflow.info()
        config = self._order.config
        widest = max(1, config.hedge_attempts - 1)
        step = HedgeStep(
            self._order,
            info.workflow_id,
            info.run_id,
            request_id(self._chain, self._step),
            attempt,
            tuple(self._fills.values()),
            tuple(sorted(self._failed)),
            config.slippage * min(attempt, widest) / widest,
            self._odds if attempt == 0 and account == 0 else None,
            int((workflow.time() + BET_SECONDS) * 1000),
            account,
            tuple(self._sales.values()),
        )
        self._odds = None
        return await fast("hedge_step", step, HedgeStepResult, seconds=STEP_SECONDS)

    def _stuck(self, error: BaseException) -> None:
        """Nothing can be claimed or written: the residual is open until a later try, and the owner hears of it."""
        target = sum((fill.size for key, fill in self._fills.items() if key not in self._failed), ZERO)
        self._totals = self._totals or HedgeTotals(target, ZERO, ZERO, ZERO)
        self._state, self._reason = "OPEN", f"no step can be taken: {error}"

    async def _await_bet(self, result: HedgeStepResult) -> None:
        if result.outcome == "UNKNOWN":
            await self._enter("UNKNOWN", f"the answer to bet {result.request_id} was lost")
            await self._tell_owner()
        info = workflow.info()
        request = AwaitBet(self._order, info.workflow_id, info.run_id, result.request_id)
        await slow(
            "await_bet", request, HedgeStepResult, summary=f"Wait for the bookmaker's word on bet {result.request_id}"
        )
        if self._state == "UNKNOWN":
            await self._enter("HEDGING", "")

    async def _pool(self, residual: Decimal) -> None:
        info = workflow.info()
        self._totals = await fast(
            "pool_dust", PoolDust(self._order, info.workflow_id, info.run_id, self._step, residual), HedgeTotals
        )

    # -- when it cannot be covered ----------------------------------------------------------------------------------

    async def _give_up(self, result: HedgeStepResult) -> None:
        """Unwind once; what remains is an open residual. The owner hears of it first: we must not sell to ourselves."""
        residual = result.totals.residual
        if residual > ZERO and not self._unwound and not self._closing and self._order.instrument is not None:
            self._unwound = True
            residual = await self._unwind(residual)
        if residual == ZERO:
            return await self._enter("DONE", "unwound on the exchange")
        return await self._enter("OPEN", f"{abs(residual)} contracts are not hedged ({self._reason})")

    async def _unwind(self, residual: Decimal) -> Decimal:
        info = workflow.info()
        floor = max(self._order.price - self._order.config.slippage * 2, Decimal("0.01"))
        request = Unwind(
            self._order,
            info.workflow_id,
            info.run_id,
            client_order_id(f"{self._chain}/unwind", self._step),
            residual,
            min(floor, ONE - Decimal("0.01")),
            int(workflow.time() * 1000),
        )
        self._selling = request
        await self._enter("OPEN", f"selling {residual} back ({self._reason})")
        await self._tell_owner()
        await self._sold(request)
        return self._totals.residual if self._totals and self._selling is None else residual

    async def _sold(self, request: Unwind) -> bool:
        """Sell, or learn what became of a sale: nothing may be bet while that is not known."""
        summary = f"Sell {request.size} back on {self._order.exchange}"
        try:
            self._totals = await slow("unwind", request, HedgeTotals, summary=summary, minutes=2)
        except FAILED as error:
            self._reason = f"{self._reason}; the sale is not known to have happened: {error.cause or error}"
            return False
        self._selling = None
        return True

    async def _enter(self, state: State, reason: str) -> None:
        changed = state != self._state or state in ("OPEN", "UNKNOWN")
        self._state, self._reason = state, reason or ("" if state == "DONE" else self._reason)
        if not changed:
            return
        info = workflow.info()
        await note("hedge_state", HedgeState(self._order, info.workflow_id, info.run_id, state, reason))
        if workflow.info().typed_search_attributes:
            workflow.upsert_search_attributes([STATE.value_set(state)])

    # -- telling ----------------------------------------------------------------------------------------------------

    async def _tell_owner(self) -> None:
        if self._totals is None:
            return
        covered = self._totals.target - (self._totals.residual if self._state != "DONE" else ZERO)
        progress = HedgeProgress(
            self._order.client_order_id, self._order.outcome_id, self._totals.target, covered, self._state
        )
        if progress == self._told:
            return
        self._told = progress
        owner = workflow.get_external_workflow_handle(self._order.order_workflow)
        try:
            await owner.signal("hedged", progress)
        except ApplicationError:
            workflow.logger.info("the order's owner has finished; nobody needs to be told")

    def _handover(self) -> HedgeStart:
        return HedgeStart(
            self._order,
            tuple(self._fills.values()),
            tuple(sorted(self._failed)),
            self._step,
            self._chain,
            self._state,
            self._selling,
            tuple(self._sales.values()),
        )

    def _describe(self) -> None:
        if self._totals is None:
            return
        now, order = self._totals, self._order
        because = f": {self._reason}" if self._reason else ""
        workflow.set_current_details(
            f"**{self._state}** hedge of `{order.client_order_id}`, bought at {order.price} on {order.exchange} "
            f"against outcome {order.outcome_id}{because}\n\n"
            f"- filled {now.target} contracts\n- covered by bets {now.done}, in flight {now.in_flight}, "
            f"pooled {now.pooled}\n- still naked {now.residual}"
        )

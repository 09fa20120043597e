"""HedgeWorkflow: the residual of one exchange order, against a bookmaker that refuses, is silent, or is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from overround.domain.config import TradingConfig
from overround.domain.messages import FillSignal, HedgedOrder, HedgeOdds, HedgeProgress, HedgeStart
from overround.domain.orders import Fill
from tests.domain.desk import KEY, instrument, settings
from tests.support.waiting import until
from tests.workflows.desk import Desk, at_work, breaks
from worker import runner
from workflows.names import TASK_TIMEOUT


@workflow.defn(name="OrderWorkflow", sandboxed=False)
class Listener:
    """Stands in for the order's owner and writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[HedgeProgress] = []

    @workflow.signal
    def hedged(self, progress: HedgeProgress) -> None:
        self.heard.append(progress)

    @workflow.query
    def progress(self) -> list[HedgeProgress]:
        return self.heard

    @workflow.run
    async def run(self) -> None:
        while True:
            await workflow.sleep(3600)


@dataclass
class Hedge:
    """The hedge of one order and the desk it bets at."""

    environment: WorkflowEnvironment
    desk: Desk
    order: HedgedOrder
    queue: str
    handles: list[WorkflowHandle[Any, Any]] = field(default_factory=list)

    async def fill(self, name: str, size: int, *, failed: bool = False, odds: HedgeOdds | None = None) -> None:
        """Signal-with-start, as ``Signals.hedge`` does."""
        trade = Fill(name, Decimal(size), Decimal("0.46"), Decimal(0), 1)
        self.handles.append(
            await self.environment.client.start_workflow(
                "HedgeWorkflow",
                HedgeStart(self.order),
                id=f"hedge-{self.queue}",
                task_queue=self.queue,
                task_timeout=TASK_TIMEOUT,
                start_signal="fill",
                start_signal_args=[FillSignal(trade, failed, odds)],
            )
        )

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """The last start's: only such a handle skips time while it waits."""
        return self.handles[-1]

    async def pass_time(self, seconds: float) -> None:
        await self.environment.sleep(seconds)

    async def status(self) -> WorkflowExecutionStatus | None:
        return (await self.handle.describe()).status

    async def told(self) -> list[HedgeProgress]:
        owner = self.environment.client.get_workflow_handle(self.order.order_workflow)
        heard: list[HedgeProgress] = await owner.query("progress", result_type=list[HedgeProgress])
        return heard

    async def heard(self, state: str) -> HedgeProgress:
        """Wait until the owner has been told of ``state``."""
        for _ in range(400):
            heard = await self.told()
            if heard and heard[-1].state == state:
                return heard[-1]
            await asyncio.sleep(0.01)
        raise AssertionError(f"the owner never heard of {state}")

    async def covered(self, contracts: int) -> None:
        await until(lambda: self.desk.done == contracts and not self.desk.in_flight, f"{contracts} contracts covered")


@asynccontextmanager
async def hedge(
    environment: WorkflowEnvironment, queue: str, config: TradingConfig | None = None
) -> AsyncIterator[Hedge]:
    """A desk, the hedge's future owner listening, and a worker."""
    client, desk = environment.client, Desk()
    order = HedgedOrder(
        "demo:vertex", "kalshi-demo", "kalshi", "the-order", f"owner-{queue}", KEY.fixture_id, 111, 111,
        Decimal("0.46"), config or settings(), instrument(111), (112,),
    )  # fmt: skip
    listening = Worker(client, task_queue=f"{queue}-owner", workflows=[Listener], workflow_runner=runner())
    async with at_work(client, queue, desk), listening:
        owner = await client.start_workflow("OrderWorkflow", id=f"owner-{queue}", task_queue=f"{queue}-owner")
        it = Hedge(environment, desk, order, queue)
        try:
            yield it
        finally:
            with suppress(RPCError):
                await owner.terminate()
            if it.handles and await it.status() is WorkflowExecutionStatus.RUNNING:
                await it.handle.terminate()


async def test_fills_add_up_to_what_is_bet_and_the_owner_is_told(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with hedge(time_skipping, task_queue) as it:
        await it.fill("f1", 20)
        await it.covered(20)
        await it.fill("f2", 5)
        await it.fill("f1", 20)
        await it.covered(25)
        await it.handle.result()
        last = (await it.told())[-1]
        assert last == HedgeProgress("the-order", 111, Decimal(25), Decimal(25), "DONE")
        assert len({request for request, _ in it.desk.bets}) == len(it.desk.bets) == 2


async def test_refusals_widen_the_floor_then_ask_the_next_account(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    config = settings(hedge_attempts=3, slippage=Decimal("0.04"))
    async with hedge(time_skipping, task_queue, config) as it:
        it.desk.then("hedge_step", it.desk.refuse, times=4)
        await it.fill("f1", 20)
        await it.pass_time(12)
        await it.covered(20)
        steps = it.desk.asked("hedge_step")[:5]
        widths = ["0", "0.02", "0.04", "0", "0.02"]
        assert [(s.bookmaker_index, s.slippage) for s in steps] == [
            (account, Decimal(width)) for account, width in zip((0, 0, 0, 1, 1), widths, strict=True)
        ]
        assert len({step.request_id for step in steps}) == 5


async def test_the_price_seen_with_the_fill_is_used_once(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with hedge(time_skipping, task_queue) as it:
        it.desk.then("hedge_step", it.desk.refuse)
        await it.fill("f1", 20, odds=HedgeOdds(Decimal("1.90"), Decimal(500), 1, 1))
        await it.pass_time(3)
        await it.covered(20)
        assert [step.odds is not None for step in it.desk.asked("hedge_step")[:2]] == [True, False]


async def test_when_no_account_is_left_the_position_is_sold_back(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with hedge(time_skipping, task_queue) as it:
        it.desk.then("hedge_step", it.desk.nobody)
        await it.fill("f1", 20)
        await until(lambda: it.desk.sold == 20, "sold back")
        await it.handle.result()
        assert (await it.told())[-1].state == "DONE"
        assert not it.desk.bets
        assert ("DONE", "unwound on the exchange") in it.desk.states


async def test_what_can_be_neither_hedged_nor_sold_is_open_then_hedged_later(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with hedge(time_skipping, task_queue) as it:
        it.desk.then("unwind", lambda _: it.desk.totals())
        it.desk.then("hedge_step", it.desk.nobody, it.desk.nobody)
        await it.fill("f1", 20)
        await until(lambda: [state for state, _ in it.desk.states] == ["OPEN", "OPEN"], "open")
        assert "selling 20 back" in it.desk.states[0][1]
        assert "20 contracts are not hedged" in it.desk.states[1][1]
        await it.heard("OPEN")
        await it.pass_time(25)
        await it.covered(20)
        assert it.desk.count("unwind") == 1
        assert it.desk.states[-1][0] == "DONE"
        await it.handle.result()
        assert (await it.told())[-1] == HedgeProgress("the-order", 111, Decimal(20), Decimal(20), "DONE")


async def test_the_deadline_ends_the_tries(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    config = settings(hedge_attempts=20, hedge_seconds=10)
    async with hedge(time_skipping, task_queue, config) as it:
        it.desk.then("hedge_step", it.desk.refuse, times=60)
        await it.fill("f1", 20)
        await it.pass_time(20)
        await until(lambda: it.desk.sold == 20, "sold back")


async def test_an_unknown_bet_blocks_further_bets_until_it_is_resolved(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with hedge(time_skipping, task_queue) as it:
        it.desk.then("hedge_step", it.desk.lose_bet)
        it.desk.then("await_bet", breaks, times=4)
        await it.fill("f1", 20)
        await until(lambda: it.desk.count("await_bet") >= 2, "asked about the bet")
        await it.heard("UNKNOWN")
        await it.fill("f2", 5)
        assert len(it.desk.bets) == 1
        await it.covered(25)
        assert [size for _, size in it.desk.bets] == [20, 5]
        await it.handle.result()
        assert (await it.told())[-1].state == "DONE"


async def test_a_bet_unknown_for_a_day_is_still_resolved(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with hedge(time_skipping, task_queue) as it:
        it.desk.then("hedge_step", it.desk.lose_bet)
        silent = True

        def silence(request: Any) -> Any:
            return breaks(request) if silent else it.desk.resolve_bet(request)

        it.desk.then("await_bet", silence, times=20_000)
        await it.fill("f1", 20)
        await until(lambda: it.desk.count("await_bet") >= 1, "asked")
        await it.pass_time(2 * 3600)
        assert await it.status() is WorkflowExecutionStatus.RUNNING
        silent = False
        await it.pass_time(60)
        await it.covered(20)


async def test_a_failed_fill_reverses_its_hedge(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with hedge(time_skipping, task_queue) as it:
        await it.fill("f1", 20)
        await it.covered(20)
        await it.fill("f1", 20, failed=True)
        await it.covered(0)
        assert [size for _, size in it.desk.bets] == [20, -20]


async def test_a_fill_that_fails_before_it_was_reported_is_never_hedged(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with hedge(time_skipping, task_queue) as it:
        await it.fill("f1", 20, failed=True)
        await it.fill("f1", 20)
        await it.handle.result()
        assert not it.desk.bets


async def test_a_late_fill_starts_a_new_run_that_goes_on_from_the_ledger(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with hedge(time_skipping, task_queue) as it:
        await it.fill("f1", 20)
        await it.handle.result()
        await it.fill("f2", 7)
        await it.covered(27)
        assert it.handles[0].result_run_id != it.handles[1].result_run_id
        assert [size for _, size in it.desk.bets] == [20, 7]
        assert it.desk.bets[0][0] != it.desk.bets[1][0]


async def test_dust_is_pooled_once(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with hedge(time_skipping, task_queue) as it:
        it.desk.then("hedge_step", it.desk.dust)
        await it.fill("f1", 1)
        await it.handle.result()
        assert it.desk.pooled == 1
        assert (await it.told())[-1].done == 1


async def test_close_ends_an_open_hedge(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with hedge(time_skipping, task_queue) as it:
        it.desk.then("unwind", lambda _: it.desk.totals())
        it.desk.then("hedge_step", it.desk.nobody, times=50)
        await it.fill("f1", 20)
        await until(lambda: len(it.desk.states) > 0, "open")
        await it.handle.signal("close", "the fixture is over")
        await it.handle.result()
        assert it.desk.states[-1][0] == "OPEN"


async def test_a_ledger_that_is_away_for_minutes_does_not_end_the_hedge_and_stops_quoting(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with hedge(time_skipping, task_queue) as it:
        away = True

        def nobody_home(step: Any) -> Any:
            return breaks(step) if away else it.desk.bet(step)

        it.desk.then("hedge_step", nobody_home, times=5000)
        it.desk.then("hedge_state", lambda _: breaks(None) if away else it.desk.states.append(("", "")), times=5000)
        await it.fill("f1", 20)
        await it.pass_time(100)
        assert await it.status() is WorkflowExecutionStatus.RUNNING
        assert (await it.heard("OPEN")).done == 0
        away = False
        await it.pass_time(60)
        await it.covered(20)


async def test_a_sale_whose_answer_stays_away_is_asked_about_before_anything_is_bet(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with hedge(time_skipping, task_queue) as it:
        quiet = True

        def sold_in_silence(request: Any) -> Any:
            return breaks(request) if quiet else it.desk.sell(request)

        it.desk.then("hedge_step", it.desk.nobody)
        it.desk.then("unwind", sold_in_silence, times=5000)
        await it.fill("f1", 20)
        await until(lambda: it.desk.count("unwind") > 0, "sold")
        for _ in range(5):
            await it.pass_time(60)
        assert not it.desk.bets
        quiet = False
        await it.pass_time(30)
        await until(lambda: it.desk.sold == 20, "the sale is booked")
        assert not it.desk.bets
        assert len({request.client_order_id for request in it.desk.asked("unwind")}) == 1


async def test_nobody_left_to_tell_is_no_reason_to_stop(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with hedge(time_skipping, task_queue) as it:
        it.order = HedgedOrder(
            "demo:vertex", "kalshi-demo", "kalshi", "the-order", f"nobody-{task_queue}", KEY.fixture_id, 111, 111,
            Decimal("0.46"), settings(), instrument(111), (112,),
        )  # fmt: skip
        await it.fill("f1", 20)
        await it.covered(20)
        await it.handle.result()

"""An exchange, a bookmaker and a ledger in memory, under the names of the real activities.

``answers[name]`` holds what the next calls of an activity do instead of the usual; every call is kept in ``calls``.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from overround.domain import orders as lifecycle
from overround.domain.control import Command, DropOrders, GateChange, GateResult, Sweep
from overround.domain.messages import (
    AwaitBet,
    HedgeState,
    HedgeStep,
    HedgeStepResult,
    HedgeTotals,
    OrderEvidence,
    PlacedItem,
    PlaceOrders,
    PoolDust,
    ProjectOrders,
    RecordedOrder,
    TouchOrders,
    Unwind,
)
from overround.domain.numbers import ZERO
from overround.domain.orders import Absent, Accepted, Lost, Order, OrderSpec, OrderStatus, Refused, Seen
from overround.domain.results import FixtureResults
from overround.domain.settling import Book, Closing, SettlementState
from worker import WORKFLOWS, runner

Answer = Callable[[Any], Any]
WORDS = {"pause": "paused", "resume": "resumed", "emergency": "emergency", "stop": "stopped", "clear": "cleared"}


class Desk:
    """See the module. ``resting`` is what the venue holds, ``sent`` every id that ever reached it, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answers: dict[str, deque[Answer]] = defaultdict(deque)
        self.resting: dict[str, OrderSpec] = {}
        self.sent: list[str] = []
        self.claimed: dict[str, OrderSpec] = {}
        self.ledger: dict[str, Order] = {}
        self.fills: dict[str, Decimal] = {}
        self.bets: list[tuple[str, Decimal]] = []
        self.done = self.in_flight = self.pooled = self.sold = ZERO
        self.states: list[tuple[str, str]] = []
        self.results: deque[FixtureResults] = deque()
        self.alive: deque[Closing] = deque()
        self.booked: list[Book] = []
        self.settling: list[SettlementState] = []
        self.gate: str | None = None
        self.owners = 0

    # -- what a test says and asks ----------------------------------------------------------------------------------

    def then(self, name: str, *answers: Answer, times: int = 1) -> None:
        """The next calls of ``name`` do this."""
        self.answers[name].extend(answers * times)

    def count(self, name: str) -> int:
        return sum(1 for call, _ in self.calls if call == name)

    def asked(self, name: str) -> list[Any]:
        """The requests ``name`` was called with."""
        return [request for call, request in self.calls if call == name]

    def status(self) -> dict[str, str]:
        """What the ledger shows of each order."""
        return {key: str(order.status) for key, order in self.ledger.items()}

    def prices(self) -> dict[int, Decimal]:
        """What rests at the venue, by outcome."""
        return {spec.outcome_id: spec.price for spec in self.resting.values()}

    async def _answer(self, name: str, request: Any, usual: Answer) -> Any:
        self.calls.append((name, request))
        queue = self.answers[name]
        result = (queue.popleft() if queue else usual)(request)
        return await result if asyncio.iscoroutine(result) else result

    # -- orders -----------------------------------------------------------------------------------------------------

    @activity.defn(name="place_orders")
    async def place_orders(self, request: PlaceOrders) -> list[PlacedItem]:
        result: list[PlacedItem] = await self._answer("place_orders", request, self.accept)
        return result

    def accept(self, request: PlaceOrders) -> list[PlacedItem]:
        """Claim and send; an id claimed before is looked up, as the real activity does."""
        return [self._accept(spec) for spec in request.specs]

    def _accept(self, spec: OrderSpec) -> PlacedItem:
        key = spec.client_order_id
        if key in self.claimed:
            return PlacedItem(key, self._look(key), recorded=self.claimed[key])
        self.claimed[key] = self.resting[key] = spec
        self.sent.append(key)
        return PlacedItem(key, Accepted(f"v-{key}"))

    @activity.defn(name="cancel_orders")
    async def cancel_orders(self, request: TouchOrders) -> list[OrderEvidence]:
        result: list[OrderEvidence] = await self._answer("cancel_orders", request, self.cancel)
        return result

    def cancel(self, request: TouchOrders) -> list[OrderEvidence]:
        return [OrderEvidence(order.spec.client_order_id, self._cancel(order)) for order in request.orders]

    def _cancel(self, order: Order) -> Seen | Refused:
        key = order.spec.client_order_id
        if self.resting.pop(key, None) is None:
            return Refused("not_found", "no such order")
        return Seen(f"v-{key}", order.filled, "CANCELLED")

    @activity.defn(name="probe_orders")
    async def probe_orders(self, request: TouchOrders) -> list[OrderEvidence]:
        result: list[OrderEvidence] = await self._answer("probe_orders", request, self.probe)
        return result

    def probe(self, request: TouchOrders) -> list[OrderEvidence]:
        keys = [order.spec.client_order_id for order in request.orders]
        return [OrderEvidence(key, self._look(key)) for key in keys]

    def _look(self, key: str) -> Seen | Absent:
        if key in self.resting:
            return Seen(f"v-{key}", ZERO, None)
        return Seen(f"v-{key}", ZERO, "CANCELLED") if key in self.sent else Absent()

    @activity.defn(name="renew_orders")
    async def renew_orders(self, request: TouchOrders) -> list[OrderEvidence]:
        result: list[OrderEvidence] = await self._answer("renew_orders", request, self.renew)
        return result

    def renew(self, request: TouchOrders) -> list[OrderEvidence]:
        for order in request.orders:
            key = order.spec.client_order_id
            self.resting[key] = replace(self.resting[key], expires_at=request.expires_at)
        return self.probe(request)

    @activity.defn(name="load_orders")
    async def load_orders(self, ids: list[str]) -> list[RecordedOrder]:
        found = [RecordedOrder(self.recorded(key)) for key in ids if key in self.claimed]
        result: list[RecordedOrder] = await self._answer("load_orders", ids, lambda _: found)
        return result

    def recorded(self, key: str) -> Order:
        """An order as the ledger holds it."""
        return self.ledger.get(key) or Order(self.claimed[key], version=1)

    @activity.defn(name="project_orders")
    async def project_orders(self, request: ProjectOrders) -> None:
        def write(_: Any) -> None:
            for order in request.orders:
                self.ledger[order.spec.client_order_id] = order

        await self._answer("project_orders", request, write)

    # -- hedges -----------------------------------------------------------------------------------------------------

    def totals(self) -> HedgeTotals:
        return HedgeTotals(sum(self.fills.values(), ZERO) - self.sold, self.done, self.in_flight, self.pooled)

    @activity.defn(name="hedge_step")
    async def hedge_step(self, step: HedgeStep) -> HedgeStepResult:
        for fill in step.fills:
            self.fills[fill.fill_id] = ZERO if fill.fill_id in step.failed else fill.size
        result: HedgeStepResult = await self._answer("hedge_step", step, self.bet)
        return result

    def bet(self, step: HedgeStep) -> HedgeStepResult:
        """Cover everything at once."""
        residual = self.totals().residual
        if self.in_flight:
            return HedgeStepResult(self.totals(), "PENDING", self.bets[-1][0])
        if residual == ZERO:
            return HedgeStepResult(self.totals(), "COVERED")
        self.bets.append((step.request_id, residual))
        self.done += residual
        return HedgeStepResult(self.totals(), "BET", step.request_id)

    def lose_bet(self, step: HedgeStep) -> HedgeStepResult:
        """The bet was sent and its answer was lost."""
        residual = self.totals().residual
        self.bets.append((step.request_id, residual))
        self.in_flight += residual
        return HedgeStepResult(self.totals(), "UNKNOWN", step.request_id, reason="no answer")

    def refuse(self, step: HedgeStep) -> HedgeStepResult:
        return HedgeStepResult(self.totals(), "REFUSED", refusal="PRICE", reason="the price moved")

    def nobody(self, step: HedgeStep) -> HedgeStepResult:
        return HedgeStepResult(self.totals(), "NO_ACCOUNT", reason="no further bookmaker account")

    def dust(self, step: HedgeStep) -> HedgeStepResult:
        return HedgeStepResult(self.totals(), "DUST", min_stake=Decimal(1))

    @activity.defn(name="await_bet")
    async def await_bet(self, request: AwaitBet) -> HedgeStepResult:
        result: HedgeStepResult = await self._answer("await_bet", request, self.resolve_bet)
        return result

    def resolve_bet(self, request: AwaitBet) -> HedgeStepResult:
        self.done, self.in_flight = self.done + self.in_flight, ZERO
        return HedgeStepResult(self.totals(), "BET", request.request_id)

    @activity.defn(name="pool_dust")
    async def pool_dust(self, request: PoolDust) -> HedgeTotals:
        self.calls.append(("pool_dust", request))
        self.pooled += request.payout
        return self.totals()

    @activity.defn(name="hedge_state")
    async def hedge_state(self, request: HedgeState) -> None:
        def write(_: Any) -> None:
            self.states.append((request.state, request.reason))

        await self._answer("hedge_state", request, write)

    @activity.defn(name="unwind")
    async def unwind(self, request: Unwind) -> HedgeTotals:
        result: HedgeTotals = await self._answer("unwind", request, self.sell)
        return result

    def sell(self, request: Unwind) -> HedgeTotals:
        self.sold += request.size
        return self.totals()

    # -- settlement and control ---------------------------------------------------------------------------------------

    @activity.defn(name="close_fixture")
    async def close_fixture(self, fixture_id: str) -> Closing:
        result: Closing = await self._answer("close_fixture", fixture_id, lambda _: Closing(0, 0))
        return result

    @activity.defn(name="collect_results")
    async def collect_results(self, fixture_id: str) -> FixtureResults:
        usual = self.results[0] if len(self.results) == 1 else self.results.popleft()
        result: FixtureResults = await self._answer("collect_results", fixture_id, lambda _: usual)
        return result

    @activity.defn(name="book_results")
    async def book_results(self, request: Book) -> int:
        self.calls.append(("book_results", request))
        self.booked.append(request)
        return len(request.booked)

    @activity.defn(name="settlement_state")
    async def settlement_state(self, state: SettlementState) -> None:
        self.calls.append(("settlement_state", state))
        self.settling.append(state)

    @activity.defn(name="set_gate")
    async def set_gate(self, change: GateChange) -> GateResult:
        result: GateResult = await self._answer("set_gate", change, self.write_gate)
        return result

    def write_gate(self, change: GateChange) -> GateResult:
        command: Command = change.command
        wanted = None if command in ("resume", "clear") else WORDS[command]
        changed, self.gate = self.gate != wanted, wanted
        return GateResult(WORDS[command] if changed else f"already_{WORDS[command]}", changed, self.gate)

    @activity.defn(name="sweep_gate")
    async def sweep_gate(self, sweep: Sweep) -> int:
        result: int = await self._answer("sweep_gate", sweep, lambda _: self.owners)
        return result

    @activity.defn(name="drop_orders")
    async def drop_orders(self, asked: DropOrders) -> int:
        result: int = await self._answer("drop_orders", asked, lambda _: self.owners)
        return result


def unclaimed(reason: str) -> Answer:
    """The gate or a limit keeps the orders out of the ledger."""
    return lambda request: [PlacedItem(spec.client_order_id, None, blocked=reason) for spec in request.specs]


def lost(request: PlaceOrders) -> list[PlacedItem]:
    """The answer to a placement did not come, and nothing arrived."""
    return [PlacedItem(spec.client_order_id, Lost("timeout")) for spec in request.specs]


def breaks(request: Any) -> Any:
    """A fault that another attempt may get over."""
    raise ApplicationError("the database does not answer")


def ended(order: Order, status: str) -> Order:
    return replace(order, status=OrderStatus(status))


def evidence(key: str, *items: lifecycle.Evidence) -> list[OrderEvidence]:
    return [OrderEvidence(key, item) for item in items]


@asynccontextmanager
async def at_work(client: Client, queue: str, desk: Any, **options: Any) -> AsyncIterator[Worker]:
    """A worker with the real workflows and the desk's activities."""
    found = [getattr(desk, name) for name in dir(desk)]
    activities = [item for item in found if hasattr(item, "__temporal_activity_definition")]
    worker = Worker(
        client, task_queue=queue, workflows=WORKFLOWS, activities=activities, workflow_runner=runner(), **options
    )
    async with worker:
        yield worker

"""OrderWorkflow: the single owner of every order one exchange account has in one market.

Quotes in, plan, act, follow each order to its end. One execution per account and market; the newest quote replaces
older ones; evidence may arrive in any order and more than once (design, section 3).
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from overround.domain import orders as lifecycle
    from overround.domain.config import TradingConfig
    from overround.domain.control import Drop
    from overround.domain.holds import hold, in_force
    from overround.domain.ids import client_order_id
    from overround.domain.messages import (
        Gate,
        HedgeProgress,
        OrderEvidence,
        OrderStart,
        PlacedItem,
        PlaceOrders,
        ProjectOrders,
        QuoteSignal,
        RecordedOrder,
        TouchOrders,
    )
    from overround.domain.numbers import ZERO
    from overround.domain.orders import Evidence, Lost, Order, OrderSpec, Refused
    from overround.domain.plan import Plan, plan
    from overround.domain.quotes import Desired, desired_quotes
    from workflows.attributes import STATE
    from workflows.calls import FAILED, fast, slow

PLACE_SECONDS = 10.0
"""After this a placement or cancel without an answer is unknown, and probed."""
KEPT_ENDED = 12
MESSAGES_PER_RUN = 200
"""Short runs keep what a new worker must replay small: a long replay could outlast its task's deadline, for ever."""
BLOCKED_PAUSE = timedelta(seconds=5)
LEDGER_SECONDS = 2.0
"""A ledger that is away must not keep an owner from cancelling."""
PROBE_MINUTES = 1.0
"""Then everything unknown is asked about again, with what became so meanwhile."""


@workflow.defn(name="OrderWorkflow")
class OrderWorkflow:
    """See the module; ``run`` takes and hands on an ``OrderStart``."""

    @workflow.init
    def __init__(self, start: OrderStart) -> None:
        info = workflow.info()
        self._owner = start.owner
        self._terms = start.terms
        self._book = start.book
        self._book_at = start.book_at
        self._sent_at = start.sent_at
        self._orders = {order.spec.client_order_id: order for order in start.orders}
        self._projected = {key: order.version for key, order in self._orders.items()}
        self._hedges = {item.client_order_id: item for item in start.hedges}
        self._step = start.step
        self._chain = start.chain or f"{info.workflow_id}/{info.first_execution_run_id}"
        self._gate = start.gate
        self._closing = start.closing
        self._dropped = set(start.dropped)
        self._holds = start.holds
        self._strays: list[OrderEvidence] = []
        self._blocked: dict[int, tuple[str, float]] = {}
        self._work = True
        self._probing = False
        self._messages = 0
        self._state = ""

    # -- what comes in ----------------------------------------------------------------------------------------------

    @workflow.signal
    def quote(self, signal: QuoteSignal) -> None:
        """New odds; the newest is all that matters."""
        self._wake()
        if signal.sent_at >= self._sent_at:
            self._terms = signal.terms or self._terms
            self._book, self._book_at, self._sent_at = signal.book, self._now(), signal.sent_at
        self._terms = self._terms or signal.terms

    @workflow.signal
    def evidence(self, items: list[OrderEvidence]) -> None:
        """What streams and reconciliation learnt about our orders."""
        self._wake()
        self._learn(items)

    @workflow.signal
    def recorded(self, items: list[RecordedOrder]) -> None:
        """Orders as the ledger has them: any we do not know were lost in a crash and are adopted; what it shows
        otherwise than we know is written again."""
        self._wake()
        for item in items:
            key = item.order.spec.client_order_id
            if key in self._orders and item.order.shown != self._orders[key].shown:
                self._projected.pop(key, None)
            self._adopt(item.order)

    @workflow.signal
    def hedged(self, progress: HedgeProgress) -> None:
        """How far the hedge of one order is."""
        self._wake()
        self._hedges[progress.client_order_id] = progress

    @workflow.signal
    def gate(self, gate: Gate) -> None:
        """Quoting is forbidden (with a reason) or allowed again."""
        self._wake()
        self._gate = gate.reason

    @workflow.signal
    def drop(self, drop: Drop) -> None:
        """The client wants these orders gone (or all of them), and no others in their place at once."""
        self._wake()
        keys = {*drop.client_order_ids, *(self._orders if drop.everything else ())}
        self._dropped |= keys
        self._strays += [OrderEvidence(key, Lost("to be cancelled")) for key in sorted(keys - self._orders.keys())]
        outcomes = {self._orders[key].spec.outcome_id for key in keys if key in self._orders}
        if drop.everything and self._terms:
            outcomes |= {instrument.outcome_id for instrument in self._terms.instruments}
        self._holds = hold(self._holds, outcomes, self._book, self._now())

    @workflow.signal
    def close(self, reason: str) -> None:
        """The market is over: cancel what rests and finish."""
        self._wake()
        self._closing = reason

    @workflow.query
    def orders(self) -> list[Order]:
        """Every order still remembered."""
        return list(self._orders.values())

    # -- the loop ---------------------------------------------------------------------------------------------------

    @workflow.run
    async def run(self, start: OrderStart) -> None:
        watch = asyncio.create_task(self._watch())
        hurry = 0
        while not self._finished():
            await workflow.wait_condition(lambda: self._work)
            self._work = False
            await self._adopt_strays()
            await self._act(self._plan())
            self._start_probe()
            if self._work and (hurry := hurry + 1) < 3:
                continue
            hurry = 0
            await self._project()
            self._describe()
            if self._should_continue():
                watch.cancel()
                workflow.continue_as_new(self._handover())
        watch.cancel()

    def _plan(self) -> Plan:
        if self._terms is None:
            return plan((), self._orders.values(), (), TradingConfig(), {})
        naked, held = self._naked(), self._held()
        config, instruments = self._terms.config, self._terms.instruments
        return plan(self._desired(), self._orders.values(), instruments, config, naked, self._dropped, held)

    def _held(self) -> set[int]:
        """Outcomes in which nothing new may rest; a hold that is over stays so."""
        self._holds = in_force(self._holds, self._book, self._now())
        return {item.outcome_id for item in self._holds}

    def _desired(self) -> tuple[Desired, ...]:
        if self._terms is None or self._book is None or self._quiet_because():
            return ()
        quotes = desired_quotes(self._book, self._terms.instruments, self._terms.config)
        now = workflow.time()
        return tuple(q for q in quotes if self._blocked.get(q.outcome_id, ("", 0.0))[1] <= now)

    def _quiet_because(self) -> str:
        """Why nothing may be quoted; empty when quoting is allowed."""
        if self._closing:
            return self._closing
        if self._gate:
            return self._gate
        if any(item.state in ("OPEN", "UNKNOWN") for item in self._hedges.values()):
            return "a hedge is open"
        if self._stale():
            return "no word from the odds streamer"
        return self._book.pull or "" if self._book else "no odds yet"

    def _stale(self) -> bool:
        """Has nobody confirmed the odds for too long?"""
        return self._book is not None and self._now() - self._book_at > self._owner_seconds() * 1000

    def _owner_seconds(self) -> int:
        return self._terms.config.owner_seconds if self._terms else 15

    def _naked(self) -> dict[int, Decimal]:
        naked: dict[int, Decimal] = {}
        for order in self._orders.values():
            progress = self._hedges.get(order.spec.client_order_id)
            open_size = order.filled - (progress.done if progress else ZERO)
            if open_size > ZERO and order.spec.action == "buy":
                naked[order.spec.outcome_id] = naked.get(order.spec.outcome_id, ZERO) + open_size
        return naked

    # -- acting -----------------------------------------------------------------------------------------------------

    async def _act(self, todo: Plan) -> None:
        if todo.cancel:
            await self._cancel(todo.cancel)
            self._work = True
        if todo.place:
            await self._place(todo.place)

    async def _place(self, quotes: tuple[Desired, ...]) -> None:
        assert self._terms is not None
        specs = tuple(self._spec(quote) for quote in quotes)
        for spec in specs:
            self._orders[spec.client_order_id] = Order(spec)
        request = PlaceOrders(
            self._owner,
            workflow.info().workflow_id,
            workflow.info().run_id,
            self._terms.config,
            self._terms.instruments,
            specs,
            self._now(),
            self._book.received_at if self._book else 0,
        )
        try:
            results = await fast("place_orders", request, list[PlacedItem], seconds=PLACE_SECONDS)
        except FAILED as error:
            self._doubt(specs, f"placement unresolved: {error}")
            return
        for item in results:
            self._placed(item)

    def _doubt(self, specs: tuple[OrderSpec, ...], reason: str) -> None:
        """Nobody answered. What was sent is what the ledger holds: an earlier attempt of this task may have decided the
        same ids from other odds."""
        for spec in specs:
            del self._orders[spec.client_order_id]
            self._strays.append(OrderEvidence(spec.client_order_id, Lost(reason)))
        self._work = True

    def _spec(self, quote: Desired) -> OrderSpec:
        assert self._terms is not None
        return OrderSpec(
            self._next_id(),
            quote.outcome_id,
            quote.price,
            quote.size,
            quote.odds,
            quote.limit,
            quote.priced_at,
            quote.level,
            self._now() // 1000 + self._terms.config.order_seconds,
            sent_at=self._now(),
        )

    def _next_id(self) -> str:
        """The id of the next order. One held already was placed by a task that was lost, and adopted."""
        while True:
            self._step += 1
            key = client_order_id(self._chain, self._step)
            if key not in self._orders:
                return key

    def _placed(self, item: PlacedItem) -> None:
        key = item.client_order_id
        if item.blocked is not None:
            outcome = self._orders.pop(key).spec.outcome_id
            self._blocked[outcome] = (item.blocked, workflow.time() + BLOCKED_PAUSE.total_seconds())
            return
        if item.recorded is not None:
            self._orders[key] = replace(self._orders[key], spec=item.recorded)
            self._work = True
        if item.evidence is not None:
            self._apply(key, item.evidence)
        if isinstance(item.evidence, Refused):
            outcome = self._orders[key].spec.outcome_id
            self._blocked[outcome] = (item.evidence.reason, workflow.time() + BLOCKED_PAUSE.total_seconds() / 5)

    async def _cancel(self, ids: tuple[str, ...]) -> None:
        for key in ids:
            self._orders[key] = lifecycle.begin_cancel(self._orders[key])
        request = self._touch(ids)
        try:
            results = await fast("cancel_orders", request, list[OrderEvidence], seconds=PLACE_SECONDS)
        except FAILED as error:
            results = [OrderEvidence(key, Lost(f"cancel unresolved: {error}")) for key in ids]
        for item in results:
            self._cancel_answered(item)

    def _cancel_answered(self, item: OrderEvidence) -> None:
        """A refused or lost cancel leaves the order unknown: the venue is asked before anything else is tried."""
        evidence = item.evidence
        if isinstance(evidence, Refused):
            evidence = Lost(f"cancel refused: {evidence.reason}")
        self._apply(item.client_order_id, evidence)
        self._orders[item.client_order_id] = lifecycle.cancel_answered(self._orders[item.client_order_id])

    def _touch(self, ids: tuple[str, ...], expires_at: int | None = None) -> TouchOrders:
        orders = tuple(self._orders[key] for key in ids)
        instruments = self._terms.instruments if self._terms else ()
        return TouchOrders(self._owner, orders, instruments, expires_at)

    # -- what is unknown --------------------------------------------------------------------------------------------

    def _start_probe(self) -> None:
        unknown = tuple(key for key, order in self._orders.items() if order.unknown)
        if unknown and not self._probing:
            self._probing = True
            asyncio.create_task(self._probe(unknown))  # noqa: RUF006 - the workflow's own loop holds it

    async def _probe(self, ids: tuple[str, ...]) -> None:
        try:
            summary = f"Ask {self._owner.exchange} about {len(ids)} order(s) with a lost answer"
            found = await slow(
                "probe_orders", self._touch(ids), list[OrderEvidence], summary=summary, minutes=PROBE_MINUTES
            )
            self._learn(found)
        except FAILED as error:
            workflow.logger.warning("still unknown, asking again: %s", error)
        finally:
            self._probing = False
            self._work = True

    async def _adopt_strays(self) -> None:
        """Evidence about orders this run does not hold: fetch them from the ledger first."""
        if not self._strays:
            return
        strays, self._strays = self._strays, []
        missing = sorted({item.client_order_id for item in strays} - self._orders.keys())
        if missing:
            try:
                for found in await fast("load_orders", missing, list[RecordedOrder], seconds=LEDGER_SECONDS):
                    self._adopt(found.order)
            except FAILED:
                self._strays += strays
                self._work = True
                return
        for item in strays:
            if item.client_order_id in self._orders:
                self._apply(item.client_order_id, item.evidence)

    def _adopt(self, order: Order) -> None:
        key = order.spec.client_order_id
        if key in self._orders:
            return
        self._orders[key] = replace(order, unknown=order.open, version=order.version + 1)
        self._projected[key] = order.version
        if key in self._dropped:
            self._holds = hold(self._holds, {order.spec.outcome_id}, self._book, self._now())

    # -- bookkeeping ------------------------------------------------------------------------------------------------

    async def _project(self) -> None:
        changed = tuple(
            order
            for key, order in self._orders.items()
            if order.version > self._projected.get(key, -1) and order.version
        )
        if changed:
            info = workflow.info()
            request = ProjectOrders(self._owner, info.workflow_id, info.run_id, changed, self._now())
            try:
                await fast("project_orders", request, type(None), seconds=LEDGER_SECONDS)
            except FAILED:
                self._work = True
                return
            for order in changed:
                self._projected[order.spec.client_order_id] = order.version
        self._forget_ended()

    def _forget_ended(self) -> None:
        naked = self._naked_orders()
        ended = [
            key
            for key, order in self._orders.items()
            if not order.open and key not in naked and order.version <= self._projected.get(key, -1)
        ]
        for key in ended[: max(0, len(ended) - KEPT_ENDED)]:
            del self._orders[key]
            self._dropped.discard(key)
            self._projected.pop(key, None)
            self._hedges.pop(key, None)

    def _naked_orders(self) -> set[str]:
        return {
            key
            for key, order in self._orders.items()
            if order.filled > (self._hedges[key].done if key in self._hedges else ZERO)
        }

    async def _watch(self) -> None:
        """Renew expiring orders, wake blocked outcomes, and notice when nobody confirms the odds any more."""
        while True:
            await workflow.wait_condition(
                lambda: bool(self._blocked or self._holds) or any(o.open for o in self._orders.values())
            )
            pause = timedelta(seconds=self._owner_seconds() / 3)
            await workflow.sleep(pause, summary="Are the odds still being confirmed?")
            self._work = self._work or self._stale()
            self._work = self._work or bool(self._holds)
            if self._blocked:
                self._blocked = {key: item for key, item in self._blocked.items() if item[1] > workflow.time()}
                self._work = True
            await self._renew()

    async def _renew(self) -> None:
        if self._terms is None or self._stale():
            return
        soon = self._now() // 1000 + self._terms.config.order_seconds // 3
        ids = tuple(
            key
            for key, order in self._orders.items()
            if order.open and not order.unknown and not order.cancelling and (order.spec.expires_at or soon + 1) <= soon
        )
        if not ids:
            return
        expires_at = self._now() // 1000 + self._terms.config.order_seconds
        try:
            request = self._touch(ids, expires_at)
            renewed = await fast("renew_orders", request, list[OrderEvidence], seconds=PLACE_SECONDS)
        except FAILED as error:
            renewed = [OrderEvidence(key, Lost(f"renewal unresolved: {error}")) for key in ids]
        self._learn(renewed)
        for order in [self._orders[key] for key in ids if key in self._orders]:
            spec = replace(order.spec, expires_at=expires_at)
            self._orders[spec.client_order_id] = replace(order, spec=spec, version=order.version + 1)
        self._work = True

    def _learn(self, items: list[OrderEvidence]) -> None:
        """Apply evidence; what concerns an order not held here is looked up in the ledger first."""
        for item in items:
            if item.client_order_id in self._orders:
                self._apply(item.client_order_id, item.evidence)
            else:
                self._strays.append(item)

    def _apply(self, key: str, evidence: Evidence) -> None:
        self._orders[key] = lifecycle.apply(self._orders[key], evidence)

    def _wake(self) -> None:
        self._work = True
        self._messages += 1

    def _now(self) -> int:
        return int(workflow.time() * 1000)

    def _finished(self) -> bool:
        over = not any(order.open for order in self._orders.values())
        return bool(self._closing) and over and not self._work and not self._probing and not self._strays

    def _should_continue(self) -> bool:
        if not (workflow.info().is_continue_as_new_suggested() or self._messages > MESSAGES_PER_RUN):
            return False
        return not self._work and not self._probing and workflow.all_handlers_finished()

    def _handover(self) -> OrderStart:
        return OrderStart(
            self._owner,
            self._terms,
            self._book,
            self._book_at,
            tuple(self._orders.values()),
            tuple(self._hedges.values()),
            self._step,
            self._chain,
            self._gate,
            self._closing,
            self._sent_at,
            tuple(sorted(self._dropped)),
            self._holds,
        )

    def _describe(self) -> None:
        """What an operator reads on the workflow's page."""
        quiet = self._quiet_because()
        lines = [f"**{self._owner.title or self._owner.fixture_id}** on {self._owner.exchange}: {quiet or 'quoting'}"]
        lines += [f"- {order.describe()}" for order in self._orders.values() if order.open or order.filled > ZERO]
        workflow.set_current_details("\n".join([lines[0], "", *lines[1:60]]))
        state = "QUIET" if quiet else "QUOTING"
        if state != self._state and workflow.info().typed_search_attributes:
            workflow.upsert_search_attributes([STATE.value_set(state)])
        self._state = state

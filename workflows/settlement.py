"""SettlementWorkflow: one fixture from its final whistle to booked results.

Closes the fixture's order workflows, waits for hedges to finish, then for the feed's grading, the venues' resolutions
and the bookmaker's results; grades with our own arithmetic; a disagreement waits for an operator. A booked fixture is
read again for a day, and on the signal ``recheck``: a re-settlement books the difference as a new revision.
"""

from contextlib import suppress
from datetime import timedelta
from itertools import count

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from overround.domain.messages import FixtureStatus
    from overround.domain.results import FixtureResults, Verdict, verdict
    from overround.domain.settling import Book, Closing, Decision, SettlementStart, SettlementState
    from workflows.attributes import STATE
    from workflows.calls import note, slow

FINAL = (2, 3)
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
RECHECKS_PER_RUN = 400
LONG_CLOSING = 12
"""Looks after which orders or hedges that are still open are an alarm: about six minutes after the final whistle."""
LOOK_AGAIN = (timedelta(minutes=15), timedelta(hours=3), timedelta(hours=24))
"""When a booked fixture is read again: results are corrected for hours (pricing sheet, section 5.5, "Resettlement")."""


@workflow.defn(name="SettlementWorkflow")
class SettlementWorkflow:
    """See the module; ``run`` takes and hands on a ``SettlementStart``."""

    @workflow.init
    def __init__(self, start: SettlementStart) -> None:
        self._fixture = start.fixture_id
        self._status = start.status
        self._decision: Decision | None = None
        self._verdict: Verdict | None = None
        self._accepted: set[str] = set()
        self._recheck = False
        self._checks = 0
        self._state = "WAITING"

    @workflow.signal
    def status(self, status: FixtureStatus) -> None:
        """The fixture moved on the feed."""
        self._status = status

    @workflow.signal
    def recheck(self) -> None:
        """Results may have changed: read them again."""
        self._recheck = True

    @workflow.update
    def decide(self, decision: Decision) -> str:
        """An operator settles a dispute: book as the venues and the bookmaker paid, or look again."""
        self._decision = decision
        return f"{decision.choice} by {decision.by}"

    @decide.validator
    def _may_decide(self, decision: Decision) -> None:
        if self._state != "DISPUTED":
            raise ApplicationError(f"fixture {self._fixture} is not disputed, it is {self._state}")
        if not decision.by or not decision.reason:
            raise ApplicationError("a decision needs who made it and why")

    @workflow.query
    def disputes(self) -> list[str]:
        """What disagrees, in words."""
        return list(self._verdict.disputes) if self._verdict else []

    @workflow.run
    async def run(self, start: SettlementStart) -> str:
        await workflow.wait_condition(lambda: self._status.status_id in FINAL)
        await self._close_orders()
        await self._settle()
        for wait in LOOK_AGAIN:
            await self._pause(wait, "Look again by itself")
            await self._settle()
        return f"{len(self._verdict.booked) if self._verdict else 0} results booked"

    async def _settle(self) -> None:
        """Collect until everything is known, have disputes decided, book; the same results again change nothing."""
        booked = False
        while not booked:
            self._recheck = False
            found = await self._collect()
            if set(found.disputes) <= self._accepted or await self._settled_by_operator(found):
                await self._book(found)
                booked = True

    async def _close_orders(self) -> None:
        """Stop quoting the fixture and wait until no order is open, no hedge in flight and, for a while, no trade
        missing."""
        await self._enter("CLOSING", "the fixture is over")
        for number in count():
            closing = await slow(
                "close_fixture", self._fixture, Closing, summary="Close the fixture's orders and count what is open"
            )
            alive = closing.open_orders or closing.open_hedges
            if not alive and (not closing.untold_orders or number >= LONG_CLOSING):
                return
            if alive and number == LONG_CLOSING:
                left = f"{closing.open_orders} order(s) and {closing.open_hedges} hedge(s) are still open"
                await self._enter("STUCK", left)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(SettlementStart(self._fixture, self._status))
            await workflow.sleep(PAUSES[min(number, len(PAUSES) - 1)])

    async def _collect(self) -> Verdict:
        while True:
            self._checks += 1
            results = await slow(
                "collect_results",
                self._fixture,
                FixtureResults,
                summary="Read the feed's, venues' and bookmaker's words",
            )
            self._verdict = verdict(results)
            if not self._verdict.waiting:
                return self._verdict
            await self._enter("WAITING", self._verdict.waiting[0])
            if self._checks > RECHECKS_PER_RUN:
                workflow.continue_as_new(SettlementStart(self._fixture, self._status))
            pause = PAUSES[min(self._checks, len(PAUSES)) - 1]
            await self._pause(timedelta(seconds=pause), self._verdict.waiting[0])

    async def _pause(self, wait: timedelta, why: str) -> None:
        """Wait, unless an operator says ``recheck``."""
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._recheck, timeout=wait, timeout_summary=why)
        self._recheck = False

    async def _settled_by_operator(self, found: Verdict) -> bool:
        """True to book as paid, False to look again."""
        self._decision = None
        await self._enter("DISPUTED", "; ".join(found.disputes))
        await workflow.wait_condition(lambda: self._decision is not None or self._recheck)
        if self._decision is None or self._decision.choice != "book":
            await self._enter("WAITING", "the results are read again")
            return False
        self._accepted |= set(found.disputes)
        return True

    async def _book(self, found: Verdict) -> None:
        info = workflow.info()
        word = self._decision if found.disputes else None
        decided = f"{word.by}: {word.reason}" if word else ""
        await note("book_results", Book(self._fixture, info.workflow_id, info.run_id, found.booked, decided))
        await self._enter("BOOKED", decided)

    async def _enter(self, state: str, reason: str) -> None:
        self._state = state
        info = workflow.info()
        await note("settlement_state", SettlementState(self._fixture, info.workflow_id, state, reason))
        self._describe(reason)
        if info.typed_search_attributes:
            workflow.upsert_search_attributes([STATE.value_set(state)])

    def _describe(self, reason: str) -> None:
        """What an operator reads on the workflow's page."""
        lines = [f"**{self._state}** fixture {self._fixture}" + (f": {reason}" if reason else "")]
        if self._verdict is not None:
            if self._state == "WAITING":
                lines += [f"- and {item}" for item in self._verdict.waiting[1:]]
            if self._state == "BOOKED":
                lines += [
                    f"- {item.subject} `{item.subject_id}` on outcome {item.outcome_id}: {item.status}, "
                    f"profit {item.profit:+.2f}"
                    for item in self._verdict.booked
                ]
        workflow.set_current_details("\n".join([lines[0], "", *lines[1:60]]))

"""What a ``HedgeWorkflow`` may do: take one step, wait for a bet, pool dust, unwind, and show its state."""

import asyncio
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.sessions import Sessions
from overround.bookmakers.base import BetReport, BetRequest, BetStatus, Bookmaker, RefusalClass
from overround.domain.hedging import NoFloor, floor_odds, stake_for
from overround.domain.messages import (
    AwaitBet,
    HedgedOrder,
    HedgeOdds,
    HedgeState,
    HedgeStep,
    HedgeStepResult,
    HedgeTotals,
    PoolDust,
)
from overround.domain.numbers import ZERO, round_down, round_up
from overround.ledger import hedges as ledger
from overround.ledger.accounts import BookmakerLine, hedge_lines
from overround.ledger.alarms import clear_alarm, raise_alarm
from overround.venues import Definitive, Unknown, VenueError

FRESH_MS = 2000
MAX_ODDS = Decimal(1000)
ODDS_STEP = Decimal("0.001")
"""A floor is sent with this precision, rounded up: never a worse price than meant."""
UNKNOWN_PROBES = 40
ARRIVAL_SECONDS = 8.0
"""A bet expires within this after it was sent; only later is "never heard of it" conclusive."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A price to hedge at: ``outcome_id`` backed at ``odds`` at most for ``limit``, through ``line``."""

    outcome_id: int
    line: BookmakerLine
    odds: Decimal
    limit: Decimal | None
    min_stake: Decimal


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the claiming transaction decided: a result that needs no bet, or a bet to send."""

    result: HedgeStepResult
    bet: BetRequest | None = None


class HedgeActivities:
    """Bound to one ledger and one set of venue sessions."""

    def __init__(self, database: AsyncEngine, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self._lines: dict[str, tuple[float, list[BookmakerLine]]] = {}

    @activity.defn(name="hedge_step")
    async def hedge_step(self, step: HedgeStep) -> HedgeStepResult:
        """Record fills, claim what is uncovered as one bet, send it, record the answer."""
        lines = await self._lines_of(step.order.client)
        line = lines[step.bookmaker_index] if step.bookmaker_index < len(lines) else None
        quote = _from_signal(step, line)
        claimed = await self._claim(step, line, quote)
        if claimed.result.outcome == "NO_PRICE" and line is not None and quote is None:
            quote = await self._ask(step.order, line, claimed.result.totals.residual)
            claimed = await self._claim(step, line, quote) if quote else claimed
        if claimed.bet is None or line is None:
            return claimed.result
        bookmaker = await self._sessions.bookmaker(line.account_id)
        report = await _place(bookmaker, claimed.bet)
        return await self._record(step.order, step.run_id, report, claimed.result)

    async def _claim(self, step: HedgeStep, line: BookmakerLine | None, quote: Quote | None) -> Claimed:
        async with self._database.begin() as connection:
            await ledger.lock(connection, step.order, step.workflow_id, step.run_id)
            await ledger.record_fills(
                connection, step.order.account_id, step.order.client_order_id, step.fills, step.failed
            )
            if step.sales:
                await ledger.record_sales(connection, step.order.account_id, step.sales)
            claimed = await self._decide(connection, step, line, quote)
            state = "DONE" if claimed.result.outcome == "COVERED" else None
            await ledger.write_totals(connection, step.order, step.run_id, claimed.result.totals, state)
        return claimed

    async def _decide(
        self, connection: AsyncConnection, step: HedgeStep, line: BookmakerLine | None, quote: Quote | None
    ) -> Claimed:
        standing = await ledger.standing(connection, step.order, step.request_id)
        now = standing.totals
        if standing.unanswered is not None:
            reason = "an earlier bet is unanswered"
            return Claimed(HedgeStepResult(now, "PENDING", standing.unanswered, reason=reason))
        if standing.asked is not None:
            return Claimed(await _told(connection, step, now, standing.asked))
        if now.residual == ZERO:
            return Claimed(HedgeStepResult(now, "COVERED"))
        if line is None:
            return Claimed(HedgeStepResult(now, "NO_ACCOUNT", reason="no further bookmaker account"))
        lent = standing.lent if now.residual > ZERO else ZERO
        if _is_crumb(step, now.residual, lent, line):
            return Claimed(HedgeStepResult(now, "DUST", min_stake=line.min_stake))
        if quote is None or quote.outcome_id != _outcome_to_back(step.order, now.residual):
            return Claimed(HedgeStepResult(now, "NO_PRICE", reason="no usable bookmaker price"))
        return await self._size(connection, step, quote, now, lent)

    async def _size(
        self, connection: AsyncConnection, step: HedgeStep, quote: Quote, now: HedgeTotals, lent: Decimal
    ) -> Claimed:
        floor = _floor(step, now.residual)
        if quote.odds < floor:
            reason = f"price {quote.odds} is below the floor {floor}"
            return Claimed(HedgeStepResult(now, "REFUSED", refusal=RefusalClass.PRICE, reason=reason, odds=quote.odds))
        payout = abs(now.residual)
        dust = await ledger.claim_dust(connection, step.order, step.request_id) if lent else ZERO
        stake = stake_for(max(ZERO, payout + dust), quote.odds, quote.line.stake_step)
        if quote.limit is not None:
            stake = min(stake, round_down(quote.limit, quote.line.stake_step))
        if stake < max(quote.min_stake, quote.line.min_stake):
            if lent:
                await ledger.release_dust(connection, step.request_id)
            small = payout <= quote.odds * quote.line.stake_step
            return Claimed(HedgeStepResult(now, "COVERED" if small else "DUST", min_stake=quote.min_stake))
        intent = ledger.BetIntent(step.request_id, quote.outcome_id, stake, quote.odds, floor, step.attempt)
        await ledger.claim_bet(connection, step, intent, quote.line)
        bet = BetRequest(
            step.request_id,
            step.order.fixture_id,
            quote.outcome_id,
            floor,
            stake,
            quote.line.bookmaker,
            step.expires_at,
            reference=step.order.client_order_id,
        )
        backed = stake * quote.odds if now.residual > ZERO else -stake * quote.odds
        after = replace(now, in_flight=now.in_flight + backed, pooled=now.pooled - dust)
        return Claimed(HedgeStepResult(after, "BET", step.request_id, odds=quote.odds, stake=stake), bet)

    async def _record(
        self, order: HedgedOrder, run_id: str, report: BetReport, sent: HedgeStepResult
    ) -> HedgeStepResult:
        async with self._database.begin() as connection:
            await ledger.record_report(connection, report)
            now = await ledger.totals(connection, order)
            await ledger.write_totals(connection, order, run_id, now, None)
        outcome = _outcome_of(report)
        refusal = str(report.refusal or "")
        return replace(sent, totals=now, outcome=outcome, refusal=refusal, reason=report.reason, parts=report.bets)

    async def _ask(self, order: HedgedOrder, line: BookmakerLine, residual: Decimal) -> Quote | None:
        """The live price of what must be backed now, straight from the bookmaker."""
        outcome = _outcome_to_back(order, residual)
        if outcome is None:
            return None
        bookmaker = await self._sessions.bookmaker(line.account_id)
        try:
            prices = await bookmaker.prices(order.fixture_id, outcome)
        except VenueError as error:
            activity.logger.warning("no price from %s: %s", line.bookmaker, error)
            return None
        usable = [price for price in prices if price.active and price.bookmaker == line.bookmaker]
        if not usable:
            return None
        best = max(usable, key=lambda price: price.price)
        return Quote(outcome, line, best.price, best.limit, max(best.min_stake, line.min_stake))

    async def _lines_of(self, client: str) -> list[BookmakerLine]:
        """The client's bookmaker accounts, read at most every two seconds."""
        at, lines = self._lines.get(client, (0.0, []))
        if time.monotonic() - at > 2.0:
            async with self._database.connect() as connection:
                lines = await hedge_lines(connection, client)
            self._lines[client] = (time.monotonic(), lines)
        return lines

    @activity.defn(name="await_bet")
    async def await_bet(self, request: AwaitBet) -> HedgeStepResult:
        """Probe a bet by its id until the bookmaker's word is final; a conclusive "never arrived" counts as refused."""
        async with self._database.connect() as connection:
            bet = await ledger.unresolved_bet(connection, request.order.client_order_id)
            now = await ledger.totals(connection, request.order)
            parts = await ledger.parts_of(connection, request.request_id)
        if bet is None or bet.request_id != request.request_id:
            return HedgeStepResult(now, "BET", request.request_id, parts=parts)
        bookmaker = await self._sessions.bookmaker(bet.account_id)
        for _ in range(UNKNOWN_PROBES):
            activity.heartbeat(request.request_id)
            report = await bookmaker.find(request.request_id)
            if report is None and time.time() - bet.sent_at.timestamp() > ARRIVAL_SECONDS:
                report = _never_arrived(request.request_id)
            if report is not None and report.final:
                return await self._record(
                    request.order, request.run_id, report, HedgeStepResult(now, "BET", request.request_id)
                )
            await asyncio.sleep(0.3)
        raise ApplicationError(f"bet {request.request_id} is still pending at {bet.bookmaker}")

    @activity.defn(name="pool_dust")
    async def pool_dust(self, request: PoolDust) -> HedgeTotals:
        """Hand what is left, below the minimum stake, to the pool; the next hedge of that outcome claims it. Run again,
        it finds nothing left: the residual is read under the hedge's lock, whatever execution asks."""
        async with self._database.begin() as connection:
            await ledger.lock(connection, request.order, request.workflow_id, request.run_id)
            left = (await ledger.totals(connection, request.order)).residual
            if left != ZERO:
                await ledger.pool(connection, request.order, await ledger.next_pool(connection, request.order), left)
            now = await ledger.totals(connection, request.order)
            await ledger.write_totals(connection, request.order, request.run_id, now, "DONE", "pooled")
        return now

    @activity.defn(name="hedge_state")
    async def hedge_state(self, request: HedgeState) -> None:
        """Show a hedge's state; raise or clear its alarm."""
        key = request.order.client_order_id
        async with self._database.begin() as connection:
            await ledger.lock(connection, request.order, request.workflow_id, request.run_id)
            now = await ledger.totals(connection, request.order)
            await ledger.write_totals(connection, request.order, request.run_id, now, request.state, request.reason)
            if request.state in ("OPEN", "UNKNOWN"):
                await raise_alarm(connection, "naked", key, request.reason, request.order.client)
            else:
                await clear_alarm(connection, "naked", key)


async def _told(connection: AsyncConnection, step: HedgeStep, now: HedgeTotals, bet: ledger.ToldBet) -> HedgeStepResult:
    """What became of this very step's bet, when an earlier run of the step got as far as its answer."""
    outcome: Literal["BET", "REFUSED"] = "BET" if bet.placed else "REFUSED"
    parts = await ledger.parts_of(connection, step.request_id)
    return HedgeStepResult(now, outcome, step.request_id, bet.refusal, bet.reason, stake=bet.stake, parts=parts)


def _from_signal(step: HedgeStep, line: BookmakerLine | None) -> Quote | None:
    """The odds that came with the fill, while they are fresh enough to bet on."""
    odds: HedgeOdds | None = step.odds
    if odds is None or line is None or time.time() * 1000 - odds.seen_at > FRESH_MS:
        return None
    return Quote(step.order.outcome_id, line, odds.price, odds.limit, line.min_stake)


def _outcome_to_back(order: HedgedOrder, residual: Decimal) -> int | None:
    """A positive residual is covered on the order's outcome; a negative one on the only other outcome, if any."""
    if residual > ZERO:
        return order.outcome_id
    return order.others[0] if len(order.others) == 1 else None


def _is_crumb(step: HedgeStep, residual: Decimal, lent: Decimal, line: BookmakerLine) -> bool:
    """Too little to bet whatever the price: the pool takes it for the outcome's next hedge. ``lent`` is what the pool
    holds already; an over-hedge is measured by what turning it round would cost."""
    if residual < ZERO:
        return -residual * step.order.price < line.min_stake
    return max(ZERO, residual + lent) / _floor(step, residual) < line.min_stake


def _floor(step: HedgeStep, residual: Decimal) -> Decimal:
    """The lowest odds accepted: the fill's break-even less this attempt's slippage (pricing sheet, 3.4)."""
    order = step.order
    if residual < ZERO:
        return Decimal("1.01")
    fills = [fill for fill in step.fills if fill.fill_id not in step.failed]
    size = sum((fill.size for fill in fills), ZERO)
    fee = sum((fill.fee for fill in fills), ZERO) / size if size else ZERO
    try:
        return round_up(floor_odds(order.price, fee, -step.slippage), ODDS_STEP)
    except NoFloor:
        return MAX_ODDS


async def _place(bookmaker: Bookmaker, bet: BetRequest) -> BetReport:
    """Send once. What was lost is UNKNOWN; only a definite no is a refusal."""
    try:
        return await bookmaker.place(bet)
    except Unknown as error:
        return BetReport(bet.request_id, BetStatus.UNKNOWN, (), False, reason=str(error))
    except Definitive as error:
        return BetReport(bet.request_id, BetStatus.REJECTED, (), True, RefusalClass.OTHER, str(error))


def _never_arrived(request_id: str) -> BetReport:
    return BetReport(request_id, BetStatus.REJECTED, (), True, RefusalClass.OTHER, "never reached the bookmaker")


def _outcome_of(report: BetReport) -> Literal["UNKNOWN", "PENDING", "BET", "REFUSED"]:
    if not report.final:
        return "UNKNOWN" if report.status is BetStatus.UNKNOWN else "PENDING"
    return "BET" if report.bets else "REFUSED"

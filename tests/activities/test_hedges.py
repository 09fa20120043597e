"""One step of a hedge: the right bet, once, above its floor, and never a second before the first is answered."""

import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import hedges as module
from activities.hedges import HedgeActivities
from overround.bookmakers.base import BetReport, BetStatus, RefusalClass
from overround.domain.ids import request_id
from overround.domain.messages import AwaitBet, HedgeOdds, HedgeState, HedgeStep, HedgeStepResult, PoolDust
from overround.domain.orders import Fill
from overround.venues import NotSent, TimedOut
from tests.activities.desk import Sessions
from tests.domain.vectors import D
from tests.ledger.desk import NOW, accepted, claim, fill, hedged, refused, rows, spec, write

ORDER = hedged("c1")


@pytest.fixture
def venues() -> Sessions:
    return Sessions()


@pytest.fixture
async def does(ledger: AsyncEngine, venues: Sessions) -> HedgeActivities:
    await claim(ledger, spec("c1"), spec("c2"))
    return HedgeActivities(ledger, venues)  # type: ignore[arg-type]


def fresh(price: str = "2.00", limit: str | None = "500", age_ms: int = 0) -> HedgeOdds:
    now = int(time.time() * 1000)
    return HedgeOdds(D(price), None if limit is None else D(limit), now, now - age_ms)


def step(
    number: int, *fills: Fill, odds: HedgeOdds | None = None, slippage: str = "0.02", failed: tuple[str, ...] = (),
    account: int = 0, order: Any = ORDER,
) -> HedgeStep:  # fmt: skip
    name = request_id(f"hedge:{order.client_order_id}", number)
    return HedgeStep(
        order, "hedge:c1", "run-1", name, 0, fills or (fill("t1"),), failed, D(slippage), odds, NOW, account
    )


async def run(does: HedgeActivities, wanted: HedgeStep) -> HedgeStepResult:
    return await does.hedge_step(wanted)


async def test_a_fill_is_hedged_at_the_odds_that_came_with_it(does: HedgeActivities, venues: Sessions) -> None:
    result = await run(does, step(1, odds=fresh()))
    (bet,) = venues.bookie.sent
    assert (result.outcome, bet.stake, bet.outcome_id) == ("BET", D("5.00"), 111)
    assert bet.min_price.normalize() == D("1.789")  # 1 / (1 - 0.46 - 0.001 + 0.02)
    assert venues.bookie.asked == 0, "no look-up before the bet"
    assert (result.totals.done, result.totals.residual) == (D(10), D(0))
    assert (await run(does, step(2))).outcome == "COVERED"
    assert len(venues.bookie.sent) == 1


async def test_the_bet_is_on_record_before_it_leaves(
    does: HedgeActivities, venues: Sessions, ledger: AsyncEngine
) -> None:
    seen: list[str] = []

    async def place(bet: Any) -> BetReport:
        seen.extend(row.status for row in await rows(ledger, "SELECT status FROM bets"))
        return accepted(bet.request_id, ("p1", "5", "2.00"))

    venues.bookie.place = place  # type: ignore[method-assign]
    await run(does, step(1, odds=fresh()))
    assert seen == ["SENT"]


@pytest.mark.parametrize("odds", [None, fresh(age_ms=2_500)])
async def test_stale_odds_are_not_bet_on_the_bookmaker_is_asked(
    does: HedgeActivities, venues: Sessions, odds: HedgeOdds | None
) -> None:
    venues.bookie.price = "1.95"
    result = await run(does, step(1, odds=odds))
    assert (venues.bookie.asked, result.odds, result.stake) == (1, D("1.95"), D("5.13"))


async def test_the_bet_fits_the_bookmakers_limit(does: HedgeActivities, venues: Sessions) -> None:
    result = await run(does, step(1, odds=fresh(limit="3")))
    assert (venues.bookie.sent[0].stake, result.totals.residual) == (D(3), D(4))


async def test_a_price_below_the_floor_is_refused_and_nothing_is_claimed(
    does: HedgeActivities, venues: Sessions, ledger: AsyncEngine
) -> None:
    result = await run(does, step(1, odds=fresh("1.70")))
    assert (result.outcome, result.refusal, result.totals.residual) == ("REFUSED", RefusalClass.PRICE, D(10))
    assert venues.bookie.sent == []
    assert await rows(ledger, "SELECT 1 FROM bets") == []
    assert (await run(does, step(2, odds=fresh("1.70"), slippage="0.06"))).outcome == "BET"


async def test_without_a_price_or_an_account_nothing_is_sent(does: HedgeActivities, venues: Sessions) -> None:
    venues.bookie.price = None
    assert (await run(does, step(1))).outcome == "NO_PRICE"
    assert (await run(does, step(2, odds=fresh(), account=1))).outcome == "NO_ACCOUNT"
    assert venues.bookie.sent == []


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [(TimedOut("abp", "silent"), "UNKNOWN", "UNKNOWN"), (NotSent("abp", "refused"), "REFUSED", "REJECTED")],
)
async def test_a_lost_answer_is_unknown_and_blocks_the_next_bet(
    does: HedgeActivities, venues: Sessions, ledger: AsyncEngine, error: Exception, outcome: str, status: str
) -> None:
    venues.bookie.place_says = lambda bet: error
    assert (await run(does, step(1, odds=fresh()))).outcome == outcome
    (bet,) = await rows(ledger, "SELECT status FROM bets")
    assert bet.status == status
    following = await run(does, step(2, odds=fresh()))
    assert following.outcome == ("PENDING" if outcome == "UNKNOWN" else "REFUSED")
    assert len(venues.bookie.sent) == (1 if outcome == "UNKNOWN" else 2)


async def test_the_same_step_again_bets_no_second_time(does: HedgeActivities, venues: Sessions) -> None:
    venues.bookie.place_says = lambda bet: TimedOut("abp", "silent")
    await run(does, step(1, odds=fresh()))
    again = await run(does, step(1, odds=fresh()))
    assert (again.outcome, again.request_id, len(venues.bookie.sent)) == ("PENDING", step(1).request_id, 1)


async def test_a_fill_that_failed_is_backed_out_on_the_other_side(does: HedgeActivities, venues: Sessions) -> None:
    await run(does, step(1, odds=fresh()))
    result = await run(does, step(2, failed=("t1",)))
    assert (result.outcome, venues.bookie.sent[1].outcome_id, venues.bookie.sent[1].stake) == ("BET", 112, D("5.00"))
    assert result.totals.residual == D(0)


async def test_a_small_over_hedge_in_a_three_way_market_is_no_reason_to_stop(
    does: HedgeActivities, venues: Sessions
) -> None:
    three = replace(ORDER, others=(112, 113))
    venues.bookie.place_says = lambda bet: accepted(bet.request_id, ("p1", "5.01", "2.00"))
    assert (await run(does, step(1, odds=fresh(), order=three))).totals.residual == D("-0.02")
    assert (await run(does, step(2, order=three))).outcome == "DUST"


async def test_a_crumb_is_dust_and_joins_the_next_hedge(does: HedgeActivities, venues: Sessions) -> None:
    small = await run(does, step(1, fill("t1", "1"), odds=fresh()))
    assert (small.outcome, small.totals.residual, venues.bookie.sent) == ("DUST", D(1), [])
    pooled = await does.pool_dust(PoolDust(ORDER, "hedge:c1", "run-1", 1, small.totals.residual))
    assert (pooled.pooled, pooled.residual) == (D(1), D(0))
    other = hedged("c2")
    result = await run(does, step(1, fill("t2"), odds=fresh(), order=other))
    assert venues.bookie.sent[0].stake == D("5.50")
    assert result.totals.residual == D(0)


async def test_a_crumb_of_a_later_execution_is_pooled_too(does: HedgeActivities, ledger: AsyncEngine) -> None:
    """The steps of a new execution start again: its crumb must not be taken for the first one's."""
    await run(does, step(1, fill("t1", "1"), odds=fresh()))
    for _ in range(2):
        await does.pool_dust(PoolDust(ORDER, "hedge:c1", "run-1", 1, D(1)))
    await run(does, step(1, fill("t1", "1"), fill("t2", "0.5"), odds=fresh()))
    later = await does.pool_dust(PoolDust(ORDER, "hedge:c1", "run-2", 1, D("0.5")))
    assert (later.pooled, later.residual) == (D("1.5"), D(0))
    assert [row.payout for row in await rows(ledger, "SELECT payout FROM dust ORDER BY step")] == [D(1), D("0.5")]


async def test_a_refused_bet_gives_the_dust_back(does: HedgeActivities, venues: Sessions, ledger: AsyncEngine) -> None:
    await run(does, step(1, fill("t1", "1"), odds=fresh()))
    await does.pool_dust(PoolDust(ORDER, "hedge:c1", "run-1", 1, D(1)))
    venues.bookie.place_says = lambda bet: refused(bet.request_id)
    assert (await run(does, step(1, fill("t2"), odds=fresh(), order=hedged("c2")))).outcome == "REFUSED"
    assert [row.claimed_by for row in await rows(ledger, "SELECT claimed_by FROM dust")] == [None]


# -- waiting for the bookmaker --------------------------------------------------------------------------------------


async def wait(does: HedgeActivities, number: int = 1) -> HedgeStepResult:
    result: HedgeStepResult = await ActivityEnvironment().run(
        does.await_bet, AwaitBet(ORDER, "hedge:c1", "run-1", step(number).request_id)
    )
    return result


async def pending(does: HedgeActivities, venues: Sessions) -> None:
    venues.bookie.place_says = lambda bet: BetReport(bet.request_id, BetStatus.PENDING, (), False)
    assert (await run(does, step(1, odds=fresh()))).outcome == "PENDING"


async def test_a_pending_bet_is_followed_to_its_end(does: HedgeActivities, venues: Sessions) -> None:
    await pending(does, venues)
    venues.bookie.find_says = lambda name: accepted(name, ("p1", "5", "2.00"))
    result = await wait(does)
    assert (result.outcome, result.totals.residual) == ("BET", D(0))
    assert (await wait(does)).outcome == "BET", "asked again, it is over"


async def test_a_bet_the_bookmaker_never_heard_of_is_refused_only_after_its_time(
    does: HedgeActivities, venues: Sessions, ledger: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pending(does, venues)
    monkeypatch.setattr(module, "UNKNOWN_PROBES", 1)
    with pytest.raises(ApplicationError, match="is still pending at vertex"):
        await wait(does)
    await write(ledger, "UPDATE bets SET sent_at = now() - interval '10 seconds'")
    result = await wait(does)
    assert (result.outcome, result.reason, result.totals.residual) == (
        "REFUSED", "never reached the bookmaker", D(10),
    )  # fmt: skip


@pytest.mark.parametrize(("state", "alarmed"), [("OPEN", True), ("UNKNOWN", True), ("DONE", False), ("HEDGING", False)])
async def test_a_naked_position_is_shown_and_alarmed_until_it_is_covered(
    does: HedgeActivities, ledger: AsyncEngine, state: Any, alarmed: bool
) -> None:
    await does.hedge_state(HedgeState(ORDER, "hedge:c1", "run-1", "OPEN", "no price"))
    await does.hedge_state(HedgeState(ORDER, "hedge:c1", "run-1", state, "now"))
    (row,) = await rows(ledger, "SELECT state, reason FROM hedges")
    assert (row.state, row.reason) == (state, "now")
    found = await rows(ledger, "SELECT cleared_at IS NULL AS open FROM alarms WHERE kind = 'naked' AND subject = 'c1'")
    assert [row.open for row in found] == [alarmed]


@pytest.mark.parametrize("price", ["1.60", None])
async def test_a_crumb_left_by_rounding_is_dust_whatever_became_of_the_price(
    does: HedgeActivities, venues: Sessions, price: str | None
) -> None:
    venues.bookie.place_says = lambda bet: accepted(bet.request_id, ("p1", "4.99", "2.00"))
    assert (await run(does, step(1, odds=fresh()))).totals.residual == D("0.02")
    venues.bookie.price = price
    assert (await run(does, step(2))).outcome in ("DUST", "COVERED")

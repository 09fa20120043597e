"""Hedges from their rows: what is filled, covered, in flight and pooled always adds up (design, section 3)."""

import asyncio
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.bookmakers.base import BetReport, BetStatus
from overround.domain.messages import HedgeTotals
from overround.ledger import hedges
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, Hedge, accepted, claim, fill, refused, rows, spec, write


@pytest.fixture
async def hedge(ledger: AsyncEngine) -> Hedge:
    """The hedge of a claimed order, c1."""
    await claim(ledger, spec("c1"))
    return Hedge(ledger)


def sums(now: HedgeTotals) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    return now.target, now.done, now.in_flight, now.pooled, now.residual


async def test_a_fill_told_twice_is_one_fill(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"), fill("t2", "5"))
    now = await hedge.fills(fill("t1"), fill("t2", "5"))
    assert sums(now) == (D(15), D(0), D(0), D(0), D(15))


async def test_two_of_our_orders_may_share_a_trade(ledger: AsyncEngine, hedge: Hedge) -> None:
    await claim(ledger, spec("c2"))
    await hedge.fills(fill("t1"))
    assert (await Hedge(ledger, "c2").fills(fill("t1", "3"))).target == D(3)
    assert (await hedge.totals()).target == D(10)


async def test_a_trade_that_failed_is_marked_and_stays_so(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"), fill("t2", "5"))
    assert (await hedge.fills(fill("t1"), failed=["t1"])).target == D(5)
    assert (await hedge.fills(fill("t1"), fill("t2", "5"))).target == D(5)
    assert len(await rows(hedge.ledger, "SELECT 1 FROM fills")) == 2, "marked, never deleted"


async def test_a_failure_heard_before_its_trade_counts_nothing(hedge: Hedge) -> None:
    assert (await hedge.fills(fill("t1"), failed=["t1"])).target == D(0)
    assert (await hedge.fills(fill("t1"))).target == D(0)


async def test_a_bet_is_in_flight_until_its_answer(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"))
    name = await hedge.bet(1, "5")
    assert sums(await hedge.totals()) == (D(10), D(0), D(10), D(0), D(0))
    now = await hedge.report(accepted(name, ("p1", "5", "1.96")))
    assert sums(now) == (D(10), D("9.8"), D(0), D(0), D("0.2"))


@pytest.mark.parametrize("status", [BetStatus.PENDING, BetStatus.UNKNOWN])
async def test_an_unanswered_bet_blocks_the_next(hedge: Hedge, status: BetStatus) -> None:
    await hedge.fills(fill("t1"))
    name = await hedge.bet(1, "5")
    now = await hedge.report(BetReport(name, status, (), False))
    assert (now.in_flight, now.residual) == (D(10), D(0))
    async with hedge.ledger.connect() as connection:
        found = await hedges.unresolved_bet(connection, "c1")
    assert found is not None
    assert found.request_id == name
    await hedge.report(refused(name))
    async with hedge.ledger.connect() as connection:
        assert await hedges.unresolved_bet(connection, "c1") is None


async def test_a_refused_bet_leaves_everything_to_cover(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"))
    now = await hedge.report(refused(await hedge.bet(1, "5")))
    assert sums(now) == (D(10), D(0), D(0), D(0), D(10))
    (bet,) = await rows(hedge.ledger, "SELECT status, reason, payout FROM bets")
    assert (bet.status, bet.reason, bet.payout) == ("REJECTED", "price moved", D(0))


async def test_a_partly_accepted_bet_covers_its_exact_payout(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"))
    report = accepted(await hedge.bet(1, "5"), ("p1", "2", "1.95"), ("p2", "1", "1.90"), status=BetStatus.PARTIAL)
    assert (await hedge.report(report)).residual == D("4.20")
    (bet,) = await rows(hedge.ledger, "SELECT placed_stake, placed_price, payout FROM bets")
    assert (bet.placed_stake, bet.payout) == (D(3), D("5.80"))
    assert abs(bet.placed_price * 3 - D("5.80")) < D("0.0000001")


async def test_a_bet_on_another_outcome_takes_cover_back(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"))
    await hedge.report(accepted(await hedge.bet(1, "5"), ("p1", "5", "2.00")))
    assert (await hedge.fills(fill("t1"), failed=["t1"])).residual == D(-10)
    name = await hedge.bet(2, "4.88", "2.05", 112)
    assert (await hedge.totals()).in_flight == D("-10.004")
    now = await hedge.report(accepted(name, ("p2", "4.88", "2.05")))
    assert sums(now) == (D(0), D("-0.004"), D(0), D(0), D("0.004"))


async def test_what_was_sold_back_need_not_be_covered(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"))
    await claim(hedge.ledger, spec("u1", size="4", action="sell"))
    await write(hedge.ledger, "UPDATE orders SET workflow_id = 'hedge:c1' WHERE client_order_id = 'u1'")
    async with hedge.ledger.begin() as connection:
        await hedges.record_fills(connection, "kalshi-demo", "u1", [fill("t9", "4")], ())
    assert (await hedge.totals()).target == D(6)


# -- the bookmaker's word, late and twice ---------------------------------------------------------------------------


async def test_the_same_report_twice_changes_nothing(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"))
    report = accepted(await hedge.bet(1, "5"), ("p1", "5", "2.00"))
    first = await hedge.report(report)
    told = await rows(hedge.ledger, "SELECT event FROM events WHERE channel = 'bets'")
    assert await hedge.report(report) == first
    assert await rows(hedge.ledger, "SELECT event FROM events WHERE channel = 'bets'") == told
    assert [row.event for row in told] == ["INSERT", "UPDATE"]


@pytest.mark.parametrize(
    "late",
    [
        BetReport("", BetStatus.PENDING, (), False),
        BetReport("", BetStatus.UNKNOWN, (), False),
        BetReport("", BetStatus.REJECTED, (), True, reason="never reached the bookmaker"),
    ],
)
async def test_a_late_word_does_not_undo_an_accepted_bet(hedge: Hedge, late: BetReport) -> None:
    await hedge.fills(fill("t1"))
    name = await hedge.bet(1, "5")
    done = await hedge.report(accepted(name, ("p1", "5", "2.00")))
    assert await hedge.report(BetReport(name, late.status, (), late.final, reason=late.reason)) == done
    (bet,) = await rows(hedge.ledger, "SELECT status, placed_stake FROM bets")
    assert (bet.status, bet.placed_stake) == ("FILLED", D(5))


async def test_a_lost_answer_does_not_reopen_a_refused_bet(hedge: Hedge) -> None:
    name = await hedge.bet(1, "5")
    await hedge.report(refused(name))
    assert (await hedge.report(BetReport(name, BetStatus.UNKNOWN, (), False))).in_flight == D(0)


async def test_a_bet_thought_never_to_have_arrived_counts_once_it_turns_up(hedge: Hedge) -> None:
    await hedge.fills(fill("t1"))
    name = await hedge.bet(1, "5")
    await hedge.report(refused(name, "never reached the bookmaker"))
    waiting = await hedge.report(BetReport(name, BetStatus.PENDING, (), False))
    assert waiting.in_flight == D(9), "at least stake times the floor of 1.80"
    assert (await hedge.report(accepted(name, ("p1", "5", "2.00")))).residual == D(0)


async def test_an_events_old_values_say_what_changed(hedge: Hedge) -> None:
    await hedge.report(accepted(await hedge.bet(1, "5"), ("p1", "5", "2.00")))
    (_, told) = await rows(
        hedge.ledger, "SELECT client, payload, old FROM events WHERE channel = 'bets' ORDER BY event_id"
    )
    assert (told.client, told.payload["betStatus"], told.old["betStatus"]) == (CLIENT, "matched", "sent")
    assert "bookmaker" not in told.old


# -- dust -----------------------------------------------------------------------------------------------------------


async def test_dust_is_pooled_once_per_step(hedge: Hedge) -> None:
    await hedge.fills(fill("t1", "0.4"))
    for _ in range(2):
        await hedge.pool(3, D("0.4"))
    assert sums(await hedge.totals()) == (D("0.4"), D(0), D(0), D("0.4"), D(0))


async def test_the_next_hedge_of_the_outcome_covers_the_dust_of_others(ledger: AsyncEngine, hedge: Hedge) -> None:
    await hedge.fills(fill("t1", "0.4"))
    await hedge.pool(1, D("0.4"))
    await claim(ledger, spec("c2"))
    second = Hedge(ledger, "c2")
    await second.fills(fill("t2", "10"))
    name = await second.bet(1, "5.20", dust=True)
    now = await second.report(accepted(name, ("p1", "5.20", "2.00")))
    assert sums(now) == (D(10), D("10.4"), D(0), D("-0.4"), D(0))
    assert (await hedge.totals()).residual == D(0)
    (free,) = await rows(ledger, "SELECT count(*) AS n FROM dust WHERE claimed_by IS NULL")
    assert free.n == 0


async def test_a_refused_bet_gives_its_dust_back(ledger: AsyncEngine, hedge: Hedge) -> None:
    await hedge.pool(1, D("0.4"))
    await hedge.fills(fill("t1"))
    name = await hedge.bet(2, "5.20", dust=True)
    assert (await hedge.totals()).pooled == D(0)
    await hedge.report(refused(name))
    assert (await hedge.totals()).pooled == D("0.4")
    assert [row.claimed_by for row in await rows(ledger, "SELECT claimed_by FROM dust")] == [None]


async def test_dust_of_another_outcome_or_fixture_is_left_alone(ledger: AsyncEngine, hedge: Hedge) -> None:
    await claim(ledger, spec("c2", outcome=112))
    await Hedge(ledger, "c2", 112).pool(1, D("0.3"))
    await hedge.pool(1, D("0.4"))
    await write(ledger, "UPDATE dust SET fixture_id = 'elsewhere' WHERE client_order_id = 'c1'")
    async with ledger.begin() as connection:
        assert await hedges.claim_dust(connection, hedge.order, "r1") == D(0)


async def test_many_hedges_at_once_share_the_pool_without_sharing_dust(ledger: AsyncEngine, hedge: Hedge) -> None:
    for step in range(20):
        await hedge.pool(step, D("0.1"))

    async def take(name: str) -> Decimal:
        async with ledger.begin() as connection:
            taken = await hedges.claim_dust(connection, hedge.order, name)
            await asyncio.sleep(0.02)
            return taken

    taken = await asyncio.gather(*(take(f"r{at}") for at in range(10)))
    assert sum(taken, D(0)) == D(2)
    claimed = await rows(ledger, "SELECT claimed_by, sum(payout) AS sum FROM dust GROUP BY claimed_by")
    assert {row.claimed_by: row.sum for row in claimed} == {f"r{at}": got for at, got in enumerate(taken) if got}


async def test_steps_of_one_hedge_wait_for_each_other(hedge: Hedge) -> None:
    async with hedge.ledger.begin() as connection:
        await hedges.lock(connection, hedge.order, hedge.workflow, "run-1")
        waiting = asyncio.create_task(hedge.fills(fill("t1")))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert (await waiting).target == D(10)


async def test_the_row_shows_the_totals_and_the_state(hedge: Hedge) -> None:
    now = await hedge.fills(fill("t1"))
    async with hedge.ledger.begin() as connection:
        await hedges.write_totals(connection, hedge.order, "run-2", now, "OPEN", "no price")
        await hedges.write_totals(connection, hedge.order, "run-2", now, None)
    (row,) = await rows(hedge.ledger, "SELECT target, residual, state, reason, run_id FROM hedges")
    assert (row.target, row.residual, row.state, row.reason, row.run_id) == (D(10), D(10), "OPEN", "no price", "run-2")


async def test_a_broadcast_bet_names_its_own_order_among_others(ledger: AsyncEngine, hedge: Hedge) -> None:
    await claim(ledger, spec("c2"))
    other = Hedge(ledger, "c2")
    await hedge.report(accepted(await hedge.bet(1, "5"), ("p1", "5", "1.96")))
    await other.report(accepted(await other.bet(1, "4"), ("p2", "4", "1.96")))
    told = await rows(
        ledger,
        "SELECT e.event, o.client_order_id AS name FROM events e "
        "JOIN orders o ON o.order_id = CAST(e.payload->>'orderId' AS bigint) "
        "WHERE e.channel = 'bets' ORDER BY e.event_id",
    )
    assert [(row.event, row.name) for row in told] == [
        ("INSERT", "c1"), ("UPDATE", "c1"), ("INSERT", "c2"), ("UPDATE", "c2")
    ]  # fmt: skip

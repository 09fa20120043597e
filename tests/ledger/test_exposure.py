"""Worst-case loss from the rows, against every outcome and every subset of open orders (sheet 4.4, invariant 7.6)."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.bookmakers.base import BetStatus
from overround.ledger.exposure import MarketRisk, fixture_risk
from overround.ledger.live import ORDER_AT_RISK
from tests.domain.desk import KEY
from tests.domain.vectors import D, exactly
from tests.ledger.desk import CLIENT, Hedge, accepted, claim, owner, refused, rows, spec, write

OUTCOMES = (1, 2, 3)
AT_RISK_NOW = (
    f"SELECT sum(filled) FROM orders WHERE client = '{CLIENT}' AND fixture_id = '{KEY.fixture_id}' AND {ORDER_AT_RISK}"
)
DEAD = (
    "INSERT INTO orders (client_order_id, client, account_id, exchange, fixture_id, market_id, outcome_id, "
    "venue_market, contract, position, workflow_id, run_id, price, size, status, odds, priced_at) "
    "SELECT 'dead' || n, :client, 'kalshi-demo', "
    "'kalshi', :fixture, 111, 111, 'KX', 'KX-1', 'no', 'w', 'r', 0.45, 100, 'CANCELLED', 2, "
    "now() FROM generate_series(1, 3000) n"
)
SIZES = st.integers(1, 100).map(D)
PRICES = st.decimals(D("0.05"), D("0.95"), places=2)
HELD = st.lists(st.tuples(st.sampled_from(OUTCOMES), SIZES, PRICES), max_size=4)
BETS = st.lists(st.tuples(st.sampled_from(OUTCOMES), SIZES, st.decimals(D("1.05"), D(9), places=2)), max_size=3)


def brute_force(held: list[Any], bets: list[Any], resting: list[Any]) -> Decimal:
    """The worst over every outcome (0 stands for those never traded) and every subset of fills; never below zero."""
    worst = D(0)
    for happens, fills in product((0, *OUTCOMES), product((False, True), repeat=len(resting))):
        bought = [*held, *(order for order, filled in zip(resting, fills, strict=True) if filled)]
        gain = sum((size * ((outcome != happens) - price) for outcome, size, price in bought), D(0))
        gain += sum((stake * ((outcome == happens) * odds - 1) for outcome, stake, odds in bets), D(0))
        worst = min(worst, gain)
    return -worst


@exactly
@given(HELD, BETS, HELD)
def test_the_loss_is_that_of_the_worst_outcome_and_the_worst_fills(held: Any, bets: Any, resting: Any) -> None:
    risk = MarketRisk()
    for outcome, size, price in held:
        risk.bought(outcome, size, size * price)
    for outcome, stake, odds in bets:
        risk.backed(outcome, stake * odds, stake)
    for outcome, size, price in resting:
        risk.rests(outcome, size * price)
    assert risk.loss() == brute_force(held, bets, resting)


@exactly
@given(HELD, HELD.filter(bool))
def test_taking_an_order_back_leaves_nothing_behind(held: Any, resting: Any) -> None:
    risk = MarketRisk()
    for outcome, size, price in held:
        risk.bought(outcome, size, size * price)
    before = risk.loss()
    for sign in (1, -1):
        for outcome, size, price in resting:
            risk.rests(outcome, sign * size * price)
    assert risk.loss() == before


async def losses(ledger: AsyncEngine) -> dict[int, Decimal]:
    async with ledger.connect() as connection:
        risk = await fixture_risk(connection, CLIENT, KEY.fixture_id)
    return {market: item.loss() for market, item in risk.items()}


async def test_an_untouched_fixture_risks_nothing(ledger: AsyncEngine) -> None:
    assert await losses(ledger) == {}


async def test_rows_add_up_to_what_can_be_lost(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"), spec("c2", outcome=112, price="0.47"))
    await claim(ledger, spec("c3", price="0.30"), of=owner(222))
    assert await losses(ledger) == {111: D("23.5"), 222: D(15)}
    await write(ledger, "UPDATE orders SET filled = 20, remaining = 30 WHERE client_order_id = 'c1'")
    assert (await losses(ledger))[111] == D(23)  # 20 held and 30 resting against 111 at 0.46
    await write(ledger, "UPDATE orders SET settlement = 'WON' WHERE client_order_id = 'c1'")
    assert (await losses(ledger))[111] == D("23.5")


async def test_a_hedge_counts_only_once_it_is_accepted(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await write(ledger, "UPDATE orders SET filled = 50, remaining = 0, status = 'FILLED'")
    hedge = Hedge(ledger)
    name = await hedge.bet(1, "25")
    assert (await losses(ledger))[111] == D(23)
    await hedge.report(accepted(name, ("p1", "25", "2.00")))
    assert (await losses(ledger))[111] == D(0)  # locked: 50 - 23 - 25 = 2 either way
    await write(ledger, "UPDATE bets SET settlement = 'VOID'")
    assert (await losses(ledger))[111] == D(23)


async def test_a_refused_hedge_covers_nothing(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await write(ledger, "UPDATE orders SET filled = 50, remaining = 0, status = 'FILLED'")
    hedge = Hedge(ledger)
    await hedge.report(refused(await hedge.bet(1, "25")))
    assert (await losses(ledger))[111] == D(23)


async def test_the_hoped_payout_of_a_bet_still_running_is_no_cover(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await write(ledger, "UPDATE orders SET filled = 50, remaining = 0, status = 'FILLED'")
    hedge = Hedge(ledger)
    name = await hedge.bet(1, "25")
    partly = accepted(name, ("p1", "10", "2.00"), status=BetStatus.PENDING, final=False)
    await hedge.report(partly)
    assert (await rows(ledger, "SELECT payout, placed_stake FROM bets")) == [(D(50), D(10))]
    assert (await losses(ledger))[111] == D(13)  # the outcome happens: 20 - 23 - 10


async def test_dead_orders_are_not_even_looked_at(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await write(ledger, DEAD, fixture=KEY.fixture_id, client=CLIENT)
    async with ledger.connect() as connection:
        await connection.execute(text("ANALYZE orders"))
        plan = await connection.execute(text("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) " + AT_RISK_NOW))
        lines = [str(row[0]) for row in plan]
    assert any("orders_at_risk" in line for line in lines), lines
    assert not any("Rows Removed" in line for line in lines), lines
    assert await losses(ledger) == {111: D(23)}


async def test_what_was_sold_back_is_no_longer_held(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await write(ledger, "UPDATE orders SET filled = 50, remaining = 0, status = 'FILLED'")
    await claim(ledger, spec("u1", size="50", price="0.44", action="sell"))
    await write(ledger, "UPDATE orders SET filled = 50, remaining = 0, status = 'FILLED' WHERE client_order_id = 'u1'")
    assert (await losses(ledger))[111] == D(1)  # bought at 0.46, sold at 0.44


async def test_other_clients_and_fixtures_do_not_count(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await claim(ledger, spec("c2"), of=owner(fixture="id1100013200000002"))
    async with ledger.connect() as connection:
        assert await fixture_risk(connection, "somebody", KEY.fixture_id) == {}
    assert await losses(ledger) == {111: D(23)}
    assert len(await rows(ledger, "SELECT 1 FROM orders")) == 2


@pytest.mark.parametrize("status", ["PENDING_PLACEMENT", "PLACED", "PARTIAL"])
async def test_an_order_counts_from_its_claim_to_its_end(ledger: AsyncEngine, status: str) -> None:
    await claim(ledger, spec("c1"))
    await write(ledger, "UPDATE orders SET status = :status, unknown = true", status=status)
    assert await losses(ledger) == {111: D(23)}

"""What an open line is worth and may lose, against every outcome and every way its open parts may end."""

import asyncio
from contextlib import suppress
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.housekeeping import keep_folding
from overround.ledger.reads.open_lines import OpenLine, total_unrealised
from tests.domain.vectors import D, exactly
from tests.ledger.desk import claim, rows, spec

AMOUNTS = st.decimals(D(0), D(200), places=2)
ODDS = st.decimals(D("1.05"), D(20), places=2)
LINES = st.builds(
    OpenLine,
    contracts=AMOUNTS,
    cost=AMOUNTS,
    fees=AMOUNTS,
    resting=st.just(D(0)),
    stake=AMOUNTS,
    payout=AMOUNTS,
    against=AMOUNTS,
    asked=AMOUNTS,
    odds=ODDS,
)
PRICES = st.decimals(D("0.05"), D("0.95"), places=2)


def worst_by_hand(line: OpenLine) -> Decimal:
    """Over the outcome, another one and none of those backed; with resting orders and asked bets taken or not."""
    worst = D(0)
    for happens, filled, taken in product(("this", "other", "neither"), (False, True), (False, True)):
        gain = -line.cost - line.fees - line.stake
        gain += line.payout if happens == "this" else line.contracts
        gain += line.against if happens == "other" else D(0)
        if filled:
            gain += (D(0) if happens == "this" else line.resting_contracts) - line.resting
        if taken and happens != "this":
            gain -= line.asked  # if it happens the bet only gains: not counting on that is the worst
        worst = min(worst, gain)
    return -worst


@exactly
@given(LINES, AMOUNTS, PRICES)
def test_the_worst_case_is_that_of_the_worst_outcome_and_the_worst_fills(
    line: OpenLine, size: Decimal, price: Decimal
) -> None:
    line.resting_contracts, line.resting = size, size * price
    assert line.worst_case() == worst_by_hand(line)


@exactly
@given(LINES, ODDS)
def test_a_fully_hedged_line_is_worth_the_same_at_any_mark(line: OpenLine, other: Decimal) -> None:
    line.payout, line.against = line.contracts, D(0)
    before = line.unrealised()
    line.odds = other
    assert line.unrealised() == before == line.contracts - line.cost - line.fees - line.stake


@exactly
@given(LINES)
def test_a_line_is_worth_no_less_than_it_can_lose_without_its_open_parts(line: OpenLine) -> None:
    line.resting = line.resting_contracts = line.asked = D(0)
    assert line.unrealised() >= -line.worst_case() - D("0.00000001")


@exactly
@given(st.lists(LINES, max_size=3))
def test_lines_add_up(lines: list[OpenLine]) -> None:
    assert total_unrealised(lines) == sum((line.unrealised() for line in lines), D(0))


def test_nothing_open_is_worth_nothing_and_loses_nothing() -> None:
    assert OpenLine().unrealised() == OpenLine().worst_case() == D(0)


async def _counted(ledger: AsyncEngine) -> list[Any]:
    return await rows(ledger, "SELECT orders FROM order_counts WHERE fixture_id = ''")


async def test_the_api_adds_what_writers_leave_and_goes_on_after_an_error(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    async with ledger.begin() as connection:
        await connection.execute(text("ALTER FUNCTION fold_lists() RENAME TO fold_away"))
    task = asyncio.create_task(keep_folding(ledger, 0.01))
    try:
        await asyncio.sleep(0.1)
        assert await _counted(ledger) == []
        async with ledger.begin() as connection:
            await connection.execute(text("ALTER FUNCTION fold_away() RENAME TO fold_lists"))
        for _ in range(1000):
            if await _counted(ledger):
                break
            await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert await _counted(ledger) == [(1,)]
    assert await rows(ledger, "SELECT 1 FROM order_deltas") == []

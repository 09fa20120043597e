"""Long random scripts against the real ledger, judged by plain arithmetic over what the script did."""

import asyncio
import random
from collections import defaultdict
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.domain.config import TradingConfig
from overround.domain.orders import Order, OrderStatus
from overround.domain.results import Booked
from overround.ledger import orders as ledger_orders
from overround.ledger import settling
from overround.ledger.exposure import fixture_risk
from tests.domain.desk import KEY, settings
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, Hedge, accepted, claim, fill, owner, refused, rows, spec, write

OUTCOMES = (111, 112)
MARKETS = (111, 222)
SEEDS = [1, 2]


def cents(draw: random.Random, low: int, high: int) -> Decimal:
    return D(draw.randint(low, high)) / 100


# -- the worst case, from whatever lies in the tables ----------------------------------------------------------------


class Book:
    """What the script put on one market: held contracts, bets that stand, orders that rest."""

    def __init__(self) -> None:
        self.held: list[tuple[int, Decimal, Decimal]] = []
        self.bets: list[tuple[int, Decimal, Decimal]] = []
        self.open: list[tuple[int, Decimal, Decimal]] = []

    def loss(self) -> Decimal:
        """Every outcome, and one nobody traded, against every set of fills."""
        worst = D(0)
        for happens, fills in product((*OUTCOMES, 0), product((0, 1), repeat=len(self.open))):
            bought = [*self.held, *(item for item, filled in zip(self.open, fills, strict=True) if filled)]
            gain = sum((size * ((outcome != happens) - price) for outcome, size, price in bought), D(0))
            gain += sum(((outcome == happens) * payout - stake for outcome, payout, stake in self.bets), D(0))
            worst = min(worst, gain)
        return -worst


async def order(ledger: AsyncEngine, draw: random.Random, name: str, books: dict[int, Book]) -> None:
    market, outcome = draw.choice(MARKETS), draw.choice(OUTCOMES)
    size, price = D(draw.randint(1, 60)), cents(draw, 5, 95)
    await claim(ledger, spec(name, str(size), str(price), outcome), of=owner(market), config=EASY)
    status = draw.choice(["PLACED", "PARTIAL", "FILLED", "CANCELLED", "FAILED", "settled"])
    filled = {"PLACED": D(0), "FAILED": D(0), "FILLED": size}.get(status, D(draw.randint(0, int(size))))
    open_size = size - filled if status in ("PLACED", "PARTIAL") else D(0)
    await write(
        ledger,
        "UPDATE orders SET status = :status, filled = :filled, remaining = :open, settlement = :word "
        "WHERE client_order_id = :name",
        status="FILLED" if status == "settled" else status, filled=filled, open=open_size, name=name,
        word="WON" if status == "settled" else "UNDECIDED",
    )  # fmt: skip
    if status == "settled":
        return
    books[market].held.append((outcome, filled, price))
    if open_size:
        books[market].open.append((outcome, open_size, price))


async def hedge(ledger: AsyncEngine, draw: random.Random, name: str, books: dict[int, Book]) -> None:
    outcome = draw.choice(OUTCOMES)
    await claim(ledger, spec(name, "1", "0.05", outcome), config=EASY)
    await write(ledger, "UPDATE orders SET settlement = 'WON' WHERE client_order_id = :name", name=name)
    made = Hedge(ledger, name, outcome)
    stake, odds = cents(draw, 100, 5_000), cents(draw, 110, 900)
    request = await made.bet(1, str(stake), str(odds))
    end = draw.choice(["in flight", "refused", "accepted", "settled"])
    if end == "refused":
        await made.report(refused(request))
    elif end != "in flight":
        await made.report(accepted(request, (f"p-{name}", str(stake), str(odds))))
        if end == "settled":
            await write(ledger, "UPDATE bets SET settlement = 'LOST' WHERE request_id = :name", name=request)
        else:
            books[111].bets.append((outcome, stake * odds, stake))


EASY: TradingConfig = settings(max_market_loss=D(10**6), max_fixture_loss=D(10**6))


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_worst_case_of_any_rows_is_that_of_the_worst_outcome(ledger: AsyncEngine, seed: int) -> None:
    draw, books = random.Random(seed), defaultdict[int, Book](Book)
    for number in range(10):
        await order(ledger, draw, f"c{number}", books)
    for number in range(4):
        await hedge(ledger, draw, f"h{number}", books)
    async with ledger.connect() as connection:
        risk = await fixture_risk(connection, CLIENT, KEY.fixture_id)
    assert {market: item.loss() for market, item in risk.items() if item.loss()} == {
        market: item.loss() for market, item in books.items() if item.loss()
    }


# -- projections arrive in any order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_latest_decision_stands_whatever_order_they_arrive_in(ledger: AsyncEngine, seed: int) -> None:
    """Every version decided something else; ten connections write them as they like."""
    draw = random.Random(seed)
    names = ["c1", "c2", "c3"]
    await claim(ledger, *(spec(name) for name in names))
    decided = {
        (name, version): Order(
            spec(name), draw.choice([OrderStatus.PLACED, OrderStatus.PARTIAL]), f"v-{name}", reported=D(version)
        )
        for name, version in product(names, range(1, 11))
    }
    steps = list(decided)
    draw.shuffle(steps)

    async def project(name: str, version: int) -> bool:
        async with ledger.begin() as connection:
            return await ledger_orders.project(connection, owner(), decided[(name, version)], version)

    await asyncio.gather(*(project(*step) for step in steps))
    found = await rows(ledger, "SELECT client_order_id, version, filled, status FROM orders ORDER BY client_order_id")
    assert [(row.client_order_id, row.version, row.filled) for row in found] == [(name, 10, D(10)) for name in names]
    assert [row.status for row in found] == [decided[(name, 10)].status for name in names]


# -- fills and failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_hedge_counts_each_trade_once_and_no_failed_one_in_any_order(ledger: AsyncEngine, seed: int) -> None:
    draw = random.Random(seed)
    await claim(ledger, spec("c1", size="1000"))
    trades = {f"t{at}": D(draw.randint(1, 40)) for at in range(12)}
    broken = set(draw.sample(sorted(trades), 4))
    events = [(name, False) for name in trades] * 2 + [(name, True) for name in broken] * 2
    draw.shuffle(events)
    made = Hedge(ledger)
    for name, failed in events:
        if failed:
            now = await made.fills(failed=[name])
        else:
            now = await made.fills(fill(name, str(trades[name])))
    for name in broken:  # a failure that overtook its trade is told again by the next sweep
        now = await made.fills(failed=[name])
    assert now.target == sum((size for name, size in trades.items() if name not in broken), D(0))
    kept = await rows(ledger, "SELECT venue_fill_id, failed FROM fills")
    assert {row.venue_fill_id for row in kept if not row.failed} == trades.keys() - broken


# -- results, corrected again and again ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_profit_is_the_sum_of_the_last_word_on_everything(ledger: AsyncEngine, seed: int) -> None:
    draw = random.Random(seed)
    names = [f"c{at}" for at in range(6)]
    await claim(ledger, *(spec(name) for name in names), config=EASY)
    last: dict[str, tuple[str, Decimal]] = {}
    revisions: dict[str, int] = dict.fromkeys(names, 0)
    for _ in range(30):
        name = draw.choice(names)
        word, gain = draw.choice([("WON", D("5.40")), ("LOST", D("-23.00")), ("VOID", D("0.04"))])
        item = Booked("order", name, CLIENT, 111, 111, word, None, gain, D(0))
        async with ledger.begin() as connection:
            written = await settling.book(connection, KEY.fixture_id, "settlement:1", "run-1", [item])
        assert written == (last.get(name) != (word, gain)), "the same word again is no revision"
        revisions[name] += written
        last[name] = (word, gain)
    async with ledger.connect() as connection:
        assert await settling.latest_profit(connection, CLIENT) == sum((gain for _, gain in last.values()), D(0))
    found = await rows(
        ledger, "SELECT subject_id, max(revision) AS newest, count(*) AS held, count(supersedes) AS linked "
        "FROM settlements GROUP BY subject_id"
    )  # fmt: skip
    assert {row.subject_id: (row.newest, row.held, row.linked) for row in found} == {
        name: (count, count, count - 1) for name, count in revisions.items() if count
    }
    words = await rows(ledger, "SELECT client_order_id, settlement FROM orders")
    assert {row.client_order_id: row.settlement for row in words} == {
        name: last[name][0] if name in last else "UNDECIDED" for name in names
    }


# -- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_race_of_claims_and_ends_ever_holds_more_than_the_limit(ledger: AsyncEngine, seed: int) -> None:
    """Thirty claims and cancellations at once on two markets of a fixture; the limits hold at every end."""
    draw = random.Random(seed)
    config = settings(max_market_loss=D(60), max_fixture_loss=D(90))
    sizes = {f"c{at}": (D(draw.randint(10, 50)), draw.choice(MARKETS), draw.choice(OUTCOMES)) for at in range(30)}

    async def attempt(name: str) -> None:
        size, market, outcome = sizes[name]
        claims = await claim(ledger, spec(name, str(size), "0.50", outcome), of=owner(market), config=config)
        if name in claims.fresh and draw.random() < 0.4:
            await write(
                ledger, "UPDATE orders SET status = 'CANCELLED', remaining = 0 WHERE client_order_id = :n", n=name
            )

    await asyncio.gather(*(attempt(name) for name in sizes))
    async with ledger.connect() as connection:
        risk = await fixture_risk(connection, CLIENT, KEY.fixture_id)
    losses: list[Any] = [item.loss() for item in risk.values()]
    assert losses
    assert max(losses) <= config.max_market_loss
    assert sum(losses) <= config.max_fixture_loss

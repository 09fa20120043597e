"""Worst-case loss of a client in a fixture, from the rows themselves (pricing sheet, section 4.4).

Every open order may fill or not; a bet in flight counts as not placed. A market's loss is that of its worst outcome; a
fixture's is the sum over its markets.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t
from overround.ledger.live import BET_STANDING, ORDER_AT_RISK

ZERO = Decimal(0)


@dataclass(slots=True)
class MarketRisk:
    """Sums of one market: ``pays[o]`` is what happens in outcome ``o`` on top of ``flat``; ``open`` is lost only if
    ``o`` happens."""

    flat: Decimal = ZERO
    pays: dict[int, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    open: dict[int, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))

    def loss(self) -> Decimal:
        """The worst outcome's loss with every open order filled against us; zero when nothing can be lost."""
        outcomes = self.pays.keys() | self.open.keys()
        worst = min((self.flat + self.pays[o] - self.open[o] for o in outcomes), default=ZERO)
        return max(ZERO, -min(worst, self.flat if outcomes else ZERO))

    def bought(self, outcome: int, size: Decimal, cost: Decimal) -> None:
        """Contracts that pay 1 unless ``outcome`` happens."""
        self.flat += size - cost
        self.pays[outcome] -= size

    def backed(self, outcome: int, payout: Decimal, stake: Decimal) -> None:
        """A bet that returns ``payout`` if ``outcome`` happens."""
        self.flat -= stake
        self.pays[outcome] += payout

    def rests(self, outcome: int, cost: Decimal) -> None:
        """An open order that would cost ``cost``; its upside does not count."""
        self.open[outcome] += cost


def accepted() -> ColumnElement[Decimal]:
    """What a bet surely pays if its outcome happens: until a bet is final ``bets.payout`` is a hope, not a promise."""
    placed = func.round(t.bets.c.placed_stake * func.coalesce(t.bets.c.placed_price, 0), 10)
    return case((t.bets.c.status == "FILLED", t.bets.c.payout), else_=placed)


async def fixture_risk(connection: AsyncConnection, client: str, fixture_id: str) -> dict[int, MarketRisk]:
    """Risk per market of the fixture, settled orders and bets left out; dead orders are not even looked at."""
    risk: dict[int, MarketRisk] = defaultdict(MarketRisk)
    signed = t.orders.c.filled * case((t.orders.c.action == "sell", -1), else_=1)
    rows = await connection.execute(
        select(
            t.orders.c.market_id,
            t.orders.c.outcome_id,
            func.sum(signed).label("size"),
            func.sum(signed * t.orders.c.price).label("cost"),
            func.sum(t.orders.c.remaining * t.orders.c.price).label("open"),
        )
        .where(t.orders.c.client == client, t.orders.c.fixture_id == fixture_id, ORDER_AT_RISK)
        .group_by(t.orders.c.market_id, t.orders.c.outcome_id)
    )
    for row in rows:
        risk[row.market_id].bought(row.outcome_id, row.size, row.cost)
        risk[row.market_id].rests(row.outcome_id, row.open)
    bets = await connection.execute(
        select(
            t.bets.c.market_id,
            t.bets.c.outcome_id,
            func.sum(accepted()).label("payout"),
            func.sum(t.bets.c.placed_stake).label("stake"),
        )
        .where(t.bets.c.client == client, t.bets.c.fixture_id == fixture_id, BET_STANDING)
        .group_by(t.bets.c.market_id, t.bets.c.outcome_id)
    )
    for bet in bets:
        risk[bet.market_id].backed(bet.outcome_id, bet.payout, bet.stake)
    return risk

"""What the ledger tests write: intents, fills and bets, with defaults for what a test does not care about."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.bookmakers.base import BetReport, BetStatus
from overround.domain.config import TradingConfig
from overround.domain.ids import request_id
from overround.domain.markets import MarketKey
from overround.domain.messages import HedgedOrder, HedgeStep, HedgeTotals, Owner, PlacedBet, PlaceOrders
from overround.domain.orders import Fill, OrderSpec
from overround.ledger import hedges, orders
from overround.ledger.accounts import BookmakerLine
from tests.domain.desk import KEY, instrument, settings
from tests.domain.vectors import D

CLIENT = "demo:vertex"
OWNER = "orders:kalshi-demo:id1100013200000001:111"
SECRET = "a secret of the tests"
VERTEX = BookmakerLine("vertex-demo", "vertex", 0, "USD", D(1), D("0.01"))
NOW = 1_800_000_000_000


def owner(market: int = 111, account: str = "kalshi-demo", fixture: str = KEY.fixture_id) -> Owner:
    return Owner(CLIENT, account, account.split("-")[0], fixture, market, 132, "Celtics v Nuggets")


def spec(name: str, size: str = "50", price: str = "0.46", outcome: int = 111, **changes: Any) -> OrderSpec:
    return OrderSpec(
        name, outcome, D(price), D(size), D("1.90"), D(500), NOW, **{"expires_at": NOW // 1000 + 60, "sent_at": NOW,
                                                                     **changes},
    )  # fmt: skip


def request(of: Owner, *specs: OrderSpec, config: TradingConfig | None = None) -> PlaceOrders:
    key = MarketKey(of.fixture_id, of.market_id)
    instruments = tuple(instrument(outcome, key=key) for outcome in sorted({item.outcome_id for item in specs}))
    workflow = f"orders:{of.account_id}:{of.fixture_id}:{of.market_id}"
    return PlaceOrders(of, workflow, "run-1", config or settings(), instruments, specs, NOW)


async def claim(
    ledger: AsyncEngine, *specs: OrderSpec, of: Owner | None = None, config: TradingConfig | None = None
) -> orders.Claims:
    """Claim orders in a transaction of their own."""
    intents = [orders.Intent(item, "{}", None) for item in specs]
    async with ledger.begin() as connection:
        return await orders.claim(connection, request(of or owner(), *specs, config=config), intents)


async def rows(ledger: AsyncEngine, query: str, **values: Any) -> list[Any]:
    async with ledger.connect() as connection:
        return list(await connection.execute(text(query), values))


async def write(ledger: AsyncEngine, query: str, **values: Any) -> None:
    async with ledger.begin() as connection:
        await connection.execute(text(query), values)


def fill(name: str, size: str = "10", price: str = "0.46", fee: str = "0.01", at: int = NOW) -> Fill:
    return Fill(name, D(size), D(price), D(fee), at)


def hedged(name: str = "c1", outcome: int = 111) -> HedgedOrder:
    """The order ``name`` as its hedge knows it."""
    return HedgedOrder(
        CLIENT, "kalshi-demo", "kalshi", name, "orders:1", KEY.fixture_id, 111, outcome, D("0.46"), settings(),
        others=(112 if outcome == 111 else 111,),
    )  # fmt: skip


class Hedge:
    """One order's hedge in the ledger, driven step by step."""

    def __init__(self, ledger: AsyncEngine, name: str = "c1", outcome: int = 111) -> None:
        self.ledger, self.order = ledger, hedged(name, outcome)
        self.workflow = f"hedge:{name}"

    async def fills(self, *fills: Fill, failed: Sequence[str] = ()) -> HedgeTotals:
        async with self.ledger.begin() as connection:
            await hedges.lock(connection, self.order, self.workflow, "run-1")
            await hedges.record_fills(connection, "kalshi-demo", self.order.client_order_id, fills, failed)
            now = await hedges.totals(connection, self.order)
            await hedges.write_totals(connection, self.order, "run-1", now, None)
        return now

    async def totals(self) -> HedgeTotals:
        async with self.ledger.connect() as connection:
            return await hedges.totals(connection, self.order)

    async def bet(
        self, step: int, stake: str, odds: str = "2.00", outcome: int | None = None, *, dust: bool = False
    ) -> str:
        """Claim a bet; its request id."""
        name = request_id(self.workflow, step)
        wanted = hedges.BetIntent(name, outcome or self.order.outcome_id, D(stake), D(odds), D("1.80"), 0)
        taken = HedgeStep(self.order, self.workflow, "run-1", name, 0, (), (), D(0), None, NOW)
        async with self.ledger.begin() as connection:
            await hedges.lock(connection, self.order, self.workflow, "run-1")
            if dust:
                await hedges.claim_dust(connection, self.order, name)
            await hedges.claim_bet(connection, taken, wanted, VERTEX)
        return name

    async def report(self, report: BetReport) -> HedgeTotals:
        async with self.ledger.begin() as connection:
            await hedges.record_report(connection, report)
        return await self.totals()

    async def pool(self, step: int, payout: Decimal) -> None:
        async with self.ledger.begin() as connection:
            await hedges.pool(connection, self.order, step, payout)


def accepted(
    name: str, *parts: tuple[str, str, str], status: BetStatus = BetStatus.FILLED, final: bool = True
) -> BetReport:
    """A report of a bet with parts ``(id, stake, price)``."""
    bets = tuple(PlacedBet(part, f"bk-{part}", D(price), D(stake), "USD", NOW) for part, stake, price in parts)
    return BetReport(name, status, bets, final)


def refused(name: str, reason: str = "price moved") -> BetReport:
    return BetReport(name, BetStatus.REJECTED, (), True, reason=reason)

"""A served paper Polymarket with one two-way and one three-way fixture, and an adapter signed in to it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal

import pytest_asyncio
from starlette.types import ASGIApp, Receive, Scope, Send

from overround.domain.markets import Instrument
from overround.exchanges.base import NativeIds, OrderRef, PlaceRequest, Prepared
from overround.exchanges.polymarket.adapter import Polymarket
from overround.paper.polymarket import PaperPolymarket, Trader
from overround.paper.records import PaperOrder
from overround.paper.store import Store
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome, World
from overround.venues import Account
from tests.exchanges.polymarket.vectors import ADDRESS, KEY, vectors
from tests.support.serve import serve

(WALLETS,) = vectors("wallets")
TRADER = Trader(
    "maker",
    ADDRESS,
    Decimal(1000),
    {1: WALLETS["expected"]["proxy"], 2: WALLETS["expected"]["safe"], 3: WALLETS["expected"]["deposit_beacon"]},
)


def tennis() -> PaperFixture:
    outcomes = [PaperOutcome(111, "1"), PaperOutcome(112, "2")]
    market = PaperMarket(111, "Winner", "moneyline", "result", outcomes)
    return PaperFixture("fx-tennis", 12, "Tennis", 1, "Paper Open", "Ada", "Grace", 2_000_000_000, markets=[market])


def soccer() -> PaperFixture:
    outcomes = [PaperOutcome(101, "1"), PaperOutcome(102, "X"), PaperOutcome(103, "2")]
    market = PaperMarket(101, "Full Time Result", "1x2", "fulltime", outcomes)
    return PaperFixture("fx-soccer", 10, "Soccer", 2, "Paper League", "Reds", "Blues", 2_000_000_000, markets=[market])


def ids_of(fixture: PaperFixture) -> NativeIds:
    """The feed's cross-references as the feed would carry them."""
    native = fixture.native["polymarket"]
    return NativeIds(native.event, None, {int(key): asset for key, asset in native.outcomes.items()})


@dataclass
class Bench:
    """The paper venue under test with its addresses."""

    world: World
    venue: PaperPolymarket
    endpoints: dict[str, str]
    tennis: PaperFixture
    soccer: PaperFixture

    def account(self, **options: str) -> Account:
        return Account("acc", "polymarket", "client", self.endpoints, {"private_key": KEY}, options)

    def arm(self, fault: str, times: int = 1, **details: object) -> None:
        self.world.faults.arm("polymarket", fault, times, **details)

    def sell_into(self, order_id: str, size: str | None = None) -> None:
        """Some taker trades against a resting order."""
        resting = self.world.engine.orders[order_id]
        self.world.engine.place(
            PaperOrder(
                f"taker-{len(self.world.engine.orders)}",
                "polymarket",
                resting.book_id,
                "taker",
                "no" if resting.is_bid else "yes",
                "buy",
                1 - resting.yes_price if resting.is_bid else resting.yes_price,
                Decimal(size) if size else resting.remaining,
                self.world.now_ms(),
                time_in_force="ioc",
            )
        )

    def rest(self, asset_id: str, price: str, size: str, action: str = "buy") -> PaperOrder:
        """Somebody else's resting order."""
        condition = self.venue.assets[asset_id]
        order = PaperOrder(
            f"other-{len(self.world.engine.orders)}",
            "polymarket",
            condition.book_id,
            "taker",
            condition.side_of(asset_id),
            "buy" if action == "buy" else "sell",
            Decimal(price),
            Decimal(size),
            self.world.now_ms(),
        )
        self.world.engine.place(order)
        return order


class Switchboard:
    """One server of the session that serves whichever app the running test plugs in."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{word}.complete"})
        elif self.app is not None:
            await self.app(scope, receive, send)


@dataclass
class Ports:
    boards: dict[str, Switchboard]
    endpoints: dict[str, str]


@pytest_asyncio.fixture(scope="session")
async def ports() -> AsyncIterator[Ports]:
    boards = {name: Switchboard() for name in ("clob", "gamma", "data")}
    async with serve(boards["clob"]) as clob, serve(boards["gamma"]) as gamma, serve(boards["data"]) as data:
        ws = clob.replace("http", "ws", 1)
        endpoints = {"clob": clob, "gamma": gamma, "data": data}
        yield Ports(boards, endpoints | {"user_ws": f"{ws}/ws/user", "market_ws": f"{ws}/ws/market"})


@pytest_asyncio.fixture
async def bench(ports: Ports) -> AsyncIterator[Bench]:
    world = World(Store(None))
    venue = PaperPolymarket(world, [TRADER], mined_after=100, final_after=200, heartbeat_window=0.5)
    world.engine.fund("polymarket", "taker", Decimal(100_000))
    fixtures = [tennis(), soccer()]
    for fixture in fixtures:
        venue.list_fixture(fixture)
        world.tell(fixture, "fixture")
    for name, board in ports.boards.items():
        board.app = getattr(venue, name)
    keeping_time = asyncio.create_task(venue.run())
    yield Bench(world, venue, dict(ports.endpoints), *fixtures)
    keeping_time.cancel()
    await asyncio.gather(keeping_time, return_exceptions=True)


@pytest_asyncio.fixture
async def exchange(bench: Bench) -> AsyncIterator[Polymarket]:
    async with Polymarket(bench.account(timeout="1", ping="0.2", silence="0.6")) as session:
        yield session


@pytest_asyncio.fixture
async def instrument(bench: Bench, exchange: Polymarket) -> Instrument:
    """Buys Grace's token: pays when Ada does not win."""
    market = await exchange.market("fx-tennis", 111, ids_of(bench.tennis))
    return market.instruments[111]


def request_for(instrument: Instrument, name: str = "order-1", price: str = "0.40", size: str = "10") -> PlaceRequest:
    return PlaceRequest(name, instrument, "buy", Decimal(price), Decimal(size))


def ref(prepared: Prepared, placed_at: int = 0) -> OrderRef:
    request = prepared.request
    return OrderRef(
        request.client_order_id,
        prepared.venue_order_id,
        request.instrument,
        placed_at,
        size=request.size,
        price=request.price,
    )

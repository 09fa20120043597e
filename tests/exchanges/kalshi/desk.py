"""A paper Kalshi with one soccer and one basketball game, and what tests do with it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from overround.domain.markets import Instrument
from overround.domain.orders import Accepted
from overround.exchanges.base import NativeIds, OrderRef, PlaceRequest, Prepared
from overround.exchanges.kalshi import Kalshi
from overround.paper.engine import Outcome, PaperOrder
from overround.paper.kalshi import PaperKalshi
from overround.paper.store import Store
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome, World
from overround.venues import Account
from tests.support.serve import serve

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "kalshi.json").read_text())
KEY_ID: str = VECTORS["key_id"]
READER = "22222222-2222-4333-8444-555555555555"
RSA, ED25519 = VECTORS["keys"]["rsa2048"], VECTORS["keys"]["ed25519"]
D = Decimal


def soccer() -> PaperFixture:
    outcomes = [PaperOutcome(101, "1"), PaperOutcome(102, "X"), PaperOutcome(103, "2")]
    market = PaperMarket(101, "Full Time Result", "1x2", "fulltime", outcomes)
    return PaperFixture("fx-1", 10, "Soccer", 7, "League", "Arsenal", "Chelsea", 1_800_000_000, markets=[market])


def basketball() -> PaperFixture:
    outcomes = [PaperOutcome(111, "1"), PaperOutcome(112, "2")]
    market = PaperMarket(111, "Winner", "moneyline", "fulltime", outcomes)
    return PaperFixture("fx-2", 11, "Basketball", 8, "League", "Hawks", "Bulls", 1_800_000_000, markets=[market])


@dataclass
class Bench:
    """A served paper venue and an adapter on it."""

    venue: PaperKalshi
    world: World
    url: str
    kalshi: Kalshi
    football: PaperFixture
    hoops: PaperFixture
    _numbers: Callable[[], int] = field(default_factory=lambda: iter(range(1, 10**6)).__next__)

    def account(self, **options: str) -> Account:
        return account(self.url, **options)

    async def instrument(self, outcome: int = 111) -> Instrument:
        """The position "this outcome does not happen"."""
        fixture = self.hoops if outcome in (111, 112) else self.football
        market = await self.kalshi.market(fixture.fixture_id, fixture.markets[0].market_id, native(fixture))
        return market.instruments[outcome]

    async def request(
        self,
        price: str = "0.40",
        size: str = "10",
        *,
        outcome: int = 111,
        action: Literal["buy", "sell"] = "buy",
        time_in_force: Literal["gtc", "ioc"] = "gtc",
        expires_at: int | None = None,
        client_order_id: str | None = None,
    ) -> PlaceRequest:
        name = client_order_id or f"c-{self._numbers()}"
        instrument = await self.instrument(outcome)
        return PlaceRequest(name, instrument, action, D(price), D(size), time_in_force, expires_at)

    async def prepared(self, *args: Any, **more: Any) -> Prepared:
        return self.kalshi.prepare(await self.request(*args, **more))

    async def placed(self, *args: Any, **more: Any) -> OrderRef:
        """An order that rests (or traded) at the venue."""
        prepared = await self.prepared(*args, **more)
        (result,) = await self.kalshi.place([prepared])
        assert isinstance(result, Accepted), result
        return self.ref(prepared, result.venue_order_id)

    def ref(self, prepared: Prepared, venue_order_id: str | None = None, *, ago: float = 0.0) -> OrderRef:
        """How the engine names an order sent ``ago`` seconds before now."""
        asked, at = prepared.request, int((self.world.clock() - ago) * 1000)
        name = asked.client_order_id
        return OrderRef(name, venue_order_id, asked.instrument, at, asked.expires_at, asked.size, asked.price)

    def counterparty(
        self, outcome: Outcome, price: str, size: str, *, of: int = 111, account: str = "taker", rest: bool = False
    ) -> PaperOrder:
        """Somebody else buys ``outcome`` of a market straight on the engine."""
        fixture = self.hoops if of in (111, 112) else self.football
        named = self.venue.book_of(fixture.fixture_id, of)
        assert named is not None
        self.world.engine.fund("kalshi", account, D(100_000))
        order = PaperOrder(
            order_id=f"taker-{self._numbers()}",
            exchange="kalshi",
            book_id=named[0],
            account=account,
            outcome=outcome,
            action="buy",
            price=D(price),
            size=D(size),
            created_at=self.world.now_ms(),
            time_in_force="gtc" if rest else "ioc",
        )
        self.world.engine.place(order)
        return order


def native(fixture: PaperFixture) -> NativeIds:
    """The feed's ids of the fixture's first market."""
    ids = fixture.native["kalshi"]
    outcomes = {o.outcome_id: ids.outcomes[str(o.outcome_id)] for o in fixture.markets[0].outcomes}
    return NativeIds(ids.event, None, outcomes)


def account(url: str, pem: str = ED25519["test_private_key_pem"], key_id: str = KEY_ID, **options: str) -> Account:
    endpoints = {"rest": f"{url}/trade-api/v2", "ws": url.replace("http", "ws") + "/trade-api/ws/v2"}
    secrets = {"key_id": key_id, "private_key_pem": pem}
    return Account("acc-1", "kalshi", "client-1", endpoints, secrets, {"tier": "prestige", **options})


class Door:
    """One server for many venues: requests go to whichever venue stands behind it now."""

    def __init__(self) -> None:
        self.url = ""
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    @asynccontextmanager
    async def behind(self, app: ASGIApp) -> AsyncIterator[str]:
        self.app = app
        yield self.url


@asynccontextmanager
async def open_bench(
    *, tier: str = "prestige", key: dict[str, str] = ED25519, door: Door | None = None, **venue_options: Any
) -> AsyncIterator[Bench]:
    """A fresh venue behind ``door``, or on a server of its own."""
    world = World(Store(None))
    keys = {KEY_ID: (key["public_key_pem"], "maker"), READER: (key["public_key_pem"], "maker")}
    scopes = {READER: frozenset({"read"})}
    venue = PaperKalshi(world, keys, scopes=scopes, tier=tier, **venue_options)
    world.engine.fund("kalshi", "maker", D(1000))
    football, hoops = soccer(), basketball()
    venue.list_fixture(football)
    venue.list_fixture(hoops)
    pem = key["test_private_key_pem"]
    async with (
        door.behind(venue.app) if door else serve(venue.app) as url,
        Kalshi(account(url, pem, tier=tier), clock=world.clock, timeout=1.5, silence=0.5) as kalshi,
    ):
        yield Bench(venue, world, url, kalshi, football, hoops)
    world.store.close()

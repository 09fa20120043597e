"""A paper Kalshi on a clock moved by hand, reached in memory by members whose requests are signed here."""

import base64
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from overround.paper.engine import Outcome, PaperOrder
from overround.paper.kalshi import PaperKalshi
from overround.paper.store import Store
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome, World
from tests.paper.asgi import Socket, http, socket
from tests.paper.worlds import Clock

D = Decimal
PREFIX = "/trade-api/v2"
ORDERS, GROUPS = "/portfolio/events/orders", "/portfolio/order_groups"
STREAM = "/trade-api/ws/v2"
KEYS = {name: Ed25519PrivateKey.generate() for name in ("ann", "bob")}
HOME, AWAY = 141, 142


def public_pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def football() -> PaperFixture:
    """Two sides; Kalshi charges its makers here and trades in whole cents."""
    outcomes = [PaperOutcome(HOME, "1"), PaperOutcome(AWAY, "2")]
    market = PaperMarket(141, "Winner", "1x2", "result", outcomes)
    return PaperFixture("nfl", 14, "American Football", 31, "NFL", "Bears", "Lions", 1_790_000_000, markets=[market])


def soccer() -> PaperFixture:
    """Three sides on the tapered grid."""
    outcomes = [PaperOutcome(101, "1"), PaperOutcome(102, "X"), PaperOutcome(103, "2")]
    market = PaperMarket(101, "Full Time Result", "1x2", "fulltime", outcomes)
    return PaperFixture("epl", 10, "Soccer", 17, "League", "Everton", "Fulham", 1_790_000_000, markets=[market])


@dataclass
class Member:
    """One signed-in account."""

    desk: "Desk"
    name: str

    def headers(self, method: str, path: str) -> dict[str, str]:
        stamp = str(int(self.desk.clock.now * 1000))
        signature = KEYS[self.name].sign(f"{stamp}{method}{path}".encode())
        return {
            "KALSHI-ACCESS-KEY": self.name,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        content = None if body is None else json.dumps(body)
        headers = self.headers(method, PREFIX + path)
        async with http(self.desk.venue.app) as client:
            return await client.request(method, PREFIX + path, params=query, content=content, headers=headers)

    async def read(self, path: str, **query: Any) -> dict[str, Any]:
        answer = await self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def order(self, side: str, price: str, count: str, **change: Any) -> httpx.Response:
        return await self.call("POST", ORDERS, self.desk.body(side, price, count, **change))

    async def placed(self, side: str, price: str, count: str, **change: Any) -> dict[str, Any]:
        answer = await self.order(side, price, count, **change)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def cash(self) -> Decimal:
        return D((await self.read("/portfolio/balance"))["balance_dollars"])

    def stream(self) -> Any:
        return socket(self.desk.venue.app, STREAM, self.headers("GET", STREAM))


@dataclass
class Desk:
    """The venue with two members, each with 1000 dollars."""

    store: Store = field(default_factory=lambda: Store(None))
    clock: Clock = field(default_factory=Clock)
    tier: str = "prestige"

    def __post_init__(self) -> None:
        self.world = World(self.store, self.clock)
        keys = {name: (public_pem(key), name) for name, key in KEYS.items()}
        self.venue = PaperKalshi(self.world, keys, tier=self.tier)
        self.engine = self.world.engine
        self.fixtures = [football(), soccer()]
        for fixture in self.fixtures:
            self.venue.list_fixture(fixture)
        for name in KEYS:
            self.engine.fund("kalshi", name, D(1000))
        self.ann, self.bob = Member(self, "ann"), Member(self, "bob")

    def restarted(self) -> "Desk":
        """The same venue in a new process."""
        return Desk(self.store, self.clock, self.tier)

    def ticker(self, outcome: int = HOME) -> str:
        native = next(f.native["kalshi"] for f in self.fixtures if str(outcome) in f.native["kalshi"].outcomes)
        return native.outcomes[str(outcome)]

    def body(self, side: str, price: str, count: str, *, of: int = HOME, **change: Any) -> dict[str, Any]:
        body = {"ticker": self.ticker(of), "side": side, "count": count, "price": price}
        more = {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross"}
        return {**body, **more, **change}

    def rest(self, outcome: str, price: str, size: str, *, of: int = HOME, account: str = "house") -> PaperOrder:
        """Somebody outside buys ``outcome`` and rests."""
        side: Outcome = "yes" if outcome == "yes" else "no"
        self.engine.fund("kalshi", account, D(100_000))
        name = f"{account}-{len(self.engine.orders)}"
        book = f"kalshi:{self.ticker(of)}"
        order = PaperOrder(name, "kalshi", book, account, side, "buy", D(price), D(size), self.world.now_ms())
        self.engine.place(order)
        return order

    def resolve(self, home: str, away: str) -> None:
        fixture = self.fixtures[0]
        self.venue.resolve(fixture, fixture.markets[0], {HOME: D(home), AWAY: D(away)})


async def ask(line: Socket, cmd: str, number: int = 1, **params: Any) -> dict[str, Any]:
    """Send a command and take the next frame."""
    await line.send({"id": number, "cmd": cmd, "params": params})
    return await line.frame()

"""A paper Polymarket on a clock moved by hand, reached in memory by traders whose requests are signed here."""

import base64
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from eth_account import Account

from overround.paper.engine import PaperOrder
from overround.paper.polymarket import PaperPolymarket, Trader
from overround.paper.polymarket.listing import Condition
from overround.paper.store import Store
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome, World
from tests.paper.asgi import Socket, http, socket
from tests.paper.worlds import Clock

D = Decimal
SECRETS = {"ann": "0x" + "a1" * 32, "bob": "0x" + "b2" * 32}
WALLETS = {name: Account.from_key(secret).address for name, secret in SECRETS.items()}
EXCHANGES = {False: "0xE111180000d2663C0091e4f400237545B87B996B", True: "0xe2222d279d744050d28e00520010520000310F59"}
NOTHING = "0x" + "00" * 32
FIELDS = (
    ("uint256", "salt"), ("address", "maker"), ("address", "signer"), ("uint256", "tokenId"),
    ("uint256", "makerAmount"), ("uint256", "takerAmount"), ("uint8", "side"), ("uint8", "signatureType"),
    ("uint256", "timestamp"), ("bytes32", "metadata"), ("bytes32", "builder"),
)  # fmt: skip
TYPES = {"Order": [{"type": kind, "name": name} for kind, name in FIELDS]}
LOGIN = {
    "ClobAuth": [
        {"name": "address", "type": "address"},
        {"name": "timestamp", "type": "string"},
        {"name": "nonce", "type": "uint256"},
        {"name": "message", "type": "string"},
    ]
}
PLEDGE = "This message attests that I control the given wallet"


def tennis() -> PaperFixture:
    outcomes = [PaperOutcome(121, "1"), PaperOutcome(122, "2")]
    market = PaperMarket(121, "Winner", "moneyline", "result", outcomes)
    return PaperFixture("atp", 12, "Tennis", 1, "Paper Open", "Ada", "Grace", 1_790_000_000, markets=[market])


def soccer() -> PaperFixture:
    outcomes = [PaperOutcome(101, "1"), PaperOutcome(102, "X"), PaperOutcome(103, "2")]
    market = PaperMarket(101, "Full Time Result", "1x2", "fulltime", outcomes)
    return PaperFixture("epl", 10, "Soccer", 2, "Paper League", "Reds", "Blues", 1_790_000_000, markets=[market])


@dataclass
class Client:
    """One trader; ``sign_in`` before anything private. Signatures live on wall-clock time."""

    desk: "Desk"
    name: str
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def wallet(self) -> str:
        return str(WALLETS[self.name])

    def login(self, nonce: int = 0, stamp: int | None = None) -> dict[str, str]:
        """Level-1 headers."""
        at = str(int(time.time()) if stamp is None else stamp)
        message = {"address": self.wallet, "timestamp": at, "nonce": nonce, "message": PLEDGE}
        domain = {"name": "ClobAuthDomain", "version": "1", "chainId": 137}
        signature = Account.sign_typed_data(SECRETS[self.name], domain, LOGIN, message).signature.hex()
        named = {"POLY_ADDRESS": self.wallet, "POLY_SIGNATURE": f"0x{signature}"}
        return {**named, "POLY_TIMESTAMP": at, "POLY_NONCE": str(nonce)}

    async def sign_in(self) -> "Client":
        answer = await self.desk.send("clob", "POST", "/auth/api-key", headers=self.login())
        if answer.status_code == 400:
            answer = await self.desk.send("clob", "GET", "/auth/derive-api-key", headers=self.login())
        self.keys = answer.json()
        return self

    def headers(self, method: str, path: str, body: str, stamp: int | None = None) -> dict[str, str]:
        """Level-2 headers."""
        at = str(int(time.time()) if stamp is None else stamp)
        key = base64.urlsafe_b64decode(self.keys["secret"])
        mac = hmac.new(key, f"{at}{method}{path}{body}".encode(), hashlib.sha256).digest()
        names = {"POLY_ADDRESS": self.wallet, "POLY_SIGNATURE": base64.urlsafe_b64encode(mac).decode()}
        secrets = {"POLY_API_KEY": self.keys["apiKey"], "POLY_PASSPHRASE": self.keys["passphrase"]}
        return {**names, "POLY_TIMESTAMP": at, **secrets}

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """``body`` as JSON, a text as it is."""
        content = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        headers = self.headers(method, path, content)
        return await self.desk.send("clob", method, path, content=content or None, headers=headers, params=query)

    def order(self, asset: str, side: str, price: str, size: str, kind: str = "GTC", **change: Any) -> dict[str, Any]:
        """A placement's body; ``change`` is made before signing."""
        money, shares = int(D(price) * D(size) * 1_000_000), int(D(size) * 1_000_000)
        amounts = (money, shares) if side == "BUY" else (shares, money)
        values: dict[str, Any] = {
            "salt": next(self.desk.salts), "maker": self.wallet, "signer": self.wallet, "tokenId": asset,
            "makerAmount": amounts[0], "takerAmount": amounts[1], "side": side, "signatureType": 0,
            "timestamp": int(time.time() * 1000), "metadata": NOTHING, "builder": NOTHING,
        } | change  # fmt: skip
        neg_risk = self.desk.venue.assets[asset].neg_risk if asset in self.desk.venue.assets else False
        domain = {"name": "Polymarket CTF Exchange", "version": "2", "chainId": 137}
        signed = {**values, "side": int(side == "SELL"), "tokenId": int(asset)}
        full = {**domain, "verifyingContract": EXCHANGES[neg_risk]}
        signature = Account.sign_typed_data(SECRETS[self.name], full, TYPES, signed).signature.hex()
        text = {name: str(values[name]) for name in ("tokenId", "makerAmount", "takerAmount", "timestamp")}
        order = {**values, **text, "expiration": "0", "signature": f"0x{signature}"}
        return {"order": order, "owner": self.keys["apiKey"], "orderType": kind, "deferExec": False, "postOnly": False}

    async def place(self, asset: str, side: str, price: str, size: str, kind: str = "GTC", **change: Any) -> Any:
        """The answer's body, a refusal's text."""
        answer = await self.call("POST", "/order", self.order(asset, side, price, size, kind, **change))
        return answer.json() if answer.status_code == 200 else answer.json()["error"]

    async def placed(self, *order: str) -> str:
        """The id of an order that was taken."""
        body = await self.place(*order)
        assert isinstance(body, dict), body
        name: str = body["orderID"]
        return name

    async def read(self, path: str, **query: Any) -> Any:
        answer = await self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stream(self) -> Any:
        return socket(self.desk.venue.clob, "/ws/user")

    def hello(self, markets: Any = None) -> dict[str, Any]:
        body = {"type": "user", "auth": dict(self.keys)}
        return body if markets is None else {**body, "markets": markets}


@dataclass
class Desk:
    """The venue with two traders of 1000 dollars each."""

    store: Store = field(default_factory=lambda: Store(None))
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.world = World(self.store, self.clock)
        traders = [Trader(name, wallet, D(1000)) for name, wallet in WALLETS.items()]
        self.venue = PaperPolymarket(self.world, traders, mined_after=1000, final_after=2000)
        self.engine, self.salts = self.world.engine, itertools.count(int(time.time() * 1e6) % 2**50)
        if not self.world.fixtures:
            for fixture in (tennis(), soccer()):
                self.venue.list_fixture(fixture)
                self.world.tell(fixture, "fixture")
        self.engine.fund("polymarket", "house", D(100_000))
        self.ann, self.bob = Client(self, "ann"), Client(self, "bob")

    def restarted(self) -> "Desk":
        """The same venue in a new process; its traders keep their keys."""
        again = Desk(self.store, self.clock)
        again.ann.keys, again.bob.keys = self.ann.keys, self.bob.keys
        return again

    async def send(self, app: str, method: str, path: str, **options: Any) -> httpx.Response:
        async with http(getattr(self.venue, app)) as client:
            return await client.request(method, path, **options)

    async def get(self, app: str, path: str, **query: Any) -> Any:
        answer = await self.send(app, "GET", path, params=query)
        return answer.json() if answer.status_code == 200 else answer.status_code

    def asset(self, outcome: int = 121) -> str:
        fixtures = self.world.fixtures.values()
        native = next(f.native["polymarket"] for f in fixtures if str(outcome) in f.native["polymarket"].outcomes)
        return native.outcomes[str(outcome)]

    def condition(self, outcome: int = 121) -> Condition:
        return self.venue.assets[self.asset(outcome)]

    def rest(self, asset: str, price: str, size: str, *, account: str = "house", **more: Any) -> PaperOrder:
        """Somebody outside buys an asset and rests, or takes what is there."""
        condition = self.venue.assets[asset]
        name = f"{account}-{len(self.engine.orders)}"
        order = PaperOrder(
            name, "polymarket", condition.book_id, account, condition.side_of(asset), "buy", D(price), D(size),
            self.world.now_ms(), **more,
        )  # fmt: skip
        self.engine.place(order)
        return order

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.venue.tick()

    def resolve(self, first: str, fixture: str = "atp") -> None:
        found = self.world.fixtures[fixture]
        one, two = (outcome.outcome_id for outcome in found.markets[0].outcomes)
        self.venue.resolve(found, found.markets[0], {one: D(first), two: 1 - D(first)})


async def market_line(line: Socket, *assets: str) -> list[dict[str, Any]]:
    """Subscribe a market socket; the books it is sent."""
    await line.send({"type": "market", "assets_ids": list(assets)})
    return await line.heard()

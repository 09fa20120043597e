"""The whole engine in one event loop: paper venues on their real wires, worker, streamers, ledger, Temporal.

A test is the source of events: it lists fixtures, moves odds, sends takers and ends matches, and reads what came of it
from the ledger and from the paper world's own books.
"""

import asyncio
import contextlib
import sys
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from eth_account import Account as EthAccount
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.worker import Worker

from activities.control import ControlActivities
from activities.hedges import HedgeActivities
from activities.orders import OrderActivities
from activities.reconcile import ReconcileActivities
from activities.sessions import Sessions
from activities.settlement import SettlementActivities
from activities.unwinding import UnwindActivities
from overround.feed.feed import Feed
from overround.ledger import configs
from overround.ledger.accounts import save_bookmaker_account, save_client, save_exchange_account
from overround.ledger.audit import Audit, audit
from overround.ledger.db import connect
from overround.paper.abp import PaperAbp, Rules
from overround.paper.admin import Admin
from overround.paper.feed import PaperFeed
from overround.paper.kalshi import PaperKalshi
from overround.paper.polymarket import PaperPolymarket, Trader
from overround.paper.store import Store
from overround.paper.takers import Takers
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome, World, plain
from overround.settings import Settings
from overround.venues import Account
from streamers.__main__ import Streamers
from tests.support.serve import serve
from tests.support.waiting import until
from worker import ROLES, build, report

sys.setrecursionlimit(1000)  # eth_account raises it a hundredfold: deeply nested JSON would end the process

CLIENT = "demo:vertex"
SECRET = "a secret of the tests"
FEED_KEY = "0" * 32
ABP_KEY = "abp-key-of-the-tests"
KALSHI_KEY = "11111111-2222-4333-8444-555555555555"
POLYMARKET_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The published throw-away key of the vectors."""
CASH = Decimal(100_000)


class Quiet:
    """A source that does nothing: the test moves the world."""

    paused = False

    def step(self) -> None: ...

    def status(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Workers:
    """One worker of each role, as one."""

    each: list[Worker]

    async def run(self) -> None:
        await asyncio.gather(*(worker.run() for worker in self.each))

    async def shutdown(self) -> None:
        await asyncio.gather(*(worker.shutdown() for worker in self.each))


@dataclass
class Stack:
    """Everything running. ``exchanges`` are the account ids by venue."""

    world: World
    kalshi: PaperKalshi
    polymarket: PaperPolymarket
    abp: PaperAbp
    feed_server: PaperFeed
    database: AsyncEngine
    client: Client
    queue: str
    takers: Takers
    accounts: dict[str, str]
    urls: dict[str, str] = field(default_factory=dict)
    worker: "Workers | None" = None
    worker_task: asyncio.Task[None] | None = None
    streamers: Streamers | None = None
    sessions: list[Any] = field(default_factory=list)

    # -- the world --------------------------------------------------------------------------------------------------

    def fixture(
        self, number: int = 1, *, live: bool = False, odds: tuple[str, str] = ("1.90", "1.95"), tell: bool = True
    ) -> PaperFixture:
        """List a basketball game with a priced winner market on both exchanges, with prices on their books."""
        fixture = PaperFixture(
            f"id11000132{(zlib.crc32(self.queue.encode()) % 900_000 + 100_000)}{number:02d}",
            11,
            "Basketball",
            132,
            "NBA",
            f"Boston Celtics {number}",
            f"Denver Nuggets {number}",
            int(time.time()) + 3600,
            status=1 if live else 0,
            markets=[
                PaperMarket(
                    111,
                    "Winner (incl. overtime)",
                    "moneyline",
                    "result",
                    [PaperOutcome(111, "1"), PaperOutcome(112, "2")],
                )
            ],
            scores={"result": (0, 0)},
        )
        for exchange in self.world.exchanges.values():
            exchange.list_fixture(fixture)
        self.price(fixture, odds, tell=False)
        self.world.fixtures[fixture.fixture_id] = fixture
        self.takers.step(time.monotonic(), {fixture.fixture_id: {111: 0.5, 112: 0.5}})
        if tell:
            self.announce(fixture)
        return fixture

    def announce(self, fixture: PaperFixture) -> None:
        """Let the feed tell of a fixture and its odds."""
        for topic in ("fixture", "bookmaker", "odds"):
            self.world.tell(fixture, topic)

    def sells(self, venue: str, fixture: PaperFixture, outcome: int, order: Any) -> bool:
        """Does ``order`` of ours sell ``outcome``: would somebody who buys it trade with us?"""
        book = self.world.exchanges[venue].book_of(fixture.fixture_id, outcome)
        return book is not None and book[0] == order.book_id and (book[1] == "yes") != order.is_bid

    def price(self, fixture: PaperFixture, odds: tuple[str, str], *, tell: bool = True) -> None:
        """Move the bookmaker's odds of both sides."""
        for outcome, price in zip(fixture.markets[0].outcomes, odds, strict=True):
            outcome.price, outcome.changed_at = Decimal(price), self.world.now_ms()
        if tell:
            self.world.tell(fixture, "odds", 111)

    def take(self, venue: str, fixture: PaperFixture, outcome: int, size: str, limit: float = 0.99) -> Decimal:
        """Somebody buys ``outcome`` on ``venue`` from whoever sells it cheapest; the size traded."""
        spot = self.takers.spot(venue, fixture.fixture_id, outcome, 0.5)
        assert spot is not None
        return sum(
            (t.size for t in self.takers.take("noise", spot, buy=True, limit=limit, size=Decimal(size))), Decimal(0)
        )

    def finish(self, fixture: PaperFixture, score: tuple[int, int] = (101, 99), *, cancelled: bool = False) -> None:
        """End the match: the bookmaker and both exchanges settle."""
        fixture.status = 3 if cancelled else 2
        fixture.scores["result"] = score
        home = score[0] > score[1]
        market = fixture.markets[0]
        words: dict[int, Any] = {111: "WIN" if home else "LOSE", 112: "LOSE" if home else "WIN"}
        market.results = dict.fromkeys(words, "CANCELLED") if cancelled else words
        market.active = False
        self.world.tell(fixture, "fixture")
        self.world.tell(fixture, "odds", 111)
        half = Decimal("0.5")
        values = {111: half, 112: half} if cancelled else {111: Decimal(home), 112: Decimal(not home)}
        for exchange in self.world.exchanges.values():
            exchange.resolve(fixture, market, values)

    def witness(self) -> Any:
        """The paper world's own books."""
        return Admin(self.world, Quiet(), self.abp.witness).witness(house=False)

    def ours(self, venue: str) -> list[Any]:
        """Our open orders in the venue's own books."""
        return self.world.engine.open_orders(venue, "demo")

    # -- the engine -------------------------------------------------------------------------------------------------

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.database.connect() as connection:
            return list(await connection.execute(text(query), values))

    async def one(self, query: str, **values: Any) -> Any:
        return (await self.rows(query, **values))[0][0]

    async def quoted(self, fixture: PaperFixture, orders: int = 2) -> None:
        """Wait until both exchanges hold at least ``orders`` of ours and the ledger knows them as placed."""

        async def placed() -> bool:
            known = await self.one(
                "SELECT count(*) FROM orders WHERE fixture_id = :f AND status = 'PLACED'", f=fixture.fixture_id
            )
            return bool(known >= 2 * orders)

        await until(placed, "both exchanges quoted")

    async def hedged(self, fills: int = 1) -> None:
        """Wait until that many fills are recorded and every hedge is done."""

        async def done() -> bool:
            recorded = await self.one("SELECT count(*) FROM fills WHERE NOT failed")
            busy = await self.one("SELECT count(*) FROM hedges WHERE state <> 'DONE'")
            filled = await self.one("SELECT count(*) FROM orders WHERE filled > 0 AND action = 'buy'")
            hedges = await self.one("SELECT count(*) FROM hedges")
            return bool(recorded >= fills and busy == 0 and hedges >= filled)

        await until(done, "every fill hedged")

    async def check(self, seconds: float = 10.0) -> Audit:
        """Hold the ledger against the paper world's own books; fails with every difference that stays."""
        end = time.monotonic() + seconds
        while True:
            async with self.database.connect() as connection:
                result = await audit(connection, plain(self.witness()))
            if result.clean or time.monotonic() > end:
                break
            await asyncio.sleep(0.1)
        assert result.clean, "\n".join([result.summary(), *result.findings])
        return result

    async def start_worker(self) -> None:
        """Start (or replace) the workers."""
        sessions = Sessions(self.database, SECRET)
        feed = _rest(self.urls["feed"])
        self.sessions += [sessions, feed]
        parts = [
            OrderActivities(self.database, sessions),
            HedgeActivities(self.database, sessions),
            UnwindActivities(self.database, sessions),
            SettlementActivities(self.database, sessions, feed, self.client),
            ReconcileActivities(self.database, sessions, self.client),
            ControlActivities(self.database, self.client),
        ]
        self.worker = Workers([build(self.client, role, parts, self.queue) for role in ROLES.values()])
        self.worker_task = asyncio.create_task(self.worker.run())


def _rest(base: str) -> Any:
    from overround.feed.rest import FeedRest

    return FeedRest(SecretStr(FEED_KEY), f"{base}/en", per_minute=6000)


async def _seed(stack: Stack, accounts: list[Account], bookmaker: Account, config: dict[str, Any]) -> None:
    async with stack.database.begin() as connection:
        await save_client(connection, CLIENT, "Demo", "vertex")
        for account in accounts:
            await save_exchange_account(connection, account, SECRET)
        await save_bookmaker_account(connection, bookmaker, SECRET, bookmaker="vertex")
        await configs.save(connection, CLIENT, configs.DEFAULT, {"outcomes": [111, 112], **config}, "test")


@asynccontextmanager
async def running_stack(
    database_url: str,
    client: Client,
    queue: str,
    *,
    rules: Rules | None = None,
    venues: tuple[str, ...] = ("kalshi", "polymarket"),
    config: dict[str, Any] | None = None,
    worker: bool = True,
    streamers: bool = True,
) -> AsyncIterator[Stack]:
    """A running stack on fresh paper venues and the given database."""
    world = World(Store(None))
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    kalshi = PaperKalshi(world, {KALSHI_KEY: (public, "demo")}, tier="prime")
    world.engine.fund("kalshi", "demo", CASH)
    polymarket = PaperPolymarket(
        world, [Trader("demo", EthAccount.from_key(POLYMARKET_KEY).address, CASH)], mined_after=100, final_after=200
    )
    abp = PaperAbp(world, {ABP_KEY: CLIENT}, rules or Rules(refusal_rate=0.0, live_delay=0.1))
    feed_server = PaperFeed(world, [FEED_KEY])
    world.exchanges = {"kalshi": kalshi, "polymarket": polymarket}
    async with AsyncExitStack() as up:
        urls = {
            "kalshi": await up.enter_async_context(serve(kalshi.app)),
            "clob": await up.enter_async_context(serve(polymarket.clob)),
            "gamma": await up.enter_async_context(serve(polymarket.gamma)),
            "data": await up.enter_async_context(serve(polymarket.data)),
            "abp": await up.enter_async_context(serve(abp.app)),
            "feed": await up.enter_async_context(serve(feed_server.app)),
        }
        database = connect(database_url, pool=10)
        up.push_async_callback(database.dispose)
        accounts = [item for item in _accounts(queue, urls, private) if item.venue in venues]
        stack = Stack(
            world, kalshi, polymarket, abp, feed_server, database, client, queue, Takers(world),
            {item.venue: item.account_id for item in accounts}, urls,
        )  # fmt: skip
        bookmaker = Account(
            "vertex-demo", "abp", CLIENT, {"rest": urls["abp"], "ws": _ws(urls["abp"], "/ws")}, {"api_key": ABP_KEY}
        )
        await _seed(stack, accounts, bookmaker, config or {})
        housekeeping = asyncio.create_task(world.housekeeping())
        reporting = asyncio.create_task(report(client, database, tuple(ROLES), asyncio.Event()))
        if worker:
            await stack.start_worker()
        feed = Feed(SecretStr(FEED_KEY), f"{urls['feed']}/en", _ws(urls["feed"], "/ws"), per_minute=6000)
        tasks = [housekeeping, reporting]
        if streamers:
            await up.enter_async_context(feed)
            settings = Settings(secret_key=SecretStr(SECRET), database_url=database_url)
            stack.streamers = Streamers(settings, feed, client, database, queue=queue)
            ready = asyncio.Event()
            work = asyncio.create_task(stack.streamers.run(ready))
            tasks.append(work)
            await asyncio.wait([work, asyncio.create_task(ready.wait())], timeout=20, return_when="FIRST_COMPLETED")
            if work.done():
                work.result()
        try:
            yield stack
        finally:
            if stack.worker is not None and stack.worker_task is not None:
                await stack.worker.shutdown()
                await stack.worker_task
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            if stack.streamers is not None:
                await stack.streamers.close()
            for session in stack.sessions:
                await session.close()


def _ws(url: str, path: str) -> str:
    return url.replace("http", "ws", 1) + path


def _accounts(queue: str, urls: dict[str, str], kalshi_key: str) -> list[Account]:
    """Accounts named after the test's queue: workflow ids of two tests must never meet."""
    return [
        Account(
            f"kalshi-{queue}",
            "kalshi",
            CLIENT,
            {"rest": f"{urls['kalshi']}/trade-api/v2", "ws": _ws(urls["kalshi"], "/trade-api/ws/v2")},
            {"key_id": KALSHI_KEY, "private_key_pem": kalshi_key},
            {"tier": "prime"},
        ),
        Account(
            f"polymarket-{queue}",
            "polymarket",
            CLIENT,
            {
                "clob": urls["clob"],
                "gamma": urls["gamma"],
                "data": urls["data"],
                "user_ws": _ws(urls["clob"], "/ws/user"),
                "market_ws": _ws(urls["clob"], "/ws/market"),
            },
            {"private_key": POLYMARKET_KEY},
            {"signature_type": "0"},
        ),
    ]

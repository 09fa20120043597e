"""A paper bookmaker with one fixture, and an adapter connected to it over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid5

from overround.bookmakers.abp.adapter import Abp
from overround.bookmakers.base import BetReport, BetRequest
from overround.paper.abp import PaperAbp, Rules
from overround.paper.store import Store
from overround.paper.world import OutcomeResult, PaperFixture, PaperMarket, PaperOutcome, World
from overround.venues import Account
from tests.support.serve import serve

FIXTURE, HOME, DRAW, AWAY = "id1000000861624412", 101, 102, 103
KEY, OTHER_KEY = "key-of-demo", "key-of-other"
SPACE = UUID("3f2c9a10-1111-4222-8333-444455556666")
T = TypeVar("T")


class Clock:
    """Wall time plus whatever a test has skipped."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def fixture() -> PaperFixture:
    outcomes = [
        PaperOutcome(HOME, "1", Decimal("2.10"), Decimal(100)),
        PaperOutcome(DRAW, "X", Decimal("3.4")),
        PaperOutcome(AWAY, "2", Decimal("3.755")),
    ]
    market = PaperMarket(101, "Full Time Result", "1x2", "fulltime", outcomes)
    return PaperFixture(FIXTURE, 10, "Soccer", 17, "Premier League", "Home", "Away", 1_900_000_000, markets=[market])


def request_id(number: int) -> str:
    return str(uuid5(SPACE, str(number)))


@dataclass(slots=True)
class Desk:
    """The world, its bookmaker and our adapter. ``rest`` and ``ws`` are the bookmaker's own URLs."""

    world: World
    paper: PaperAbp
    abp: Abp
    rest: str
    clock: Clock
    _number: int = field(default=0)

    @property
    def match(self) -> PaperFixture:
        return self.world.fixtures[FIXTURE]

    @property
    def home(self) -> PaperOutcome:
        return self.match.market(101).outcome(HOME)

    def bet(self, stake: str = "50", price: str = "2.00", *, seconds: float = 5.0, book: str = "vertex") -> BetRequest:
        """A new request on HOME, expiring so many seconds from now."""
        self._number += 1
        expires = int((self.clock() + seconds) * 1000)
        return BetRequest(request_id(self._number), FIXTURE, HOME, Decimal(price), Decimal(stake), book, expires)

    def balance(self, bookmaker: str = "vertex") -> Decimal:
        return self.paper.books.account("demo", bookmaker).balance

    def result(self, home: OutcomeResult) -> None:
        """Settle the market with this result for HOME."""
        self.match.status = 2
        self.match.market(101).results = {HOME: home, DRAW: "LOSE", AWAY: "LOSE"}
        self.world.tell(self.match, "fixture")


def account(rest: str, key: str = KEY, **options: str) -> Account:
    ws = rest.replace("http", "ws", 1) + "/ws"
    return Account("abp-1", "abp", "demo", {"rest": rest, "ws": ws}, {"api_key": key}, {"timeout": "2", **options})


def calm(**changes: object) -> Rules:
    """Rules without chance, and short delays."""
    values: dict[str, object] = {"refusal_rate": 0.0, "live_delay": 0.1, "retry_seconds": 0.02, **changes}
    return Rules(**values)  # type: ignore[arg-type]


@asynccontextmanager
async def desk(
    rules: Rules | None = None, path: Path | None = None, through: Callable[[str], str] | None = None, **options: str
) -> AsyncIterator[Desk]:
    """``through`` maps the bookmaker's URL to the one the adapter uses (a proxy's)."""
    clock = Clock()
    world = World(Store(path), clock)
    if FIXTURE not in world.fixtures:
        world.tell(fixture(), "fixture")
    paper = PaperAbp(world, {KEY: "demo", OTHER_KEY: "other"}, rules or calm())
    async with serve(paper.app) as rest, Abp(account(through(rest) if through else rest, **options), clock) as abp:
        yield Desk(world, paper, abp, rest, clock)
    world.store.close()


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 15.0) -> T:
    """Ask again until the answer is good."""
    async with asyncio.timeout(seconds):
        answer = await ask()
        while not good(answer):
            await asyncio.sleep(0.01)
            answer = await ask()
        return answer


async def final(abp: Abp, request: str) -> BetReport:
    """The report of a request once nothing more can happen to it."""
    report = await until(lambda: abp.find(request), lambda found: found is not None and found.final)
    assert report is not None
    return report

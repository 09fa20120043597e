"""A paper bookmaker on a clock moved by hand, reached in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx

from overround.paper.abp import PaperAbp, Rules
from overround.paper.store import Store
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome, World
from tests.paper.asgi import http, socket
from tests.paper.worlds import Clock

D = Decimal
KEYS = {"key-ann": "ann", "key-bob": "bob"}
FIXTURE, HOME, DRAW, AWAY = "id1000001762000001", 101, 102, 103
QUICK: dict[str, Any] = {"refusal_rate": 0.0, "live_delay": 0.03, "retry_seconds": 0.002, "rate_per_second": 10_000}


def soccer() -> PaperFixture:
    outcomes = [
        PaperOutcome(HOME, "1", D("2.10"), D(100)),
        PaperOutcome(DRAW, "X", D("3.40"), D(100)),
        PaperOutcome(AWAY, "2", D("3.755"), D(100)),
    ]
    market = PaperMarket(101, "Full Time Result", "1x2", "fulltime", outcomes)
    return PaperFixture(FIXTURE, 10, "Soccer", 17, "League", "Reds", "Blues", 1_790_000_000, markets=[market])


@dataclass
class Desk:
    """The bookmaker with one open match."""

    rules: Rules
    store: Store = field(default_factory=lambda: Store(None))
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.world = World(self.store, self.clock)
        if FIXTURE not in self.world.fixtures:
            self.world.tell(soccer(), "fixture")
        self.paper = PaperAbp(self.world, dict(KEYS), self.rules)
        self._numbers = iter(range(1, 10**6))

    @property
    def match(self) -> PaperFixture:
        return self.world.fixtures[FIXTURE]

    def outcome(self, outcome_id: int = HOME) -> PaperOutcome:
        return self.match.market(101).outcome(outcome_id)

    async def call(self, method: str, path: str, body: Any = None, *, key: str = "key-ann", **query: Any) -> Any:
        """The answer; a text goes as it is."""
        content = body if body is None or isinstance(body, str) else json.dumps(body)
        async with http(self.paper.app) as client:
            return await client.request(method, path, params=query, content=content, headers={"X-API-Key": key})

    async def read(self, path: str, *, key: str = "key-ann", **query: Any) -> Any:
        answer: httpx.Response = await self.call("GET", path, key=key, **query)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    def order(self, stake: Any = 50, price: Any = 2.0, **change: Any) -> dict[str, Any]:
        body = {
            "requestUuid": str(UUID(int=next(self._numbers))), "fixtureId": FIXTURE, "outcomeId": HOME, "playerId": 0,
            "orderPrice": price, "orderStake": stake, "bookmakers": "vertex",
        }  # fmt: skip
        return {**body, **change}

    async def place(self, *orders: dict[str, Any], key: str = "key-ann") -> Any:
        answer: httpx.Response = await self.call("POST", "/place-orders", {"orders": list(orders)}, key=key)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    async def placed(self, stake: Any = 50, price: Any = 2.0, **change: Any) -> dict[str, Any]:
        """An order that was accepted."""
        (order,) = (await self.place(self.order(stake, price, **change)))["acceptedOrders"]
        found: dict[str, Any] = order
        return found

    async def at_rest(self) -> None:
        """Until no order waits for anything; the clock must have been moved past what they wait for."""
        if tasks := list(self.paper._router._tasks.values()):
            _, waiting = await asyncio.wait(tasks, timeout=3)
            assert not waiting

    def settle(self, home: Any) -> None:
        self.match.status = 2
        self.match.market(101).results = {HOME: home, DRAW: "LOSE", AWAY: "LOSE"}
        self.world.tell(self.match, "fixture")

    def stream(self) -> Any:
        return socket(self.paper.app, "/ws")


@asynccontextmanager
async def open_desk(store: Store | None = None, clock: Clock | None = None, **rules: Any) -> AsyncIterator[Desk]:
    """A running desk; what it does in the background ends with it."""
    made = Desk(Rules(**{**QUICK, **rules}), store or Store(None), clock or Clock())
    async with made.paper.app.router.lifespan_context(made.paper.app):
        yield made

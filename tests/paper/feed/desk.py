"""The paper feed in memory, on a world whose clock is moved by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from overround.paper.feed import PaperFeed
from overround.paper.feed.limits import Limits
from overround.paper.store import Store
from overround.paper.world import NativeIds, PaperFixture, PaperMarket, PaperOutcome, World
from tests.paper.asgi import Socket, http, socket
from tests.paper.worlds import Clock

KEY = "feed-key"
CONFLATED = 0.02
"""Seconds in which the gateway has sent what it gathers."""


def fixture(number: int = 1, sport: int = 10, **change: Any) -> PaperFixture:
    """A two-way market of any sport, listed on Kalshi."""
    fixture_id = f"id{sport}00001762{number:06d}"
    first = sport * 10 + 1
    outcomes = [PaperOutcome(first, "1", Decimal("1.91")), PaperOutcome(first + 1, "2", Decimal("2.01"))]
    market = PaperMarket(first, "Winner", "moneyline", "result", outcomes)
    ids = {str(first): f"K-{number}-1", str(first + 1): f"K-{number}-2"}
    values: dict[str, Any] = {
        "sport": "A sport", "tournament_id": 17, "tournament": "A league", "participant1": f"Home {number}",
        "participant2": f"Away {number}", "start_time": 1_790_000_000 + number, "markets": [market],
        "native": {"kalshi": NativeIds(f"KX-{number}", dict(ids), dict(ids))},
    } | change  # fmt: skip
    return PaperFixture(fixture_id, sport, **values)


@dataclass
class Desk:
    store: Store = field(default_factory=lambda: Store(None))
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.world = World(self.store, self.clock)
        self.paper = PaperFeed(self.world, [KEY], limits=Limits(10**6, 10**6))

    def tell(self, *fixtures: PaperFixture, topic: Any = "fixture") -> None:
        for item in fixtures:
            self.world.tell(item, topic)

    async def get(self, path: str, **query: Any) -> Any:
        """The body of a good answer, the machine code of a refusal."""
        async with http(self.paper.app) as client:
            answer = await client.get(f"/en{path}", params=query, headers={"X-API-Key": KEY})
        return answer.json() if answer.status_code == 200 else answer.json()["code"]

    @asynccontextmanager
    async def joined(self, **login: Any) -> AsyncIterator[Socket]:
        """A socket that is logged in."""
        async with socket(self.paper.app, "/ws") as line:
            await line.send({"type": "login", "apiKey": KEY} | login)
            assert (await line.frame())["type"] == "login_ok"
            yield line


def channels(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["channel"] for frame in frames]

"""Fakes of what streamers talk to: an exchange, sessions, a Temporal client, a feed."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from temporalio.service import RPCError, RPCStatusCode

from overround.domain.markets import MarketBook
from overround.exchanges.base import NativeIds, VenueContract, VenueMarket
from overround.feed.messages import Fixture
from tests.domain.desk import KEY, book, instrument
from tests.domain.vectors import D

NAMES = {111: "Celtics", 112: "Nuggets"}
IDS = NativeIds("KXNBA", "KXNBA", {111: "KXNBA-CEL", 112: "KXNBA-NUG"})


def venue_market(first: str = "Celtics", second: str = "Nuggets", mid: str = "0.51", **changes: Any) -> VenueMarket:
    """The venue's metadata: open, both labels right, prices near the bookmaker's."""
    contracts = {
        outcome: VenueContract(f"K-{label}", label, price - D("0.01"), price + D("0.01"))
        for outcome, label, price in ((111, first, D(mid)), (112, second, 1 - D(mid)))
    }
    values: dict[str, Any] = {
        "venue_market": "KXNBA", "title": "Celtics v Nuggets", "participants": tuple(NAMES.values()),
        "starts_at": None, "open": True, "contracts": contracts,
        "instruments": {outcome: instrument(outcome) for outcome in NAMES},
    }  # fmt: skip
    return VenueMarket(**{**values, **changes})


@dataclass
class FakeExchange:
    """Answers ``market`` with ``says`` (an exception is raised) and counts what it is asked."""

    says: VenueMarket | Exception = field(default_factory=venue_market)
    asked: int = 0
    cancelled: int = 0
    failures: list[Exception] = field(default_factory=list)

    async def market(self, fixture_id: str, market_id: int, ids: NativeIds) -> VenueMarket:
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def cancel_all(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.cancelled += 1


class FakeSessions:
    """Sessions by account id; one that is missing cannot be opened."""

    def __init__(self, **exchanges: FakeExchange) -> None:
        self.exchanges = exchanges

    async def exchange(self, account_id: str) -> FakeExchange:
        return self.exchanges[account_id.split("-")[0]]


@dataclass
class FakeTemporal:
    """Records signals and starts. ``alive`` are the workflows that exist; ``failures`` are raised one by one."""

    alive: set[str] = field(default_factory=set)
    told: list[tuple[str, str, Any]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def get_workflow_handle(self, workflow_id: str) -> Any:
        async def signal(name: str, argument: Any) -> None:
            self._fail()
            if workflow_id not in self.alive:
                raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")
            self.told.append((workflow_id, name, argument))

        return SimpleNamespace(signal=signal)

    async def start_workflow(self, name: str, argument: Any, **options: Any) -> None:
        self._fail()
        self.alive.add(options["id"])
        self.told.append((options["id"], f"start+{options.get('start_signal')}", options.get("start_signal_args")))

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class FakeFeed:
    """One fixture with one market; a test moves its book."""

    now: MarketBook = field(default_factory=book)
    fixture: Fixture | None = field(
        default_factory=lambda: Fixture(
            KEY.fixture_id, 1, 11, "Basketball", 132, "NBA", 1_800_000_000, NAMES[111], NAMES[112]
        )
    )
    clock: int = 1_000

    @property
    def state(self) -> Any:
        market = SimpleNamespace(outcomes={111: "1", 112: "2"}, name="Winner")
        return SimpleNamespace(
            fixture=lambda _: self.fixture,
            fixtures=lambda: [self.fixture] if self.fixture else [],
            markets_of=lambda _: [KEY.market_id],
            catalogue={KEY.market_id: market},
            book=lambda *_: self.now,
            native_ids=lambda *_: IDS,
        )

    def now_ms(self) -> int:
        return self.clock

    def price(self, first: str, second: str = "1.95", limit: str = "500") -> None:
        """Move the odds."""
        old = self.now
        prices = tuple(
            replace(item, price=D(odds), limit=D(limit))
            for item, odds in zip(old.outcomes, (first, second), strict=True)
        )
        self.now = replace(old, outcomes=prices, pull=None)

    def pull(self, reason: str | None) -> None:
        self.now = replace(self.now, pull=reason)

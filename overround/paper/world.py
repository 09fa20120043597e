"""The paper world: fixtures, their bookmaker prices, and the one engine under every paper venue.

A *source* (the match simulator or a recording) changes fixtures and calls ``tell``; the paper feed, exchanges and
bookmaker react. Nothing here imports an adapter.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from overround.paper.engine import Engine
from overround.paper.store import Store

Topic = Literal["fixture", "odds", "bookmaker", "scores", "clock"]
OutcomeResult = Literal["WIN", "LOSE", "PUSH", "CANCELLED"]


@dataclass(slots=True)
class PaperOutcome:
    """A bookmaker outcome: ``price`` decimal odds (None without a price), ``limit`` the largest stake taken."""

    outcome_id: int
    name: str
    price: Decimal | None = None
    limit: Decimal = Decimal("500")
    active: bool = True
    changed_at: int = 0


@dataclass(slots=True)
class PaperMarket:
    """A market of a fixture. ``winners`` outcomes win. ``results`` is empty until it is settled."""

    market_id: int
    name: str
    market_type: str
    period: str
    outcomes: list[PaperOutcome]
    handicap: Decimal | None = None
    winners: int = 1
    active: bool = True
    results: dict[int, OutcomeResult] = field(default_factory=dict)

    def outcome(self, outcome_id: int) -> PaperOutcome:
        return next(o for o in self.outcomes if o.outcome_id == outcome_id)


@dataclass(slots=True)
class NativeIds:
    """What an exchange calls this fixture's market: cross-references filled by the paper exchange that lists it."""

    event: str
    markets: dict[str, str] = field(default_factory=dict)
    """feed outcome id (as text) to the exchange's market id (Kalshi ticker, Polymarket condition id)."""
    outcomes: dict[str, str] = field(default_factory=dict)
    """feed outcome id (as text) to the exchange's own id of *that outcome* (Kalshi ticker, Polymarket token id)."""


@dataclass(slots=True)
class PaperFixture:
    """A fixture as the feed and every venue see it. ``status`` 0 pregame, 1 live, 2 finished, 3 cancelled; times in
    epoch seconds unless named otherwise. ``scores`` is period to (participant 1, participant 2)."""

    fixture_id: str
    sport_id: int
    sport: str
    tournament_id: int
    tournament: str
    participant1: str
    participant2: str
    start_time: int
    status: int = 0
    markets: list[PaperMarket] = field(default_factory=list)
    scores: dict[str, tuple[int, int]] = field(default_factory=dict)
    clock: dict[str, Any] = field(default_factory=dict)
    bookmaker: str = "vertex"
    has_odds: bool = True
    stale: bool = False
    suspended: bool = False
    native: dict[str, NativeIds] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def market(self, market_id: int) -> PaperMarket:
        return next(m for m in self.markets if m.market_id == market_id)


@dataclass(frozen=True, slots=True)
class Changed:
    """Something of a fixture changed; ``market_id`` narrows an odds change to one market."""

    fixture: PaperFixture
    topic: Topic
    market_id: int | None = None


class PaperExchange(Protocol):
    """A paper exchange as a source of fixtures sees it. ``values`` below are what each outcome's own contract pays."""

    name: str

    def list_fixture(self, fixture: PaperFixture) -> None:
        """Create markets and books for the fixture and fill ``fixture.native[self.name]``; harmless to repeat."""
        ...

    def suspend(self, fixture: PaperFixture, suspended: bool) -> None:
        """Halt or resume trading of the fixture where the venue does so in play."""
        ...

    def resolve(self, fixture: PaperFixture, market: PaperMarket, values: dict[int, Decimal]) -> None:
        """Close and pay the market: outcome id to the value of its YES contract (1, 0, 0.5, or a refund value)."""
        ...

    def book_of(self, fixture_id: str, outcome_id: int) -> tuple[str, Literal["yes", "no"]] | None:
        """The engine book and side that mean "this outcome happens"; None when not listed."""
        ...


class Faults:
    """Misbehaviour on request: ``arm`` a fault of a venue a number of times, the venue asks ``fires`` at the moment.

    Known names: ``request_lost`` (connection closed, nothing done), ``answer_lost`` (accepted, connection closed
    without an answer), ``answer_late`` (``seconds``), ``error_accepted`` (5xx although accepted), ``fill_first``
    (fills reach the stream before the placement's answer), ``fill_twice``, ``fill_late`` (``seconds``),
    ``trade_fails``, ``stream_frozen`` (``seconds`` without frames), ``stream_cut`` (socket closed), ``page_short``
    (an incomplete page followed by an error), ``rate_limited``, ``maintenance`` (``seconds``), ``refuse``
    (``code``), ``bad_frame`` (an unreadable stream frame).
    """

    def __init__(self) -> None:
        self._armed: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
        self.fired: list[tuple[str, str]] = []

    def arm(self, venue: str, fault: str, times: int = 1, **details: Any) -> None:
        self._armed[(venue, fault)] = (times, details)

    def fires(self, venue: str, fault: str) -> dict[str, Any] | None:
        """The fault's details, once per armed time; None when it does not fire."""
        times, details = self._armed.get((venue, fault), (0, {}))
        if times <= 0:
            return None
        self._armed[(venue, fault)] = (times - 1, details)
        self.fired.append((venue, fault))
        return details


class World:
    """Everything paper venues share."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.store = store
        self.engine = Engine(store, self.now_ms)
        self.faults = Faults()
        self.fixtures: dict[str, PaperFixture] = {}
        self.exchanges: dict[str, PaperExchange] = {}
        self._listeners: list[Callable[[Changed], None]] = []
        for key, body in store.all("fixture"):
            self.fixtures[key] = restore_fixture(body)

    def now_ms(self) -> int:
        return int(self.clock() * 1000)

    def listen(self, listener: Callable[[Changed], None]) -> None:
        self._listeners.append(listener)

    def tell(self, fixture: PaperFixture, topic: Topic, market_id: int | None = None) -> None:
        """Save a fixture and tell every listener what changed."""
        self.fixtures[fixture.fixture_id] = fixture
        self.store.put("fixture", fixture.fixture_id, plain(asdict(fixture)))
        self.store.commit()
        for listener in self._listeners:
            listener(Changed(fixture, topic, market_id))

    async def housekeeping(self) -> None:
        """Expire orders twice a second, for ever."""
        while True:
            self.engine.expire(int(self.clock()))
            await asyncio.sleep(0.5)


def plain(value: Any) -> Any:
    """A JSON-ready copy with Decimals as strings and text keys."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def restore_fixture(body: Any) -> PaperFixture:
    """The inverse of ``plain(asdict(fixture))``."""
    markets = [
        PaperMarket(
            **{
                **market,
                "handicap": None if market["handicap"] is None else Decimal(market["handicap"]),
                "results": {int(key): value for key, value in market["results"].items()},
                "outcomes": [
                    PaperOutcome(
                        **{
                            **outcome,
                            "price": None if outcome["price"] is None else Decimal(outcome["price"]),
                            "limit": Decimal(outcome["limit"]),
                        }
                    )
                    for outcome in market["outcomes"]
                ],
            }
        )
        for market in body["markets"]
    ]
    return PaperFixture(
        **{
            **body,
            "markets": markets,
            "scores": {period: (score[0], score[1]) for period, score in body["scores"].items()},
            "native": {venue: NativeIds(**ids) for venue, ids in body["native"].items()},
        }
    )

"""The paper world of a run: its fixtures, moves of their odds, takers, and our open orders."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.wires import FeedTap, Tap
from overround.paper.assembly import Assembly, Options
from overround.paper.credentials import load_credentials
from overround.paper.records import OrderPlaced
from overround.paper.store import Store
from overround.paper.takers import NOISE, Takers, TakerSettings
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome

OURS = "demo"
VENUES = ("kalshi", "polymarket")
MARKET, OUTCOMES = 111, (111, 112)
ODDS = (("1.90", "1.95"), ("1.80", "2.06"))
"""The two states every market moves between; both quotes change by several ticks, so each move is worth a requote."""
WRITES = {"kalshi": "/orders", "clob": "/order", "abp": "/place-orders"}
NAMED = {"kalshi": "kalshi", "clob": "polymarket", "abp": "abp"}
LIMIT = Decimal(100_000)


@dataclass(slots=True)
class Move:
    """One market moved: when its frame left the feed, and when each venue had the new quotes."""

    fixture_id: str
    state: int
    at: float
    quoted: dict[str, float] = field(default_factory=dict)


class Desk:
    """A quiet paper world whose every event the bench causes and times."""

    def __init__(self, folder: Path, *, both: bool = False) -> None:
        """``both`` lists every game on both exchanges, so that a move is two requotes; else on them in turn."""
        credentials = load_credentials(folder / "paper" / "credentials.json")
        self.assembly = Assembly(Store(None), credentials, Options())
        self.world = self.assembly.world
        self.takers = Takers(self.world, TakerSettings(noise_per_second=0.0, visits_per_step=1000, width=0.12))
        self.feed = FeedTap()
        self.assembly.feed.hub.clients.add(self.feed)
        self.taps = self._taps()
        self.both = both
        self.fixtures: list[PaperFixture] = []
        self.moves: dict[str, Move] = {}
        self._words: dict[str, str] = {}
        self._prices: dict[tuple[str, str, Decimal], int] = {}
        for venue in VENUES:
            self.world.engine.listen(venue, self._heard)

    def _taps(self) -> dict[str, Tap]:
        apps = self.assembly.apps()
        return {NAMED[name]: Tap(apps[name], NAMED[name], path, self._fixture_of) for name, path in WRITES.items()}

    def apps(self) -> Mapping[str, Any]:
        """What to serve, by the assembly's names."""
        return {name: self.taps.get(NAMED.get(name, ""), app) for name, app in self.assembly.apps().items()}

    def _fixture_of(self, venue: str, word: str) -> str | None:
        order = self.world.engine.orders.get(word)
        return self._words.get(word if order is None else order.book_id)

    # -- fixtures ---------------------------------------------------------------------------------------------------

    def list_fixtures(self, count: int) -> None:
        """List more basketball games and let the feed tell of them."""
        for number in range(len(self.fixtures) + 1, len(self.fixtures) + count + 1):
            self._list(_game(number))
        chances = {item.fixture_id: {MARKET: 0.5, MARKET + 1: 0.5} for item in self.fixtures}
        self.takers.step(time.monotonic(), chances)
        for fixture in self.fixtures[-count:]:
            for topic in ("fixture", "bookmaker", "odds"):
                self.world.tell(fixture, topic)

    def _list(self, fixture: PaperFixture) -> None:
        for name in self.venues(fixture.fixture_id):
            self.world.exchanges[name].list_fixture(fixture)
        self._price(fixture, 0)
        self.world.fixtures[fixture.fixture_id] = fixture
        self.fixtures.append(fixture)
        self._words[fixture.fixture_id] = fixture.fixture_id
        for ids in fixture.native.values():
            self._words |= dict.fromkeys((*ids.markets.values(), *ids.outcomes.values()), fixture.fixture_id)
        for venue in self.venues(fixture.fixture_id):
            for outcome in OUTCOMES:
                if book := self.world.exchanges[venue].book_of(fixture.fixture_id, outcome):
                    self._words[book[0]] = fixture.fixture_id

    def venues(self, fixture_id: str) -> tuple[str, ...]:
        """Where a game is quoted."""
        return VENUES if self.both else (VENUES[int(fixture_id[-8:]) % len(VENUES)],)

    @property
    def owners(self) -> int:
        """How many workflows own our orders: one per game and exchange."""
        return sum(len(self.venues(fixture.fixture_id)) for fixture in self.fixtures)

    @property
    def orders(self) -> int:
        """How many of our orders rest when all is quoted."""
        return len(OUTCOMES) * self.owners

    def _price(self, fixture: PaperFixture, state: int) -> None:
        for outcome, price in zip(fixture.markets[0].outcomes, ODDS[state], strict=True):
            outcome.price, outcome.changed_at = Decimal(price), self.world.now_ms()

    # -- moves ------------------------------------------------------------------------------------------------------

    def move(self, fixture: PaperFixture) -> Move:
        """Turn the market to its other state; the frame leaves at once."""
        before = self.moves.get(fixture.fixture_id)
        state = 1 - (before.state if before else 0)
        self._price(fixture, state)
        self.world.tell(fixture, "odds", MARKET)
        self.assembly.feed.hub.flush()
        made = Move(fixture.fixture_id, state, self.feed.emitted[fixture.fixture_id])
        self.moves[fixture.fixture_id] = made
        return made

    def _heard(self, event: object) -> None:
        """A new quote of ours is the answer to its market's last move when its price is of that move's state."""
        if not isinstance(event, OrderPlaced) or event.order.account != OURS:
            return
        order = event.order
        made = self.moves.get(self._words.get(order.book_id, ""))
        key = (order.exchange, f"{order.outcome}/{order.is_bid}", order.price)
        if made is None:
            self._prices.setdefault(key, 0)
        elif self._prices.setdefault(key, made.state) == made.state:
            made.quoted.setdefault(order.exchange, time.monotonic())

    # -- fills and orders -------------------------------------------------------------------------------------------

    def take(self, venue: str, fixture: PaperFixture, outcome: int, size: str) -> Decimal:
        """Somebody buys ``outcome`` from us; the size traded, zero while we do not sell it."""
        spot, engine = self.takers.spot(venue, fixture.fixture_id, outcome, 0.5), self.world.engine
        claim = self.world.exchanges[venue].book_of(fixture.fixture_id, outcome)
        if spot is None or claim is None:
            return Decimal(0)
        book, side = claim
        if not any(o.book_id == book and (side == "yes") != o.is_bid for o in engine.open_orders(venue, OURS)):
            return Decimal(0)
        trades = self.takers.take(NOISE, spot, buy=True, limit=0.99, size=Decimal(size))
        return sum((t.size for t in trades if engine.orders[t.maker_order].account == OURS), Decimal(0))

    def ours(self) -> int:
        """Our open orders at all venues."""
        return sum(len(self.world.engine.open_orders(venue, OURS)) for venue in VENUES)

    def quoted(self) -> int:
        """How many outcomes we quote: after a fill several of our orders may make up one quote."""
        engine = self.world.engine
        return len({(o.book_id, o.is_bid) for venue in VENUES for o in engine.open_orders(venue, OURS)})


def _game(number: int) -> PaperFixture:
    outcomes = [PaperOutcome(MARKET, "1", limit=LIMIT), PaperOutcome(MARKET + 1, "2", limit=LIMIT)]
    market = PaperMarket(MARKET, "Winner (incl. overtime)", "moneyline", "result", outcomes)
    return PaperFixture(
        f"id11000132{number:08d}", 11, "Basketball", 132, "NBA", f"Boston Celtics {number}", f"Denver Nuggets {number}",
        int(time.time()) + 7200, markets=[market], scores={"result": (0, 0)},
    )  # fmt: skip

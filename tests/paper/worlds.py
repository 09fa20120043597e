"""A paper world under test: a clock that is moved by hand and exchanges without a wire."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from overround.paper.engine import Outcome, PaperOrder
from overround.paper.store import Store
from overround.paper.world import Changed, NativeIds, PaperFixture, PaperMarket, World

START = 1_780_000_000.0


class Clock:
    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class BareExchange:
    """One book per outcome; remembers what it was told."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self._world = world
        self.resolved: dict[str, dict[int, Decimal]] = {}
        self.halts: list[tuple[str, bool]] = []
        world.exchanges[name] = self

    def list_fixture(self, fixture: PaperFixture) -> None:
        markets = {}
        for market in fixture.markets:
            for outcome in market.outcomes:
                book = f"{self.name}:{fixture.fixture_id}:{outcome.outcome_id}"
                self._world.engine.open_book(book, self.name)
                markets[str(outcome.outcome_id)] = book
        fixture.native[self.name] = NativeIds(f"{self.name}-{fixture.fixture_id}", markets, dict(markets))

    def suspend(self, fixture: PaperFixture, suspended: bool) -> None:
        self.halts.append((fixture.fixture_id, suspended))
        for book in fixture.native[self.name].markets.values():
            if suspended:
                self._world.engine.halt(book, cancel=True, reason="kick-off")
            else:
                self._world.engine.resume(book)

    def resolve(self, fixture: PaperFixture, market: PaperMarket, values: dict[int, Decimal]) -> None:
        self.resolved.setdefault(fixture.fixture_id, {}).update(values)
        for outcome_id, value in values.items():
            self._world.engine.settle(f"{self.name}:{fixture.fixture_id}:{outcome_id}", value)

    def book_of(self, fixture_id: str, outcome_id: int) -> tuple[str, Literal["yes", "no"]] | None:
        book = f"{self.name}:{fixture_id}:{outcome_id}"
        return (book, "yes") if book in self._world.engine.books else None


@dataclass
class Stage:
    """A world, its clock, its exchanges and everything it told."""

    store: Store = field(default_factory=lambda: Store(None))
    clock: Clock = field(default_factory=Clock)
    exchanges: tuple[str, ...] = ("kalshi", "polymarket")
    changes: list[Changed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.store, self.clock)
        self.world.listen(self.changes.append)
        self.venues = {name: BareExchange(self.world, name) for name in self.exchanges}

    def run(self, source: Any, seconds: float, step: float = 0.25) -> None:
        """Steps the source through ``seconds`` of clock time."""
        for _ in range(round(seconds / step)):
            self.clock.now += step
            source.step()

    def maker(self, exchange: str, book_id: str, outcome: Outcome, price: str, size: str) -> PaperOrder:
        """A client's resting buy order in a funded wallet."""
        self.world.engine.fund(exchange, "client", Decimal(100_000))
        order = PaperOrder(
            f"client-{len(self.world.engine.orders)}-{self.clock.now}", exchange, book_id, "client", outcome, "buy",
            Decimal(price), Decimal(size), self.world.now_ms(), post_only=True,
        )  # fmt: skip
        self.world.engine.place(order)
        return order

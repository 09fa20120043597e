"""What a paper bookmaker offers a client on one selection right now: price, room and why not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from overround.paper.abp.books import BookBet, Books
from overround.paper.abp.wire import ZERO, odds, whole_cents
from overround.paper.world import PaperFixture, PaperOutcome, World

REFUSALS = {
    "PRICE": "Odds changed",
    "SIZE": "Stake above maximum",
    "SUSPENDED": "Market suspended",
    "FUNDS": "Insufficient funds",
    "ACCOUNT": "Account blocked",
    "OTHER": "Bet rejected by bookmaker",
}
"""The decline texts of this venue, by what a client should do about them; figures may follow."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How this bookmaker behaves. Money in ``currency``, times in seconds.

    ``books`` maps each bookmaker slug to the factor of its odds against the fixture's own bookmaker. A bet may be as
    large as the outcome's limit; one outcome takes ``outcome_limits`` times that, and room comes back over
    ``refill_seconds``.
    """

    books: Mapping[str, Decimal] = field(default_factory=lambda: {"vertex": Decimal(1), "sharpbet": Decimal("0.985")})
    currency: str = "USD"
    deposit: Decimal = Decimal(100_000)
    min_stake: Decimal = Decimal(1)
    outcome_limits: Decimal = Decimal(2)
    refill_seconds: float = 30.0
    live_delay: float = 1.0
    pregame_delay: float = 0.0
    refusal_rate: float = 0.02
    seed: int = 1
    memory_seconds: float = 1800.0
    retry_seconds: float = 0.1
    rate_per_second: int = 100
    login_seconds: float = 30.0
    heartbeat_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Offer:
    """One bookmaker's offer. ``problem`` says why it takes no bet, empty when it does."""

    bookmaker: str
    price: Decimal
    room: Decimal
    problem: str


class Offers:
    """Reads the world; decides nothing."""

    def __init__(self, world: World, books: Books, rules: Rules) -> None:
        self._world, self._books, self._rules = world, books, rules

    def slugs(self, fixture: PaperFixture | None = None) -> list[str]:
        """Every bookmaker reachable here (for one fixture: that prices it)."""
        fixtures = [fixture] if fixture else list(self._world.fixtures.values())
        return sorted({*self._rules.books, *(item.bookmaker for item in fixtures)})

    def selection(self, fixture_id: str, outcome_id: int) -> tuple[PaperFixture, PaperOutcome] | None:
        fixture = self._world.fixtures.get(fixture_id)
        if fixture is None:
            return None
        found = (o for market in fixture.markets for o in market.outcomes if o.outcome_id == outcome_id)
        outcome = next(found, None)
        return None if outcome is None else (fixture, outcome)

    def live(self, fixture_id: str) -> bool:
        return self._world.fixtures[fixture_id].status == 1

    def offer(self, client: str, bookmaker: str, fixture_id: str, outcome_id: int) -> Offer:
        found = self.selection(fixture_id, outcome_id)
        if found is None:
            return Offer(bookmaker, ZERO, ZERO, "Selection not found")
        if bookmaker not in self.slugs(found[0]):
            return Offer(bookmaker, ZERO, ZERO, f"No account for bookmaker {bookmaker}")
        fixture, outcome = found
        problem = self._problem(fixture, outcome)
        if not self._books.account(client, bookmaker).active:
            problem = REFUSALS["ACCOUNT"]
        factor = Decimal(1) if bookmaker == fixture.bookmaker else self._rules.books[bookmaker]
        price = ZERO if outcome.price is None else odds(outcome.price * factor)
        return Offer(bookmaker, price, self._room(client, bookmaker, outcome, fixture_id), problem)

    def _problem(self, fixture: PaperFixture, outcome: PaperOutcome) -> str:
        market = next(m for m in fixture.markets if outcome in m.outcomes)
        if fixture.status not in (0, 1) or market.results:
            return "Event closed"
        if fixture.suspended or not market.active or not outcome.active:
            return REFUSALS["SUSPENDED"]
        if fixture.stale or not fixture.has_odds or outcome.price is None or outcome.price <= 1:
            return "Price not available"
        return ""

    def _room(self, client: str, bookmaker: str, outcome: PaperOutcome, fixture_id: str) -> Decimal:
        """The largest next stake: the outcome's limit, or what recent bets have left of the total."""
        recent = (
            bet
            for bet in self._books.by_fixture.get(fixture_id, [])
            if (bet.client, bet.bookmaker, bet.outcome_id) == (client, bookmaker, outcome.outcome_id)
        )
        total = outcome.limit * self._rules.outcome_limits
        return whole_cents(max(ZERO, min(outcome.limit, total - self._used(recent))))

    def _used(self, bets: Iterable[BookBet]) -> Decimal:
        """Stakes still counted against the limit; each fades evenly over the refill time."""
        now, span = self._books.now(), max(1, int(self._rules.refill_seconds * 1000))
        counted = (bet for bet in bets if bet.status in ("PENDING", "CONFIRMED"))
        return sum((bet.stake * max(0, span - (now - bet.requested_at)) / span for bet in counted), ZERO)

"""The other people on the paper exchanges: noise takers, informed takers, and wide background liquidity.

They trade straight through the engine with funded wallets of their own. Noise takers cross the spread around the fair
price, informed takers hit what has stood beyond it for a moment, background makers keep a wide two-sided book that
never crosses anyone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import exp, log
from random import Random
from typing import Any
from uuid import UUID

from overround.paper.engine import Action, Outcome, PaperOrder, Refusal, TimeInForce, Trade
from overround.paper.world import World

ZERO, ONE, CENT = Decimal(0), Decimal(1), Decimal("0.01")
BACKGROUND, NOISE, INFORMED, TAPE = HOUSE = ("background", "noise", "informed", "tape")
"""Accounts of the paper world's own people; ``TAPE`` repeats the trades of a recording."""
FUNDS = Decimal(100_000_000)
MOST_LISTED = 2000

Fairs = Mapping[str, Mapping[int, float]]
"""Fixture id to outcome id to fair chance, of fixtures that trade now."""


@dataclass(frozen=True, slots=True)
class TakerSettings:
    """Rates per second over all exchanges, prices in probability, sizes in contracts, times in seconds."""

    seed: int = 1
    noise_per_second: float = 0.6
    noise_reach: float = 0.06
    largest: int = 200
    informed_edge: float = 0.03
    reaction: float = 1.2
    width: float = 0.06
    background_size: int = 300
    requote_at: float = 0.02
    visits_per_step: int = 6
    foreign_share: float = 0.8


@dataclass(frozen=True, slots=True)
class Spot:
    """A book and the fair price of its YES side."""

    exchange: str
    book_id: str
    fair: float


@dataclass(slots=True)
class _Standing:
    centre: float
    orders: list[str]


class Takers:
    """Drives everybody who is not a client; ``step`` it a few times a second."""

    def __init__(self, world: World, settings: TakerSettings | None = None) -> None:
        self._world = world
        self._settings = settings or TakerSettings()
        self._standing: dict[str, _Standing] = {}
        self._mispriced: dict[str, float] = {}
        self._arrears = 0.0
        self._last: float | None = None
        self._turn = 0
        self._ready: set[str] = set()
        self._listed: dict[tuple[str, str, int], tuple[str, Outcome]] = {}
        saved: Any = world.store.get("takers", "orders")
        self._orders: int = saved or 0

    def step(self, now: float, fairs: Fairs) -> None:
        """Let everybody act once; ``now`` is seconds on any steady clock."""
        elapsed = 0.0 if self._last is None else max(0.0, min(2.0, now - self._last))
        self._last = now
        self._enter()
        spots = {spot.book_id: spot for spot in self._spots(fairs)}
        self._withdraw([book for book in self._standing if book not in spots])
        self._visit(list(spots.values()), now)
        self._arrears += elapsed * self._settings.noise_per_second
        while self._arrears >= 1.0:
            self._arrears -= 1.0
            self._noise(spots)

    def take(self, account: str, spot: Spot, *, buy: bool, limit: float, size: Decimal) -> list[Trade]:
        """An immediate order for YES (``buy``) or against it, at ``limit`` or better; its trades."""
        self._enter()
        price = _cents(limit, up=buy)
        if not ZERO < price < ONE or size <= ZERO:
            return []
        engine = self._world.engine
        spare: Outcome = "no" if buy else "yes"
        action: Action = "buy"
        outcome: Outcome = "yes" if buy else "no"
        if engine.holding(spot.exchange, account, spot.book_id, spare) >= size:
            action, outcome = "sell", spare
        own = price if outcome == "yes" else ONE - price
        sent = self._send(spot, account, outcome, action, own, size, "ioc")
        if sent is None:
            return []
        engine.forget(sent[0].order_id)
        return sent[1]

    def spot(self, exchange: str, fixture_id: str, outcome_id: int, fair: float) -> Spot | None:
        """Where an outcome trades on an exchange, None when it is not listed there."""
        key = (exchange, fixture_id, outcome_id)
        found = self._listed.get(key) or self._world.exchanges[exchange].book_of(fixture_id, outcome_id)
        if found is None:
            return None
        if len(self._listed) >= MOST_LISTED:
            self._listed.clear()
        self._listed[key] = book_id, side = found
        return Spot(exchange, book_id, fair if side == "yes" else 1.0 - fair)

    @property
    def exchanges(self) -> list[str]:
        return list(self._world.exchanges)

    def foreign_books(self) -> set[str]:
        """Books in which a client's order rests."""
        engine = self._world.engine
        return {
            order.book_id
            for exchange, account in engine.wallets
            if account not in HOUSE
            for order in engine.open_orders(exchange, account)
        }

    # -- who acts ---------------------------------------------------------------------------------------------------

    def _enter(self) -> None:
        engine = self._world.engine
        for exchange in self._world.exchanges:
            if exchange in self._ready:
                continue
            self._ready.add(exchange)
            for account in HOUSE:
                engine.fund(exchange, account, FUNDS)
                for order in engine.open_orders(exchange, account):
                    engine.cancel(order.order_id, "restart")
                    engine.forget(order.order_id)

    def _spots(self, fairs: Fairs) -> Iterator[Spot]:
        seen: set[str] = set()
        for exchange in self._world.exchanges:
            for fixture_id, chances in fairs.items():
                for outcome_id, fair in chances.items():
                    spot = self.spot(exchange, fixture_id, outcome_id, fair)
                    if spot and spot.book_id not in seen and self._world.engine.books[spot.book_id].open:
                        seen.add(spot.book_id)
                        yield spot

    def _visit(self, spots: list[Spot], now: float) -> None:
        for _ in range(min(len(spots), self._settings.visits_per_step)):
            self._turn = (self._turn + 1) % len(spots)
            self._inform(spots[self._turn], now)
            self._quote(spots[self._turn])

    def _noise(self, spots: Mapping[str, Spot]) -> None:
        if not spots:
            return
        rng = self._random()
        foreign = sorted(self.foreign_books() & spots.keys())
        names = foreign if foreign and rng.random() < self._settings.foreign_share else sorted(spots)
        spot, buy = spots[rng.choice(names)], rng.random() < 0.5
        reach = abs(rng.gauss(0.0, self._settings.noise_reach))
        self.take(NOISE, spot, buy=buy, limit=spot.fair + (reach if buy else -reach), size=self._size(rng))

    def _inform(self, spot: Spot, now: float) -> None:
        """Hit a client's quote that has stood on the wrong side of fair for longer than the reaction time."""
        book, edge = self._world.engine.books[spot.book_id], self._settings.informed_edge
        best_bid = next((float(o.yes_price) for o in book.bids if o.account not in HOUSE), 0.0)
        best_ask = next((float(o.yes_price) for o in book.asks if o.account not in HOUSE), 1.0)
        buy, sell = best_ask < spot.fair - edge, best_bid > spot.fair + edge
        if not buy and not sell:
            self._mispriced.pop(spot.book_id, None)
        elif now - self._mispriced.setdefault(spot.book_id, now) >= self._settings.reaction:
            limit = spot.fair - edge / 2 if buy else spot.fair + edge / 2
            self.take(INFORMED, spot, buy=buy, limit=limit, size=self._size(self._random()))

    def _quote(self, spot: Spot) -> None:
        standing = self._standing.get(spot.book_id)
        if standing is not None:
            whole = all(self._world.engine.orders[order].status == "open" for order in standing.orders)
            if whole and abs(standing.centre - spot.fair) < self._settings.requote_at:
                return
            self._withdraw([spot.book_id])
        bid = _cents(spot.fair - self._settings.width, up=False)
        ask = _cents(spot.fair + self._settings.width, up=True)
        size = Decimal(self._settings.background_size)
        sides: list[tuple[Outcome, Decimal]] = [("yes", bid), ("no", ONE - ask)]
        placed = [
            self._send(spot, BACKGROUND, outcome, "buy", price, size, "gtc", post_only=True)
            for outcome, price in sides
            if ZERO < price < ONE
        ]
        self._standing[spot.book_id] = _Standing(spot.fair, [sent[0].order_id for sent in placed if sent])

    def _withdraw(self, books: list[str]) -> None:
        for book_id in books:
            for order_id in self._standing.pop(book_id).orders:
                self._world.engine.cancel(order_id, "background")
                self._world.engine.forget(order_id)

    # -- orders -----------------------------------------------------------------------------------------------------

    def _send(
        self,
        spot: Spot,
        account: str,
        outcome: Outcome,
        action: Action,
        price: Decimal,
        size: Decimal,
        time_in_force: TimeInForce,
        *,
        post_only: bool = False,
    ) -> tuple[PaperOrder, list[Trade]] | None:
        self._orders += 1
        self._world.store.put("takers", "orders", self._orders)
        now = self._world.now_ms()
        order = PaperOrder(
            str(UUID(int=Random(f"{self._settings.seed}/order/{self._orders}").getrandbits(128), version=4)),
            spot.exchange, spot.book_id, account, outcome, action, price, size, now,
            time_in_force=time_in_force, post_only=post_only,
        )  # fmt: skip
        try:
            return order, self._world.engine.place(order)
        except Refusal:
            return None

    def _random(self) -> Random:
        self._orders += 1
        return Random(f"{self._settings.seed}/takers/{self._orders}")

    def _size(self, rng: Random) -> Decimal:
        return Decimal(max(1, int(exp(rng.uniform(0.0, log(self._settings.largest + 1))))))


def _cents(price: float, *, up: bool) -> Decimal:
    """A whole cent, towards 1 when ``up``."""
    exact = Decimal(str(round(price, 6)))
    return (exact / CENT).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * CENT

"""The house on paper exchanges, whatever fair prices do: orderly books, conserved money, nothing left behind."""

from decimal import Decimal
from random import Random

import pytest

from overround.paper.takers import BACKGROUND, HOUSE, INFORMED, Spot, Takers, TakerSettings
from tests.paper.worlds import Stage

D = Decimal
BUSY = TakerSettings(noise_per_second=5.0, visits_per_step=4, seed=3)


class Hall:
    """Three two-way fixtures on two exchanges, fair prices that jump, and a client who quotes."""

    def __init__(self, seed: int) -> None:
        self.stage, self.rng = Stage(), Random(seed)
        self.engine = self.stage.world.engine
        self.fairs = {f"f{number}": {1: 0.5, 2: 0.5} for number in range(3)}
        for exchange in self.stage.exchanges:
            for fixture, outcomes in self.fairs.items():
                for outcome in outcomes:
                    self.engine.open_book(f"{exchange}:{fixture}:{outcome}", exchange)
        self.takers = Takers(self.stage.world, BUSY)
        self.takers.step(self.stage.clock.now, self.fairs)
        self.deposits = self.money()

    def money(self) -> Decimal:
        """Cash and pairs over everybody: each YES with its NO is worth one."""
        cash = sum((wallet.cash for wallet in self.engine.wallets.values()), D(0))
        held = [wallet.holdings for wallet in self.engine.wallets.values()]
        yes = sum((size for h in held for name, size in h.items() if name.endswith(":yes")), D(0))
        no = sum((size for h in held for name, size in h.items() if name.endswith(":no")), D(0))
        assert yes == no
        return cash + yes

    def step(self) -> None:
        self.stage.clock.now += 0.25
        for chances in self.fairs.values():
            if self.rng.random() < 0.2:
                chances[1] = min(0.97, max(0.03, chances[1] + self.rng.uniform(-0.15, 0.15)))
                chances[2] = 1 - chances[1]
        self.takers.step(self.stage.clock.now, self.fairs)

    def quote(self) -> None:
        """The client rests a buy a few cents below fair somewhere."""
        exchange, fixture = self.rng.choice(self.stage.exchanges), self.rng.choice(list(self.fairs))
        fair = self.fairs[fixture][1]
        side, middle = self.rng.choice((("yes", fair), ("no", 1 - fair)))
        price = f"{max(0.01, middle - 0.03):.2f}"
        book = f"{exchange}:{fixture}:1"
        best = (self.engine.books[book].asks if side == "yes" else self.engine.books[book].bids)[:1]
        limit = [o.yes_price if side == "yes" else 1 - o.yes_price for o in best]
        if not limit or D(price) < limit[0]:
            self.stage.maker(exchange, book, "yes" if side == "yes" else "no", price, "20")


@pytest.mark.parametrize("seed", range(3))
def test_busy_hall_keeps_its_money_and_its_books_in_order(seed: int) -> None:
    hall = Hall(seed)
    hall.stage.world.engine.fund("kalshi", "client", D(100_000))
    hall.stage.world.engine.fund("polymarket", "client", D(100_000))
    before = hall.money()
    for number in range(120):
        hall.step()
        if number % 3 == 0:
            hall.quote()
    assert hall.money() == before
    assert any(hall.engine.orders[t.maker_order].account == "client" for t in hall.engine.trades.values())
    for book in hall.engine.books.values():
        if book.bids and book.asks:
            assert book.bids[0].yes_price < book.asks[0].yes_price
        for side in (book.bids, book.asks):
            assert sum(order.account == BACKGROUND for order in side) <= 1
            assert {order.account for order in side} <= {BACKGROUND, "client"}, "takers never rest"
    kept = [o for o in hall.engine.orders.values() if o.account in HOUSE and o.status == "cancelled"]
    traded = {name for t in hall.engine.trades.values() for name in (t.maker_order, t.taker_order)}
    assert all(order.order_id in traded for order in kept), "what never traded is forgotten"


@pytest.mark.parametrize("seed", range(2))
def test_same_seed_and_clock_make_the_same_trades(seed: int) -> None:
    courses = []
    for _ in range(2):
        hall = Hall(seed)
        for number in range(60):
            hall.step()
            if number % 3 == 0:
                hall.quote()
        trades = hall.engine.trades.values()
        courses.append([(t.trade_id, t.book_id, t.yes_price, t.size, t.taker_order) for t in trades])
    assert courses[0] == courses[1]
    assert courses[0]


def test_fixture_that_leaves_takes_its_background_with_it() -> None:
    hall = Hall(1)
    for _ in range(10):
        hall.step()
    assert hall.engine.books["kalshi:f0:1"].bids
    gone = hall.fairs.pop("f0")
    hall.step()
    for exchange in hall.stage.exchanges:
        for outcome in gone:
            book = hall.engine.books[f"{exchange}:f0:{outcome}"]
            assert (book.bids, book.asks) == ([], [])


def test_halted_book_is_left_and_quoted_again_when_it_resumes() -> None:
    hall = Hall(1)
    for _ in range(10):
        hall.step()
    hall.engine.halt("kalshi:f1:1", cancel=True, reason="kick-off")
    for _ in range(10):
        hall.step()
    assert hall.engine.depth("kalshi:f1:1") == ([], [])
    hall.engine.resume("kalshi:f1:1")
    for _ in range(10):
        hall.step()
    assert all(hall.engine.depth("kalshi:f1:1"))


@pytest.mark.parametrize(
    ("side", "price", "fair", "hit"),
    [
        ("yes", "0.60", 0.50, True), ("yes", "0.52", 0.50, False), ("no", "0.60", 0.50, True),
        ("no", "0.52", 0.50, False), ("yes", "0.40", 0.50, False),
    ],
)  # fmt: skip
def test_informed_hit_what_stands_beyond_their_edge_and_nothing_else(
    side: str, price: str, fair: float, hit: bool
) -> None:
    stage = Stage(exchanges=("kalshi",))
    stage.world.engine.open_book("kalshi:f:1", "kalshi")
    takers = Takers(stage.world, TakerSettings(noise_per_second=0.0))
    stage.maker("kalshi", "kalshi:f:1", "yes" if side == "yes" else "no", price, "50")
    for _ in range(30):
        stage.clock.now += 0.1
        takers.step(stage.clock.now, {"f": {1: fair}})
    engine = stage.world.engine
    hitters = {engine.orders[trade.taker_order].account for trade in engine.trades.values()}
    assert hitters == ({INFORMED} if hit else set())


def test_taker_sells_what_it_holds_before_it_buys_the_other_side() -> None:
    stage = Stage(exchanges=("kalshi",))
    engine = stage.world.engine
    engine.open_book("kalshi:f:1", "kalshi", nets=False)
    takers, spot = Takers(stage.world, BUSY), Spot("kalshi", "kalshi:f:1", 0.5)
    stage.maker("kalshi", "kalshi:f:1", "no", "0.50", "10")
    assert len(takers.take(INFORMED, spot, buy=True, limit=0.55, size=D(10))) == 1
    stage.maker("kalshi", "kalshi:f:1", "yes", "0.45", "10")
    assert len(takers.take(INFORMED, spot, buy=False, limit=0.40, size=D(10))) == 1
    wallet = engine.wallets[("kalshi", INFORMED)]
    assert set(wallet.holdings.values()) == {D(0)}
    assert wallet.cash == wallet.deposited - D("0.50") * 10 + D("0.45") * 10


@pytest.mark.parametrize(("limit", "size"), [(1.5, 10), (-0.2, 10), (0.5, 0), (0.5, -3)])
def test_taker_asked_for_the_impossible_does_nothing(limit: float, size: int) -> None:
    stage = Stage(exchanges=("kalshi",))
    stage.world.engine.open_book("kalshi:f:1", "kalshi")
    stage.maker("kalshi", "kalshi:f:1", "no", "0.50", "10")
    takers = Takers(stage.world, BUSY)
    for buy in (True, False):
        assert takers.take(INFORMED, Spot("kalshi", "kalshi:f:1", 0.5), buy=buy, limit=limit, size=D(size)) == []
    assert takers.spot("kalshi", "f", 99, 0.5) is None

"""Takers fill a sensible quote now and then, a stale one soon, and never a client's order by accident."""

from decimal import Decimal
from math import isclose

import pytest

from overround.paper.simulator import Simulator, SimulatorSettings
from overround.paper.takers import HOUSE, INFORMED, NOISE, Takers, TakerSettings
from tests.paper.worlds import Stage

D = Decimal
QUIET = TakerSettings(noise_per_second=0.0)


class Floor:
    """One two-way fixture on one exchange with takers, stepped by hand."""

    def __init__(self, settings: TakerSettings, fair: float = 0.5) -> None:
        self.stage = Stage(exchanges=("kalshi",))
        self.engine = self.stage.world.engine
        self.book = self.engine.open_book("kalshi:f:1", "kalshi").book_id
        self.takers = Takers(self.stage.world, settings)
        self.fairs = {"f": {1: fair}}

    def run(self, seconds: float, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.stage.clock.now += step
            self.takers.step(self.stage.clock.now, self.fairs)

    def accounts(self) -> list[str]:
        return [self.engine.orders[t.taker_order].account for t in self.engine.trades.values()]


def test_a_book_has_a_wide_two_sided_market_around_fair() -> None:
    floor = Floor(QUIET, fair=0.4)
    floor.run(1)
    assert floor.engine.depth(floor.book) == ([(D("0.34"), D(300))], [(D("0.46"), D(300))])


def test_background_follows_fair_and_leaves_when_the_bookmaker_shuts() -> None:
    floor = Floor(QUIET, fair=0.4)
    floor.run(1)
    floor.fairs = {"f": {1: 0.6}}
    floor.run(1)
    assert floor.engine.depth(floor.book) == ([(D("0.54"), D(300))], [(D("0.66"), D(300))])
    floor.fairs = {}
    floor.run(1)
    assert floor.engine.depth(floor.book) == ([], [])
    assert not floor.engine.orders


@pytest.mark.parametrize("fair", [0.001, 0.03, 0.97, 0.999])
def test_background_stays_inside_the_price_range(fair: float) -> None:
    floor = Floor(QUIET, fair=fair)
    floor.run(1)
    bids, asks = floor.engine.depth(floor.book)
    assert all(D("0.01") <= price <= D("0.99") for price, _ in bids + asks)
    assert bids or asks


def test_background_never_fills_a_client() -> None:
    floor = Floor(TakerSettings(noise_per_second=0.0, reaction=1e9), fair=0.4)
    quote = floor.stage.maker("kalshi", floor.book, "yes", "0.45", "50")
    floor.fairs = {"f": {1: 0.2}}
    floor.run(5)
    assert (quote.filled, floor.engine.trades) == (D(0), {})


def test_a_quote_left_behind_is_hit_after_the_reaction_time_by_the_informed() -> None:
    floor = Floor(TakerSettings(noise_per_second=0.0, reaction=1.0), fair=0.4)
    quote = floor.stage.maker("kalshi", floor.book, "yes", "0.38", "500")
    floor.run(3)
    assert quote.filled == 0
    floor.fairs = {"f": {1: 0.3}}
    floor.run(0.9)
    assert quote.filled == 0
    floor.run(1)
    assert quote.filled > 0
    assert set(floor.accounts()) == {INFORMED}


def test_noise_fills_a_sensible_quote_several_times_a_minute_on_both_sides() -> None:
    floor = Floor(TakerSettings(), fair=0.5)
    bid = floor.stage.maker("kalshi", floor.book, "yes", "0.46", "90000")
    ask = floor.stage.maker("kalshi", floor.book, "no", "0.46", "90000")
    floor.run(120)
    mine = [t for t in floor.engine.trades.values() if t.maker_order in (bid.order_id, ask.order_id)]
    assert 8 <= len(mine) <= 60
    assert min(bid.filled, ask.filled) > 0
    assert all(1 <= t.size <= 200 for t in mine)


def test_takers_sell_what_they_hold() -> None:
    floor = Floor(QUIET)
    floor.run(0.1)
    floor.stage.maker("kalshi", floor.book, "no", "0.45", "100")
    floor.stage.maker("kalshi", floor.book, "yes", "0.45", "100")
    spot = floor.takers.spot("kalshi", "f", 1, 0.5)
    assert spot is not None
    floor.takers.take(NOISE, spot, buy=True, limit=0.55, size=D(10))
    trades = floor.takers.take(NOISE, spot, buy=False, limit=0.45, size=D(10))
    assert floor.engine.orders[trades[0].taker_order].action == "sell"
    assert floor.engine.holding("kalshi", NOISE, floor.book, "yes") == 0


def test_a_spot_on_the_no_side_is_priced_the_other_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = Floor(QUIET)
    monkeypatch.setattr(floor.stage.venues["kalshi"], "book_of", lambda _f, _o: (floor.book, "no"))
    spot = floor.takers.spot("kalshi", "f", 2, 0.3)
    assert spot is not None
    assert isclose(spot.fair, 0.7)


def test_a_taker_outside_the_price_range_or_in_a_closed_book_does_nothing() -> None:
    floor = Floor(QUIET)
    spot = floor.takers.spot("kalshi", "f", 1, 0.5)
    assert spot is not None
    assert floor.takers.take(NOISE, spot, buy=True, limit=1.2, size=D(1)) == []
    floor.engine.settle(floor.book, D(1))
    assert floor.takers.take(NOISE, spot, buy=True, limit=0.5, size=D(1)) == []
    floor.run(1)


def test_a_restart_uses_no_order_id_twice_and_leaves_no_orphans() -> None:
    stage = Stage()
    stage.run(Simulator(stage.world), 30)
    before = set(stage.world.engine.orders)
    again = Stage(store=stage.store)
    again.clock.now = stage.clock.now + 5
    again.run(Simulator(again.world), 30)
    resting = [o for key in again.world.engine.wallets for o in again.world.engine.open_orders(*key)]
    assert resting
    assert not {o.order_id for o in resting} & before


def test_in_a_simulated_minute_a_maker_on_every_book_is_filled_several_times() -> None:
    stage = Stage()
    simulator = Simulator(stage.world, SimulatorSettings())
    stage.run(simulator, 5)
    for fixture_id, chances in simulator.fairs().items():
        for exchange in stage.venues:
            for outcome_id, chance in chances.items():
                if 0.15 < chance < 0.85:
                    price = str(round(1 - chance - 0.04, 2))
                    stage.maker(exchange, f"{exchange}:{fixture_id}:{outcome_id}", "no", price, "50")
    stage.run(simulator, 60)
    engine = stage.world.engine
    fills = [t for t in engine.trades.values() if engine.orders[t.maker_order].account not in HOUSE]
    assert 4 <= len(fills) <= 80

"""What a recording's trades do to quotes on the paper exchanges: who paid up there pays up here."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from overround.paper.betfair_book import Matched, StreamMarket
from overround.paper.recorded_market import RecordedMarket, stakes
from overround.paper.recording_scan import scan
from overround.paper.takers import TAPE, Takers
from overround.paper.tape import EVERY, LARGEST, Tape
from tests.paper.recordings import QUIET, Script
from tests.paper.worlds import Stage

D = Decimal
ANN, BEA = (1, D(0)), (2, D(0))


class Pit:
    """A recorded two-way market at even odds, on both exchanges, and a tape."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage()
        script = Script("Ann", "Bea").define(0).price(1, r1=1.98, r2=1.98).close(60, 1)
        (scanned,) = scan(script.write(folder), 1.0).markets.values()
        self.market = RecordedMarket(scanned, 1, 1_790_000_000)
        for venue in self.stage.venues.values():
            venue.list_fixture(self.market.fixture)
        self.stream = StreamMarket("1.7")
        for line in script.lines[:2]:
            change = line["mc"][0]
            self.change(**{key: value for key, value in change.items() if key != "id"})
        self.tape = Tape(Takers(self.stage.world, QUIET))
        self.engine, self.now = self.stage.world.engine, 100.0

    def change(self, **change: Any) -> list[Matched]:
        for runner in change.get("rc", []):
            for ladder in ("atb", "atl", "trd"):
                if ladder in runner:
                    runner[ladder] = [[D(str(value)) for value in row] for row in runner[ladder]]
        matched = self.stream.apply(change)
        self.market.follow(self.stream, 1, 1)
        return matched

    def quotes(self) -> None:
        """A client quotes both sides of Ann on both exchanges, two cents around the middle."""
        for exchange in self.stage.exchanges:
            book = f"{exchange}:{self.market.fixture.fixture_id}:121"
            self.stage.maker(exchange, book, "yes", "0.48", "500")
            self.stage.maker(exchange, book, "no", "0.48", "500")

    def traded(self, price: str, size: str, runner: Any = ANN, wait: float = EVERY) -> int:
        self.now += wait
        self.tape.hear(self.stream, [Matched(runner, D(price), D(size))])
        return self.tape.play(self.market, self.stream, self.now)

    def fills(self, exchange: str) -> list[tuple[bool, Decimal]]:
        """(whether the tape's taker bought YES, size) of each trade on an exchange."""
        trades = [trade for trade in self.engine.trades.values() if trade.exchange == exchange]
        takers = [self.engine.orders[trade.taker_order] for trade in trades]
        assert {taker.account for taker in takers} <= {TAPE}
        return [(taker.is_bid, trade.size) for taker, trade in zip(takers, trades, strict=True)]


@pytest.fixture
def pit(tmp_path: Path) -> Pit:
    made = Pit(tmp_path)
    made.stream.tape_recorded = True
    return made


@pytest.mark.parametrize(("price", "bought"), [("1.90", True), ("2.10", False)])
def test_backer_above_the_middle_buys_and_a_layer_below_it_sells(pit: Pit, price: str, bought: bool) -> None:
    pit.quotes()
    assert sum(pit.traded(price, "200") for _ in range(8)) > 0
    for exchange in pit.stage.exchanges:
        fills = pit.fills(exchange)
        assert fills
        assert {side for side, _ in fills} == {bought}


def test_trade_size_is_in_contracts_and_never_enormous(pit: Pit) -> None:
    pit.quotes()
    for _ in range(10):
        pit.traded("1.80", "200")  # 200 counts both sides: 100 x 1.80 contracts
        pit.traded("1.80", "100000")
    sizes = {size for _, size in pit.fills("kalshi")}
    assert sizes <= {D(180), LARGEST, *(size for size in sizes if size < 180)}
    assert LARGEST in sizes


@pytest.mark.parametrize(
    ("size", "price", "contracts"), [("200", "2", 200), ("100", "1.5", 75), ("3", "1.01", 2), ("0.4", "1.1", 0)]
)
def test_matched_volume_counts_both_sides(size: str, price: str, contracts: int) -> None:
    assert stakes(D(size), D(price)) == contracts


def test_largest_of_several_trades_is_the_one_repeated(pit: Pit) -> None:
    pit.quotes()
    pit.tape.hear(pit.stream, [Matched(ANN, D("1.80"), D(10)), Matched(ANN, D("2.20"), D(300))])
    for _ in range(8):
        pit.tape.play(pit.market, pit.stream, pit.now)
        pit.now += EVERY
        pit.tape.hear(pit.stream, [Matched(ANN, D("1.80"), D(10)), Matched(ANN, D("2.20"), D(300))])
    assert {side for side, _ in pit.fills("kalshi")} == {False}


def test_takers_of_one_market_keep_their_distance(pit: Pit) -> None:
    pit.quotes()
    pit.traded("1.50", "100")
    count = len(pit.engine.trades)
    assert pit.traded("1.50", "100", wait=EVERY / 2) == 0
    assert len(pit.engine.trades) == count
    assert pit.traded("1.50", "100", wait=EVERY) == 2


@pytest.mark.parametrize("runner", [(9, D(0)), (1, D("-1.5"))])
def test_trade_of_a_runner_nobody_lists_is_ignored(pit: Pit, runner: Any) -> None:
    pit.quotes()
    assert pit.traded("1.50", "100", runner) == 0
    assert pit.engine.trades == {}


def test_trade_at_no_odds_is_ignored(pit: Pit) -> None:
    pit.quotes()
    assert pit.traded("1", "100") == 0


def test_nothing_trades_while_there_is_no_middle(pit: Pit) -> None:
    pit.quotes()
    pit.change(rc=[{"id": 1, "atb": []}])
    assert pit.traded("1.50", "100") == 0


def test_trade_on_the_other_side_moves_the_same_quotes_the_other_way(pit: Pit) -> None:
    """Bea's own books are apart here; Ann's quotes are not touched by her trades."""
    pit.quotes()
    pit.traded("1.50", "100", BEA)
    assert pit.fills("kalshi") == []


@pytest.mark.parametrize(
    ("rows", "trades"),
    [
        ({"atb": [[1.98, 30]]}, [(D("1.98"), D(20))]),
        ({"atb": [[1.98, 40]]}, []),
        ({"atb": [[1.98, 50]]}, []),
        ({"atb": [[1.98, 0], [1.97, 10]]}, []),
        ({"atl": [[2.0, 25]]}, [(D("2.0"), D(30))]),
        ({"atb": [[1.98, 30]], "atl": [[2.0, 39]]}, [(D("1.98"), D(20)), (D("2.0"), D(2))]),
    ],
)
def test_without_a_recorded_tape_a_best_price_that_shrinks_stands_for_a_trade(
    tmp_path: Path, rows: dict[str, Any], trades: list[tuple[Decimal, Decimal]]
) -> None:
    pit = Pit(tmp_path)
    assert pit.tape._shrunk(pit.stream) == []
    pit.change(rc=[{"id": 1, **rows}])
    assert [(trade.price, trade.size) for trade in pit.tape._shrunk(pit.stream)] == trades


def test_recorded_tape_is_preferred_to_guessing(pit: Pit) -> None:
    pit.quotes()
    pit.tape.hear(pit.stream, [])
    matched = pit.change(rc=[{"id": 1, "atb": [[1.98, 10]], "trd": [[1.98, 60]]}])
    assert matched == [Matched(ANN, D("1.98"), D(60))]
    pit.tape.hear(pit.stream, [])
    assert pit.tape.play(pit.market, pit.stream, pit.now + EVERY) == 0

"""How long an order outlived its bookmaker is measured exactly, since it must be next to nothing."""

from decimal import Decimal

from overround.paper.suspensions import Suspensions
from overround.paper.takers import BACKGROUND
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome
from tests.paper.worlds import Stage

D = Decimal


class Shut:
    """One fixture on one exchange that can be shut and opened."""

    def __init__(self) -> None:
        self.stage = Stage(exchanges=("kalshi",))
        market = PaperMarket(121, "Winner", "moneyline", "result", [PaperOutcome(121, "1"), PaperOutcome(122, "2")])
        self.fixture = PaperFixture("f", 12, "Tennis", 1, "T", "A", "B", 0, markets=[market])
        self.stage.venues["kalshi"].list_fixture(self.fixture)
        self.watch = Suspensions(self.stage.world)
        self.say(suspended=False)

    def say(self, **state: object) -> None:
        for name, value in state.items():
            setattr(self.fixture, name, value)
        self.stage.world.tell(self.fixture, "bookmaker")

    def wait(self, seconds: float) -> None:
        self.stage.clock.now += seconds

    def quote(self) -> str:
        return self.stage.maker("kalshi", "kalshi:f:121", "no", "0.40", "10").order_id

    def line(self) -> dict[str, int]:
        return dict(self.watch.report()["f"])


def test_a_spell_lasts_from_the_first_word_to_the_last() -> None:
    shut = Shut()
    shut.say(suspended=True)
    shut.wait(2)
    shut.say(stale=True)
    shut.wait(1)
    shut.say(suspended=False)
    shut.wait(1)
    shut.say(stale=False)
    shut.wait(9)
    assert [end - begin for begin, end in shut.watch.spells("f")] == [4000]
    assert shut.line() == {"spells": 1, "shutMs": 4000, "longestAliveMs": 0, "placedWhileShut": 0}


def test_the_pull_time_is_how_long_an_order_outlived_the_shutting() -> None:
    shut = Shut()
    order = shut.quote()
    shut.wait(5)
    shut.say(suspended=True)
    shut.wait(0.25)
    shut.stage.world.engine.cancel(order, "pulled")
    shut.wait(5)
    shut.say(suspended=False)
    assert (shut.line()["longestAliveMs"], shut.line()["placedWhileShut"]) == (250, 0)


def test_an_order_left_alone_counts_until_now_or_until_it_opens() -> None:
    shut = Shut()
    shut.quote()
    shut.say(suspended=True)
    shut.wait(3)
    assert shut.line()["longestAliveMs"] == 3000
    shut.say(suspended=False)
    shut.wait(60)
    assert shut.line()["longestAliveMs"] == 3000


def test_an_order_placed_while_shut_is_told() -> None:
    shut = Shut()
    shut.say(suspended=True)
    shut.wait(1)
    shut.quote()
    shut.wait(1)
    shut.say(suspended=False)
    assert (shut.line()["longestAliveMs"], shut.line()["placedWhileShut"]) == (1000, 1)


def test_the_house_does_not_count_and_neither_do_orders_of_open_times() -> None:
    shut = Shut()
    shut.stage.world.engine.fund("kalshi", BACKGROUND, D(100))
    order = shut.stage.maker("kalshi", "kalshi:f:122", "no", "0.40", "1")
    order.account = BACKGROUND
    early = shut.quote()
    shut.wait(1)
    shut.stage.world.engine.cancel(early, "done")
    shut.wait(1)
    shut.say(suspended=True)
    shut.wait(1)
    shut.say(suspended=False)
    shut.quote()
    assert (shut.line()["longestAliveMs"], shut.line()["placedWhileShut"]) == (0, 0)


def test_a_finished_fixture_is_shut_for_good() -> None:
    shut = Shut()
    shut.say(status=2)
    shut.wait(30)
    assert shut.line()["shutMs"] == 30_000

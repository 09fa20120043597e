"""Fixtures are saved before anyone hears of a change, and come back whole."""

from decimal import Decimal

from overround.paper.store import Store
from overround.paper.world import Changed, Faults, NativeIds, PaperFixture, PaperMarket, PaperOutcome, World


def fixture() -> PaperFixture:
    outcomes = [
        PaperOutcome(101, "1", Decimal("2.10"), Decimal("350.5"), changed_at=12),
        PaperOutcome(102, "X", None, active=False),
    ]
    market = PaperMarket(101, "Full Time Result", "1x2", "fulltime", outcomes, handicap=Decimal("-0.5"))
    return PaperFixture(
        "id1",
        10,
        "Soccer",
        17,
        "Premier League",
        "A",
        "B",
        1000,
        1,
        [market],
        scores={"result": (1, 0)},
        clock={"stopped": False},
        native={"kalshi": NativeIds("KX", {"101": "KX-A"}, {"101": "KX-A"})},
    )


def test_a_fixture_comes_back_whole_after_a_restart() -> None:
    world = World(Store(None))
    original = fixture()
    original.market(101).results = {101: "WIN", 102: "CANCELLED"}
    world.tell(original, "odds", 101)
    assert World(world.store).fixtures == {"id1": original}


def test_a_change_is_saved_before_it_is_told() -> None:
    world = World(Store(None))
    seen: list[tuple[Changed, bool]] = []
    world.listen(lambda change: seen.append((change, world.store.get("fixture", "id1") is not None)))
    original = fixture()
    world.tell(original, "scores")
    assert seen == [(Changed(original, "scores", None), True)]


def test_a_fault_fires_as_often_as_armed() -> None:
    faults = Faults()
    faults.arm("kalshi", "answer_late", 2, seconds=3)
    assert [faults.fires("kalshi", "answer_late") for _ in range(3)] == [{"seconds": 3}, {"seconds": 3}, None]
    assert faults.fires("kalshi", "fill_twice") is None
    assert faults.fired == [("kalshi", "answer_late")] * 2


def test_the_clock_is_the_world_s() -> None:
    assert World(Store(None), clock=lambda: 12.3456).now_ms() == 12345

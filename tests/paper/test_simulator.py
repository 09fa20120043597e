"""What a newcomer sees in the first minutes, and what a restart must not change."""

import json
from collections import Counter
from dataclasses import asdict
from decimal import Decimal

import pytest

from overround.paper.simulator import Simulator, SimulatorSettings
from overround.paper.takers import HOUSE
from overround.paper.world import PaperFixture, plain
from tests.paper.worlds import Stage

FEW = SimulatorSettings(fixtures=4)


@pytest.fixture(scope="module")
def ten_minutes() -> tuple[Stage, Simulator]:
    """Ten simulated minutes of the default settings."""
    stage = Stage()
    simulator = Simulator(stage.world)
    stage.run(simulator, 600, step=0.5)
    return stage, simulator


def test_twelve_fixtures_over_eight_sports_are_open_at_any_time() -> None:
    stage = Stage()
    simulator = Simulator(stage.world)
    for _ in range(60):
        stage.run(simulator, 5, step=0.5)
        running = [f for f in stage.world.fixtures.values() if f.status < 2]
        assert len(running) >= 12
        assert len({f.sport_id for f in running}) >= 7


def test_every_sport_is_seen_and_ids_are_built_as_the_feed_builds_them(ten_minutes: tuple[Stage, Simulator]) -> None:
    fixtures = ten_minutes[0].world.fixtures.values()
    assert {f.sport_id for f in fixtures} == set(range(10, 18))
    for fixture in fixtures:
        assert fixture.fixture_id[:10] == f"id{fixture.sport_id}{fixture.tournament_id:06d}"
        assert fixture.markets[0].market_id == fixture.markets[0].outcomes[0].outcome_id
        assert fixture.participant1 != fixture.participant2


def test_every_fixture_ends_within_five_minutes_of_being_listed(ten_minutes: tuple[Stage, Simulator]) -> None:
    stage, _ = ten_minutes
    listed: dict[str, int] = {}
    for position, change in enumerate(stage.changes):
        listed.setdefault(change.fixture.fixture_id, position)
    old = list(listed)[:16]
    assert all(stage.world.fixtures[fixture_id].status >= 2 for fixture_id in old)


def test_something_ends_about_every_twenty_seconds(ten_minutes: tuple[Stage, Simulator]) -> None:
    ended = [f for f in ten_minutes[0].world.fixtures.values() if f.status >= 2]
    assert 24 <= len(ended) <= 48


def test_one_in_a_dozen_is_abandoned_and_void(ten_minutes: tuple[Stage, Simulator]) -> None:
    stage, _ = ten_minutes
    void = [f for f in stage.world.fixtures.values() if f.status == 3]
    assert 2 <= len(void) <= 5
    graded = [f for f in void if f.markets[0].results]
    assert graded
    for fixture in graded:
        assert set(fixture.markets[0].results.values()) == {"CANCELLED"}


def test_a_void_is_seen_within_the_first_five_minutes() -> None:
    for seed in (1, 2):
        stage = Stage()
        stage.run(Simulator(stage.world, SimulatorSettings(seed=seed)), 300, step=1.0)
        assert any(f.status == 3 for f in stage.world.fixtures.values())


def test_nobody_plays_two_matches_at_once(ten_minutes: tuple[Stage, Simulator]) -> None:
    stage, simulator = ten_minutes
    current = [stage.world.fixtures[line["fixtureId"]] for line in simulator.status()["fixtures"]]
    sides = [side for fixture in current for side in (fixture.participant1, fixture.participant2)]
    assert len(sides) == len(set(sides))


def test_one_outcome_wins_and_exchanges_pay_it(ten_minutes: tuple[Stage, Simulator]) -> None:
    stage, _ = ten_minutes
    settled = [f for f in stage.world.fixtures.values() if f.status == 2 and f.markets[0].results]
    assert settled
    for fixture in settled:
        results = fixture.markets[0].results
        assert sorted(results.values(), reverse=True)[0] == "WIN"
        assert list(results.values()).count("WIN") == 1
        first, second = fixture.scores["result"]
        winner = next(o.name for o in fixture.markets[0].outcomes if results[o.outcome_id] == "WIN")
        assert winner == ("1" if first > second else "2" if second > first else "X")
        for venue in stage.venues.values():
            if fixture.fixture_id in venue.resolved:
                values = venue.resolved[fixture.fixture_id]
                assert {k for k, v in values.items() if v == 1} == {k for k, v in results.items() if v == "WIN"}


def test_every_market_is_settled_once_on_every_exchange(ten_minutes: tuple[Stage, Simulator]) -> None:
    stage, simulator = ten_minutes
    current = {line["fixtureId"] for line in simulator.status()["fixtures"]}
    for fixture_id in stage.world.fixtures.keys() - current:
        for venue in stage.venues.values():
            assert fixture_id in venue.resolved
    for book in stage.world.engine.books.values():
        if book.value is not None:
            assert not book.bids + book.asks


def test_prices_carry_the_margin_and_stay_on_their_steps(ten_minutes: tuple[Stage, Simulator]) -> None:
    for fixture in ten_minutes[0].world.fixtures.values():
        for outcome in fixture.markets[0].outcomes:
            assert outcome.price is not None
            assert Decimal(1) < outcome.price <= 501
            assert outcome.price == outcome.price.quantize(Decimal("0.001"))
            assert outcome.limit >= 10
        if all(outcome.active for outcome in fixture.markets[0].outcomes):
            booksum = sum(1 / outcome.price for outcome in fixture.markets[0].outcomes if outcome.price)
            assert Decimal("1.03") < booksum < Decimal("1.08")


def test_moves_stay_below_the_rate() -> None:
    stage = Stage()
    simulator = Simulator(stage.world, SimulatorSettings(moves_per_second=5.0))
    stage.run(simulator, 20)
    before = simulator.moves
    stage.run(simulator, 120)
    assert 2 * 120 < simulator.moves - before < 6.5 * 120


def test_suspended_and_stale_spells_come_and_go() -> None:
    stage = Stage()
    seen: Counter[str] = Counter()
    stage.world.listen(
        lambda change: seen.update(
            [f"suspended {change.fixture.suspended}", f"stale {change.fixture.stale}"]
            if change.topic == "bookmaker"
            else [change.topic]
        )
    )
    simulator = Simulator(stage.world)
    stage.run(simulator, 200)
    assert {"suspended True", "suspended False", "stale True", "stale False"} <= seen.keys()
    assert min(seen[topic] for topic in ("odds", "scores", "clock", "fixture")) > 10


def test_no_price_moves_while_suspended() -> None:
    stage = Stage()
    simulator = Simulator(stage.world)
    shut: dict[str, str] = {}

    def watch(fixture: PaperFixture, topic: str) -> None:
        prices = str([o.price for o in fixture.markets[0].outcomes])
        if fixture.suspended and topic == "odds":
            assert shut.setdefault(fixture.fixture_id, prices) == prices
        elif not fixture.suspended:
            shut.pop(fixture.fixture_id, None)

    stage.world.listen(lambda change: watch(change.fixture, change.topic))
    stage.run(simulator, 150)


def test_kick_off_halts_every_exchange_and_lets_it_go_again() -> None:
    stage = Stage()
    stage.run(Simulator(stage.world, FEW), 80)
    for venue in stage.venues.values():
        per_fixture = {fixture: [h for f, h in venue.halts if f == fixture] for fixture, _ in venue.halts}
        assert per_fixture
        assert all(halts == [True, False] for halts in per_fixture.values())


def snapshot(stage: Stage) -> str:
    return json.dumps({key: plain(asdict(fixture)) for key, fixture in stage.world.fixtures.items()})


def test_the_same_seed_and_clock_give_the_same_matches() -> None:
    runs = []
    for seed in (7, 7, 8):
        stage = Stage()
        stage.run(Simulator(stage.world, SimulatorSettings(seed=seed)), 90)
        runs.append((snapshot(stage), len(stage.world.engine.trades)))
    assert runs[0] == runs[1] != runs[2]


def test_a_restart_continues_where_it_stopped() -> None:
    stage = Stage()
    simulator = Simulator(stage.world)
    stage.run(simulator, 60)
    before = {line["fixtureId"]: line for line in simulator.status()["fixtures"]}
    again = Stage(store=stage.store)
    again.clock.now = stage.clock.now + 86_400
    resumed = Simulator(again.world)
    assert resumed.time == simulator.time
    assert {line["fixtureId"]: line for line in resumed.status()["fixtures"]} == before
    pregame = [f for f in again.world.fixtures.values() if f.status == 0]
    assert pregame
    assert all(f.start_time >= again.clock.now - 1 for f in pregame)
    again.run(resumed, 300)
    assert all(again.world.fixtures[fixture_id].status >= 2 for fixture_id in before)
    assert len(again.world.fixtures) == len(set(again.world.fixtures))


def test_a_stalled_process_does_not_skip_half_a_match() -> None:
    stage = Stage()
    simulator = Simulator(stage.world, FEW)
    stage.run(simulator, 20)
    stage.clock.now += 600
    simulator.step()
    assert simulator.time < 25


def test_paused_matches_stand_still() -> None:
    stage = Stage()
    simulator = Simulator(stage.world, FEW)
    stage.run(simulator, 20)
    simulator.paused = True
    told = len(stage.changes)
    stage.run(simulator, 60)
    assert len(stage.changes) == told
    simulator.paused = False
    stage.run(simulator, 10)
    assert len(stage.changes) > told


def test_house_accounts_do_not_lose_money_out_of_the_world(ten_minutes: tuple[Stage, Simulator]) -> None:
    engine = ten_minutes[0].world.engine
    assert {account for _, account in engine.wallets} == set(HOUSE)
    locked = sum(w.holdings.get(f"{book}:yes", Decimal(0)) for w in engine.wallets.values() for book in engine.books)
    cash = sum(w.cash for w in engine.wallets.values())
    assert cash + locked == sum(w.deposited for w in engine.wallets.values())


def test_background_orders_do_not_pile_up(ten_minutes: tuple[Stage, Simulator]) -> None:
    engine = ten_minutes[0].world.engine
    traded = {order for t in engine.trades.values() for order in (t.maker_order, t.taker_order)}
    ended = [o for o in engine.orders.values() if o.status == "cancelled" and o.order_id not in traded]
    assert len(ended) < 100

"""Settlement activities: a fixture is closed, everybody's word on it collected, and what agrees is booked once."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError, RPCStatusCode

from activities.settlement import SettlementActivities
from overround.bookmakers.base import BetSettlement
from overround.domain.results import FixtureResults, verdict
from overround.domain.settling import Book, Closing, SettlementState
from overround.exchanges.base import Resolution
from overround.feed.catalogue import CatalogueMarket
from overround.feed.messages import Fixture, Score, SettlementRow
from overround.ledger.alarms import raise_alarm
from overround.venues import NotFound, TimedOut
from tests.domain.desk import KEY
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, OWNER, Hedge, accepted, claim, fill, owner, refused, rows, spec, write
from tests.streamers.desk import FakeTemporal

FIXTURE = KEY.fixture_id
OVER = Fixture(
    FIXTURE, 2, 11, "Basketball", 132, "NBA", 1_800_000_000, "Celtics", "Nuggets",
    {"result": Score("result", 99, 101, None)},
)  # fmt: skip
MARKET = CatalogueMarket(111, 2, 11, False, None, "result", "moneyline", "Winner", {111: "1", 112: "2"}, 1)


@dataclass
class Feed:
    """What the feed says of the fixture."""

    listed: list[Fixture] = field(default_factory=lambda: [OVER])
    graded: dict[int, str] = field(default_factory=lambda: {111: "LOSE", 112: "WIN"})
    market: CatalogueMarket = MARKET
    asked: list[Any] = field(default_factory=list)

    async def fixtures(self, fixture_ids: list[str]) -> list[Fixture]:
        return [item for item in self.listed if item.fixture_id in fixture_ids]

    async def settlement(self, fixture_id: str) -> tuple[Fixture, tuple[SettlementRow, ...]]:
        graded: Any = self.graded
        return OVER, tuple(
            SettlementRow(111, "moneyline", outcome, 0, word, None, None, (), None) for outcome, word in graded.items()
        )

    async def markets(self, market_ids: list[int]) -> list[CatalogueMarket]:
        self.asked.append(market_ids)
        return [self.market]


@dataclass
class Venue:
    """Pays ``yes`` per YES contract; None while it has not resolved."""

    yes: Any = field(default_factory=lambda: D(0))
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def resolution(self, venue_market: str, contract: str) -> Resolution:
        self.asked.append((venue_market, contract))
        if isinstance(self.yes, Exception):
            raise self.yes
        return Resolution(venue_market, contract, self.yes, "finalized")


@dataclass
class Bookie:
    """Settles parts by their id."""

    words: dict[str, Any] = field(default_factory=lambda: {"p1": "LOST", "p2": "LOST"})
    extra: list[BetSettlement] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)

    async def settlements(self, bet_ids: list[str]) -> list[BetSettlement]:
        self.asked.append(bet_ids)
        return [BetSettlement(name, self.words.get(name)) for name in bet_ids] + self.extra


@dataclass
class World:
    """Everybody who has a word on the fixture."""

    feed: Feed = field(default_factory=Feed)
    venue: Venue = field(default_factory=Venue)
    bookie: Bookie = field(default_factory=Bookie)
    temporal: FakeTemporal = field(default_factory=lambda: FakeTemporal(alive={OWNER, "hedge:c1"}))

    async def exchange(self, account_id: str) -> Venue:
        return self.venue

    async def bookmaker(self, account_id: str) -> Bookie:
        assert account_id == "vertex-demo"
        return self.bookie


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def bet(ledger: AsyncEngine) -> str:
    """c1 bought 10 contracts against 111 for 4.60 with fees of 0.01, hedged by a bet of 5.00 in two parts."""
    await claim(ledger, spec("c1"))
    hedge = Hedge(ledger)
    await hedge.fills(fill("t1"))
    name = await hedge.bet(1, "5")
    await hedge.report(accepted(name, ("p1", "3", "2.00"), ("p2", "2", "1.98")))
    return name


@pytest.fixture
def does(ledger: AsyncEngine, world: World) -> SettlementActivities:
    return SettlementActivities(ledger, world, world.feed, world.temporal)  # type: ignore[arg-type]


async def collected(does: SettlementActivities) -> FixtureResults:
    return await does.collect_results(FIXTURE)


# -- closing -----------------------------------------------------------------------------------------------------------


async def test_every_owner_and_every_open_hedge_hears_that_the_fixture_is_over(
    does: SettlementActivities, world: World, bet: str
) -> None:
    closing = await does.close_fixture(FIXTURE)
    assert {(workflow, name) for workflow, name, _ in world.temporal.told} == {(OWNER, "close"), ("hedge:c1", "close")}
    assert closing.open_orders == 1


async def test_what_has_ended_is_closed_and_needs_no_telling(
    does: SettlementActivities, world: World, ledger: AsyncEngine, bet: str
) -> None:
    world.temporal.alive.clear()
    await write(ledger, "UPDATE orders SET status = 'CANCELLED'")
    await write(ledger, "UPDATE hedges SET state = 'DONE'")
    assert await does.close_fixture(FIXTURE) == Closing(0, 0)
    assert world.temporal.told == []


@pytest.mark.parametrize(("filled", "missing"), [("10", 0), ("25", 1)])
async def test_an_order_that_traded_more_than_the_trades_we_hold_is_not_done(
    filled: str, missing: int, does: SettlementActivities, ledger: AsyncEngine, bet: str
) -> None:
    await write(ledger, "UPDATE hedges SET state = 'DONE'")
    await write(ledger, "UPDATE orders SET status = 'FILLED', filled = CAST(:filled AS numeric)", filled=filled)
    assert await does.close_fixture(FIXTURE) == Closing(0, 0, missing)


async def test_a_server_that_is_away_is_an_error_not_a_closed_fixture(
    does: SettlementActivities, world: World, bet: str
) -> None:
    world.temporal.failures = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")]
    with pytest.raises(RPCError):
        await does.close_fixture(FIXTURE)


async def test_other_fixtures_are_left_alone(does: SettlementActivities, world: World, ledger: AsyncEngine) -> None:
    await claim(ledger, spec("x1"), of=owner(fixture="id-other"))
    assert await does.close_fixture(FIXTURE) == Closing(0, 0)
    assert world.temporal.told == []


# -- collecting --------------------------------------------------------------------------------------------------------


async def test_everybodys_word_is_collected(does: SettlementActivities, world: World, bet: str) -> None:
    found = await collected(does)
    assert (found.status.status_id, found.status.scores) == (2, {"result": (99, 101)})
    assert found.feed == {111: "LOST", 112: "WON"}
    assert found.own == {111: "LOST", 112: "WON"}
    (order,) = found.orders
    assert (order.client_order_id, order.size, order.cost, order.fees) == ("c1", D(10), D("4.60"), D("0.01"))
    assert [(part.part_id, part.settlement) for part in found.bets] == [("p1", "LOST"), ("p2", "LOST")]
    assert verdict(found).disputes == ()
    assert world.venue.asked == [("KXNBA", "KXNBA-111")]
    assert world.bookie.asked == [["p1", "p2"]]


@pytest.mark.parametrize(("position", "yes", "value"), [("no", "0", "1"), ("no", "1", "0"), ("no", "0.5", "0.5"),
                                                         ("yes", "1", "1"), ("yes", "0.25", "0.25")])  # fmt: skip
async def test_a_contract_pays_what_its_side_pays(
    does: SettlementActivities, world: World, ledger: AsyncEngine, bet: str, position: str, yes: str, value: str
) -> None:
    await write(ledger, "UPDATE orders SET position = :position", position=position)
    world.venue.yes = D(yes)
    assert (await collected(does)).orders[0].value == D(value)


async def test_a_venue_that_has_not_resolved_leaves_the_order_waiting(
    does: SettlementActivities, world: World, bet: str
) -> None:
    world.venue.yes = None
    found = await collected(does)
    assert found.orders[0].value is None
    assert verdict(found).waiting == ("the venue has not resolved order c1",)
    assert verdict(found).booked == ()


async def test_a_bet_the_bookmaker_has_not_settled_waits_and_the_rest_is_kept(
    does: SettlementActivities, world: World, ledger: AsyncEngine, bet: str
) -> None:
    world.bookie.words = {"p1": "LOST"}
    found = await collected(does)
    assert [part.settlement for part in found.bets] == ["LOST", None]
    assert verdict(found).waiting == ("the bookmaker has not settled bet p2",)
    kept = await rows(ledger, "SELECT part_id, settlement FROM bet_parts ORDER BY part_id")
    assert [(row.part_id, row.settlement) for row in kept] == [("p1", "LOST"), ("p2", None)]


async def test_a_word_on_a_bet_we_never_placed_is_ignored(does: SettlementActivities, world: World, bet: str) -> None:
    world.bookie.extra = [BetSettlement("somebody-elses", "WON")]
    assert [part.settlement for part in (await collected(does)).bets] == ["LOST", "LOST"]


async def test_a_word_the_bookmaker_corrects_replaces_the_first(
    does: SettlementActivities, world: World, ledger: AsyncEngine, bet: str
) -> None:
    await collected(does)
    world.bookie.words = {"p1": "VOID", "p2": "VOID"}
    assert {part.settlement for part in (await collected(does)).bets} == {"VOID"}
    assert {row.settlement for row in await rows(ledger, "SELECT settlement FROM bet_parts")} == {"VOID"}


async def test_a_cancelled_fixture_voids_everything_by_our_own_word(
    does: SettlementActivities, world: World, bet: str
) -> None:
    world.feed.listed = [replace(OVER, status_id=3, scores={})]
    world.feed.graded = {111: "CANCELLED", 112: "CANCELLED"}
    found = await collected(does)
    assert found.own == {111: "VOID", 112: "VOID"}
    assert found.feed == {111: "VOID", 112: "VOID"}


async def test_a_market_the_score_does_not_decide_has_no_word_of_ours(
    does: SettlementActivities, world: World, bet: str
) -> None:
    world.feed.market = replace(MARKET, market_type="correctscore")
    assert (await collected(does)).own == {}


async def test_a_score_that_contradicts_the_feed_is_a_dispute(
    does: SettlementActivities, world: World, bet: str
) -> None:
    world.feed.listed = [replace(OVER, scores={"result": Score("result", 102, 101, None)})]
    found = verdict(await collected(does))
    assert "outcome 111: the feed says LOST, the score says WON" in found.disputes


async def test_a_fixture_nobody_traded_has_no_results_and_asks_nobody(
    does: SettlementActivities, world: World, ledger: AsyncEngine
) -> None:
    await claim(ledger, spec("c1"))
    hedge = Hedge(ledger)
    await hedge.fills(fill("t1"), failed=["t1"])
    await hedge.report(refused(await hedge.bet(1, "5")))
    found = await collected(does)
    assert (found.orders, found.bets, found.status.status_id) == ((), (), 2)
    assert (world.venue.asked, world.bookie.asked, world.feed.asked) == ([], [], [])


async def test_a_fixture_the_feed_lost_is_an_error_to_try_again(
    does: SettlementActivities, world: World, bet: str
) -> None:
    world.feed.listed = []
    with pytest.raises(NotFound, match="is not listed"):
        await collected(does)


async def test_a_venue_that_does_not_answer_is_an_error_and_changes_nothing(
    does: SettlementActivities, world: World, ledger: AsyncEngine, bet: str
) -> None:
    world.venue.yes = TimedOut("kalshi", "silent")
    with pytest.raises(TimedOut):
        await collected(does)
    assert {row.settlement for row in await rows(ledger, "SELECT settlement FROM bet_parts")} == {None}


# -- booking -----------------------------------------------------------------------------------------------------------


async def booked(does: SettlementActivities) -> int:
    results = verdict(await collected(does)).booked
    return await does.book_results(Book(FIXTURE, "settlement:1", "run-1", results))


async def test_a_fixture_is_booked_once_and_to_the_cent(
    does: SettlementActivities, ledger: AsyncEngine, bet: str
) -> None:
    assert [await booked(does) for _ in range(2)] == [2, 0]
    found = await rows(ledger, "SELECT subject, status, profit, fee FROM settlements ORDER BY subject")
    assert [(row.subject, row.status, row.profit, row.fee) for row in found] == [
        ("bet", "LOST", D("-5.00"), D(0)),
        ("order", "WON", D("5.39"), D("0.01")),
    ]


async def test_a_corrected_result_is_a_new_revision(
    does: SettlementActivities, world: World, ledger: AsyncEngine, bet: str
) -> None:
    await booked(does)
    world.venue.yes, world.bookie.words = D(1), {"p1": "WON", "p2": "WON"}
    world.feed.graded, world.feed.listed = (
        {111: "WIN", 112: "LOSE"},
        [replace(OVER, scores={"result": Score("result", 101, 99, None)})],
    )
    assert await booked(does) == 2
    newest = await rows(ledger, "SELECT subject, profit FROM settlements WHERE revision = 2 ORDER BY subject")
    assert [(row.subject, row.profit) for row in newest] == [("bet", D("4.96")), ("order", D("-4.61"))]


async def test_booking_ends_what_was_naked_in_the_fixture_and_nothing_else(
    does: SettlementActivities, ledger: AsyncEngine, bet: str
) -> None:
    await claim(ledger, spec("x1"), of=owner(fixture="id-other"))
    async with ledger.begin() as connection:
        for kind, subject in (("naked", "c1"), ("naked", "x1"), ("dispute", "c1")):
            await raise_alarm(connection, kind, subject, "look", CLIENT)
    await booked(does)
    still = await rows(ledger, "SELECT kind, subject FROM alarms WHERE cleared_at IS NULL ORDER BY kind")
    assert [(row.kind, row.subject) for row in still] == [("dispute", "c1"), ("naked", "x1")]


async def test_a_dispute_is_an_alarm_until_it_is_decided(does: SettlementActivities, ledger: AsyncEngine) -> None:
    for state, reason, alarms in (("DISPUTED", "the venue pays 0", 1), ("DISPUTED", "it still does", 1),
                                  ("BOOKED", "", 0)):  # fmt: skip
        await does.settlement_state(SettlementState(FIXTURE, "settlement:1", state, reason))
        open_alarms = await rows(ledger, "SELECT message FROM alarms WHERE kind = 'dispute' AND cleared_at IS NULL")
        assert [row.message for row in open_alarms] == [reason] * alarms
    (row,) = await rows(ledger, "SELECT state, version FROM fixture_settlements")
    assert (row.state, row.version) == ("BOOKED", 2)

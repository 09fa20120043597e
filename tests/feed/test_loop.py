"""The feed as one thing against the paper server: snapshot, changes, repair."""

import asyncio
import random
import time
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import SecretStr

from overround.domain.markets import MarketKey
from overround.feed.clock import Receipt
from overround.feed.events import BadFrame
from overround.feed.feed import Changes, Feed
from overround.feed.rules import Delays
from overround.feed.stream import Filter
from overround.paper.world import PaperFixture, PaperMarket
from overround.venues import Unauthorised
from tests.feed.conftest import Served
from tests.feed.worlds import BASKETBALL, KEY, QUICK, SOCCER, basketball, move, outcome, soccer
from tests.support.waiting import until


def pull(feed: Feed) -> str | None:
    return feed.state.book(BASKETBALL, 111, "vertex", feed.now_ms()).pull


async def exhaust(feed: Feed) -> None:
    async for _ in feed.changes():
        pass


def price(feed: Feed) -> str:
    return str(feed.state.book(BASKETBALL, 111, "vertex", feed.now_ms()).outcomes[0].price)


async def test_snapshot_gives_a_usable_book_before_any_change(served: Served) -> None:
    served.world.tell(basketball(), "fixture")
    async with served.feed() as feed:
        book = feed.state.book(BASKETBALL, 111, "vertex", feed.now_ms())
    assert book.pull is None
    assert [(item.outcome_id, item.price) for item in book.outcomes] == [(111, Decimal("1.91")), (112, Decimal("2.01"))]


async def test_price_move_reaches_the_book_and_names_its_market(served: Served) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    async with served.feed() as feed:
        changes = feed.changes()
        await anext(changes)
        move(served.world, fixture, 111, "1.85")
        batch = await anext(changes)
        await changes.aclose()
        book = feed.state.book(BASKETBALL, 111, "vertex", feed.now_ms())
    assert batch.markets == {MarketKey(BASKETBALL, 111)}
    assert book.outcomes[0].price == Decimal("1.85")


async def test_fixture_that_appears_later_is_read_in_full(served: Served) -> None:
    async with served.feed() as feed:
        served.world.tell(basketball(), "fixture")
        await until(lambda: feed.state.book(BASKETBALL, 111, "vertex", feed.now_ms()).pull is None)
        ids = feed.state.native_ids(BASKETBALL, 111, "kalshi")
    assert ids.event == "KXNBAGAME-26APR21HOULAL"
    assert ids.outcomes[112] == "KXNBAGAME-26APR21HOULAL-LAL"


# -- repair -----------------------------------------------------------------------------------------------------------


async def test_cut_stream_pulls_and_comes_back_with_what_it_missed(served: Served) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    async with served.feed() as feed:
        served.paper.inflict("stream_cut")
        await until(lambda: pull(feed) == "feed disconnected")
        move(served.world, fixture, 111, "1.44")
        await until(lambda: pull(feed) is None)
        assert price(feed) == "1.44"
        assert feed.status().connections == 2


@pytest.mark.parametrize("fault", ["restart", "reconnect", "backpressure"])
async def test_gap_of_any_kind_ends_in_the_truth(served: Served, fault: str) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    async with served.feed() as feed:
        served.world.faults.arm("feed", fault)
        move(served.world, fixture, 111, "1.70")
        await until(lambda: served.world.faults.fired)
        move(served.world, fixture, 111, "1.71")
        await until(lambda: pull(feed) is None and price(feed) == "1.71")


async def test_close_for_backpressure_ends_in_the_truth_compressed(served: Served) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    async with served.feed(receive_type="json") as feed:
        served.paper.inflict("backpressure", close=True)
        await until(lambda: feed.status().connections == 2 and pull(feed) is None)
        (connection,) = served.paper.hub.clients
        assert getattr(connection, "receive_type", None) == "zstd"


async def test_frozen_stream_is_found_out_by_rest_and_replaced(served: Served) -> None:
    fixture = basketball()
    fixture.status = 1
    served.world.tell(fixture, "fixture")
    async with served.feed(delays=Delays(live=400, hush=100), pace=replace(QUICK, healthy=0.0)) as feed:
        served.paper.inflict("stream_frozen", seconds=30)
        move(served.world, fixture, 111, "1.33")
        await until(lambda: feed.status().connections == 2 and pull(feed) is None)
        assert price(feed) == "1.33"


async def test_frozen_stream_without_rest_falls_silent(served: Served) -> None:
    served.world.tell(basketball(), "fixture")
    async with served.feed(delays=Delays(pregame=300)) as feed:
        feed.state.bookmakers.clear()
        changes = feed.changes()
        await anext(changes)
        served.world.faults.arm("feed", "maintenance", seconds=30)
        served.paper.inflict("stream_frozen", seconds=30)
        async with asyncio.timeout(15):
            batch = await anext(changes)
        await changes.aclose()
        assert batch.markets == {MarketKey(BASKETBALL, 111)}
        assert (pull(feed) or "").startswith("bookmaker silent")


async def test_quiet_but_connected_book_stays_quotable(served: Served) -> None:
    served.world.tell(basketball(), "fixture")
    async with served.feed(delays=Delays(pregame=1000)) as feed:
        feed.state.bookmakers.clear()
        for _ in range(30):
            assert pull(feed) is None
            await asyncio.sleep(0.05)


async def test_bad_frame_changes_nothing_and_is_reported(served: Served) -> None:
    served.world.tell(basketball(), "fixture")
    async with served.feed() as feed:
        before = feed.state.book(BASKETBALL, 111, "vertex", 0).outcomes
        changes = feed.changes()
        await anext(changes)
        served.paper.inflict("bad_frame", fixture_id=BASKETBALL)
        batch = await anext(changes)
        await changes.aclose()
        assert (batch.bad_frames[0].fixture_id, batch.markets) == (BASKETBALL, set())
        assert feed.state.book(BASKETBALL, 111, "vertex", 0).outcomes == before
        assert pull(feed) is None
        await until(lambda: feed.state.wanted(feed.now_ms()) == [])


async def test_revoked_key_is_the_end_and_said_so(served: Served) -> None:
    served.world.tell(basketball(), "fixture")
    async with served.feed() as feed:
        served.paper.revoke(KEY)
        with pytest.raises(Unauthorised, match="revoked"):
            await exhaust(feed)
        assert pull(feed) == "feed disconnected"


async def test_wrong_key_fails_at_once(served: Served) -> None:
    with pytest.raises(Unauthorised):
        async with Feed(SecretStr("f" * 32), served.rest_url, served.ws_url, pace=QUICK) as feed:
            await feed.ready(5)


async def test_rest_troubles_delay_the_snapshot_but_do_not_end_it(served: Served) -> None:
    served.world.tell(basketball(), "fixture")
    for fault in ("page_short", "rate_limited"):
        served.world.faults.arm("feed", fault)
    async with served.feed() as feed:
        assert pull(feed) is None


async def test_suspension_stale_and_finish_reach_the_book(served: Served) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    async with served.feed() as feed:
        fixture.suspended = True
        served.world.tell(fixture, "bookmaker")
        await until(lambda: pull(feed) == "suspended")
        fixture.suspended, fixture.stale = False, True
        served.world.tell(fixture, "bookmaker")
        await until(lambda: pull(feed) == "bookmaker stale")
        fixture.stale, fixture.status, fixture.scores = False, 1, {"result": (7, 5)}
        served.world.tell(fixture, "scores")
        await until(lambda: pull(feed) is None)
        live = feed.state.fixture(BASKETBALL)
        assert live is not None
        assert live.scores["result"].participant1 == 7
        fixture.status = 2
        served.world.tell(fixture, "fixture")
        await until(lambda: pull(feed) == "fixture finished")


async def test_selected_sports_bring_their_coming_fixtures_and_no_others(served: Served) -> None:
    soon = basketball("id1100013262926200")
    soon.start_time = int(time.time()) + 3600
    for fixture in (basketball(), soon, soccer()):
        served.world.tell(fixture, "fixture")
    async with served.feed(select=Filter(sport_ids=(11,))) as feed:
        assert {item.fixture_id for item in feed.state.fixtures()} == {BASKETBALL, soon.fixture_id}


async def test_selected_fixture_comes_alone(served: Served) -> None:
    for fixture in (basketball(), soccer()):
        served.world.tell(fixture, "fixture")
    async with served.feed(select=Filter(fixture_ids=(SOCCER,), bookmakers=("vertex",))) as feed:
        assert [item.fixture_id for item in feed.state.fixtures()] == [SOCCER]
        assert feed.state.native_ids(SOCCER, 101, "kalshi").event is None


async def test_status_tells_the_age_of_the_feed(served: Served) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    served.paper.hub.flush()
    async with served.feed() as feed:
        assert feed.status().last_frame_ms is None
        move(served.world, fixture, 111, "1.5")
        await until(lambda: feed.status().frames == 1)
        status = feed.status()
    assert status.connected
    assert status.last_frame_ms is not None
    assert 0 <= status.last_frame_ms < 1000
    assert (status.doubtful, status.bad_frames, status.connections) == (0, 0, 1)


def test_flood_of_bad_frames_does_not_fill_memory() -> None:
    changes = Changes()
    for number in range(1000):
        changes.add(Changes(bad_frames=[BadFrame(Receipt(0, number), "x")]))
    assert [frame.at.epoch_ms for frame in changes.bad_frames] == list(range(900, 1000))


async def test_two_readers_each_get_every_change(served: Served) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    async with served.feed() as feed:
        readers = [feed.changes(), feed.changes()]
        for reader in readers:
            await anext(reader)
        move(served.world, fixture, 111, "1.5")
        batches = [await anext(reader) for reader in readers]
        for reader in readers:
            await reader.aclose()
    assert [batch.markets for batch in batches] == [{MarketKey(BASKETBALL, 111)}] * 2


async def test_market_listed_later_is_looked_up(served: Served) -> None:
    fixture = basketball()
    served.world.tell(fixture, "fixture")
    async with served.feed() as feed:
        sides = [outcome(11900, "Over", "1.9"), outcome(11901, "Under", "1.9")]
        fixture.markets.append(PaperMarket(11900, "Total 200.5", "totals", "result", sides, Decimal("200.5")))
        served.world.tell(fixture, "odds")
        book = feed.state.book
        await until(lambda: book(BASKETBALL, 11900, "vertex", feed.now_ms()).pull is None)
        assert feed.state.catalogue[11900].handicap == Decimal("200.5")


def facts(feed: Feed) -> dict[str, object]:
    """Everything a feed knows that does not depend on when it heard it."""
    known: dict[str, object] = {}
    for fixture in sorted(feed.state.fixtures(), key=lambda item: item.fixture_id):
        known[fixture.fixture_id] = fixture
        for market_id in feed.state.markets_of(fixture.fixture_id):
            for slug in ("vertex", "kalshi", "polymarket"):
                book = feed.state.book(fixture.fixture_id, market_id, slug, feed.now_ms())
                known[f"{fixture.fixture_id} {market_id} {slug}"] = (book.outcomes, book.live, book.pull)
                known[f"{market_id} {slug} ids"] = feed.state.native_ids(fixture.fixture_id, market_id, slug)
    return known


@pytest.mark.parametrize("seed", range(4))
async def test_cut_at_random_points_ends_like_the_uninterrupted_one(served: Served, seed: int) -> None:
    chance = random.Random(seed)
    fixtures = [basketball(), soccer()]
    for fixture in fixtures:
        served.world.tell(fixture, "fixture")
    async with served.feed() as steady, served.feed(receive_type="zstd-dict") as cut:
        victim = max(served.paper.hub.clients, key=lambda item: getattr(item, "receive_type", "") == "zstd-dict")
        for step in range(60):
            await random_step(served, chance, chance.choice(fixtures), step)
            if chance.random() < 0.1:
                victim = next(
                    (item for item in served.paper.hub.clients if getattr(item, "receive_type", "") == "zstd-dict"),
                    victim,
                )
                victim.trouble(chance.choice(["stream_cut", "backpressure", "bad_frame"]), {})
        await until(lambda: steady.state.settled() and cut.state.settled())
        await until(lambda: facts(cut) == facts(steady))


async def random_step(served: Served, chance: random.Random, fixture: PaperFixture, step: int) -> None:
    """Change something, and sometimes let it be sent."""
    item = chance.choice(fixture.markets[0].outcomes)
    kind = chance.randrange(6)
    if kind < 3:
        move(served.world, fixture, item.outcome_id, str(Decimal(chance.randrange(110, 900)) / 100))
    elif kind == 3:
        item.active = not item.active
        item.changed_at += 1
        served.world.tell(fixture, "odds")
    elif kind == 4:
        fixture.suspended = not fixture.suspended
        served.world.tell(fixture, "bookmaker")
    else:
        fixture.status, fixture.scores["result"] = 1, (step, step // 2)
        served.world.tell(fixture, "scores")
    await asyncio.sleep(chance.choice([0, 0, 0.012]))

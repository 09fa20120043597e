"""The feed as one thing against the paper server: snapshot, changes, repair."""

from decimal import Decimal

from overround.domain.markets import MarketKey
from tests.feed.conftest import Served, until
from tests.feed.worlds import BASKETBALL, basketball, move


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

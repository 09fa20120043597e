"""The bench's paper world: a move is one frame, its answer a quote of its own prices, a fill one of ours."""

from decimal import Decimal
from pathlib import Path

import pytest

from bench.desk import MARKET, OURS, VENUES, Desk
from overround.paper.records import PaperOrder


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.list_fixtures(2)
    made.assembly.feed.hub.flush()
    return made


def rest(desk: Desk, name: str, price: str, outcome: int = MARKET, place: int = 0) -> PaperOrder:
    """Rest an order of ours that sells ``outcome`` of a game, as the engine does."""
    fixture = desk.fixtures[place]
    venue = desk.venues(fixture.fixture_id)[0]
    claim = desk.world.exchanges[venue].book_of(fixture.fixture_id, outcome)
    assert claim is not None
    against = "no" if claim[1] == "yes" else "yes"
    order = PaperOrder(name, venue, claim[0], OURS, against, "buy", Decimal(price), Decimal(50), 1)  # type: ignore[arg-type]
    desk.world.engine.place(order)
    return order


def test_games_are_quoted_on_one_exchange_in_turn(desk: Desk) -> None:
    assert {desk.venues(fixture.fixture_id) for fixture in desk.fixtures} == {(venue,) for venue in VENUES}
    assert (desk.owners, desk.orders) == (2, 4)


def test_games_may_be_quoted_on_both(tmp_path: Path) -> None:
    both = Desk(tmp_path, both=True)
    both.list_fixtures(2)
    assert (both.owners, both.orders) == (4, 8)


def test_a_move_leaves_the_feed_before_it_returns(desk: Desk) -> None:
    first = desk.move(desk.fixtures[0])
    second = desk.move(desk.fixtures[0])
    assert (first.state, second.state) == (1, 0)
    assert first.at < second.at == desk.feed.emitted[desk.fixtures[0].fixture_id]


def test_only_a_quote_of_the_new_price_answers_a_move(desk: Desk) -> None:
    rest(desk, "old", "0.46")
    made = desk.move(desk.fixtures[0])
    rest(desk, "stale", "0.46")
    assert made.quoted == {}
    rest(desk, "new", "0.43")
    assert list(made.quoted) == list(desk.venues(made.fixture_id))


def test_a_move_is_answered_by_its_own_market_only(desk: Desk) -> None:
    made = desk.move(desk.fixtures[0])
    rest(desk, "other", "0.43", place=1)
    assert made.quoted == {}


def test_somebody_elses_order_is_no_fill_of_ours(desk: Desk) -> None:
    fixture = desk.fixtures[0]
    venue = desk.venues(fixture.fixture_id)[0]
    assert desk.take(venue, fixture, MARKET, "5") == 0
    rest(desk, "ours", "0.46")
    assert desk.ours() == 1
    assert desk.take(venue, fixture, MARKET, "5") == 5

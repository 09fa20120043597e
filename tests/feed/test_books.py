"""What may be quoted from and why not; merging; what counts as a sign of life."""

from dataclasses import replace
from typing import Any

import pytest

from overround.domain.markets import MarketKey
from overround.feed import catalogue, messages
from overround.feed.books import FeedState
from overround.feed.clock import Receipt
from overround.feed.events import BadFrame, Connected, Disconnected, Resumed, SnapshotNeeded
from overround.feed.rules import Delays, Lag
from tests.feed.wires import Json, fixture_object, heard, market_object, odds_payload, odds_row, state_object
from tests.feed.worlds import BASKETBALL

T0 = 1_000_000
KEY = MarketKey(BASKETBALL, 111)


def at(ms: int) -> Receipt:
    return Receipt(ms / 1000, ms)


def connected(ms: int = T0, **changes: Any) -> Connected:
    event = Connected(at(ms), "c1", "e1", "json", ("fixtures", "odds", "bookmakers"), None, (), False)
    return replace(event, **changes)


def snapshot(*rows: Json, status: int = 0, **fixture: Any) -> messages.FixtureOdds:
    body = fixture_object(status, bookmakers={"vertex": state_object()}) | fixture
    odds = odds_payload(*(rows or (odds_row(111), odds_row(112, 2.01))))["odds"]
    return messages.fixture_odds(body | {"odds": odds})


def ready(**options: Any) -> FeedState:
    """Connected, with a snapshot of one fixture as of ``T0``."""
    state = FeedState(**options)
    state.apply(connected())
    state.learn_markets([catalogue.market(market_object())])
    state.snapshot(snapshot(), T0)
    state.take_dirty()
    return state


def pull(state: FeedState, now: int = T0) -> str | None:
    return state.book(BASKETBALL, 111, "vertex", now).pull


def prices(state: FeedState) -> list[str]:
    return [str(item.price) for item in state.book(BASKETBALL, 111, "vertex", T0).outcomes]


def test_complete_active_fresh_book_may_be_quoted() -> None:
    book = ready().book(BASKETBALL, 111, "vertex", T0)
    assert (book.pull, book.received_at, book.live, book.winners) == (None, T0, False, 1)
    assert [item.outcome_id for item in book.outcomes] == [111, 112]


# -- why not ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hasOdds": False}, "bookmaker has no odds"),
        ({"staleOdds": True}, "bookmaker stale"),
        ({"suspended": True}, "suspended"),
        ({"participantsRotated": True}, "participants rotated"),
    ],
)
def test_bookmaker_state_pulls_its_books(change: Json, reason: str) -> None:
    state = ready()
    states = {"vertex": state_object(updatedAt=None, **change)}
    state.apply(heard("bookmakers", {"fixtureId": BASKETBALL, "bookmakers": states}, T0 + 1))
    assert pull(state) == reason
    assert state.take_dirty()[0] == {KEY}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"active": False}, "outcome not active"),
        ({"marketActive": False}, "market not active"),
        ({"price": 1}, "outcome 111: price 1 is not above 1"),
        ({"price": None}, "outcome 111: price is not a number"),
    ],
)
def test_row_that_may_not_be_used_pulls_the_market(change: Json, reason: str) -> None:
    state = ready()
    state.apply(heard("odds", odds_payload(odds_row(111, changed_at=2000) | change), T0 + 1))
    assert pull(state) == reason
    assert state.take_dirty()[0] == {KEY}


def test_unknown_market_active_is_not_inactive() -> None:
    state = ready()
    state.apply(heard("odds", odds_payload(odds_row(111, changed_at=2000, marketActive=None)), T0 + 1))
    assert pull(state) is None


def test_non_runner_in_a_large_market_pulls_only_itself() -> None:
    state = FeedState()
    state.apply(connected())
    state.learn_markets([catalogue.market(market_object(111, 4))])
    rows = [odds_row(key, active=key != 114, price=0 if key == 114 else 5) for key in (111, 112, 113, 114)]
    state.snapshot(snapshot(*rows), T0)
    book = state.book(BASKETBALL, 111, "vertex", T0)
    assert book.pull is None
    assert [item.outcome_id for item in book.outcomes] == [111, 112, 113]


def test_incomplete_market_is_not_quoted() -> None:
    state = ready()
    state.learn_markets([catalogue.market(market_object(111, 3))])
    assert pull(state) == "market incomplete: 2 of 3 outcomes"


def test_market_of_unknown_meaning_is_not_quoted_and_asked_for() -> None:
    state = FeedState()
    state.apply(connected())
    state.snapshot(snapshot(), T0)
    assert pull(state) == "market not in catalogue"
    assert state.unknown_markets() == {11: {111}}


@pytest.mark.parametrize(("status", "reason"), [(2, "fixture finished"), (3, "fixture cancelled")])
def test_fixture_that_is_over_is_not_quoted(status: int, reason: str) -> None:
    state = ready()
    state.apply(heard("fixtures", fixture_object(status), T0 + 1))
    assert pull(state) == reason
    assert state.take_dirty()[0] == {KEY}


def test_status_never_goes_back() -> None:
    state = ready()
    state.apply(heard("fixtures", fixture_object(2), T0 + 1))
    state.apply(heard("fixtures", fixture_object(1), T0 + 2))
    assert pull(state) == "fixture finished"


def test_reissued_fixture_is_not_quoted() -> None:
    state = ready()
    state.apply(heard("fixtures", fixture_object(reissuedFixtureId="id2"), T0 + 1))
    assert pull(state) == "fixture reissued as id2"


def test_unknown_fixture_is_not_quoted() -> None:
    assert ready().book("id0", 111, "vertex", T0).pull == "fixture unknown"


def test_bookmaker_missing_from_the_map_has_no_odds() -> None:
    assert ready().book(BASKETBALL, 111, "pinnacle", T0).pull == "bookmaker has no odds"


# -- connection and gaps ----------------------------------------------------------------------------------------------


def test_lost_connection_pulls_everything_at_once() -> None:
    state = ready()
    state.apply(Disconnected(at(T0 + 1), "gone", 1006))
    assert pull(state) == "feed disconnected"
    assert state.take_dirty()[0] == {KEY}


def test_gap_pulls_until_a_snapshot_asked_for_after_it() -> None:
    state = ready()
    state.apply(SnapshotNeeded(at(T0 + 10), ("odds",), "client_backpressure"))
    assert pull(state) == "snapshot pending"
    state.snapshot(snapshot(), T0 + 9)
    assert pull(state) == "snapshot pending"
    state.snapshot(snapshot(), T0 + 11)
    assert pull(state) is None


def test_gap_in_scores_does_not_pull() -> None:
    state = ready()
    state.apply(SnapshotNeeded(at(T0 + 10), ("scores",), "resume_window_exceeded"))
    assert pull(state) is None


def test_replay_in_progress_pulls_until_it_is_complete() -> None:
    state = ready()
    state.apply(connected(T0 + 1, resuming=("fixtures",)))
    assert pull(state) == "snapshot pending"
    state.apply(Resumed(at(T0 + 2)))
    assert pull(state) is None


def test_fixture_first_met_on_the_stream_waits_for_its_snapshot() -> None:
    state = FeedState()
    state.apply(connected())
    state.learn_markets([catalogue.market(market_object())])
    state.apply(heard("fixtures", fixture_object(), T0))
    state.apply(heard("odds", odds_payload(odds_row(111), odds_row(112)), T0))
    assert pull(state) == "snapshot pending"
    assert state.wanted(T0) == [BASKETBALL]


def test_restarted_gateway_may_stamp_changes_earlier() -> None:
    state = ready()
    state.apply(connected(T0 + 1, new_epoch=True))
    state.apply(SnapshotNeeded(at(T0 + 1), ("odds", "bookmakers", "fixtures"), "server_restarted"))
    state.snapshot(snapshot(odds_row(111, 1.5, changed_at=5), odds_row(112, 2.9, changed_at=5)), T0 + 2)
    assert prices(state) == ["1.5", "2.9"]


# -- merging ----------------------------------------------------------------------------------------------------------


def test_older_change_never_replaces_a_newer_one() -> None:
    state = ready()
    state.apply(heard("odds", odds_payload(odds_row(111, 1.7, changed_at=3000)), T0 + 1))
    state.apply(heard("odds", odds_payload(odds_row(111, 1.8, changed_at=2000)), T0 + 2))
    assert prices(state)[0] == "1.7"


def test_snapshot_asked_for_before_an_update_does_not_undo_it() -> None:
    state = ready()
    state.apply(heard("odds", odds_payload(odds_row(111, 1.7, changed_at=1000)), T0 + 5))
    state.snapshot(snapshot(), T0 + 4)
    assert prices(state)[0] == "1.7"


def test_snapshot_replaces_what_came_before_it() -> None:
    state = ready()
    state.snapshot(snapshot(odds_row(111, 1.6, changed_at=4000), odds_row(112, changed_at=4000)), T0 + 4)
    assert prices(state)[0] == "1.6"


def test_lagging_snapshot_does_not_undo_a_newer_change() -> None:
    state = ready()
    state.apply(heard("odds", odds_payload(odds_row(111, 1.7, changed_at=9000)), T0 + 1))
    state.snapshot(snapshot(), T0 + 5)
    assert prices(state)[0] == "1.7"


def test_row_missing_from_a_snapshot_is_gone_unless_it_came_meanwhile() -> None:
    state = ready()
    state.apply(heard("odds", odds_payload(odds_row(112, 2.2, changed_at=2000)), T0 + 5))
    state.snapshot(snapshot(odds_row(113, 9)), T0 + 4)
    assert state.row(BASKETBALL, "vertex", 111) is None
    assert state.row(BASKETBALL, "vertex", 112) is not None


def test_bookmaker_missing_from_a_snapshot_is_gone() -> None:
    state = ready()
    state.snapshot(snapshot(bookmakers={}), T0 + 4)
    assert pull(state) == "bookmaker has no odds"


def test_newer_bookmaker_state_survives_an_older_snapshot() -> None:
    state = ready()
    newer = state_object(suspended=True, updatedAt="2026-10-05T12:00:01.000Z")
    state.apply(heard("bookmakers", {"fixtureId": BASKETBALL, "bookmakers": {"vertex": newer}}, T0 + 1))
    state.snapshot(snapshot(), T0 + 2)
    assert pull(state) == "suspended"


def test_scores_merge_by_period_and_time() -> None:
    state = ready()

    def score(period: str, points: int, second: int) -> Json:
        time = f"2026-10-05T12:00:{second:02}Z"
        body = {"period": period, "participant1Score": points, "participant2Score": 0, "updatedAt": time}
        return {"fixtureId": BASKETBALL, "scores": {period: body}}

    for period, points, second in (("p1", 3, 5), ("result", 3, 5), ("p1", 2, 4)):
        state.apply(heard("scores", score(period, points, second), T0 + second))
    fixture = state.fixture(BASKETBALL)
    assert fixture is not None
    assert {key: item.participant1 for key, item in fixture.scores.items()} == {"p1": 3, "result": 3}
    assert state.take_dirty()[2] == {BASKETBALL}


# -- signs of life ----------------------------------------------------------------------------------------------------


def test_quiet_pregame_book_lives_by_what_its_bookmaker_says_elsewhere() -> None:
    state = ready(delays=Delays(pregame=1000))
    assert pull(state, T0 + 1000) is None
    assert pull(state, T0 + 1001) == "bookmaker silent for 1.0 s"
    state.apply(heard("odds", odds_payload(odds_row(111), fixture_id="id2"), T0 + 900))
    assert pull(state, T0 + 1900) is None


def test_another_bookmaker_is_no_sign_of_life() -> None:
    state = ready(delays=Delays(pregame=1000))
    state.apply(heard("odds", odds_payload(odds_row(111, bookmaker="kalshi")), T0 + 900))
    assert pull(state, T0 + 1900) == "bookmaker silent for 1.9 s"


def test_live_book_lives_only_by_its_own_fixture() -> None:
    state = ready(delays=Delays(live=1000))
    state.snapshot(snapshot(status=1), T0)
    state.apply(heard("odds", odds_payload(odds_row(111), fixture_id="id2"), T0 + 900))
    assert pull(state, T0 + 1001) == "bookmaker silent for 1.0 s"
    state.apply(heard("odds", odds_payload(odds_row(111)), T0 + 1100))
    assert pull(state, T0 + 2100) is None


def test_bookmakers_own_delays_are_the_limit() -> None:
    state = ready()
    body = {"slug": "vertex", "active": True, "maxDelayPregameInSec": 2, "maxDelayLiveInSec": 0.5}
    state.learn_bookmakers([catalogue.bookmaker(body)])
    assert pull(state, T0 + 2000) is None
    assert pull(state, T0 + 2001) is not None
    state.snapshot(snapshot(status=1), T0)
    assert pull(state, T0 + 501) is not None


def test_frame_delivered_late_is_not_fresh() -> None:
    state = ready(delays=Delays(pregame=1000))
    state.apply(heard("odds", odds_payload(odds_row(111)), T0 + 100, ts=T0 + 90))
    state.apply(heard("odds", odds_payload(odds_row(111)), T0 + 5000, ts=T0 + 200))
    assert pull(state, T0 + 5000) == "bookmaker silent for 4.8 s"


def test_slow_drift_between_clocks_does_not_age_odds() -> None:
    lag, received = Lag(), 0
    for hour in range(48):
        received = hour * 3_600_000
        assert received - lag.emitted(received, received - 50 - hour * 180) <= 200


def test_silence_and_its_end_mark_the_market_once() -> None:
    state = ready(delays=Delays(pregame=1000))
    state.expire(T0 + 1000)
    assert state.take_dirty()[0] == set()
    state.expire(T0 + 1001)
    assert state.take_dirty()[0] == {KEY}
    state.expire(T0 + 1100)
    assert state.take_dirty()[0] == set()
    state.apply(heard("odds", odds_payload(odds_row(111)), T0 + 1200))
    state.expire(T0 + 1201)
    assert state.take_dirty()[0] == {KEY}


def test_quiet_books_are_confirmed_at_half_their_time() -> None:
    state = ready(delays=Delays(pregame=1000))
    assert state.wanted(T0 + 500) == []
    assert state.wanted(T0 + 501) == [BASKETBALL]


def test_hushed_stream_has_live_books_confirmed_sooner() -> None:
    state = ready(delays=Delays(live=60_000, hush=100))
    state.snapshot(snapshot(status=1), T0)
    assert state.wanted(T0 + 101) == [BASKETBALL]


# -- bad frames -------------------------------------------------------------------------------------------------------


def test_bad_frame_changes_nothing_but_is_checked_by_snapshot() -> None:
    state = ready()
    state.apply(BadFrame(at(T0 + 10), "price is missing", "odds", BASKETBALL))
    assert (pull(state, T0 + 20), prices(state)) == (None, ["1.91", "2.01"])
    assert state.wanted(T0 + 20) == [BASKETBALL]
    state.snapshot(snapshot(), T0 + 30)
    assert state.wanted(T0 + 40) == []


def test_bad_frame_that_cannot_be_checked_pulls_in_the_end() -> None:
    state = ready(delays=Delays(unread=3000))
    state.apply(BadFrame(at(T0), "price is missing", "odds", BASKETBALL))
    assert pull(state, T0 + 3001) == "unreadable frame"


def test_bad_score_frame_is_no_doubt_about_books() -> None:
    state = ready()
    state.apply(BadFrame(at(T0 + 10), "score", "scores", BASKETBALL))
    assert state.wanted(T0 + 20) == []


# -- what changed, and native ids -------------------------------------------------------------------------------------


def test_restated_price_is_not_a_change() -> None:
    state = ready()
    state.apply(heard("odds", odds_payload(odds_row(111, changed_at=2000)), T0 + 1))
    assert state.take_dirty()[0] == set()


def test_exchange_prices_do_not_wake_anyone_but_its_ids_do() -> None:
    state = ready(quoting=["vertex"])
    row = odds_row(111, 1.9, bookmaker="kalshi", bookmakerOutcomeId="K-HOU")
    state.apply(heard("odds", odds_payload(row), T0 + 1))
    assert state.take_dirty()[0] == {KEY}
    state.apply(heard("odds", odds_payload(row | {"price": 2.5, "changedAt": 3000}), T0 + 2))
    assert state.take_dirty()[0] == set()


def test_native_ids_name_event_market_and_outcomes() -> None:
    state = ready()
    rows = [odds_row(key, bookmaker="polymarket", bookmakerMarketId="0xc0") for key in (111, 112)]
    state.apply(heard("odds", odds_payload(*rows), T0 + 1))
    states = {"polymarket": state_object("polymarket", bookmakerFixtureId="nba-hou-lal")}
    state.apply(heard("bookmakers", {"fixtureId": BASKETBALL, "bookmakers": states}, T0 + 1))
    ids = state.native_ids(BASKETBALL, 111, "polymarket")
    assert (ids.event, ids.market, ids.outcomes) == ("nba-hou-lal", "0xc0", {111: "o111", 112: "o112"})


def test_native_market_is_none_where_each_outcome_has_its_own() -> None:
    state = ready()
    rows = [odds_row(key, bookmaker="kalshi", bookmakerMarketId=f"K{key}") for key in (111, 112)]
    state.apply(heard("odds", odds_payload(*rows), T0 + 1))
    assert state.native_ids(BASKETBALL, 111, "kalshi").market is None
    assert state.native_ids("id0", 111, "kalshi").outcomes == {}


def test_player_rows_and_unwanted_markets_are_not_kept() -> None:
    state = ready(market_ids=[111])
    state.apply(heard("odds", odds_payload(odds_row(113, marketId=113), odds_row(111, 5, 9000, playerId=7)), T0 + 1))
    assert state.markets_of(BASKETBALL) == [111]
    assert prices(state)[0] == "1.91"

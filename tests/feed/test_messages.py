"""Strict parsing: exact numbers, required fields, unusable prices."""

from decimal import Decimal
from typing import Any

import pytest

from overround.feed import catalogue, messages
from overround.feed.clock import Receipt
from overround.feed.events import BookmakerChange, ClockChange, OtherChange, ScoreChange, bad_frame, update
from overround.feed.wire import Row, parse_json
from overround.venues import Unreadable
from tests.feed.wires import envelope, fixture_object, market_object, odds_payload, odds_row, state_object

AT = Receipt(1.0, 1000)


def test_json_price_is_exact_to_the_last_digit() -> None:
    text = '{"bookmaker":"b","outcomeId":1,"playerId":0,"marketId":1,"active":true,"changedAt":5,"price":1.10}'
    assert str(messages.odds_row(parse_json(text)).price) == "1.10"


def test_msgpack_float_price_is_its_shortest_text() -> None:
    assert messages.odds_row(odds_row(price=1.99)).price == Decimal("1.99")


@pytest.mark.parametrize("name", ["bookmaker", "outcomeId", "playerId", "price", "active", "marketId", "changedAt"])
def test_odds_row_without_a_required_field_names_it(name: str) -> None:
    row = odds_row()
    del row[name]
    with pytest.raises(Unreadable, match=f"{name} is missing"):
        messages.odds_row(row)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", "1.91"),
        ("price", True),
        ("active", 1),
        ("outcomeId", "111"),
        ("outcomeId", 111.5),
        ("changedAt", None),
        ("marketActive", "yes"),
        ("bookmaker", ""),
        ("limit", "286"),
        ("bookmakerMarketId", 7),
    ],
)
def test_odds_row_with_a_mistyped_field_is_unreadable(name: str, value: Any) -> None:
    with pytest.raises(Unreadable, match=name):
        messages.odds_row(odds_row(**{name: value}))


@pytest.mark.parametrize("price", [1, 0, -3, 1.0, float("nan"), float("inf"), None, Decimal("NaN")])
def test_absurd_price_makes_the_row_unusable_not_unreadable(price: Any) -> None:
    assert messages.odds_row(odds_row(price=price)).unusable


def test_nan_literal_in_json_makes_the_row_unusable() -> None:
    text = '{"bookmaker":"b","outcomeId":1,"playerId":0,"marketId":1,"active":true,"changedAt":5,"price":NaN}'
    assert messages.odds_row(parse_json(text)).unusable == "price is not a number"


@pytest.mark.parametrize("limit", [-1, float("nan")])
def test_absurd_limit_makes_the_row_unusable(limit: float) -> None:
    assert "limit" in (messages.odds_row(odds_row(limit=limit)).unusable or "")


def test_absent_optional_fields_are_none_and_extra_ones_ignored() -> None:
    names = ("marketActive", "limit", "mainLine", "bookmakerMarketId", "bookmakerOutcomeId", "bookmakerChangedAt")
    body = {key: value for key, value in odds_row(surprise=[1]).items() if key not in names}
    row = messages.odds_row(body)
    assert (row.market_active, row.limit, row.bookmaker_market_id, row.unusable) == (None, None, None, None)


def test_row_listed_under_another_bookmaker_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="listed under 'kalshi'"):
        messages.odds_by_bookmaker({"kalshi": {"k": odds_row()}})


def test_fixture_reads_scores_clock_and_bookmakers() -> None:
    fixture = messages.fixture(
        fixture_object(
            1,
            scores={"p1": {"period": "p1", "participant1Score": 3, "participant2Score": 2, "updatedAt": None}},
            clock={"currentPeriod": "p2", "remainingTime": "26:42", "stopped": False},
            bookmakers={"vertex": state_object()},
        )
    )
    assert fixture.live
    assert fixture.scores["p1"].participant1 == 3
    assert fixture.clock is not None
    assert fixture.clock.remaining_time == "26:42"
    assert fixture.bookmakers["vertex"].updated_at == 1_791_201_600_000


@pytest.mark.parametrize("name", ["fixtureId", "status", "sport", "tournament", "startTime", "participants"])
def test_fixture_without_a_required_field_names_it(name: str) -> None:
    body = fixture_object()
    del body[name]
    with pytest.raises(Unreadable, match=name):
        messages.fixture(body)


def test_unknown_fixture_status_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="status 9"):
        messages.fixture(fixture_object(9))


@pytest.mark.parametrize("name", ["hasOdds", "staleOdds", "suspended"])
def test_bookmaker_state_never_guesses_its_flags(name: str) -> None:
    with pytest.raises(Unreadable, match=name):
        messages.bookmaker_state("vertex", state_object() | {name: None})


def test_bookmaker_time_that_is_no_time_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="updatedAt"):
        messages.bookmaker_state("vertex", state_object(updatedAt="yesterday"))


def test_settlement_rows_keep_their_reason_and_refuse_unknown_words() -> None:
    row = {"marketId": 111, "outcomeId": 111, "playerId": 0, "status": "UNDECIDED", "reason": "MISSING_PERIODS"}
    assert messages.settlement_row(row).reason == "MISSING_PERIODS"
    with pytest.raises(Unreadable, match="MAYBE"):
        messages.settlement_row(row | {"status": "MAYBE"})


def test_catalogue_market_knows_its_length_and_winners() -> None:
    market = catalogue.market(market_object(113, 3, winners=2, handicap=-0.5))
    assert (market.length, market.winners, market.handicap) == (3, 2, Decimal("-0.5"))
    assert set(market.outcomes) == {113, 114, 115}
    with pytest.raises(Unreadable, match="marketLength"):
        catalogue.market(market_object() | {"marketLength": None})


def test_default_outcomes_are_the_two_sides_of_sports_11_to_17() -> None:
    expected = [sport * 10 + side for sport in range(11, 18) for side in (1, 2)]
    assert list(catalogue.DEFAULT_OUTCOMES) == expected


def test_payload_of_each_channel_is_read() -> None:
    fixture_id = fixture_object()["fixtureId"]
    score = {"participant1Score": 1, "participant2Score": 0, "updatedAt": "2026-10-05T12:00:00Z"}
    bodies = [
        update(Row("frame", envelope(channel, payload)), AT).body
        for channel, payload in (
            ("bookmakers", {"fixtureId": fixture_id, "bookmakers": {"vertex": state_object()}}),
            ("scores", {"fixtureId": fixture_id, "scores": {"result": score}}),
            ("clocks", {"fixtureId": fixture_id, "clock": {"stopped": True}}),
            ("lineups", {"anything": 1}),
        )
    ]
    assert [type(body) for body in bodies] == [BookmakerChange, ScoreChange, ClockChange, OtherChange]


@pytest.mark.parametrize("name", ["channel", "type", "payload", "ts", "entryId"])
def test_envelope_without_a_field_is_unreadable(name: str) -> None:
    frame = envelope("odds", odds_payload(odds_row()))
    del frame[name]
    with pytest.raises(Unreadable, match=name):
        update(Row("frame", frame), AT)


def test_bad_frame_names_the_fixture_it_was_about() -> None:
    report = bad_frame(envelope("odds", {"fixtureId": "id1", "odds": 5}), AT, "odds is not an object")
    assert (report.channel, report.fixture_id) == ("odds", "id1")
    assert bad_frame(b"junk", AT, "not JSON").channel is None

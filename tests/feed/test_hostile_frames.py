"""Frames and answers with every place spoilt, torn or inflated: what cannot be read is said so, and nothing of it is
used."""

import base64
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.domain.markets import MarketBook
from overround.feed import catalogue, messages
from overround.feed.books import FeedState
from overround.feed.clock import Receipt
from overround.feed.events import bad_frame, update
from overround.feed.frames import FrameDecoder
from overround.feed.wire import Row, as_integer, epoch_ms, parse_json
from overround.venues import Unreadable, VenueError
from tests.feed.test_books import T0, at, ready
from tests.feed.wires import envelope, fixture_object, market_object, odds_payload, odds_row, state_object
from tests.feed.worlds import BASKETBALL
from tests.support.hostile import faults, mutants, needed

AT = Receipt(1.0, 1000)
SCORE = {"participant1Score": 1, "participant2Score": 0, "updatedAt": "2026-10-05T12:00:00.000Z"}
CLOCK = {"currentPeriod": "p1", "currentTime": "10:00", "remainingTime": None, "remainingTimeInPeriod": None,
         "stopped": False}  # fmt: skip
FIXTURE = fixture_object(1, scores={"p1": SCORE}, clock=CLOCK, bookmakers={"vertex": state_object()})
SETTLEMENT = {"marketId": 111, "marketType": "moneyline", "outcomeId": 111, "playerId": 0, "status": "WIN",
              "team1Score": 101, "team2Score": 99, "periods": ["p1"], "reason": None}  # fmt: skip

Parser = Callable[[Any], Any]
READ: dict[str, tuple[Parser, dict[str, Any], set[str]]] = {
    "an odds row": (
        messages.odds_row,
        odds_row(),
        {"bookmaker", "outcomeId", "playerId", "active", "marketId", "changedAt", "price"},
    ),
    "a fixture": (
        messages.fixture, FIXTURE, {"fixtureId", "status", "sport", "tournament", "participants", "startTime"}
    ),
    "a bookmaker's state": (
        lambda body: messages.bookmaker_state("vertex", body), state_object(), {"hasOdds", "staleOdds", "suspended"}
    ),
    "scores": (lambda body: messages.scores({"p1": body}), SCORE, {"participant1Score", "participant2Score"}),
    "a clock": (messages.clock, CLOCK, set()),
    "a settlement": (messages.settlement_row, SETTLEMENT, {"marketId", "outcomeId", "status"}),
    "a market": (catalogue.market, market_object(), {"marketId", "marketLength", "sportId", "outcomes"}),
    "a bookmaker": (
        catalogue.bookmaker,
        {"slug": "vertex", "bookmakerName": "Vertex", "active": True, "maxDelayLiveInSec": 5},
        {"slug", "active"},
    ),
    "a currency": (catalogue.currency, {"currency": "EUR", "currencyValue": 0.92}, {"currency", "currencyValue"}),
}  # fmt: skip

FRAMES = {
    "odds": envelope("odds", odds_payload(odds_row(111), odds_row(112, 2.01))),
    "fixtures": envelope("fixtures", FIXTURE),
    "bookmakers": envelope("bookmakers", {"fixtureId": BASKETBALL, "bookmakers": {"vertex": state_object()}}),
    "scores": envelope("scores", {"fixtureId": BASKETBALL, "scores": {"p1": SCORE}}),
    "clocks": envelope("clocks", {"fixtureId": BASKETBALL, "clock": CLOCK}),
    "currencies": envelope("currencies", {"EUR": {"currency": "EUR", "currencyValue": 0.92}}),
}


@pytest.mark.parametrize("name", READ)
def test_exactly_the_fields_that_decide_something_are_required_and_named(name: str) -> None:
    parse, body, fields = READ[name]
    parse(body)
    assert needed(parse, {key: value for key, value in body.items() if value is not None}) == fields


@pytest.mark.parametrize("name", READ)
def test_a_spoilt_object_is_read_or_unreadable(name: str) -> None:
    parse, body, _ = READ[name]
    assert faults(parse, body) == []


@pytest.mark.parametrize("channel", FRAMES)
def test_a_spoilt_frame_is_an_update_or_unreadable_and_can_be_reported(channel: str) -> None:
    def read(frame: Any) -> None:
        try:
            update(Row("frame", frame), AT)
        except Unreadable as error:
            bad_frame(frame, AT, error.message)
            raise

    assert faults(read, FRAMES[channel]) == []


@pytest.mark.parametrize("field", ["channel", "type", "payload", "ts", "entryId"])
def test_a_frame_without_part_of_its_envelope_is_refused_by_name(field: str) -> None:
    frame = {key: value for key, value in FRAMES["odds"].items() if key != field}
    with pytest.raises(Unreadable, match=field):
        update(Row("frame", frame), AT)


# -- numbers nobody means ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", ["1e400", "1E+999999999", "-1e999999999", "1e999999999999"])
def test_an_integer_of_absurd_size_is_refused_at_once(digits: str) -> None:
    began = time.monotonic()
    assert as_integer(parse_json(digits)) is None
    row = parse_json(json.dumps(odds_row()).replace('"changedAt": 1000', f'"changedAt": {digits}'))
    with pytest.raises(Unreadable, match="changedAt"):
        messages.odds_row(row)
    assert time.monotonic() - began < 0.5, "it was not multiplied out"


@pytest.mark.parametrize(("number", "value"), [("3", 3), ("3.0", 3), ("3e2", 300), ("-0.0", 0), ("3.5", None)])
def test_an_integer_may_be_written_in_any_way(number: str, value: int | None) -> None:
    assert as_integer(parse_json(number)) == value


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday", "", "2026"])
def test_a_time_at_the_edge_of_the_calendar_is_a_time_or_none(text: str) -> None:
    found = epoch_ms(text)
    assert found is None or abs(found) < 10**15


@pytest.mark.parametrize("price", ["1e400", "1e-400", "1.0000000000000000000000000000000000001", "NaN", "-Infinity"])
def test_a_price_nobody_can_mean_is_never_quoted_from(price: str) -> None:
    row = messages.odds_row(parse_json(json.dumps(odds_row()).replace('"price": 1.91', f'"price": {price}')))
    assert row.unusable or row.price > 1


def test_a_price_of_absurd_size_is_unusable() -> None:
    row = messages.odds_row(parse_json(json.dumps(odds_row()).replace('"price": 1.91', '"price": 1e400')))
    assert row.unusable


# -- bytes -------------------------------------------------------------------------------------------------------------


ENCODED: dict[str, str | bytes] = {
    "json": json.dumps(FRAMES["odds"]),
    "json bytes": json.dumps(FRAMES["odds"]).encode(),
    "msgpack": msgpack.packb(FRAMES["odds"]),
    "zstd": zstandard.ZstdCompressor().compress(json.dumps(FRAMES["odds"]).encode()),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_frame_torn_anywhere_is_unreadable_or_another_value_but_never_a_crash(encoding: str) -> None:
    whole = ENCODED[encoding]
    decoder = FrameDecoder()
    assert decoder.decode(whole).keys() == FRAMES["odds"].keys()
    for end in range(len(whole)):
        try:
            body = decoder.decode(whole[:end])
        except VenueError:
            continue
        assert not (isinstance(body, dict) and body.keys() >= FRAMES["odds"].keys()), f"cut at {end} and still whole"


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_unreadable(data: bytes) -> None:
    for frame in (data, b"\x28\xb5\x2f\xfd" + data, b"{" + data):
        try:
            FrameDecoder().decode(frame)
        except VenueError:
            continue


@settings(max_examples=100)
@given(st.integers(0, len(ENCODED["zstd"]) - 1), st.integers(1, 255))
def test_one_flipped_byte_of_a_compressed_frame_is_noticed_or_harmless(at: int, flip: int) -> None:
    data = ENCODED["zstd"]
    assert isinstance(data, bytes)
    spoilt = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
    try:
        FrameDecoder().decode(spoilt)
    except VenueError:
        return


@pytest.mark.parametrize(
    "row",
    [
        {"type": "dict", "dictId": 1, "data": "!!!"},
        {"type": "dict", "dictId": 1, "data": ""},
        {"type": "dict", "dictId": None, "data": "AAAA"},
        {"type": "dict", "data": "AAAA"},
        {"type": "dict", "dictId": 1},
        {"type": "dict", "dictId": 1, "data": "é"},
    ],
    ids=repr,
)
def test_a_dictionary_that_cannot_be_read_is_unreadable(row: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        FrameDecoder().learn(Row("dict", row))


def test_a_dictionary_of_rubbish_spoils_only_its_own_frames() -> None:
    decoder = FrameDecoder()
    rubbish = base64.b64encode(bytes(range(256)) * 8).decode()
    decoder.learn(Row("dict", {"dictId": 7, "data": rubbish}))
    assert decoder.decode(ENCODED["zstd"])["channel"] == "odds"


# -- the state is what it was ------------------------------------------------------------------------------------------


def shown(state: FeedState) -> MarketBook:
    return state.book(BASKETBALL, 111, "vertex", T0)


def test_no_spoilt_odds_frame_changes_half_a_market() -> None:
    """Either all of a frame is used or nothing: a frame with one unreadable row leaves the other rows as they were."""
    frame = envelope("odds", odds_payload(odds_row(111, 1.50, 2000), odds_row(112, 2.90, 2000)))
    before = shown(ready()).outcomes
    assert len(before) == 2
    for what, mutant in mutants(frame):
        state = ready()
        try:
            read = update(Row("frame", mutant), at(T0))
        except Unreadable as error:
            state.apply(bad_frame(mutant, at(T0), error.message))
            assert shown(state).outcomes == before, what
            continue
        state.apply(read)
        book = shown(state)
        assert book.pull or all(item.price.is_finite() and item.price > 1 for item in book.outcomes if item.active), (
            what
        )


def test_exact_numbers_survive_every_encoding() -> None:
    for whole in ENCODED.values():
        row = FrameDecoder().decode(whole)["payload"]["odds"]["vertex"][f"{BASKETBALL}:vertex:112:0"]
        assert messages.odds_row(row).price == Decimal("2.01")

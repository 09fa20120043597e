"""Recordings are played to their own result, at the pace asked for, and go on after a restart."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from overround.paper.betfair_stream import RecordingError
from overround.paper.recorded_market import market_ids
from overround.paper.recording import RecordingSource
from overround.paper.recording_scan import scan
from overround.paper.takers import HOUSE, TakerSettings
from overround.paper.world import PaperFixture
from tests.paper.worlds import START, Stage

D = Decimal
DATA = Path(__file__).parents[2].parent / "shared" / "data"
CRICKET = "betfair_cricket_match_odds_1.200806927.ndjson.gz"
HORSES = "betfair_horse_place_1.181223995.ndjson.gz"
DOGS = "betfair_greyhound_win_1.197931750.ndjson.gz"
BTTS = "betfair_soccer_btts_1.145405534.ndjson.bz2"
ALL = (CRICKET, HORSES, DOGS, BTTS)


def recorded(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not here")
    return path


def source(stage: Stage, *paths: Path, **more: Any) -> RecordingSource:
    return RecordingSource(stage.world, list(paths), steady=stage.clock, **more)


def play(stage: Stage, playing: RecordingSource, limit: float = 180.0) -> float:
    """Steps to the end; wall seconds it took."""
    begun = stage.clock.now
    while not playing.finished:
        stage.run(playing, 0.1, step=0.1)
        assert stage.clock.now - begun < limit, "not finished in time"
    return stage.clock.now - begun


# -- a recording made by hand -----------------------------------------------------------------------------------------

T0 = 1_600_000_000_000


def line(at: float, *, status: str = "OPEN", runners: dict[int, str] | None = None, **more: Any) -> dict[str, Any]:
    """A message ``at`` seconds after the first; a definition only when ``runners`` are given."""
    change: dict[str, Any] = {"id": "1.5"}
    if runners is not None:
        change["marketDefinition"] = {
            "status": status, "inPlay": more.pop("in_play", False), "eventTypeId": more.pop("sport", "2"),
            "marketType": more.pop("kind", "MATCH_ODDS"), "numberOfWinners": more.pop("winners", 1),
            "marketTime": "2020-09-13T12:27:40.000Z", "betDelay": 0,
            "runners": [
                {"id": key, "status": state, "sortPriority": place, "name": f"R{key}"}
                for place, (key, state) in enumerate(runners.items(), 1)
            ],
        }  # fmt: skip
    return {"op": "mcm", "pt": T0 + round(at * 1000), "mc": [{**change, **more}]}


def prices(at: float, back: dict[int, float], **more: Any) -> dict[str, Any]:
    """Back prices with lay prices a tenth above, in place of what was there."""
    cleared = [{"id": key, "atb": [], "atl": []} for key in back]
    rows = [{"id": key, "atb": [[price, 40]], "atl": [[round(price + 0.1, 2), 40]]} for key, price in back.items()]
    return line(at, rc=[*cleared, *rows], **more)


TWO = {1: "ACTIVE", 2: "ACTIVE"}
MATCH = [
    line(0, runners=TWO),
    prices(1, {1: 1.9, 2: 2.0}),
    line(30, status="SUSPENDED", runners=TWO),
    line(40, runners=TWO, in_play=True),
    prices(41, {1: 1.5, 2: 2.8}),
    line(60, status="SUSPENDED", runners=TWO, in_play=True),
    line(90, status="CLOSED", runners={1: "WINNER", 2: "LOSER"}, in_play=True),
]


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(messages: list[dict[str, Any]], name: str = "made.ndjson") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(message) for message in messages) + "\n")
        return path

    return write


def only(stage: Stage) -> PaperFixture:
    (fixture,) = stage.world.fixtures.values()
    return fixture


def test_a_recorded_market_becomes_a_fixture_with_the_feed_s_ids(write: Any) -> None:
    stage = Stage()
    playing = source(stage, write(MATCH), speed=1.0)
    stage.run(playing, 5)
    fixture = only(stage)
    assert (fixture.sport_id, fixture.fixture_id) == (12, "id1290001201501"[:10] + "1501")
    market = fixture.markets[0]
    assert [(o.outcome_id, o.name, o.price, o.limit) for o in market.outcomes] == [
        (121, "R1", D("1.9"), D(40)),
        (122, "R2", D("2.0"), D(40)),
    ]
    assert (fixture.status, fixture.suspended, market.active, fixture.scores) == (0, False, True, {})
    assert set(fixture.native) == {"kalshi", "polymarket"}


def test_suspension_turn_in_play_and_close_are_followed_in_real_time(write: Any) -> None:
    stage = Stage()
    playing = source(stage, write(MATCH), speed=1.0)
    seen = []
    for second in (20, 35, 45, 70):
        stage.run(playing, START + second - stage.clock.now)
        fixture = only(stage)
        seen.append((fixture.status, fixture.suspended, fixture.markets[0].active))
    assert seen == [(0, False, True), (0, True, False), (1, False, True), (1, True, False)]
    stage.run(playing, 25)
    fixture = only(stage)
    assert (fixture.status, fixture.markets[0].results) == (2, {121: "WIN", 122: "LOSE"})
    assert playing.finished
    for venue in stage.venues.values():
        assert venue.resolved == {fixture.fixture_id: {121: D(1), 122: D(0)}}


def test_a_suspension_is_told_at_once_even_when_moves_are_rationed(write: Any) -> None:
    stage = Stage()
    playing = source(stage, write(MATCH), speed=1.0, moves_per_second=0.0)
    stage.run(playing, 35)
    assert [c.fixture.suspended for c in stage.changes if c.topic == "bookmaker"][-1] is True


def test_feed_times_are_wall_times_and_the_recording_s_clock_goes_along(write: Any) -> None:
    stage = Stage()
    playing = source(stage, write(MATCH), speed=10.0)
    stage.run(playing, 4.5)
    fixture = only(stage)
    assert abs(fixture.markets[0].outcomes[0].changed_at - (START + 4.1) * 1000) <= 500
    assert fixture.extra["recordingTime"] == "2020-09-13T12:27:21.000+00:00"
    assert playing.clock == datetime(2020, 9, 13, 12, 27, 21, tzinfo=UTC)
    assert fixture.start_time == round(START + 6)


def test_speed_is_times_real_time(write: Any) -> None:
    assert scan(write(MATCH), 3.0).seconds == pytest.approx(30.0)
    assert scan(write(MATCH), 0.5).seconds == pytest.approx(180.0)


def test_quiet_spells_are_compressed_and_states_held(write: Any) -> None:
    quiet = [line(0, runners=TWO), prices(1, {1: 2.0}), prices(80_000, {1: 2.1}), *[prices(80_000.01, {1: 2.2})] * 3]
    assert scan(write(quiet), None).seconds == pytest.approx(6.01)
    long = [line(second * 4, runners=TWO) for second in range(1000)]
    assert scan(write(long), None).seconds == pytest.approx(115, abs=1)
    flips = [line(second * 4, status="OPEN" if second % 2 else "SUSPENDED", runners=TWO) for second in range(400)]
    assert scan(write(flips), None).seconds == pytest.approx(200, abs=2)


def test_a_removed_runner_is_void_and_the_others_stand(write: Any) -> None:
    stage = Stage()
    three = {1: "ACTIVE", 2: "ACTIVE", 3: "ACTIVE"}
    gone = {1: "ACTIVE", 2: "ACTIVE", 3: "REMOVED"}
    messages = [
        line(0, runners=three, sport="7", kind="WIN"), prices(1, {1: 2.0, 2: 3.0, 3: 9.0}),
        line(2, runners=gone, sport="7", kind="WIN"),
        line(9, status="CLOSED", runners={1: "LOSER", 2: "WINNER", 3: "REMOVED"}, sport="7", kind="WIN"),
    ]  # fmt: skip
    playing = source(stage, write(messages), speed=1.0)
    stage.run(playing, 5)
    assert [o.active for o in only(stage).markets[0].outcomes] == [True, True, False]
    play(stage, playing)
    assert only(stage).markets[0].results == {791: "LOSE", 792: "WIN", 793: "CANCELLED"}
    assert only(stage).status == 2


def test_a_recording_that_breaks_off_is_void(write: Any) -> None:
    stage = Stage()
    play(stage, source(stage, write(MATCH[:3]), speed=1.0))
    assert only(stage).status == 3
    assert set(only(stage).markets[0].results.values()) == {"CANCELLED"}
    assert stage.venues["kalshi"].resolved[only(stage).fixture_id][121] == D("0.51")


def test_a_voided_market_is_cancelled(write: Any) -> None:
    stage = Stage()
    gone = {1: "REMOVED", 2: "REMOVED"}
    play(stage, source(stage, write([*MATCH[:2], line(9, status="CLOSED", runners=gone)]), speed=1.0))
    assert only(stage).status == 3


def test_pausing_stops_the_recording_s_clock(write: Any) -> None:
    stage = Stage()
    playing = source(stage, write(MATCH), speed=1.0)
    stage.run(playing, 10)
    playing.paused = True
    stage.run(playing, 500)
    assert not only(stage).suspended
    playing.paused = False
    stage.run(playing, 25)
    assert only(stage).suspended


def test_progress_grows_to_one(write: Any) -> None:
    stage, told = Stage(), list[tuple[float, datetime]]()
    play(stage, source(stage, write(MATCH), speed=10.0, progress=lambda done, clock: told.append((done, clock))))
    shares = [done for done, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told[-1][1] == datetime(2020, 9, 13, 12, 28, 10, tzinfo=UTC)


def test_the_summary_counts_recorded_time_by_state(write: Any) -> None:
    stage = Stage()
    playing = source(stage, write(MATCH), speed=10.0)
    play(stage, playing)
    (summary,) = playing.summary()
    assert (summary["open_seconds"], summary["suspended_seconds"], summary["in_play_seconds"]) == (50.0, 40.0, 50.0)
    assert summary["suspended_wall_seconds"] == pytest.approx(4.0)
    assert (summary["messages"], summary["results"]) == (7, {"121": "WIN", "122": "LOSE"})


@pytest.mark.parametrize("cut", [0, 3, 8, 9.5, 10.5])
def test_a_restart_continues_where_it_stopped(write: Any, cut: float) -> None:
    stage, path = Stage(), write(MATCH)
    stage.run(source(stage, path, speed=10.0), cut)
    again = Stage(store=stage.store)
    again.clock.now = stage.clock.now + 1000
    playing = source(again, path, speed=10.0)
    remaining = play(again, playing)
    assert remaining == pytest.approx(max(0.0, 9.0 - cut) + 2.0, abs=0.5)
    assert only(again).markets[0].results == {121: "WIN", 122: "LOSE"}
    assert all(book.value is not None for book in again.world.engine.books.values())
    assert playing.summary()[0]["messages"] == 7


def test_playing_again_makes_new_fixtures_and_a_token_does_not(write: Any) -> None:
    stage, path = Stage(), write(MATCH)
    for token in ("a", "a", "b", ""):
        play(stage, source(stage, path, speed=100.0, token=token))
    assert [fixture_id[-2:] for fixture_id in stage.world.fixtures] == ["01", "02", "03"]


def test_several_recordings_play_side_by_side(write: Any) -> None:
    stage = Stage()
    other = [json.loads(json.dumps(message).replace('"1.5"', '"1.6"')) for message in MATCH]
    playing = source(stage, write(MATCH), write(other, "other.ndjson"), speed=10.0)
    play(stage, playing)
    assert len(stage.world.fixtures) == 2
    assert all(fixture.status == 2 for fixture in stage.world.fixtures.values())


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ({"op": "mcm", "pt": T0 + 1, "mc": [{"rc": []}]}, "line 2: a market change without an id"),
        (line(1, rc=[{"id": 1, "atb": [[1]]}]), "line 2: atb holds"),
    ],
)
def test_a_malformed_recording_is_refused_before_anything_changes(write: Any, bad: Any, what: str) -> None:
    stage = Stage()
    with pytest.raises(RecordingError, match=f"made.ndjson, {what}"):
        source(stage, write([MATCH[0], bad]))
    assert not stage.world.fixtures


def test_an_empty_recording_is_refused(write: Any) -> None:
    for messages in ([], [{"op": "mcm", "pt": 5}]):
        with pytest.raises(RecordingError, match="holds no market"):
            source(Stage(), write(messages))


@pytest.mark.parametrize(
    ("sport", "kind", "runners", "ids"),
    [
        (10, "MATCH_ODDS", 3, (101, 103, 102)),
        (10, "BOTH_TEAMS_TO_SCORE", 2, (104, 105)),
        (10, "OVER_UNDER_25", 2, (1011, 1010)),
        (27, "MATCH_ODDS", 2, (271, 272)),
        (27, "MATCH_ODDS", 3, (271, 272, 273)),
        (79, "WIN", 11, (791, 792, 793, 794, 795, 796, 797, 798, 799, 7910, 7911)),
        (79, "PLACE", 2, (79101, 79102)),
    ],
)
def test_market_ids_follow_the_feed(sport: int, kind: str, runners: int, ids: tuple[int, ...]) -> None:
    assert market_ids(sport, kind, runners)[3] == ids


def test_unknown_market_types_get_stable_ids_of_their_own() -> None:
    first, second = (market_ids(10, kind, 2)[3] for kind in ("CORRECT_SCORE", "HALF_TIME"))
    assert not set(first) & set(second)
    assert first == market_ids(10, "CORRECT_SCORE", 2)[3]


# -- takers -----------------------------------------------------------------------------------------------------------


def test_recorded_trades_hit_resting_quotes(write: Any) -> None:
    stage = Stage()
    trades = [line(5 + n, rc=[{"id": 1, "trd": [[1.9, 100 + 100 * n]]}]) for n in range(20)]
    playing = source(stage, write([*MATCH[:2], *trades]), speed=1.0, takers=TakerSettings(noise_per_second=0.0))
    stage.run(playing, 3)
    book = f"kalshi:{only(stage).fixture_id}:121"
    quote = stage.maker("kalshi", book, "no", "0.46", "5000")
    stage.run(playing, 20)
    engine = stage.world.engine
    assert quote.filled > 0
    assert {engine.orders[t.taker_order].account for t in engine.trades.values()} == {"tape"}


def test_without_recorded_trades_a_shrinking_best_price_stands_for_one(write: Any) -> None:
    stage = Stage()
    shrinking = [line(5 + n, rc=[{"id": 1, "atb": [[1.9, 39 - n]]}]) for n in range(30)]
    playing = source(stage, write([*MATCH[:2], *shrinking]), speed=1.0, takers=TakerSettings(noise_per_second=0.0))
    stage.run(playing, 3)
    quote = stage.maker("kalshi", f"kalshi:{only(stage).fixture_id}:121", "no", "0.46", "5000")
    stage.run(playing, 30)
    assert quote.filled > 0


# -- the real ones ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_each_real_recording_is_played_to_its_result_within_three_minutes(name: str) -> None:
    path, stage = recorded(name), Stage()
    playing = source(stage, path)
    filled: set[str] = set()
    while not playing.finished:
        stage.run(playing, 1.0, step=0.1)
        for fixture_id, chances in playing.fairs().items():
            if chances and round(stage.clock.now) % 7 == 0:
                outcome_id, chance = max(chances.items(), key=lambda item: item[1])
                if 0.1 < chance < 0.9 and not stage.world.engine.open_orders("kalshi", "client"):
                    price = str(round(1 - chance - 0.04, 2))
                    filled.add(stage.maker("kalshi", f"kalshi:{fixture_id}:{outcome_id}", "no", price, "20").order_id)
        assert stage.clock.now - START < 180
    market = only(stage).markets[0]
    winners = [outcome for outcome, result in market.results.items() if result == "WIN"]
    assert len(winners) == market.winners == (3 if name == HORSES else 1)
    engine = stage.world.engine
    assert any(engine.orders[order].filled > 0 for order in filled), "a sensible quote is filled now and then"
    assert playing.moves / (stage.clock.now - START) < 12
    assert all(book.value is not None for book in engine.books.values())
    assert {account for _, account in engine.wallets} == {*HOUSE, "client"}


def test_the_soccer_recording_is_both_to_score_and_ends_in_yes() -> None:
    stage = Stage()
    play(stage, source(stage, recorded(BTTS)))
    fixture = only(stage)
    assert (fixture.sport_id, fixture.participant1, fixture.participant2) == (10, "Slavia Sofia", "Beroe Stara Za")
    assert [(o.outcome_id, o.name) for o in fixture.markets[0].outcomes] == [(104, "Yes"), (105, "No")]
    assert fixture.markets[0].results == {104: "WIN", 105: "LOSE"}

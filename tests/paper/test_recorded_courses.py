"""Recorded matches of every course: what a client of the feed and the exchanges sees of them."""

from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from overround.paper.betfair_stream import RecordingError
from overround.paper.recording_scan import Pace, scan
from overround.paper.world import PaperFixture
from tests.paper.recordings import Script, course, play_out, playing
from tests.paper.worlds import Stage

D = Decimal


def only(stage: Stage) -> PaperFixture:
    (fixture,) = stage.world.fixtures.values()
    return fixture


def seen(stage: Stage, topic: str, what: Any) -> list[Any]:
    """What every change of a topic showed, without repeats in a row."""
    shown: list[Any] = []
    stage.world.listen(lambda change: shown.append(what(change.fixture)) if change.topic == topic else None)
    return shown


@pytest.mark.parametrize("seed", range(6))
def test_market_is_shut_exactly_while_the_recording_is_and_ends_with_its_winner(tmp_path: Path, seed: int) -> None:
    stage, script = Stage(), course(seed)
    shown = seen(stage, "bookmaker", lambda f: (f.suspended, f.markets[0].active))
    play_out(stage, playing(stage, script.write(tmp_path), speed=10.0))
    states = [
        line["mc"][0]["marketDefinition"]["status"] for line in script.lines if "marketDefinition" in line["mc"][0]
    ]
    wanted, before = [], "SHUT"
    for state in states:
        now = "OPEN" if state == "OPEN" else "SHUT"
        if now != before:
            wanted.append((now == "SHUT", now == "OPEN"))
        before = now
    told = [state for place, state in enumerate(shown) if place == 0 or shown[place - 1] != state]
    assert [state for state in told if state != (True, False)] == [state for state in wanted if state != (True, False)]
    fixture = only(stage)
    winner = next(key for key, state in script.runners.items() if state == "WINNER")
    assert fixture.markets[0].results == {121: "LOSE", 122: "LOSE", 120 + winner: "WIN"}
    assert (fixture.status, fixture.suspended, fixture.has_odds) == (2, True, False)
    for venue in stage.venues.values():
        assert venue.resolved[fixture.fixture_id] == {121: D(winner == 1), 122: D(winner == 2)}


@pytest.mark.parametrize("seed", range(4))
def test_cut_at_any_moment_and_resumed_it_ends_like_the_uninterrupted_one(tmp_path: Path, seed: int) -> None:
    path = course(seed).write(tmp_path)
    whole = Stage()
    straight = playing(whole, path, speed=10.0)
    play_out(whole, straight)
    stage = Stage()
    source = playing(stage, path, speed=10.0)
    for cut in (0.7, 2.9, 1.1, 3.3):
        stage.run(source, cut, step=0.1)
        again = Stage(store=stage.store)
        again.clock.now = stage.clock.now + 500
        stage, source = again, playing(again, path, speed=10.0)
    play_out(stage, source)
    mine, other = only(stage), only(whole)
    changed_at = {"changed_at"}
    for one, two in zip(mine.markets[0].outcomes, other.markets[0].outcomes, strict=True):
        assert {k: v for k, v in asdict(one).items() if k not in changed_at} == {
            k: v for k, v in asdict(two).items() if k not in changed_at
        }
    assert (mine.status, mine.markets[0].results) == (other.status, other.markets[0].results)
    tallies = [
        source.summary()[0][name] for name in ("messages", "open_seconds", "suspended_seconds", "in_play_seconds")
    ]
    assert tallies == [
        straight.summary()[0][n] for n in ("messages", "open_seconds", "suspended_seconds", "in_play_seconds")
    ]


def test_prices_are_the_best_backs_with_their_sizes_and_vanish_with_them(tmp_path: Path) -> None:
    stage, script = Stage(), Script("Ann", "Bea").define(0)
    script.price(10, r1=1.9, r2=2.05).price(20, r1=0, r2=2.0).price(30, r1=1.8, r2=2.2).close(40, 1)
    source = playing(stage, script.write(tmp_path), speed=10.0)
    courses = []
    for wait in (0.5, 1.0, 1.0, 1.0):
        stage.run(source, wait, step=0.1)
        courses.append([(o.price, o.active) for o in only(stage).markets[0].outcomes])
    stage.run(source, 1.0, step=0.1)
    assert courses == [
        [(None, False), (None, False)],
        [(D("1.9"), True), (D("2.05"), True)],
        [(None, False), (D("2.0"), True)],
        [(D("1.8"), True), (D("2.2"), True)],
    ]
    assert not any(outcome.active for outcome in only(stage).markets[0].outcomes)


def test_runner_removed_in_play_loses_its_price_and_is_void_at_the_end(tmp_path: Path) -> None:
    script = Script("Ann", "Bea", "Cid", marketType="WIN", eventTypeId="7").define(0).price(5, r1=2.0, r2=4.0, r3=4.0)
    script.define(10, r3="REMOVED").price(11, r1=1.8, r2=2.2).close(20, 2)
    stage = Stage()
    source = playing(stage, script.write(tmp_path), speed=10.0)
    stage.run(source, 1.3, step=0.1)
    assert [outcome.active for outcome in only(stage).markets[0].outcomes] == [True, True, False]
    play_out(stage, source)
    assert list(only(stage).markets[0].results.values()) == ["LOSE", "WIN", "CANCELLED"]
    paid = stage.venues["polymarket"].resolved[only(stage).fixture_id]
    assert list(paid.values()) == [0, 1, 0]


def test_two_winners_of_a_place_market_both_win(tmp_path: Path) -> None:
    script = Script("Ann", "Bea", "Cid", marketType="PLACE", eventTypeId="7", numberOfWinners=2).define(0)
    script.price(5, r1=1.4, r2=1.5, r3=2.4).define(20, "CLOSED", r1="WINNER", r2="PLACED", r3="LOSER")
    stage = Stage()
    play_out(stage, playing(stage, script.write(tmp_path), speed=10.0))
    assert list(only(stage).markets[0].results.values()) == ["WIN", "WIN", "LOSE"]
    assert only(stage).markets[0].winners == 2


@pytest.mark.parametrize(
    ("fields", "sides"),
    [
        ({"eventName": "Ann v Bea"}, ("Ann", "Bea")),
        ({}, ("Ann", "Bea")),
        ({"eventName": "Cup Final"}, ("Ann", "Bea")),
        ({"eventName": "Ascot", "marketType": "WIN"}, ("Ascot", "2 runners, win")),
        ({"venue": "Ascot", "marketType": "WIN"}, ("Ascot", "2 runners, win")),
        ({"countryCode": "GB", "marketType": "WIN"}, ("GB", "2 runners, win")),
        ({"marketType": "WIN"}, ("Event", "2 runners, win")),
    ],
)
def test_sides_are_named_by_the_best_the_recording_knows(tmp_path: Path, fields: Any, sides: tuple[str, str]) -> None:
    stage = Stage()
    playing(stage, Script("Ann", "Bea", **fields).define(0).close(10, 1).write(tmp_path))
    assert (only(stage).participant1, only(stage).participant2) == sides


@pytest.mark.parametrize(
    ("sport", "kind", "market", "outcomes"),
    [
        ("1", "OVER_UNDER_25", 1010, [1010, 1011]),
        ("1", "BOTH_TEAMS_TO_SCORE", 104, [104, 105]),
        ("2", "MATCH_ODDS", 121, [121, 122]),
        ("7524", "MATCH_ODDS", 151, [151, 152]),
    ],
)
def test_known_markets_have_the_ids_of_the_feeds_catalogue(
    tmp_path: Path, sport: str, kind: str, market: int, outcomes: list[int]
) -> None:
    stage = Stage()
    playing(stage, Script("One", "Two", eventTypeId=sport, marketType=kind).define(0).close(9, 1).write(tmp_path))
    found = only(stage).markets[0]
    assert (found.market_id, [outcome.outcome_id for outcome in found.outcomes]) == (market, outcomes)


def test_recorded_start_is_where_playing_will_be_then(tmp_path: Path) -> None:
    script = (
        Script("Ann", "Bea", starts=60.0).define(0).price(30, r1=1.9, r2=2.0).price(60, r1=1.9, r2=2.1).close(90, 1)
    )
    for speed, wall in ((1.0, 60), (10.0, 6)):
        stage = Stage()
        playing(stage, script.write(tmp_path), speed=speed)
        assert only(stage).start_time - stage.clock.now == pytest.approx(wall, abs=1)


@pytest.mark.parametrize(
    ("rate", "quiet", "gap", "held", "wall"),
    [
        (1.0, None, 2500, False, 2.5), (10.0, None, 2500, True, 0.25), (1.0, 5.0, 60_000, False, 5.0),
        (10.0, 5.0, 60_000, False, 0.5), (100.0, 5.0, 60_000, True, 0.5), (100.0, 5.0, 200, True, 0.2),
        (1.0, 5.0, 0, True, 0.0), (1.0, 5.0, -400, True, 0.0),
    ],
)  # fmt: skip
def test_gaps_take_their_wall_time(rate: float, quiet: float | None, gap: int, held: bool, wall: float) -> None:
    assert Pace(rate, quiet).wall(gap, held=held) == pytest.approx(wall)


def test_hours_are_compressed_into_minutes_and_every_shutting_can_be_seen(tmp_path: Path) -> None:
    script = Script("Ann", "Bea", starts=3600).define(0)
    for number in range(60):
        script.price(60 * number + 1, r1=1.9, r2=2.0 + number / 100)
    script.define(3600, "SUSPENDED").define(3601, "OPEN", in_play=True).price(3602, r1=1.5, r2=2.6).close(7200, 1)
    recording = scan(script.write(tmp_path), None)
    assert recording.seconds < 200
    stage = Stage()
    source = playing(stage, recording.path)
    shut = 0.0
    while not source.finished:
        stage.run(source, 0.1, step=0.1)
        running = only(stage).status < 2 and only(stage).markets[0].outcomes[1].active
        shut += 0.1 * (running and only(stage).suspended)
    assert 0.4 <= shut <= 0.7
    assert source.summary()[0]["suspended_seconds"] == pytest.approx(1.0)


def test_two_markets_of_one_file_live_and_end_apart(tmp_path: Path) -> None:
    first = Script("Ann", "Bea", market="1.1").define(0).price(5, r1=1.9, r2=2.0).close(20, 1)
    second = Script("Cid", "Dan", market="1.2").define(1).price(6, r1=1.4, r2=3.0).close(60, 2)
    both = Script()
    both.lines = sorted(first.lines + second.lines, key=lambda line: int(line["pt"]))
    stage = Stage()
    source = playing(stage, both.write(tmp_path), speed=10.0)
    stage.run(source, 3.0, step=0.1)
    assert sorted(fixture.status for fixture in stage.world.fixtures.values()) == [0, 2]
    assert len(source.fairs()) == 1
    play_out(stage, source)
    wins = {f.participant1: list(f.markets[0].results.values()) for f in stage.world.fixtures.values()}
    assert wins == {"Ann": ["WIN", "LOSE"], "Cid": ["LOSE", "WIN"]}


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"op": "mcm", "pt": 1, "mc": [{"rc": []}]}, "without an id"),
    ({"op": "mcm", "pt": 1, "mc": [7]}, "without an id"),
    ({"op": "mcm", "pt": 1, "mc": {}}, "mc is not a list"),
    ({"op": "mcm", "pt": "1"}, "publish time"),
    ({"op": "mcm", "pt": 1, "mc": [{"id": "1.7", "rc": [{}]}]}, "numeric id"),
    ({"op": "mcm", "pt": 1, "mc": [{"id": "1.7", "rc": [{"id": 1, "atb": [[2]]}]}]}, "atb"),
    ({"op": "mcm", "pt": 1, "mc": [{"id": "1.7", "rc": [{"id": 1, "atb": [[2, -1]]}]}]}, "negative"),
    ({"op": "dance", "pt": 1}, "unknown op"),
    ({"pt": 1}, "no op"),
]


@pytest.mark.parametrize(("bad", "what"), BROKEN)
def test_line_that_cannot_be_played_is_named_before_anything_is_listed(tmp_path: Path, bad: Any, what: str) -> None:
    script = Script("Ann", "Bea").define(0).price(5, r1=1.9, r2=2.0)
    script.lines.append(bad)
    script.close(20, 1)
    stage = Stage()
    with pytest.raises(RecordingError, match=what) as broken:
        playing(stage, script.write(tmp_path))
    assert broken.value.line == 3
    assert stage.world.fixtures == {}


def test_other_traffic_of_the_connection_is_passed_over(tmp_path: Path) -> None:
    script = Script("Ann", "Bea").define(0)
    script.lines[0:0] = [{"op": "connection", "connectionId": "x"}, {"op": "status", "statusCode": "SUCCESS"}]
    script.lines.append({"op": "mcm", "pt": script.lines[-1]["pt"], "ct": "HEARTBEAT"})
    script.close(20, 2)
    stage = Stage()
    play_out(stage, playing(stage, script.write(tmp_path), speed=10.0))
    assert only(stage).markets[0].results == {121: "LOSE", 122: "WIN"}

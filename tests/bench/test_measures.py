"""What is counted as an answer, as a floor, as sustained, as spent."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import load, quotes
from bench.__main__ import PARTS, plan_of
from bench.desk import Move
from bench.floor import read_marks
from bench.processes import Usage, tree, usage
from bench.wires import Arrivals, Tap


def taps(**times: list[float]) -> dict[str, Tap]:
    """A tap per venue at which requests about fixture ``f`` came at the given times."""
    made = {}
    for venue, moments in times.items():
        made[venue] = Tap(None, venue, "/orders", lambda *_: None)  # type: ignore[arg-type]
        for at in moments:
            made[venue].arrivals.add(venue, "f", at)
    return made


def both(_: str) -> tuple[str, ...]:
    return ("kalshi", "polymarket")


def test_a_request_after_the_next_move_answers_that_one_only() -> None:
    made = [Move("f", 1, 1.0), Move("f", 0, 2.0)]
    found = quotes.answered(taps(kalshi=[1.5, 2.25], polymarket=[2.75]), both, made)
    assert sorted(found) == [250.0, 500.0, 750.0]


def test_moves_of_other_markets_end_nothing() -> None:
    made = [Move("f", 1, 1.0), Move("g", 1, 1.25)]
    assert quotes.answered(taps(kalshi=[1.5], polymarket=[]), both, made) == [500.0]


def test_a_fill_without_a_bet_is_left_out() -> None:
    arrivals = Arrivals()
    arrivals.add("abp", "f", 1.5)
    assert quotes.hedged(arrivals, [("f", 1.0), ("f", 2.0), ("g", 1.0)]) == [500.0]


async def test_late_ticks_catch_up() -> None:
    assert [number async for number in quotes.paced(1000.0, 0.02)] == list(range(20))


def test_marks_that_shared_a_local_activity_have_its_time(tmp_path: Path) -> None:
    file = tmp_path / "floor.txt"
    assert read_marks(file) == {}
    file.write_text("m1 2000000000\nm2 m3 3500000000\nm1 9000000000\n")
    assert read_marks(file) == {"m1": 2.0, "m2": 3.5, "m3": 3.5}


def moved(expected: int, quoted: list[float], seconds: float = 2.0) -> quotes.Moved:
    before = {name: Usage(100.0, 1000) for name in load.ENGINE}
    after = {name: Usage(100.0 + 10 * place, 1000) for place, name in enumerate(load.ENGINE)}
    return quotes.Moved([], quoted, quoted, expected, seconds, before, after)


@pytest.mark.parametrize(
    ("quoted", "sustained"),
    [([100.0] * 100, True), ([100.0] * 95, True), ([100.0] * 94, False), ([100.0] * 98 + [1500.0] * 2, False)],
)
def test_a_rate_is_sustained_while_answers_come_in_time(quoted: list[float], sustained: bool) -> None:
    assert load.step_of(20.0, moved(100, quoted)).sustained is sustained


def test_the_knee_is_the_fastest_sustained_rate() -> None:
    steps = [load.Step(r, r * 2, 10.0, p99, 1.0) for r, p99 in ((10.0, 50.0), (20.0, 80.0), (30.0, 1200.0))]
    best = load.knee(steps)
    assert best is not None
    assert best.rate == 20.0
    assert load.knee(steps[2:]) is None


def test_cpu_is_divided_by_the_requotes_done() -> None:
    assert load.cpu_per_requote(moved(20, [1.0] * 10)) == {name: float(place) for place, name in enumerate(load.ENGINE)}


def test_a_part_that_was_restarted_has_no_cost() -> None:
    run = moved(20, [1.0] * 10)
    del run.after["trading"]
    assert "trading" not in load.cpu_per_requote(run)


def test_children_are_counted_and_the_dead_cost_nothing() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        while len(tree(parent.pid)) < 2:
            pass
        assert usage(parent.pid).memory_kib > 0
    finally:
        parent.communicate(b"\n")
    assert usage(parent.pid) == Usage(0.0, 0)


def test_the_command_line_names_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    plan, given = plan_of(["quotes", "hedges", "--moves", "5", "--both"])
    assert (list(plan.parts), plan.moves, plan.both, given.json) == (["quotes", "hedges"], 5.0, True, None)
    assert tuple(plan_of([])[0].parts) == PARTS
    with pytest.raises(SystemExit):
        plan_of(["quote"])
    assert "no such part: quote" in capsys.readouterr().err

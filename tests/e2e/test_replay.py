"""``overround replay``: recordings through the real processes, to settlement from their own results."""

import re
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.recordings import made_up, write_recording
from tests.support.up import DUMMIES, ROOT, Up, start

pytestmark = pytest.mark.timeout(300)
DATA = ROOT.parent / "shared" / "data"
DOGS, BTTS = "betfair_greyhound_win_1.197931750.ndjson.gz", "betfair_soccer_btts_1.145405534.ndjson.bz2"
FIGURES = re.compile(
    r"^quotes (?P<quotes>\d+) · fills (?P<fills>\d+) · hedges (?P<hedges>\d+) \((?P<bets>\d+) bets\) · "
    r"residual (?P<residual>[\d.]+) · PnL (?P<pnl>[+-][\d.]+) · settled (?P<settled>\d+)$",
    re.M,
)
ALIVE = re.compile(r"^time suspended with any order alive beyond the pull time: ([\d.]+) s$", re.M)


def replay(folder: Path, *arguments: str | Path, **env: str) -> Up:
    """``overround replay`` with its state below ``folder``, in a process group of its own; not waited for."""
    words, output = map(str, arguments), folder / "replay.out"
    return Up(folder / "state", *words, env=env, command=("-m", "console", "replay"), output=output)


def played(up: Up, seconds: float) -> dict[str, Decimal]:
    """Wait for a clean end; the figures of the summary."""
    assert up.process.wait(seconds) == 0, up.text
    figures, alive = FIGURES.search(up.text), ALIVE.search(up.text)
    assert figures is not None, up.text
    assert alive is not None, up.text
    assert Decimal(alive.group(1)) == 0
    assert re.search(r"^clean: \d+ orders, \d+ fills, \d+ bets compared", up.text, re.M), up.text
    return {name: Decimal(value) for name, value in figures.groupdict().items()}


def test_a_made_up_match_is_played_to_its_own_result(tmp_path: Path) -> None:
    """What every machine can play: pregame, in play, three suspensions, a winner."""
    recording = write_recording(tmp_path / "match.ndjson.gz", made_up(seconds=120))
    up = replay(tmp_path, recording, "--speed", "6")
    figures = played(up, 180)
    assert figures["quotes"] >= 5, up.text
    assert figures["fills"] >= 1, up.text
    assert figures["hedges"] >= 1, up.text
    assert figures["settled"] == 1, up.text
    assert re.search(r"^Rovers v United: Match Odds \(Tennis\): \d+ messages, \d+ price changes", up.text, re.M), (
        up.text
    )
    assert re.search(r"^ *\d+% · 2020-09-13 12:2\d:\d\d UTC · ", up.text, re.M), "the recording's clock is shown"
    assert list((tmp_path / "state").iterdir()), "its state is kept for a look at it"


def test_a_real_recording_is_played_beside_a_running_up(tmp_path: Path, cleanup: ExitStack) -> None:
    """The same way through the feed, the engine and both exchanges, with processes of its own."""
    file = DATA / DOGS
    if not file.is_file():
        pytest.skip(f"the recording {DOGS} is not here ({DATA})")
    neighbour = start(cleanup, tmp_path / "neighbour", command=DUMMIES).ready()
    up = replay(tmp_path, file, "--speed", "16")
    figures = played(up, 200)
    assert figures["quotes"] >= 10, up.text
    assert figures["settled"] == (figures["fills"] > 0), up.text
    assert "Sheffield" in up.text
    assert neighbour.process.poll() is None
    assert neighbour.facts["apiKey"] == "demo-key"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text.replace('"op": "mcm"', '"op": "mcm', 1), r"line 1: not JSON"),
        (lambda text: text + "half a messa", r"line \d+: not JSON"),
        (lambda text: text.replace('"atb": [[', '"atb": [["cheap", ', 1), r"line \d+: atb holds"),
        (
            lambda text: text.replace('"status": "OPEN"', '"state": "OPEN"'),
            r"line 1: a marketDefinition without a status",
        ),
        (lambda text: "", r"holds no market"),
    ],
    ids=["torn first line", "torn last line", "a price that is none", "no status", "empty"],
)
def test_a_malformed_recording_is_one_line_and_changes_nothing(tmp_path: Path, damage: Any, words: str) -> None:
    good = write_recording(tmp_path / "good.ndjson", made_up(seconds=10))
    bad = tmp_path / "bad.ndjson"
    bad.write_text(damage(good.read_text()))
    up = replay(tmp_path, good, bad)
    assert up.process.wait(60) == 1
    (line,) = up.text.splitlines()
    assert re.match(rf"overround: {bad}(, {words}|: {words})", line), line
    assert not (tmp_path / "state").exists()


def test_what_cannot_be_played_is_said_before_anything_starts(tmp_path: Path) -> None:
    good = write_recording(tmp_path / "good.ndjson", made_up(seconds=10))
    for arguments, words in (
        ([tmp_path / "none.ndjson"], f"{tmp_path / 'none.ndjson'}: no such file"),
        ([tmp_path], f"{tmp_path}: no such file"),
        ([good, "--speed", "0"], "--speed must be above 0"),
    ):
        up = replay(tmp_path, *arguments)
        assert up.process.wait(60) == 1
        assert up.text == f"overround: {words}\n"
    assert not (tmp_path / "state").exists()

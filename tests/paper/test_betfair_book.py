"""Recorded books are rebuilt exactly, and what is malformed is named."""

import bz2
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from overround.paper.betfair_book import BadChange, Matched, StreamMarket
from overround.paper.betfair_stream import RecordingError, messages

D = Decimal
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
VECTORS = json.loads((ROOT / "tests/vectors/betfair_replay.json").read_text(), parse_float=Decimal)
FILES = [pytest.param(case, id=case["file"].split(".")[0]) for case in VECTORS["files"]]


def recording(case: dict[str, Any]) -> Path:
    path = DATA / str(case["file"])
    if not path.exists():
        pytest.skip(f"the recording {case['file']} is not here")
    return path


def state(market: StreamMarket) -> dict[str, Any]:
    """The market as the checkpoints describe it."""
    definition = market.definition
    runners = {(r["id"], r.get("hc", 0)): r for r in definition["runners"]}
    return {
        "status": definition["status"],
        "inplay": definition["inPlay"],
        "bet_delay": definition["betDelay"],
        "version": definition["version"],
        "market_tv": market.volume,
        "runners": {
            key: {
                "status": runners[key]["status"],
                "ltp": book.scalars.get("ltp"),
                "tv": book.scalars.get("tv") or 0,
                "back": [list(level) for level in book.back()[:3]],
                "lay": [list(level) for level in book.lay()[:3]],
                "display_back": [list(level) for _, level in sorted(book.levels["bdatb"].items())][:3],
                "display_lay": [list(level) for _, level in sorted(book.levels["bdatl"].items())][:3],
                "levels": [len(book.ladders[name]) for name in ("atb", "atl", "trd")],
                "bsp": runners[key].get("bsp"),
            }
            for key, book in market.runners.items()
        },
    }


def expected(point: dict[str, Any]) -> dict[str, Any]:
    body = {key: value for key, value in point.items() if key not in ("line", "pt", "clk", "runners")}
    drop = ("id", "hc")
    runners = {(r["id"], r["hc"]): {k: v for k, v in r.items() if k not in drop} for r in point["runners"]}
    return {**body, "runners": runners}


@pytest.mark.parametrize("case", FILES)
def test_every_checkpoint_of_every_recording(case: dict[str, Any]) -> None:
    points = {point["line"]: point for point in case["checkpoints"]}
    market, seen, line = StreamMarket(case["market_id"]), 0, 0
    for line, message in messages(recording(case)):
        for change in message.get("mc", []):
            assert change["id"] == case["market_id"]
            market.apply(change)
        if line in points:
            seen += 1
            assert message["pt"] == points[line]["pt"]
            assert message.get("clk") == points[line]["clk"]
            assert state(market) == expected(points[line])
    assert (line, seen) == (case["lines"], len(points))


@pytest.mark.parametrize("case", FILES)
def test_a_cut_stream_resumed_with_an_image_rebuilds_the_same_book(case: dict[str, Any]) -> None:
    whole, resumed = StreamMarket("m"), StreamMarket("m")
    for line, message in messages(recording(case)):
        for change in message.get("mc", []):
            whole.apply(change)
            if line % 97 == 0:
                resumed = StreamMarket("m")
                resumed.apply(image_of(whole))
            else:
                resumed.apply(change)
        if line > 2500:
            break
    assert state(resumed) == state(whole)


def image_of(market: StreamMarket) -> dict[str, Any]:
    rows = [
        {
            "id": key[0],
            **{name: [list(level) for level in ladder.items()] for name, ladder in book.ladders.items() if ladder},
            **{name: [[n, *level] for n, level in rows.items()] for name, rows in book.levels.items() if rows},
            **book.scalars,
        }
        for key, book in market.runners.items()
    ]
    return {"id": "m", "img": True, "marketDefinition": market.definition, "rc": rows, "tv": market.volume}


# -- small rules ------------------------------------------------------------------------------------------------------

DEFINITION = {"status": "OPEN", "runners": [{"id": 1, "status": "ACTIVE"}, {"id": 2, "hc": -1, "status": "ACTIVE"}]}


@pytest.fixture
def market() -> StreamMarket:
    made = StreamMarket("1.1")
    made.apply({"id": "1.1", "marketDefinition": DEFINITION, "rc": [{"id": 1, "atb": [[2, 10], [3, 5]]}]})
    return made


def test_a_first_message_without_img_is_an_image(market: StreamMarket) -> None:
    assert market.runners[(1, D(0))].best_back() == (D(3), D(5))


def test_size_zero_deletes_and_an_empty_ladder_clears(market: StreamMarket) -> None:
    market.apply({"rc": [{"id": 1, "atb": [[3, 0]], "bdatl": [[0, 4, 9], [1, 5, 9]]}]})
    book = market.runners[(1, D(0))]
    assert (book.best_back(), book.best_lay()) == ((D(2), D(10)), (D(4), D(9)))
    market.apply({"rc": [{"id": 1, "atb": [], "bdatl": [[0, 0, 0]]}]})
    assert (book.best_back(), book.levels["bdatl"]) == (None, {1: (D(5), D(9))})
    market.apply({"rc": [{"id": 1, "bdatl": []}]})
    assert book.best_lay() is None


def test_an_image_replaces_everything(market: StreamMarket) -> None:
    market.apply({"img": True, "rc": [{"id": 2, "hc": -1, "atl": [[5, 1]]}]})
    assert list(market.runners) == [(2, D(-1))]
    assert market.status == "OPEN"


def test_matched_volume_is_what_trd_grew_by(market: StreamMarket) -> None:
    assert market.apply({"rc": [{"id": 1, "trd": [[2, 8]]}]}) == [Matched((1, D(0)), D(2), D(8))]
    assert market.apply({"rc": [{"id": 1, "trd": [[2, 11], [3, 1]]}]})[0].size == 3
    assert market.apply({"rc": [{"id": 1, "trd": [[2, 5]]}]}) == []
    assert market.apply({"img": True, "rc": [{"id": 1, "trd": [[2, 50]]}]}) == []


def test_starting_price_placeholders_are_no_price(market: StreamMarket) -> None:
    market.apply({"rc": [{"id": 1, "spn": "NaN", "spf": None, "ltp": D("1.5")}]})
    assert market.runners[(1, D(0))].scalars == {"spn": None, "spf": None, "ltp": D("1.5")}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"rc": {}}, "rc is not a list"),
        ({"rc": [{"atb": []}]}, "numeric id"),
        ({"rc": [{"id": 1, "atb": [[2]]}]}, "not 2 numbers"),
        ({"rc": [{"id": 1, "atb": [[2, -1]]}]}, "negative size"),
        ({"rc": [{"id": 1, "atb": [["2", 1]]}]}, "not a number"),
        ({"rc": [{"id": 1, "batb": [[0, 1]]}]}, "not 3 numbers"),
        ({"rc": [{"id": 1, "ltp": True}]}, "ltp"),
        ({"rc": [{"id": 1, "atb": [[None, 1]]}]}, "not a number"),
        ({"tv": "x"}, "tv"),
        ({"marketDefinition": {"runners": []}}, "without a status"),
        ({"marketDefinition": {"status": "OPEN", "runners": [{"id": 1}]}}, "without a status"),
    ],
)
def test_a_malformed_change_says_what_is_wrong(market: StreamMarket, change: dict[str, Any], what: str) -> None:
    with pytest.raises(BadChange, match=what):
        market.apply(change)


# -- files ------------------------------------------------------------------------------------------------------------

LINES = (
    b'{"op":"connection","connectionId":"x"}\n\n'
    b'{"op":"mcm","pt":5,"mc":[{"id":"1.1","tv":1.25}]}\r\n'
    b'{"op":"mcm","pt":6}\n'
)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress], ids=["plain", "gzip", "bzip2"])
def test_files_are_opened_by_content_whatever_their_name(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "recording.zip"
    path.write_bytes(pack(LINES))
    read = list(messages(path))
    assert [line for line, _ in read] == [3, 4]
    assert read[0][1]["mc"][0]["tv"] == D("1.25")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"{broken", "line 2: not JSON"),
        (b"[1]", "line 2: not an Exchange Stream"),
        (b'{"pt":1}', "line 2: not an Exchange Stream"),
        (b'{"op":"odd","pt":1}', "line 2: unknown op 'odd'"),
        (b'{"op":"mcm"}', "line 2: .*publish time"),
        (b'{"op":"mcm","pt":1,"mc":{}}', "line 2: mc is not a list"),
        (b'\xff{"op"', "line 2: not JSON"),
    ],
)
def test_a_bad_line_is_named_with_its_file(tmp_path: Path, line: bytes, what: str) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_bytes(b'{"op":"mcm","pt":1}\n' + line + b"\n")
    with pytest.raises(RecordingError, match=f"bad.ndjson, {what}"):
        list(messages(path))


def damaged() -> Iterator[tuple[bytes, str]]:
    packed = gzip.compress(LINES * 500)
    yield packed[: len(packed) // 2], "cannot be read after line"
    yield b"BZh91AY&SYnot really", "cannot be read after line 0"


@pytest.mark.parametrize(("content", "what"), list(damaged()))
def test_a_damaged_archive_is_one_clear_error(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=what):
        list(messages(path))


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        list(messages(tmp_path / "nowhere"))

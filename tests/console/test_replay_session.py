"""A playing from start to verdict, on venues that say what a test wants: when it goes on, when it gives up, and what
makes it fail."""

import io
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from console import replay as module
from console.bar import Bar
from console.embedded.process import StartError
from console.played import Played
from console.replay import SETTLE_SECONDS, SILENT_SECONDS, Replay, ReplayProduct
from overround.settings import Settings

MARKET = {
    "name": "Ada v Grace", "sport": "Tennis", "messages": 7, "updates": 5, "suspended_seconds": "1.5",
    "names": {"111": "Ada", "112": "Grace"}, "results": {"111": "WIN", "112": "LOSE"},
}  # fmt: skip
CLEAN = Played(quotes=9, fills=2, hedges=2, bets=2, residual=Decimal("0.1"), pnl=Decimal("1.25"), settled=1, unbooked=0)


def said(done: float = 0.5, *, paused: bool = False, finished: bool = False, **more: Any) -> dict[str, Any]:
    return {"paused": paused, "done": done, "recordingTime": "2022-07-11T12:24:01.123", "finished": finished,
            "markets": [MARKET], "suspensions": {}, **more}  # fmt: skip


class Venues:
    """Answers of the admin app, one after the other, the last again and again; posts are kept."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.posted: list[Any] = []

    def request(self, method: str, url: str, json: Any = None, **_: Any) -> httpx.Response:
        request = httpx.Request(method, url)
        if method == "POST":
            self.posted.append(json)
            return httpx.Response(200, json={}, request=request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer if isinstance(answer, int) else 200, json=said() if isinstance(answer, int) else
                              answer, request=request)  # fmt: skip


class Stage:
    """One playing whose seconds pass only while the supervisor watches."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("RECORDING", "TOKEN", "PAUSED", "SPEED"):
            monkeypatch.setenv(f"OVERROUND_PAPER_{name}", "")
        self.patch, self.now = monkeypatch, 100.0
        self.shown = io.StringIO()
        monkeypatch.setattr("console.replay.time.monotonic", lambda: self.now)
        bar = Bar(self.shown, clock=lambda: self.now)
        self.replay = Replay(Settings(state_dir=tmp_path), [tmp_path / "one.bz2"], None, bar)
        self.replay.facts = {"databaseUrl": "postgresql://x", "paper": {"admin": "http://venues/admin"}}
        self.replay.supervisor.watch = self.watch  # type: ignore[method-assign]
        monkeypatch.setattr(ReplayProduct, "progress", lambda self, url: "feed 0.1s")
        self.ledger()

    def watch(self, seconds: float) -> None:
        self.now += seconds

    def ledger(
        self, heard: Callable[[], bool] = lambda: True, unbooked: Callable[[], int] = lambda: 0,
        played: Played = CLEAN, differs: int = 0,
    ) -> None:  # fmt: skip
        async def compare(*_: Any) -> int:
            return differs

        self.patch.setattr("console.played.heard", lambda url: heard())
        self.patch.setattr("console.played.unbooked", lambda url: unbooked())
        self.patch.setattr("console.played.summary", lambda url: played)
        self.patch.setattr("console.check.compare", compare)

    def venues(self, *answers: Any) -> Venues:
        made = Venues(*answers)
        self.patch.setattr("console.replay.httpx.request", made.request)
        return made

    def follow(self) -> int:
        self.replay.follow()
        return self.replay.verdict


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def test_a_clean_playing_says_what_came_of_it(stage: Stage) -> None:
    stage.venues(said(0.1), said(0.9), said(1.0, finished=True))
    assert stage.follow() == 0
    lines = stage.shown.getvalue().splitlines()
    assert lines[0] == " 10% · 2022-07-11 12:24:01 UTC · feed 0.1s"
    assert lines[-3] == (
        "Ada v Grace (Tennis): 7 messages, 5 price changes, suspended 1.5 s of the recording; won by Ada"
    )
    assert lines[-2] == "quotes 9 · fills 2 · hedges 2 (2 bets) · residual 0.10 · PnL +1.25 · settled 1"
    assert lines[-1] == "time suspended with any order alive beyond the pull time: 0.000 s"


@pytest.mark.parametrize(
    ("ledger", "status", "words"),
    [
        ({"differs": 1}, {}, ""),
        ({}, {"suspensions": {"m": {"longestAliveMs": 2600}}}, "beyond the pull time: 0.600 s"),
        ({"played": Played(1, 1, 1, 1, Decimal(0), Decimal(0), 0, 2)}, {}, "2 traded fixture(s) without booked"),
    ],
    ids=["books that differ", "an order that outlived a pull", "results nobody booked"],
)
def test_a_playing_that_went_wrong_ends_with_1(
    stage: Stage, ledger: dict[str, Any], status: dict[str, Any], words: str
) -> None:
    stage.ledger(**ledger)
    stage.venues(said(1.0, finished=True, **status))
    assert stage.follow() == 1
    assert words in stage.shown.getvalue()


def test_nothing_is_played_before_the_engine_hears_the_feed(stage: Stage) -> None:
    venues = stage.venues(said(0.0, paused=True), said(1.0, finished=True))
    waits: list[float] = []

    def heard() -> bool:
        waits.append(stage.now)
        assert venues.posted == []
        return len(waits) > 3

    stage.ledger(heard=heard)
    assert stage.follow() == 0
    assert venues.posted == [{"paused": False}]
    assert stage.now - waits[0] < 2


def test_a_feed_nobody_ever_hears_is_played_all_the_same(stage: Stage) -> None:
    """The summary shows that nothing was quoted; a playing that never begins would show nothing."""
    stage.ledger(heard=lambda: False)
    stage.venues(said(1.0, finished=True))
    assert stage.follow() == 0
    assert module.FEED_SECONDS <= stage.now - 100.0 < module.FEED_SECONDS + 1


def test_venues_that_restart_are_told_again_to_play(stage: Stage) -> None:
    broken = httpx.ConnectError("refused")
    venues = stage.venues(said(0.1), broken, 503, said(0.1, paused=True), said(1.0, finished=True))
    assert stage.follow() == 0
    assert venues.posted == [{"paused": False}]


def test_venues_that_stay_silent_end_the_playing(stage: Stage) -> None:
    stage.venues(said(0.1), httpx.ConnectError("refused"))
    with pytest.raises(StartError, match="the paper venues do not answer at http://venues/admin/status"):
        stage.follow()
    assert SILENT_SECONDS < stage.now - 100.0 < SILENT_SECONDS + 2
    assert stage.replay.verdict == 1


def test_results_are_waited_for_but_not_for_ever(stage: Stage) -> None:
    stage.ledger(unbooked=lambda: 3)
    stage.venues(said(1.0, finished=True))
    stage.follow()
    assert SETTLE_SECONDS <= stage.now - 100.0 < SETTLE_SECONDS + 2
    assert "played; results are being booked" in stage.shown.getvalue()


def test_results_that_come_end_the_waiting(stage: Stage) -> None:
    left = [3, 2, 0]
    stage.ledger(unbooked=lambda: left.pop(0))
    stage.venues(said(1.0, finished=True))
    assert stage.follow() == 0
    assert stage.now - 100.0 < 3


def test_a_draw_was_won_by_nobody(stage: Stage) -> None:
    stage.venues(said(1.0, finished=True, markets=[{**MARKET, "results": {}}]))
    stage.follow()
    assert "won by nobody" in stage.shown.getvalue()


def test_whatever_the_files_hold_is_traded_beside_what_is_configured(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[Any] = []

    def seed(self: Any, url: str, paper: Any, secret: str, trading: Any) -> str:
        wanted.append(trading)
        return "key"

    monkeypatch.setattr("console.product.Product.seed", seed)
    stage.venues(said(markets=[MARKET, {**MARKET, "names": {"101": "1", "103": "2"}}]))
    trading = {"default": {"size": 5}, "tournament": {"17": {"size": 1}}}
    paper = stage.replay.facts["paper"]
    assert ReplayProduct().seed("postgresql://x", paper, "secret", trading) == "key"
    assert wanted == [{"default": {"size": 5, "outcomes": [101, 103, 111, 112]}, "tournament": {"17": {"size": 1}}}]


def test_the_venues_are_told_what_to_play_and_to_wait(stage: Stage, tmp_path: Path) -> None:
    assert os.environ["OVERROUND_PAPER_RECORDING"] == str((tmp_path / "one.bz2").resolve())
    assert os.environ["OVERROUND_PAPER_PAUSED"] == "1"
    assert os.environ["OVERROUND_PAPER_SPEED"] == "", "without --speed quiet spells are compressed"
    assert len(os.environ["OVERROUND_PAPER_TOKEN"]) == 16


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(StartError, match="--speed must be above 0"):
        module.replay([Path("one.bz2")], speed)


def test_a_file_that_is_not_there_or_cannot_be_played_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"none\.bz2: no such file"):
        module.replay([tmp_path / "none.bz2"])
    broken = tmp_path / "broken.ndjson"
    broken.write_text("this is no recording\n")
    with pytest.raises(StartError, match=r"broken\.ndjson"):
        module.replay([broken])

"""``overround replay``: what it shows, what it judges, and what it must not touch."""

import io
import re
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from pydantic import SecretStr

from console.bar import Bar
from console.played import summary
from console.replay import Replay, beyond_pull
from overround.ledger.db import connect
from overround.settings import Settings
from tests.console.test_progress import Terminal
from tests.ledger.conftest import seed
from tests.ledger.desk import Hedge, accepted, claim, fill, spec
from tests.support.recordings import made_up, write_recording


def test_a_terminal_shows_a_bar_with_the_recordings_clock_and_the_line_cut_to_its_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    with Bar(stream) as bar:
        bar.played(0.42, "2022-07-11 12:24:01 UTC", lambda: "feed 0.1s · " + "long " * 30)
        bar.say("worker stopped with [SIGKILL]; restart in 0.2 s")
        bar.played(0.43, "2022-07-11 12:24:09 UTC", lambda: "feed 0.2s")
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert " 42%" in shown
    assert "2022-07-11 12:24:01 UTC" in shown
    assert "feed 0.1s" in shown
    assert "worker stopped with [SIGKILL]; restart in 0.2 s\n" in shown
    assert max(map(len, re.split(r"[\r\n]", shown))) <= 60


def test_a_log_file_gets_a_line_with_the_recordings_clock_every_five_seconds() -> None:
    stream, now = io.StringIO(), [100.0]
    asked: list[float] = []

    def line() -> str:
        asked.append(now[0])
        return "feed 0.1s"

    with Bar(stream, lambda: now[0]) as bar:
        for second in range(11):
            now[0] = 100.0 + second
            bar.played(second / 10, f"12:00:{second:02}", line)
        bar.say("done")
    assert stream.getvalue().splitlines() == [
        "  0% · 12:00:00 · feed 0.1s", " 50% · 12:00:05 · feed 0.1s", "100% · 12:00:10 · feed 0.1s", "done",
    ]  # fmt: skip
    assert len(asked) == 3, "the ledger is asked only for what is shown"


def test_only_what_outlives_the_pull_time_is_a_breach() -> None:
    def spell(alive: int) -> dict[str, int]:
        return {"longestAliveMs": alive}

    assert beyond_pull({}) == 0
    assert beyond_pull({"one": spell(0), "two": spell(1999)}) == 0
    assert beyond_pull({"one": spell(350), "two": spell(2250)}) == Decimal("0.25")


def test_a_playing_uses_no_real_server_feed_or_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is set up to trade for real and plays a recording does not play it into the real ledger."""
    import console.replay as module

    made: list[Settings] = []

    class Noted(Replay):
        def run(self) -> None:
            made.append(self.settings)
            self.verdict = 0

    for name in ("RECORDING", "TOKEN", "PAUSED", "SPEED"):
        monkeypatch.setenv(f"OVERROUND_PAPER_{name}", "")
    monkeypatch.setenv("DATABASE_URL", "postgresql://mm:x@real/ledger")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "real:7233")
    monkeypatch.setenv("ODDSPAPI_API_KEY", "real")
    monkeypatch.setenv("OVERROUND_API_PORT", "8123")
    monkeypatch.setattr(module, "Replay", Noted)
    recording = write_recording(tmp_path / "one.ndjson", made_up(seconds=10))
    with pytest.raises(typer.Exit) as left:
        module.replay([recording], None, tmp_path / "state")
    (used,) = made
    assert left.value.exit_code == 0
    assert (used.database_url, used.temporal_address, used.oddspapi_api_key) == ("", "", SecretStr(""))
    assert (used.api_port, used.paper_port, used.state_dir) == (0, 0, tmp_path / "state")


async def test_dust_that_a_later_hedge_covered_is_no_residual(database_url: str) -> None:
    ledger = connect(database_url)
    async with ledger.begin() as connection:
        await seed(connection)
    await claim(ledger, spec("c1"), spec("c2"))
    first, second = Hedge(ledger), Hedge(ledger, "c2")
    await first.fills(fill("t1", "0.4"))
    await first.pool(1, Decimal("0.4"))
    await first.fills()
    before = summary(database_url)
    await second.fills(fill("t2"))
    await second.report(accepted(await second.bet(1, "5.20", dust=True), ("p1", "5.20", "2.00")))
    await second.fills()
    after = summary(database_url)
    await ledger.dispose()
    assert (before.residual, after.residual) == (Decimal("0.4"), Decimal(0))
    assert (after.quotes, after.fills, after.hedges, after.bets, after.settled) == (2, 2, 2, 1, 0)

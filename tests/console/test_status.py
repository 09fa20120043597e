"""``overround status`` and what every command asks first: which ledger, which key, which settings."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from console import config, main, target
from console.embedded.process import StartError
from console.played import heard, summary, unbooked
from console.product import Product
from console.progress import line
from console.state import State
from console.status import status
from console.up import banner_lines
from overround.ledger.db import connect
from overround.settings import Settings
from tests.ledger.conftest import seed
from tests.ledger.desk import claim, spec, write
from tests.support.command import console

FACTS = {
    "apiUrl": "http://127.0.0.1:8000", "apiKey": "demo-key", "temporalUiUrl": "", "temporalAddress": "127.0.0.1:7233",
    "databaseUrl": "postgresql://mm:x@127.0.0.1:1/none", "paper": {"admin": "http://127.0.0.1:9106"},
}  # fmt: skip


class Quiet(Product):
    """A product whose ledger is not asked."""

    def progress(self, database_url: str) -> str:
        return f"progress of {database_url}"


def settings(state: Path, **values: Any) -> Settings:
    return Settings(state_dir=state, **values)


def gone() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    child.wait()
    return child.pid


# -- status ------------------------------------------------------------------------------------------------------------


def test_what_runs_is_shown_with_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    State(tmp_path).write_run({**FACTS, "pids": {"api": os.getpid()}})
    assert status(settings(tmp_path), Quiet()) == 0
    shown = capsys.readouterr().out
    for part in ("http://127.0.0.1:8000/docs", "demo-key", "http://127.0.0.1:9106", str(tmp_path / "logs")):
        assert part in shown
    assert "not configured (OVERROUND_TEMPORAL_UI_URL)" in shown
    assert f"api          pid {os.getpid()}\n" in shown
    assert shown.endswith("progress of postgresql://mm:x@127.0.0.1:1/none\n")


def test_what_died_is_marked_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = gone()
    State(tmp_path).write_run({**FACTS, "pids": {"api": os.getpid(), "trading": dead}})
    assert status(settings(tmp_path), Quiet()) == 1
    shown = capsys.readouterr().out
    assert f"trading      pid {dead} DEAD" in shown
    assert f"api          pid {os.getpid()}\n" in shown
    assert "progress" not in shown


@pytest.mark.parametrize("left", [None, "", "{", "[]", "{}"])
def test_nothing_or_half_a_file_is_nothing_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], left: str | None
) -> None:
    if left is not None:
        (tmp_path / "run.json").write_text(left)
    assert status(settings(tmp_path), Quiet()) == 1
    assert capsys.readouterr().out == f"nothing runs on {tmp_path} (OVERROUND_STATE_DIR)\n"


def test_a_run_without_venues_is_shown_too(tmp_path: Path) -> None:
    assert "  paper admin  none" in banner_lines({**FACTS, "paper": {}}, tmp_path)


# -- which ledger and which key ----------------------------------------------------------------------------------------


def test_the_configured_ledger_goes_before_the_running_one(tmp_path: Path) -> None:
    State(tmp_path).write_run(FACTS)
    assert target.database_url(settings(tmp_path, database_url="postgresql://mine/x")) == "postgresql://mine/x"
    assert target.database_url(settings(tmp_path)) == FACTS["databaseUrl"]


def test_without_either_both_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"nothing runs on .*\(OVERROUND_STATE_DIR\), and DATABASE_URL is not set"):
        target.database_url(settings(tmp_path))


def test_the_key_of_the_state_directory_is_never_used_for_a_ledger_of_yours(tmp_path: Path) -> None:
    own = target.secret_key(settings(tmp_path)).get_secret_value()
    assert own == State(tmp_path).secret()
    with pytest.raises(StartError, match="OVERROUND_SECRET_KEY: not set; it must be the one the API runs with"):
        target.secret_key(settings(tmp_path, database_url="postgresql://mine/x"))
    given = settings(tmp_path, database_url="postgresql://mine/x", secret_key=SecretStr("pepper"))
    assert target.secret_key(given).get_secret_value() == "pepper"


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["-1", "65536", "70000"])
@pytest.mark.parametrize("field", config.PORTS)
def test_a_number_that_is_no_port_names_its_setting(monkeypatch: pytest.MonkeyPatch, field: str, port: str) -> None:
    monkeypatch.setenv(config.variable(field), port)
    with pytest.raises(StartError, match=f"{config.variable(field)}: {port} is not a port"):
        config.load()


def test_every_mistake_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OVERROUND_API_PORT", "OVERROUND_PAPER_SEED"):
        monkeypatch.setenv(name, "many")
    with pytest.raises(StartError) as refusal:
        config.load()
    assert "OVERROUND_API_PORT: " in str(refusal.value)
    assert "OVERROUND_PAPER_SEED: " in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"), [(b"margin = = 2", "cannot be read"), (b"\xff\xfe", "cannot be read"), (None, "No such file")]
)
def test_a_trading_file_that_cannot_be_read_names_its_setting(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "trading.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartError, match=f"OVERROUND_TRADING_CONFIG: .*{words}"):
        config.trading(Settings(trading_config=file))


def test_without_a_trading_file_there_is_nothing_to_read() -> None:
    assert config.trading(Settings()) == {}


# -- exit codes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "code"), [(SystemExit(), 0), (SystemExit(3), 3), (SystemExit("no"), 1), (StartError("no"), 1), (None, 0)]
)
def test_an_exit_code_says_how_it_ended(monkeypatch: pytest.MonkeyPatch, raised: Any, code: int) -> None:
    def app() -> None:
        if raised is not None:
            raise raised

    monkeypatch.setattr(main, "app", app)
    assert main.guarded() == code


def test_a_bug_shows_its_traceback_and_another_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app() -> None:
        raise KeyError("bug")

    monkeypatch.setattr(main, "app", app)
    assert main.guarded() == 70
    assert "KeyError: 'bug'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [("alarms",), ("trading",), ("accounts",), ("keys", "list"), ("check",)], ids=" ".join
)
def test_a_ledger_that_does_not_answer_is_one_line_without_its_password(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    State(tmp_path).write_run(FACTS)
    gone = "postgresql://mm:open-sesame@127.0.0.1:1/none"
    done = console(*command, DATABASE_URL=gone, OVERROUND_SECRET_KEY="x", OVERROUND_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("overround: ")
    assert len(done.stderr.splitlines()) == 1
    assert "open-sesame" not in done.stderr


@pytest.mark.parametrize("address", ["not an address", "mysql://mm:open-sesame@y/z", "postgresql:mm"])
def test_what_is_no_address_of_a_ledger_is_one_line(address: str) -> None:
    done = console("alarms", DATABASE_URL=address)
    assert done.returncode == 1
    assert done.stderr.startswith("overround: DATABASE_URL: not a PostgreSQL address")
    assert "open-sesame" not in done.stderr


@pytest.mark.parametrize("command", ["alarms", "trading"])
def test_a_ledger_without_tables_says_what_to_do(blank_database_url: str, command: str) -> None:
    done = console(command, DATABASE_URL=blank_database_url)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "overround migrate" in done.stderr


def test_a_ledger_without_tables_has_a_line_too(blank_database_url: str) -> None:
    """While the first ``up`` still migrates, or after a look at the wrong database."""
    assert line(blank_database_url) == "the ledger has no tables yet"


# -- what a playing did ------------------------------------------------------------------------------------------------


async def test_what_was_played_is_counted_from_the_ledger(database_url: str) -> None:
    ledger = connect(database_url)
    async with ledger.begin() as connection:
        await seed(connection)
    assert not heard(database_url)
    await claim(ledger, spec("c1"), spec("c2"), spec("c3"), spec("u1", action="sell"))
    await write(ledger, "UPDATE orders SET filled = 10 WHERE client_order_id IN ('c1', 'c2')")
    assert unbooked(database_url) == 1
    await write(
        ledger,
        "INSERT INTO fixture_settlements (fixture_id, state, reason, workflow_id) "
        "SELECT DISTINCT fixture_id, 'WAITING', '', 'w' FROM orders",
    )
    assert unbooked(database_url) == 1
    await write(ledger, "UPDATE fixture_settlements SET state = 'BOOKED'")
    played = summary(database_url)
    assert (played.quotes, played.unbooked, played.settled, played.residual) == (3, 0, 1, Decimal(0))
    await ledger.dispose()


def test_a_ledger_that_is_away_is_an_error_of_the_playing() -> None:
    with pytest.raises(psycopg.OperationalError):
        heard("postgresql://mm:x@127.0.0.1:1/none")

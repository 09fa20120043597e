"""``overround up`` as an operator meets it: real Postgres and Temporal, tiny children in place of the product's."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from console import config
from console.embedded import identity
from console.embedded.process import StartError, running
from console.embedded.supervisor import StopRequests
from console.up import Session
from overround.settings import Settings
from tests.console.dummies import DIES_LAST, NAMES, Dummies
from tests.support import up as support
from tests.support.up import until

start = partial(support.start, command=support.DUMMIES)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[support.Up]:
    """One ``up`` that tests may hurt but not stop."""
    with ExitStack() as stack:
        yield start(stack, tmp_path_factory.mktemp("living") / "state").ready()


@pytest.fixture
def servers(blank_database_url: str, temporal_server: Any) -> dict[str, str]:
    """Settings of servers that run already, for what has nothing to do with the embedded ones."""
    return {"DATABASE_URL": blank_database_url, "TEMPORAL_ADDRESS": temporal_server.address}


def refused_here(monkeypatch: pytest.MonkeyPatch, state: Path, env: Mapping[str, str]) -> str:
    """Why an ``up`` in this process refuses to start, before it started anything."""
    monkeypatch.setattr(StopRequests, "install", lambda self: None)
    for name, value in {**support.ANY_PORT, "OVERROUND_STATE_DIR": str(state), **env}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartError) as refusal:
        Session(config.load(), Dummies()).run()
    return str(refusal.value)


def test_ctrl_c_stops_what_it_started_and_the_next_up_continues(stack: ExitStack, tmp_path: Path) -> None:
    state = tmp_path / "state"
    bystander = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    stack.callback(bystander.wait)
    stack.callback(bystander.kill)
    up = start(stack, state).ready()
    facts = up.facts
    assert set(facts) >= {"apiUrl", "apiKey", "temporalUiUrl", "temporalAddress", "databaseUrl", "paper", "pids"}
    assert set(facts["pids"]) == {"postgres", "temporal", *NAMES}
    assert stat.S_IMODE((state / "run.json").stat().st_mode) == 0o600
    assert up.stop() == 0
    assert not any(running(pid) for pid in facts["pids"].values())
    assert bystander.poll() is None
    assert (state / "stops").read_text().split() == ["api", "streamers", "trading", "paper"]
    assert not (state / "run.json").exists()

    again = start(stack, state).ready()
    assert again.facts["databaseUrl"] == facts["databaseUrl"]
    assert again.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("victim", ["trading", "postgres", "temporal"])
def test_a_killed_part_comes_back_and_run_json_names_its_new_pid(living: support.Up, victim: str) -> None:
    before = living.facts["pids"][victim]
    os.kill(before, signal.SIGKILL)
    until(lambda: living.facts["pids"].get(victim, before) != before, 15)
    assert f"{victim} stopped with SIGKILL" in living.text
    assert living.process.poll() is None


def test_a_second_up_on_the_same_state_is_refused(living: support.Up, monkeypatch: pytest.MonkeyPatch) -> None:
    line = refused_here(monkeypatch, living.state, {})
    assert "another 'overround up' already runs" in line
    assert "OVERROUND_STATE_DIR" in line
    assert living.process.poll() is None
    assert living.facts["apiKey"] == "demo-key"


def test_after_kill_nine_of_everything_the_next_up_starts(stack: ExitStack, tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = start(stack, state).ready()
    pids = first.facts["pids"].values()
    first.process.kill()
    first.process.wait()
    second = start(stack, state).ready()
    assert not any(running(pid) for pid in pids)
    assert second.stop() == 0


def test_the_paper_feed_is_everybodys_feed_unless_a_real_key_is_set(
    stack: ExitStack, tmp_path: Path, servers: dict[str, str]
) -> None:
    paper, real = tmp_path / "paper", tmp_path / "real"
    start(stack, paper, env=servers).ready().stop()
    start(stack, real, env={**servers, "ODDSPAPI_API_KEY": "mine"}).ready().stop()
    for name in ("trading", "streamers", "api"):
        assert (paper / f"{name}.feed").read_text() == "paper ws://w"
        assert (real / f"{name}.feed").read_text() == "mine "


def test_fresh_starts_clean(stack: ExitStack, tmp_path: Path) -> None:
    state = tmp_path / "state"
    up = start(stack, state).ready()
    secret = (state / "secret.key").read_text()
    up.stop()
    clean = start(stack, state, "--fresh").ready()
    assert (state / "secret.key").read_text() != secret
    assert not (state / "stops").exists()
    clean.stop()


def test_fresh_does_not_clear_a_folder_of_somebody_else(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(StartError, match="OVERROUND_STATE_DIR"):
        Session(Settings(state_dir=precious), Dummies(), fresh=True).run()
    assert [file.name for file in precious.iterdir()] == ["thesis.txt"]


def test_fresh_leaves_a_replay_that_runs_inside_alone_and_one_that_came_first_is_no_stranger(
    stack: ExitStack, tmp_path: Path, servers: dict[str, str]
) -> None:
    state = tmp_path / "state"
    replay = start(stack, state / "replay", output=tmp_path / "replay.out", env=servers).ready()
    up = start(stack, state, "--fresh", env=servers).ready()
    assert up.stop() == 0
    start(stack, state, "--fresh", env=servers).ready()
    assert replay.process.poll() is None
    assert replay.facts["apiKey"] == "demo-key"


@pytest.mark.parametrize(
    "setting", ["OVERROUND_API_PORT", "OVERROUND_TEMPORAL_PORT", "OVERROUND_POSTGRES_PORT", "OVERROUND_PAPER_PORT"]
)
def test_a_taken_port_names_its_setting(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    port = listener.getsockname()[1]
    line = refused_here(monkeypatch, tmp_path / "state", {setting: str(port)})
    assert line == f"port {port} is taken: set {setting} to a free one, or to 0 to have one picked"


def test_a_dead_child_ends_everything_with_one_line(stack: ExitStack, tmp_path: Path, servers: dict[str, str]) -> None:
    up = start(stack, tmp_path / "state", env={**servers, "DUMMY_API": DIES_LAST})
    line = up.refused()
    assert line.startswith("overround: api stopped with exit code 3 (OVERROUND_API_PORT): no such thing")
    assert (tmp_path / "state" / "stops").read_text().split() == ["streamers", "trading", "paper"]


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"OVERROUND_API_PORT": "eighty"}, "OVERROUND_API_PORT: Input should be a valid integer"),
        ({"OVERROUND_API_PORT": "70000"}, "OVERROUND_API_PORT: 70000 is not a port"),
        ({"OVERROUND_TRADING_CONFIG": "/nonexistent.toml"}, "OVERROUND_TRADING_CONFIG: /nonexistent.toml"),
        ({"OVERROUND_STATE_DIR": "/proc/nowhere"}, "OVERROUND_STATE_DIR: /proc/nowhere cannot be used"),
        ({"DATABASE_URL": "not an address"}, "DATABASE_URL: not a PostgreSQL address"),
        ({"DATABASE_URL": "postgresql://mm:x@127.0.0.1:1/none"}, "DATABASE_URL: connection failed"),
    ],
)
def test_a_bad_setting_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], words: str
) -> None:
    line = refused_here(monkeypatch, tmp_path / "state", env)
    assert line.startswith(words)
    assert "\n" not in line


def test_a_broken_configuration_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "trading.toml"
    file.write_text("margin = = 2")
    line = refused_here(monkeypatch, tmp_path / "state", {"OVERROUND_TRADING_CONFIG": str(file)})
    assert line.startswith(f"OVERROUND_TRADING_CONFIG: {file} cannot be read")


def test_a_wrong_database_password_is_one_line_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank_database_url: str
) -> None:
    password = blank_database_url.split(":")[2].split("@")[0]
    wrong = blank_database_url.replace(password, "open-sesame")
    line = refused_here(monkeypatch, tmp_path / "state", {"DATABASE_URL": wrong})
    assert "DATABASE_URL" in line
    assert "password authentication failed" in line
    assert "open-sesame" not in line


def test_real_servers_are_used_and_left_alone(
    stack: ExitStack, tmp_path: Path, servers: dict[str, str], temporal_server: Any
) -> None:
    up = start(stack, tmp_path / "state", env=servers).ready()
    assert set(up.facts["pids"]) == set(NAMES)
    assert up.facts["databaseUrl"] == servers["DATABASE_URL"]
    assert up.stop() == 0
    assert temporal_server.process.alive()


@pytest.mark.skipif(os.getuid() != 0, reason="everything here already runs as an ordinary user")
def test_up_as_an_ordinary_user(stack: ExitStack, tmp_path: Path) -> None:
    if identity.choose().mode != "mapped":
        pytest.skip("this machine does not allow user namespaces")
    up = start(stack, tmp_path / "state", prefix=identity.UNSHARE).ready()
    command = Path(f"/proc/{up.facts['pids']['postgres']}/cmdline").read_bytes()
    assert not command.startswith(b"unshare")
    assert up.stop() == 0

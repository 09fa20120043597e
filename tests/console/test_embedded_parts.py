"""What the embedded servers and the supervisor are made of, without starting any of them."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.embedded import children, identity, postgres, temporal, tuning
from console.embedded.postgres import Postgres, write_private
from console.embedded.process import (
    FREE_PORTS,
    Identity,
    Part,
    Process,
    StartError,
    birth,
    describe,
    free_port,
    port_taken,
    running,
    tail,
)
from console.embedded.supervisor import BACKOFF, STEADY, Supervisor
from console.embedded.temporal import TemporalServer, apart

# -- last words ------------------------------------------------------------------------------------------------------


def test_the_last_words_are_the_last_lines_that_say_something(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    assert tail(log, 3) == []
    log.write_bytes(b"one\n\n  two  \n\xff\xfe bytes\n" + b"x" * 1000 + b"\n\n")
    assert tail(log, 2) == ["\ufffd\ufffd bytes", "x" * 300]
    assert tail(log, 9, start=5) == ["two", "\ufffd\ufffd bytes", "x" * 300]


def test_a_long_log_is_not_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("early\n" + "noise\n" * 5_000 + "last\n")
    assert tail(log, 10_000)[-1] == "last"
    assert "early" not in tail(log, 10_000)


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "SIGKILL"), (-15, "SIGTERM")])
def test_an_exit_is_described_in_words(code: int, words: str) -> None:
    assert describe(code) == words


def test_a_process_that_never_started_can_be_stopped_killed_and_asked(tmp_path: Path) -> None:
    process = Process(Part("ghost", ["true"], tmp_path / "ghost.log", lambda: True))
    process.stop()
    process.kill()
    process.ask_to_stop()
    assert (process.pid, process.alive(), process.code) == (0, False, None)


def test_a_process_that_does_not_hear_is_killed_after_its_grace(tmp_path: Path, cleanup: ExitStack) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    log = tmp_path / "deaf.log"
    process = Process(Part("deaf", [sys.executable, "-S", "-c", script], log, lambda: bool(tail(log, 1)), grace=0.1))
    cleanup.callback(process.kill)
    process.launch()
    process.wait_ready(10)
    process.stop()
    assert process.code == -9


# -- processes and ports ---------------------------------------------------------------------------------------------


def test_a_process_is_running_until_it_ended_even_while_nobody_collected_it() -> None:
    assert running(os.getpid())
    assert birth(os.getpid()) == birth(os.getpid()) != ""
    child = subprocess.Popen([sys.executable, "-S", "-c", ""], stdin=subprocess.PIPE)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not running(child.pid), "a zombie is no process"
    child.wait()
    assert child.stdin is not None
    child.stdin.close()


def test_a_free_port_is_free_and_outside_what_connections_borrow() -> None:
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 10, "two who ask at once rarely get the same"
    assert all(port in FREE_PORTS for port in ports)


def test_a_port_somebody_listens_on_is_taken_and_free_again_after(cleanup: ExitStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert port_taken(port)
    assert not port_taken(port)


def test_a_machine_without_a_free_port_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.embedded.process.port_taken", lambda port, host: True)
    with pytest.raises(StartError, match="no free port on"):
        free_port()


# -- the supervisor, on children that only pretend -------------------------------------------------------------------


class Pretender:
    """A process whose life a test decides."""

    def __init__(self, name: str, log: Path) -> None:
        self.part = Part(name, [], log, lambda: True)
        self.code: int | None = None
        self.launches = 0
        self.pid = 1

    def alive(self) -> bool:
        return self.code is None

    def ready(self) -> bool:
        if not self.alive():
            raise StartError(self.obituary())
        return True

    def launch(self) -> None:
        self.launches += 1
        self.pid += 1
        self.code = None

    def obituary(self) -> str:
        return f"{self.part.name} stopped with exit code {self.code}"

    def ask_to_stop(self) -> None:
        self.code = 0

    def kill(self) -> None:
        self.code = -9


class Stage:
    """A supervisor with one child and a clock."""

    def __init__(self, tmp_path: Path) -> None:
        self.now = 0.0
        self.said: list[str] = []
        self.supervisor = Supervisor(self.said.append, clock=lambda: self.now)
        self.child = Pretender("trading", tmp_path / "trading.log")
        self.supervisor.adopt(self.child)  # type: ignore[arg-type]
        self.supervisor.await_ready(["trading"])

    def dies(self, code: int = 1) -> float:
        """It dies and is noticed; the pause until its restart."""
        self.child.code = code
        before = self.child.launches
        self.supervisor.tick()
        began = self.now
        while self.child.launches == before:
            self.now += 0.1
            self.supervisor.tick()
        self.supervisor.tick()
        return self.now - began


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_each_death_in_a_row_waits_longer_and_the_last_gives_up(stage: Stage) -> None:
    pauses = [stage.dies() for _ in BACKOFF]
    assert pauses == pytest.approx(list(BACKOFF), abs=0.15)
    with pytest.raises(StartError, match=f"giving up after {len(BACKOFF)} restarts: trading stopped"):
        stage.dies()
    assert len(stage.said) == len(BACKOFF)


def test_a_child_that_served_long_enough_is_forgiven(stage: Stage) -> None:
    for _ in BACKOFF:
        stage.dies()
    stage.now += STEADY + 1
    stage.supervisor.tick()
    assert stage.dies() == pytest.approx(BACKOFF[0], abs=0.15)


def test_a_child_that_dies_again_just_before_is_not(stage: Stage) -> None:
    stage.dies()
    stage.now += STEADY - 1
    stage.supervisor.tick()
    assert stage.dies() == pytest.approx(BACKOFF[1], abs=0.15)


def test_a_wrong_setting_is_no_matter_of_patience(stage: Stage) -> None:
    with pytest.raises(StartError, match="exit code 78"):
        stage.dies(78)
    assert stage.child.launches == 0


def test_a_child_between_two_lives_has_no_pid_and_is_not_started_by_a_stop(stage: Stage) -> None:
    stage.child.code = 1
    stage.supervisor.tick()
    assert stage.supervisor.pids == {}
    stage.supervisor.stop()
    stage.now += 60
    assert stage.child.launches == 0


# -- who PostgreSQL runs as ------------------------------------------------------------------------------------------


def test_an_ordinary_user_stays_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert identity.choose() == identity.RunAs("plain")


@pytest.mark.parametrize(("works", "mode"), [(True, "mapped"), (False, "nobody")])
def test_root_becomes_somebody_else(monkeypatch: pytest.MonkeyPatch, works: bool, mode: str) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(identity, "_mapping_works", lambda: works)
    chosen = identity.choose()
    assert chosen.mode == mode
    assert bool(chosen.prefix) is works
    assert (chosen.identity is not None) is not works


@pytest.mark.parametrize(
    "outcome",
    [subprocess.TimeoutExpired("unshare", 10), OSError("no"), SimpleNamespace(returncode=1)],
    ids=["hangs", "is not there", "is forbidden"],
)
def test_a_namespace_that_cannot_be_made_is_not_used(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> None:
    def run(*_: Any, **__: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr("console.embedded.identity.shutil.which", lambda name: "/usr/bin/unshare")
    monkeypatch.setattr("console.embedded.identity.subprocess.run", run)
    assert not identity._mapping_works()


def test_root_without_anybody_to_become_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(name: str) -> Any:
        raise KeyError(name)

    monkeypatch.setattr("console.embedded.identity.pwd.getpwnam", nobody)
    with pytest.raises(StartError, match="set DATABASE_URL"):
        identity.choose("nobody")


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "may"),
    [(0o700, 0, 0, True), (0o077, 0, 0, False), (0o710, 1, 0, True), (0o701, 1, 0, False), (0o701, 1, 1, True),
     (0o710, 1, 1, False)],
)  # fmt: skip
def test_a_folder_is_entered_by_the_first_right_that_applies(
    tmp_path: Path, mode: int, uid: int, gid: int, may: bool
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    status = folder.stat()
    assert identity._may_enter(folder, Identity(status.st_uid + uid, status.st_gid + gid)) is may


# -- PostgreSQL before it runs ---------------------------------------------------------------------------------------


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "postgres.password"
    write_private(file, "first")
    write_private(file, "2")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("2", 0o600)


def server(tmp_path: Path) -> Postgres:
    made = Postgres(tmp_path, port=5999, mode="plain")
    made.data.mkdir()
    return made


def test_a_lock_of_a_dead_server_is_removed(tmp_path: Path) -> None:
    made = server(tmp_path)
    lock = made.data / "postmaster.pid"
    for pid in (os.getpid(), 2**22 + 1):  # somebody who is no PostgreSQL, and nobody
        lock.write_text(f"{pid}\n{made.data}\n")
        made._clear_stale_lock()
        assert not lock.exists()


def test_a_lock_of_a_living_server_on_the_same_data_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = server(tmp_path)
    (made.data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    monkeypatch.setattr(postgres, "_is_postgres", lambda pid, data: True)
    moments = iter(range(0, 1000, 10))
    monkeypatch.setattr(postgres, "time", SimpleNamespace(monotonic=lambda: next(moments), sleep=lambda _: None))
    with pytest.raises(StartError, match=r"another PostgreSQL runs on .*postgres \(OVERROUND_STATE_DIR\)"):
        made._clear_stale_lock()
    assert (made.data / "postmaster.pid").exists()


def test_a_lock_that_its_server_takes_along_while_it_is_read_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = server(tmp_path)
    lock, read = made.data / "postmaster.pid", Path.read_text
    lock.write_text(f"{os.getpid()}\n")

    def ended(file: Path) -> str:
        lock.unlink()
        return read(file)

    monkeypatch.setattr(Path, "read_text", ended)
    made._clear_stale_lock()
    assert not lock.exists()


@pytest.mark.parametrize("left", ["", "\n", "not a number\n"])
def test_a_lock_a_crash_left_half_written_does_not_stop_the_next_start(tmp_path: Path, left: str) -> None:
    made = server(tmp_path)
    (made.data / "postmaster.pid").write_text(left)
    made._clear_stale_lock()
    assert not (made.data / "postmaster.pid").exists()


def test_what_initdb_said_last_is_what_the_operator_reads(tmp_path: Path) -> None:
    made = server(tmp_path)
    for script, words in (("import sys; sys.exit('no space left')", "no space left"),
                          ("raise SystemExit(1)", "it wrote nothing")):  # fmt: skip
        with pytest.raises(StartError, match=f"OVERROUND_STATE_DIR.*: {words}"):
            made._run([sys.executable, "-S", "-c", script])


def test_a_machine_without_postgres_or_temporal_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("console.embedded.postgres.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("console.embedded.postgres.shutil.which", lambda name: None)
    monkeypatch.setattr("console.embedded.postgres.Path.glob", lambda self, pattern: iter(()))
    with pytest.raises(StartError, match="set DATABASE_URL"):
        postgres.locate()
    monkeypatch.setattr("console.embedded.temporal.sys.executable", str(tmp_path / "python"))
    with pytest.raises(StartError, match="set TEMPORAL_ADDRESS"):
        temporal.locate()


# -- Temporal before it runs -----------------------------------------------------------------------------------------


def test_the_server_is_started_with_its_data_names_and_tuning(tmp_path: Path) -> None:
    made = TemporalServer(tmp_path, 7000, None, 7299, "trading", {"OverroundState": "Keyword"})
    command = made._command()
    assert made.ui_url == ""
    assert "--headless" in command
    text = " ".join(command)
    for part in (f"--db-filename {made.state / 'temporal.db'}", "--namespace trading", "journal_mode=wal",
                 "--search-attribute OverroundState=Keyword", "--ip 127.0.0.1 --port 7000"):  # fmt: skip
        assert part in text
    with_ui = TemporalServer(tmp_path, 7000, 8233, 7299)
    assert "--headless" not in with_ui._command()
    assert with_ui.ui_url == "http://127.0.0.1:8233"


def test_every_setting_of_the_list_is_written_as_json() -> None:
    words = tuning.flags({"a.b": "10ms", "c.d": 1000})
    assert words == ["--dynamic-config-value", 'a.b="10ms"', "--dynamic-config-value", "c.d=1000"]
    assert len(tuning.flags()) == 2 * len(tuning.EMBEDDED)
    assert tuning.document({"a.b": 1}) == {"a.b": [{"value": 1, "constraints": {}}]}
    assert json.loads(json.dumps(tuning.document()))


def test_work_apart_may_be_asked_for_inside_a_running_loop() -> None:
    async def inner() -> int:
        await asyncio.sleep(0)
        return 7

    async def outer() -> int:
        return apart(inner)

    assert asyncio.run(outer()) == 7


@pytest.mark.parametrize("error", [ValueError("no"), StartError("no"), asyncio.CancelledError()])
def test_work_apart_fails_as_it_failed(error: BaseException) -> None:
    async def broken() -> None:
        raise error

    with pytest.raises(type(error)):
        apart(broken)


# -- our own processes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "commands", [children.PAPER, children.COMMANDS], ids=["venues", "processes"]
)  # fmt: skip
def test_every_child_says_by_file_when_it_is_ready(tmp_path: Path, commands: dict[str, list[str]]) -> None:
    parts = children.parts(commands, tmp_path, {"DATABASE_URL": "postgresql://x"})
    assert [part.name for part in parts] == list(commands)
    for part in parts:
        ready = Path(part.env["OVERROUND_READY_FILE"])
        assert not part.probe()
        ready.touch()
        assert part.probe()
        part.prepare()
        assert not ready.exists(), "the file of an earlier life does not count"
        assert part.env["DATABASE_URL"] == "postgresql://x"
        assert str(children.ROOT) in part.env["PYTHONPATH"].split(os.pathsep)
        assert part.log == tmp_path / "logs" / f"{part.name}.log"
    assert len({part.env["OVERROUND_READY_FILE"] for part in parts}) == len(parts)


def test_what_is_configured_at_a_port_is_named_when_it_fails(tmp_path: Path) -> None:
    made: Callable[[str], Part] = lambda name: children.python_part(name, [], tmp_path, {})  # noqa: E731
    assert made("api").setting == "OVERROUND_API_PORT"
    assert made("paper").setting == "OVERROUND_PAPER_PORT"
    assert made("trading").setting == ""

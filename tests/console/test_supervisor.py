"""The supervisor, on children of a few lines."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.embedded.process import Part, Process, StartError, running
from console.embedded.supervisor import BACKOFF, Stopped, StopRequests, Supervisor
from tests.console.dummies import DIES, REFUSES, SERVES, STUBBORN, dummy
from tests.support.up import until


class Leaps:
    """A clock whose seconds pass a hundred times faster."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self) -> float:
        return (time.monotonic() - self.began) * 100


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(said.append)
    yield supervisor
    supervisor.stop()


def test_children_stop_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("first", "second", "third"):
        supervisor.launch(dummy(name, tmp_path))
    supervisor.await_ready(["first", "second", "third"])
    supervisor.stop()
    assert (tmp_path / "stops").read_text().split() == ["third", "second", "first"]
    assert supervisor.pids == {}


def test_a_killed_child_is_restarted_and_ready_again(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    supervisor.launch(dummy("trading", tmp_path))
    supervisor.await_ready(["trading"])
    before = supervisor.pids["trading"]
    os.kill(before, signal.SIGKILL)

    def restarted() -> bool:
        supervisor.tick()
        return supervisor.pids.get("trading", before) != before

    until(restarted)
    supervisor.await_ready(["trading"])
    assert "trading stopped with SIGKILL" in said[0]


def test_a_ready_file_of_the_previous_life_does_not_count(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "slow.ready").touch()
    supervisor.launch(dummy("slow", tmp_path, "import time; time.sleep(60)"))
    with pytest.raises(StartError, match="slow was not ready within 0 s"):
        supervisor.await_ready(["slow"], seconds=0.2)


def test_a_child_that_dies_at_the_start_shows_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.launch(dummy("api", tmp_path, DIES))
    with pytest.raises(StartError, match=r"api stopped with exit code 3 \(OVERROUND_API_PORT\): no such thing"):
        supervisor.await_ready(["api"])


def test_last_words_are_of_this_life_not_of_an_earlier_one(tmp_path: Path) -> None:
    for script, words in ((DIES, "no such thing as MAGIC_SETTING"), ("raise SystemExit(4)", "it wrote nothing")):
        process = Process(dummy("api", tmp_path, script))
        process.launch()
        with pytest.raises(StartError, match=words):
            process.wait_ready(10)


def test_an_endless_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.embedded.process.LOG_LIMIT", 10)
    log = tmp_path / "logs" / "api.log"
    log.parent.mkdir()
    log.write_text("more than ten bytes")
    process = Process(dummy("api", tmp_path, DIES))
    process.launch()
    with pytest.raises(StartError):
        process.wait_ready(10)
    assert log.with_suffix(".log.1").read_text() == "more than ten bytes"


def test_a_child_that_keeps_dying_is_given_up(said: list[str], tmp_path: Path) -> None:
    supervisor = Supervisor(said.append, clock=Leaps())
    supervisor.launch(dummy("trading", tmp_path, DIES))

    def run_until_given_up() -> None:
        while True:
            supervisor.tick()
            time.sleep(0.01)

    with pytest.raises(StartError, match="giving up after 4 restarts"):
        run_until_given_up()
    assert len(said) == len(BACKOFF)


def test_a_bad_setting_is_not_retried(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    supervisor.launch(dummy("streamers", tmp_path, REFUSES))

    def run_until_refused() -> None:
        while True:
            supervisor.tick()
            time.sleep(0.01)

    with pytest.raises(StartError, match="ODDSPAPI_API_KEY: the feed refused it"):
        run_until_refused()
    assert said == []


def test_a_stop_request_ends_the_wait_for_readiness(said: list[str], tmp_path: Path) -> None:
    requests = StopRequests()
    supervisor = Supervisor(said.append, requests)
    supervisor.launch(dummy("slow", tmp_path, "import time; time.sleep(60)"))
    requests.count = 1
    with pytest.raises(Stopped):
        supervisor.await_ready(["slow"])
    supervisor.stop()


def test_a_second_stop_request_kills_who_does_not_listen(said: list[str], tmp_path: Path) -> None:
    requests = StopRequests()
    supervisor = Supervisor(said.append, requests)
    supervisor.launch(dummy("stubborn", tmp_path, STUBBORN))
    supervisor.await_ready(["stubborn"])
    requests.count = 2
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 5
    assert supervisor.pids == {}


def test_a_program_that_is_not_there_names_itself(tmp_path: Path) -> None:
    part = Part("ghost", ["/nonexistent/ghost"], tmp_path / "ghost.log", lambda: True, setting="GHOST_PATH")
    with pytest.raises(StartError, match=r"ghost cannot be started \(GHOST_PATH\)"):
        Process(part).launch()


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_children_die_with_a_parent_killed_by_kill_nine(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time; from console.embedded.process import Process;"
        "from tests.console.dummies import dummy;"
        "p = Process(dummy('orphan', pathlib.Path(sys.argv[1]))); p.launch(); p.wait_ready();"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        assert running(orphan)
        parent.kill()
    said = tmp_path / "stops"
    until(lambda: said.exists() and said.read_text().split() == ["orphan"])


def test_the_dummy_serves(tmp_path: Path) -> None:
    process = Process(dummy("one", tmp_path, SERVES))
    process.launch()
    try:
        process.wait_ready(10)
        assert process.alive()
    finally:
        process.stop()
    assert process.code == 0

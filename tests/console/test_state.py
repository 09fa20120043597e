"""The state directory: one holder, remembered ports, private secrets, and whatever a crash left there."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from console import state as module
from console.embedded.process import StartError, birth, free_port
from console.state import LOCK, Ask, State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def held(state: State) -> Iterator[State]:
    state.hold()
    yield state
    assert state._lock is not None
    os.close(state._lock)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


# -- who holds it ------------------------------------------------------------------------------------------------------


def test_a_directory_has_one_holder(held: State) -> None:
    with pytest.raises(StartError, match="another 'overround up' already runs on") as refusal:
        State(held.folder).hold()
    assert "OVERROUND_STATE_DIR" in str(refusal.value)


def test_a_holder_that_ended_leaves_it_free(state: State) -> None:
    for _ in range(2):
        again = State(state.folder)
        again.hold()
        assert again._lock is not None
        os.close(again._lock)


def test_two_directories_do_not_know_each_other(held: State, tmp_path: Path, cleanup: ExitStack) -> None:
    other = State(tmp_path / "other")
    other.hold()
    assert other._lock is not None
    cleanup.callback(os.close, other._lock)
    assert mode(other.folder / LOCK) == 0o600


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_path_that_cannot_be_a_directory_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"OVERROUND_STATE_DIR: .*file.* cannot be used"):
        State(tmp_path / place).hold()


# -- clearing ----------------------------------------------------------------------------------------------------------


def test_clearing_leaves_the_lock_and_what_other_holders_keep_inside(held: State, tmp_path: Path) -> None:
    replay = State(held.folder / "replay")
    replay.folder.mkdir()
    (replay.folder / LOCK).touch()
    (replay.folder / "run.json").write_text("{}")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "thesis.txt").write_text("years of work")
    (held.folder / "link").symlink_to(outside)
    (held.folder / "logs").mkdir()
    (held.folder / "logs" / "api.log").write_text("x")
    (held.folder / "secret.key").write_text("x")
    held.clear()
    assert sorted(entry.name for entry in held.folder.iterdir()) == [LOCK, "replay"]
    assert (replay.folder / "run.json").exists()
    assert (outside / "thesis.txt").read_text() == "years of work", "a link is removed, not followed"


def test_only_what_an_up_made_may_be_cleared(tmp_path: Path) -> None:
    State(tmp_path / "new").check_ours()
    empty = tmp_path / "empty"
    empty.mkdir()
    State(empty).check_ours()
    (empty / "thesis.txt").write_text("years of work")
    with pytest.raises(StartError, match="was not made by overround and will not be cleared"):
        State(empty).check_ours()
    (empty / LOCK).touch()
    State(empty).check_ours()


# -- ports -------------------------------------------------------------------------------------------------------------


API = Ask("api", 0, "OVERROUND_API_PORT")


def paper(count: int = 1, wanted: int = 0) -> Ask:
    return Ask("paper", wanted, "OVERROUND_PAPER_PORT", count=count)


def test_a_port_that_was_picked_is_picked_again(state: State) -> None:
    first = state.ports(API)["api"]
    assert State(state.folder).ports(API)["api"] == first
    assert state.ports(paper())["paper"] != first or first == 0
    assert mode(state.folder / "ports.json") == 0o600


def test_a_remembered_port_that_is_taken_now_is_replaced(state: State, cleanup: ExitStack) -> None:
    first = state.ports(API)["api"]
    cleanup.enter_context(socket.create_server(("127.0.0.1", first)))
    second = state.ports(API)["api"]
    assert second != first
    assert json.loads((state.folder / "ports.json").read_text())["api"] == second


@pytest.mark.parametrize("remembered", [0, -1, 70_000, 65_535, True, None, "8000", 8000.5, [1]], ids=repr)
def test_a_remembered_port_that_is_none_is_replaced(state: State, remembered: object) -> None:
    state.folder.mkdir()
    (state.folder / "ports.json").write_text(json.dumps({"paper": remembered}))
    found = state.ports(paper(4))["paper"]
    assert type(found) is int
    assert 1024 < found < 65_532


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "\x00"])
def test_a_file_a_crash_left_half_written_is_as_good_as_none(state: State, body: str) -> None:
    state.folder.mkdir()
    for name in ("ports.json", "run.json", "pids.json"):
        (state.folder / name).write_text(body)
    assert state.ports(API)["api"] > 0
    assert state.read_run() == {}
    state.await_leftovers(0)


def test_every_one_of_consecutive_ports_is_free(state: State, cleanup: ExitStack) -> None:
    first = state.ports(paper(5))["paper"]
    cleanup.enter_context(socket.create_server(("127.0.0.1", first + 4)))
    again = state.ports(paper(5))["paper"]
    assert not set(range(again, again + 5)) & {first + 4}


def test_a_chosen_port_is_used_as_it_is_or_refused(state: State, cleanup: ExitStack) -> None:
    chosen = free_port()
    assert state.ports(replace(API, wanted=chosen))["api"] == chosen
    assert not (state.folder / "ports.json").exists()
    cleanup.enter_context(socket.create_server(("127.0.0.1", chosen)))
    with pytest.raises(StartError, match=f"port {chosen} is taken: set OVERROUND_API_PORT"):
        state.ports(replace(API, wanted=chosen))


@pytest.mark.parametrize("wanted", [20_005, 0], ids=["asked for", "picked"])
@pytest.mark.parametrize("remembered", [{}, {"api": 20_005, "paper": 20_000}], ids=["first start", "later start"])
def test_no_part_gets_a_port_of_another(
    state: State, monkeypatch: pytest.MonkeyPatch, wanted: int, remembered: dict[str, int]
) -> None:
    """None is taken yet: they are all settled before anything starts."""
    state.folder.mkdir()
    (state.folder / "ports.json").write_text(json.dumps(remembered))
    drawn = iter([20_005, 20_000, 20_003, 20_006, 20_010, 20_030])
    monkeypatch.setattr(module, "free_port", lambda host: next(drawn))
    monkeypatch.setattr(module, "port_taken", lambda port, host: False)
    found = state.ports(paper(10), replace(API, wanted=wanted))
    assert found["api"] not in range(found["paper"], found["paper"] + 10)
    assert found["api"] == wanted or not wanted


def test_two_parts_that_ask_for_one_port_are_told_so(state: State) -> None:
    chosen = free_port()
    with pytest.raises(StartError, match=f"port {chosen} is asked for twice: set OVERROUND_PAPER_PORT to a free one"):
        state.ports(replace(API, wanted=chosen), paper(4, chosen))


def test_a_machine_without_enough_free_ports_is_told_so(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "port_taken", lambda port, host: True)
    with pytest.raises(StartError, match="no 32 free consecutive ports"):
        state.ports(paper(32))


# -- what it keeps -----------------------------------------------------------------------------------------------------


def test_the_secret_is_made_once_and_only_its_owner_reads_it(state: State) -> None:
    secret = state.secret()
    assert len(secret) >= 32
    assert State(state.folder).secret() == secret
    assert mode(state.folder / "secret.key") == 0o600
    assert State(state.folder.with_name("another")).secret() != secret


@pytest.mark.parametrize("left", ["", "\n", "  \n"])
def test_an_empty_secret_left_by_a_crash_encrypts_nothing(state: State, left: str) -> None:
    state.folder.mkdir()
    (state.folder / "secret.key").write_text(left)
    assert len(state.secret()) >= 32
    assert State(state.folder).secret() == state.secret()


def test_run_json_is_whole_private_and_forgotten(state: State) -> None:
    state.write_run({"apiKey": "k", "pids": {"api": 1}})
    assert state.read_run() == {"apiKey": "k", "pids": {"api": 1}}
    assert mode(state.folder / "run.json") == 0o600
    assert [file.name for file in state.folder.iterdir()] == ["run.json"], "no half-written copy stays"
    state.remember_pids({"api": os.getpid()})
    state.forget_run()
    state.forget_run()
    assert list(state.folder.iterdir()) == []


# -- leftovers of a killed up ------------------------------------------------------------------------------------------


def sleeper(cleanup: ExitStack) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    cleanup.callback(child.wait)
    cleanup.callback(child.kill)
    return child


def test_a_leftover_that_ends_by_itself_is_waited_for(state: State, cleanup: ExitStack) -> None:
    child = sleeper(cleanup)
    state.remember_pids({"trading": child.pid})
    child.send_signal(signal.SIGTERM)
    began = time.monotonic()
    state.await_leftovers(10)
    assert time.monotonic() - began < 5
    assert birth(child.pid) == ""


def test_a_leftover_that_does_not_end_is_killed(state: State, cleanup: ExitStack) -> None:
    child = sleeper(cleanup)
    state.remember_pids({"trading": child.pid})
    state.await_leftovers(0.1)
    assert child.wait(5) == -signal.SIGKILL


def test_a_leftover_that_ends_before_it_can_be_killed_is_no_error(
    state: State, monkeypatch: pytest.MonkeyPatch, cleanup: ExitStack
) -> None:
    child, kill = sleeper(cleanup), os.kill
    state.remember_pids({"trading": child.pid})

    def late(pid: int, number: int) -> None:
        kill(child.pid, number)
        child.wait()
        kill(pid, number)

    monkeypatch.setattr(os, "kill", late)
    state.await_leftovers(0)
    monkeypatch.undo()
    assert child.poll() == -signal.SIGKILL


def test_another_process_that_got_the_number_of_a_dead_child_is_left_alone(state: State, cleanup: ExitStack) -> None:
    child = sleeper(cleanup)
    state.folder.mkdir()
    (state.folder / "pids.json").write_text(json.dumps({str(child.pid): "12345"}))
    state.await_leftovers(0)
    assert child.poll() is None


def test_a_child_that_had_ended_before_it_was_noted_is_nobody(state: State) -> None:
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    ended.wait()
    state.remember_pids({"trading": ended.pid})
    state.await_leftovers(0)


@pytest.mark.parametrize("body", ['{"x": "1"}', '{"1": null}', '{"-5": "1"}', '{"99999999999": "1"}'])
def test_numbers_that_are_no_process_are_nobody(state: State, body: str) -> None:
    state.folder.mkdir()
    (state.folder / "pids.json").write_text(body)
    state.await_leftovers(0)

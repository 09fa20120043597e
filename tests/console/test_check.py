"""``overround check``: what differs for the whole wait is told; what settles meanwhile, and what cannot be asked, is
said as what it is."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from console.check import compare
from console.embedded.process import StartError
from console.state import State
from overround.ledger.audit import Audit
from tests.ledger.conftest import ledger_url
from tests.support.command import console

__all__ = ["ledger_url"]

EMPTY: dict[str, Any] = {"exchanges": {}, "bookmaker": {"accounts": [], "orders": [], "bets": []}}


@contextmanager
def admin(status: int = 200, body: bytes = json.dumps(EMPTY).encode()) -> Iterator[str]:
    """The paper venues' admin app, which answers one thing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What each audit finds, one after the other; seconds between them do not pass."""
    findings: list[list[str]] = []

    async def audit(*_: Any) -> Audit:
        return Audit(orders=2, findings=list(findings.pop(0)))

    pause = asyncio.sleep

    async def sleep(seconds: float) -> None:
        """Other servers of this process sleep too: they must come to their turn."""
        await pause(0 if seconds <= 1 else seconds)

    monkeypatch.setattr("overround.ledger.audit.audit", audit)
    monkeypatch.setattr("console.check.asyncio.sleep", sleep)
    return findings


async def compared(database_url: str, wait: float = 4) -> int:
    with admin() as url:
        return await compare(database_url, url, wait)


async def test_two_books_that_agree_end_at_once(
    ledger_url: str, rounds: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    rounds[:] = [[], ["never looked at"]]
    assert await compared(ledger_url) == 0
    assert capsys.readouterr().out.startswith("clean: 2 orders")
    assert len(rounds) == 1


async def test_what_differs_only_for_a_moment_is_work_under_way(
    ledger_url: str, rounds: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where something new differs in every round."""
    rounds[:] = [["order 1"], ["order 2"], ["never looked at"]]
    assert await compared(ledger_url) == 0
    assert "order" not in capsys.readouterr().out.replace("2 orders", "")


async def test_what_differs_for_the_whole_wait_is_told_alone(
    ledger_url: str, rounds: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    rounds[:] = [["b stays", "a stays", "goes"], ["a stays", "b stays", "comes"], ["b stays", "a stays"]]
    assert await compared(ledger_url, 3) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 difference(s): 2 orders")
    assert lines[1:] == ["  a stays", "  b stays"]


@pytest.mark.parametrize("wait", [0, 0.5, 1])
async def test_without_a_wait_it_looks_once(ledger_url: str, rounds: list[list[str]], wait: float) -> None:
    rounds[:] = [["differs"]]
    assert await compared(ledger_url, wait) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"Internal Server Error"), (404, b"{}"), (200, b"<html>"), (200, b"[]"), (200, b"null"), (200, b"{}")],
)
async def test_venues_that_answer_something_else_are_one_line(ledger_url: str, status: int, body: bytes) -> None:
    with admin(status, body) as url, pytest.raises(StartError, match="the paper venues"):
        await compare(ledger_url, url, 1)


async def test_venues_that_do_not_answer_are_one_line(ledger_url: str) -> None:
    with pytest.raises(StartError, match=r"the paper venues do not answer at http://127\.0\.0\.1:9"):
        await compare(ledger_url, "http://127.0.0.1:9", 1)


async def test_an_empty_ledger_and_empty_venues_agree(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await compared(database_url, 1) == 0
    assert "clean: 0 orders, 0 fills, 0 bets compared" in capsys.readouterr().out


# -- as an operator meets it -------------------------------------------------------------------------------------------


def test_without_a_running_up_there_is_nothing_to_compare(tmp_path: Path) -> None:
    done = console("check", OVERROUND_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"overround: nothing runs on {tmp_path} (OVERROUND_STATE_DIR): start it with")


def test_the_running_up_names_the_venues_and_the_ledger(tmp_path: Path, database_url: str) -> None:
    with admin() as url:
        State(tmp_path).write_run({"databaseUrl": database_url, "paper": {"admin": url}, "pids": {}})
        done = console("check", "--wait", "1", OVERROUND_STATE_DIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("clean: ")


def test_a_ledger_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with admin() as url:
        State(tmp_path).write_run({"databaseUrl": "postgresql://mm:secret@127.0.0.1:1/none", "paper": {"admin": url}})
        done = console("check", OVERROUND_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


async def test_the_ledger_is_let_go_of_though_the_venues_fail(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go: list[bool] = []

    class Database:
        async def dispose(self) -> None:
            let_go.append(True)

    monkeypatch.setattr("overround.ledger.db.connect", lambda url: Database())
    with pytest.raises(StartError):
        await compare(ledger_url, "http://127.0.0.1:9", 1)
    await asyncio.sleep(0)
    assert let_go == [True]

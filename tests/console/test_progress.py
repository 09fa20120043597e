"""The live line of ``overround up``."""

import io

from console.live import LiveLine
from console.progress import line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_new_ledger_has_a_line(database_url: str) -> None:
    assert "no feed yet" in line(database_url)
    assert "0 open orders" in line(database_url)


def test_a_database_that_is_gone_is_said_and_not_raised() -> None:
    assert line("postgresql://mm:x@127.0.0.1:1/none") == "the ledger does not answer"


def test_a_terminal_shows_one_line_that_is_rewritten() -> None:
    stream = Terminal()
    live = LiveLine(stream)
    live.show(lambda: "one")
    live.show(lambda: "two")
    assert "\n" not in stream.getvalue()
    live.say("worker died")
    assert stream.getvalue().endswith("\r\x1b[2Kworker died\n")


def test_a_log_file_gets_a_line_every_five_seconds() -> None:
    now = [100.0]
    stream = io.StringIO()
    live = LiveLine(stream, lambda: now[0])
    for second in range(11):
        now[0] = 100.0 + second
        live.show(lambda: "line")
    assert stream.getvalue() == "line\n" * 3


def test_nobody_reading_any_more_does_not_stop_trading() -> None:
    LiveLine(Closed()).say("still here")

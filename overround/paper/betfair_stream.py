"""Recorded Betfair Exchange Stream files, opened by what they hold and read line by line (betfair sheet, section 6)."""

import bz2
import gzip
import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

IGNORED = frozenset({"connection", "status", "ocm", "authentication", "marketSubscription", "heartbeat"})
"""Other traffic of a recorded connection: no prices in it."""


class RecordingError(Exception):
    """A recording cannot be played; the message names the file, the line where there is one, and what is wrong."""

    def __init__(self, path: Path, message: str, line: int | None = None) -> None:
        super().__init__(f"{path}{f', line {line}' if line else ''}: {message}")
        self.path, self.line = path, line


@contextmanager
def open_recording(path: Path) -> Iterator[IO[bytes]]:
    """The uncompressed bytes: gzip, bzip2 or plain by the first bytes, whatever the name says."""
    with path.open("rb") as raw:
        magic = raw.read(3)
        raw.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast(IO[bytes], unpacked)
        elif magic == b"BZh":
            with bz2.BZ2File(raw) as unpacked:
                yield cast(IO[bytes], unpacked)
        else:
            yield raw


def messages(path: Path) -> Generator[tuple[int, dict[str, Any]], None, None]:
    """Every market message with its line number, from 1; floats as Decimal. Raises ``RecordingError``."""
    number = 0
    try:
        with open_recording(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    message = _parse(path, number, line)
                    if message is not None:
                        yield number, message
    except FileNotFoundError:
        raise RecordingError(path, "no such file") from None
    except (OSError, EOFError) as error:
        raise RecordingError(path, f"cannot be read after line {number}: {error}") from error


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line, parse_float=Decimal, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise RecordingError(path, f"not JSON: {error}", number) from None
    if not isinstance(message, dict) or "op" not in message:
        raise RecordingError(path, "not an Exchange Stream message: it has no op", number)
    if message["op"] in IGNORED:
        return None
    if message["op"] != "mcm":
        raise RecordingError(path, f"unknown op {message['op']!r}", number)
    if not isinstance(message.get("pt"), int):
        raise RecordingError(path, "a market message without a publish time pt", number)
    if not isinstance(message.get("mc", []), list):
        raise RecordingError(path, "mc is not a list", number)
    return message

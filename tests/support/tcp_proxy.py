"""A TCP proxy that spoils connections on purpose: put it between a client and any server.

Each direction has its own ``Line``: delays, a black hole, or an end after so many bytes (it may fall inside a frame).
Delays with jitter are drawn from one seeded generator, so a run can be repeated.
"""

import asyncio
import contextlib
import random
import socket
import struct
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit

CHUNK = 65536


@dataclass(slots=True)
class Line:
    """One direction of a connection. ``latency`` and ``jitter`` are seconds a chunk. ``cut_after`` bytes it ends:
    ``rst`` resets both ends, ``fin`` closes both, ``half`` closes only this direction, ``hole`` swallows the rest."""

    latency: float = 0.0
    jitter: float = 0.0
    black_hole: bool = False
    cut_after: int | None = None
    how: Literal["rst", "fin", "half", "hole"] = "rst"


@dataclass(slots=True)
class Script:
    """What one connection goes through: ``up`` is client to server, ``down`` server to client."""

    up: Line = field(default_factory=Line)
    down: Line = field(default_factory=Line)


class TcpProxy:
    """Use as an async context manager. Each new connection takes the next of ``scripts``, then ``default``; both may be
    changed while it runs. ``passed`` counts bytes delivered in each direction."""

    def __init__(self, host: str, port: int, *, scripts: list[Script] | None = None, seed: int = 0) -> None:
        self._target = (host, port)
        self._random = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.scripts = scripts or []
        self.default = Script()
        self.connections = 0
        self.passed = {"up": 0, "down": 0}

    @classmethod
    def before(cls, url: str, *, scripts: list[Script] | None = None, seed: int = 0) -> "TcpProxy":
        """A proxy before the server of an ``http://host:port`` URL."""
        parts = urlsplit(url)
        return cls(str(parts.hostname), int(parts.port or 80), scripts=scripts, seed=seed)

    async def __aenter__(self) -> "TcpProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``"""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def reset(self) -> None:
        """Reset every open connection, both ends."""
        for pair in list(self._pairs):
            for writer in pair:
                _reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        script = self.scripts.pop(0) if self.scripts else self.default
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        pair = (writer, far_writer)
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._pump(reader, far_writer, script.up, "up", pair),
                self._pump(far_reader, writer, script.down, "down", pair),
            )
        finally:
            self._pairs.discard(pair)
            self._tasks.discard(task)
            for end in pair:
                end.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        line: Line,
        way: Literal["up", "down"],
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:
        """Carry one direction until it ends by itself or by its line."""
        passed = 0
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(CHUNK):
                await asyncio.sleep(line.latency + self._random.uniform(0, line.jitter))
                if line.black_hole:
                    continue
                room = len(chunk) if line.cut_after is None else max(0, line.cut_after - passed)
                sink.write(chunk[:room])
                await sink.drain()
                passed += min(room, len(chunk))
                self.passed[way] += min(room, len(chunk))
                if line.cut_after is not None and passed >= line.cut_after and self._end(line, sink, pair):
                    return
            if sink.can_write_eof() and not sink.is_closing():
                sink.write_eof()

    def _end(
        self, line: Line, sink: asyncio.StreamWriter, pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    ) -> bool:
        """Do what the line says at its cut; True when nothing more is to be read."""
        if line.how == "hole":
            line.black_hole = True
            return False
        if line.how == "half":
            sink.write_eof()
            return True
        for writer in pair:
            _reset(writer) if line.how == "rst" else writer.close()
        return True


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: what was on its way is thrown away at the other end."""
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

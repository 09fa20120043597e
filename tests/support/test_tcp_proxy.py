"""The proxy must do what it is asked, or the tests that use it prove nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.tcp_proxy import Line, Script, TcpProxy


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1000):
        writer.write(chunk)
    writer.write(b"bye")
    writer.close()


@asynccontextmanager
async def _client(*scripts: Script) -> AsyncIterator[tuple[TcpProxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, TcpProxy("127.0.0.1", port, scripts=list(scripts), seed=7) as proxy:
        reader, writer = await asyncio.open_connection(*proxy.address.split(":"))
        try:
            yield proxy, reader, writer
        finally:
            writer.close()


async def test_untouched_connection_passes_everything_and_both_ends_close() -> None:
    async with _client() as (proxy, reader, writer):
        writer.write(b"x" * 200_000)
        writer.write_eof()
        assert await reader.read(-1) == b"x" * 200_000 + b"bye"
        assert proxy.passed == {"up": 200_000, "down": 200_003}


async def test_latency_delays_each_way() -> None:
    async with _client(Script(up=Line(latency=0.05), down=Line(latency=0.05, jitter=0.01))) as (_, reader, writer):
        started = asyncio.get_running_loop().time()
        writer.write(b"hi")
        assert await reader.readexactly(2) == b"hi"
        assert asyncio.get_running_loop().time() - started >= 0.1


async def test_black_hole_swallows_without_closing() -> None:
    async with _client(Script(down=Line(black_hole=True))) as (proxy, reader, writer):
        writer.write(b"hi")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        assert proxy.passed == {"up": 2, "down": 0}


async def test_cut_after_bytes_resets_in_the_middle_of_a_message() -> None:
    async with _client(Script(down=Line(cut_after=3))) as (proxy, reader, writer):
        writer.write(b"abcdef")
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(6)
        assert proxy.passed["down"] == 3


async def test_cut_by_fin_delivers_the_part_and_ends() -> None:
    async with _client(Script(down=Line(cut_after=3, how="fin"))) as (_, reader, writer):
        writer.write(b"abcdef")
        assert await reader.read(-1) == b"abc"


async def test_half_close_upwards_still_brings_the_answer_back() -> None:
    async with _client(Script(up=Line(cut_after=4, how="half"))) as (_, reader, writer):
        writer.write(b"abcdef")
        assert await reader.read(-1) == b"abcdbye"


async def test_hole_after_bytes_hangs_instead_of_closing() -> None:
    async with _client(Script(down=Line(cut_after=2, how="hole"))) as (_, reader, writer):
        writer.write(b"abcdef")
        assert await reader.readexactly(2) == b"ab"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)


async def test_reset_on_demand_and_next_connection_takes_the_next_script() -> None:
    async with _client(Script(), Script(down=Line(cut_after=1, how="fin"))) as (proxy, reader, writer):
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        again, sender = await asyncio.open_connection(*proxy.address.split(":"))
        sender.write(b"abc")
        assert await again.read(-1) == b"a"
        sender.close()
        assert proxy.connections == 2


async def test_server_that_is_down_resets_the_client() -> None:
    async with TcpProxy("127.0.0.1", 1) as proxy:
        reader, writer = await asyncio.open_connection(*proxy.address.split(":"))
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.close()

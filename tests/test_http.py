"""One request, one answer, and the right error: what may have left is unknown, what never left is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from overround.http import Http
from overround.venues import Definitive, Disconnected, NotSent, TimedOut, Unknown, Unreadable, VenueError

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A raw server; yields its URL and the requests it read."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            await handler(reader, writer)
        except ConnectionError:
            seen.append(b"gone")
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        server.close()


async def call(url: str, *, timeout: float = 0.3, method: str = "POST") -> object:
    http = Http("kalshi", url, timeout=timeout)
    try:
        return await http.send(method, "/orders", content=b"{}")
    finally:
        await http.close()


async def test_nothing_listening_means_nothing_was_sent() -> None:
    async with answering(lambda reader, writer: asyncio.sleep(0)) as (url, _):
        pass
    with pytest.raises(NotSent, match="kalshi: POST /orders never left") as caught:
        await call(url)
    assert isinstance(caught.value, Definitive)


async def test_an_unknown_scheme_never_leaves() -> None:
    with pytest.raises(NotSent):
        await call("ftp://127.0.0.1")


async def test_a_silent_server_leaves_the_write_unknown() -> None:
    async with answering(lambda reader, writer: asyncio.sleep(5)) as (url, seen):
        with pytest.raises(TimedOut, match="not answered in time") as caught:
            await call(url, timeout=0.1)
    assert isinstance(caught.value, Unknown)
    assert len(seen) == 1


async def test_an_answer_that_drips_is_late_as_a_whole() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(60):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    started = asyncio.get_running_loop().time()
    async with answering(drip) as (url, _):
        with pytest.raises(TimedOut):
            await call(url, timeout=0.2)
    assert asyncio.get_running_loop().time() - started < 1.0


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b"nonsense\r\n\r\n"])
async def test_a_connection_that_breaks_leaves_the_write_unknown(start: bytes) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()

    async with answering(cut) as (url, seen):
        with pytest.raises(Disconnected):
            await call(url)
    assert len(seen) == 1, "a write is attempted once"


async def test_a_body_that_cannot_be_unpacked_is_unreadable() -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"not gzip at all"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    async with answering(garbage) as (url, _):
        with pytest.raises(Unreadable):
            await call(url)


@pytest.mark.parametrize("status", [200, 302, 404, 429, 503])
async def test_any_answer_is_an_answer(status: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %d Said\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\n{}" % status)
        await writer.drain()

    async with answering(answer) as (url, seen):
        http = Http("kalshi", url)
        answered = await http.send("POST", "/orders", params=[("a", "1"), ("a", "2")], headers={"X-Key": "k"})
        await http.close()
    assert (answered.status_code, len(seen)) == (status, 1)
    assert seen[0].startswith(b"POST /orders?a=1&a=2 HTTP/1.1\r\n")
    assert b"x-key: k" in seen[0].lower()


def test_errors_name_the_venue_and_keep_its_words() -> None:
    error = VenueError("polymarket", "order not found")
    assert (error.venue, error.message, str(error)) == ("polymarket", "order not found", "polymarket: order not found")

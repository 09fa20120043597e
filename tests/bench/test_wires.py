"""Requests are timed where they arrive and counted for the market they name."""

import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bench.wires import Arrivals, FeedTap, Tap
from overround.paper.feed.frames import Frame

NAMES = {"TICKER-ONE": "fixture1", "TICKER-TWO": "fixture2", "0xabcdef": "fixture1"}


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


@pytest.fixture
def tap() -> Tap:
    app: ASGIApp = Starlette(routes=[Route("/{path:path}", _echo, methods=["GET", "POST", "DELETE"])])
    return Tap(app, "kalshi", "/orders", lambda _, word: NAMES.get(word))


async def send(tap: Tap, method: str, path: str, body: str = "") -> str:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(tap), base_url="http://venue.invalid") as client:
        return (await client.request(method, path, content=body)).text


async def test_a_request_counts_for_every_market_it_names_and_reaches_the_venue_whole(tap: Tap) -> None:
    before = time.monotonic()
    body = '{"orders":[{"ticker":"TICKER-ONE"},{"ticker":"TICKER-TWO"},{"ticker":"TICKER-ONE"}]}'
    assert await send(tap, "POST", "/v2/orders/batched", body) == body
    assert tap.arrivals.total == 2
    first = tap.arrivals.first_after("kalshi", "fixture1", before)
    assert first is not None
    assert before <= first <= time.monotonic()
    assert tap.arrivals.first_after("kalshi", "fixture2", before) == first


async def test_an_order_named_in_the_path_counts(tap: Tap) -> None:
    await send(tap, "DELETE", "/orders/0xabcdef")
    assert list(tap.arrivals.times) == [("kalshi", "fixture1")]


@pytest.mark.parametrize(("method", "path"), [("GET", "/orders/TICKER-ONE"), ("POST", "/books/TICKER-ONE")])
async def test_reads_and_other_calls_do_not_count(tap: Tap, method: str, path: str) -> None:
    await send(tap, method, path)
    assert tap.arrivals.total == 0


def test_the_first_arrival_is_the_first_not_before() -> None:
    arrivals = Arrivals()
    for at in (1.0, 2.0, 3.0):
        arrivals.add("kalshi", "f", at)
    assert arrivals.first_after("kalshi", "f", 2.0) == 2.0
    assert arrivals.first_after("kalshi", "f", 2.5) == 3.0
    assert arrivals.first_after("kalshi", "f", 3.5) is None
    assert arrivals.first_after("polymarket", "f", 0.0) is None


def test_only_odds_frames_are_moves() -> None:
    tap = FeedTap()
    tap.offer(Frame("scores", {}, 1, "1-1", 11, 132, "f"))
    assert tap.emitted == {}
    tap.offer(Frame("odds", {}, 1, "1-1", 11, 132, "f"))
    assert tap.emitted["f"] <= time.monotonic()

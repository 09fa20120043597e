"""A body nested a hundred thousand deep is malformed like any other: it ends neither a venue nor a connection."""

from collections.abc import Awaitable, Callable

import pytest

from tests.paper.abp.desk import open_desk
from tests.paper.asgi import http, socket
from tests.paper.feed.desk import Desk as FeedDesk
from tests.paper.kalshi.desk import GROUPS, ORDERS, ask
from tests.paper.kalshi.desk import Desk as KalshiDesk
from tests.paper.polymarket.desk import Desk as PolymarketDesk

DEEP = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"


async def kalshi_rest() -> None:
    desk = KalshiDesk()
    for method, path in (("POST", ORDERS), ("DELETE", f"{ORDERS}/batched"), ("POST", f"{GROUPS}/create")):
        headers = desk.ann.headers(method, f"/trade-api/v2{path}")
        async with http(desk.venue.app) as client:
            answer = await client.request(method, f"/trade-api/v2{path}", content=DEEP, headers=headers)
        assert answer.status_code == 400


async def kalshi_stream() -> None:
    async with KalshiDesk().ann.stream() as line:
        await line.send(DEEP)
        assert (await line.frame())["msg"]["code"] == 1
        assert (await ask(line, "list_subscriptions"))["type"] == "ok"


async def polymarket_rest() -> None:
    desk = PolymarketDesk()
    await desk.ann.sign_in()
    for method, path in (("POST", "/order"), ("POST", "/orders"), ("DELETE", "/order"), ("DELETE", "/orders")):
        assert (await desk.ann.call(method, path, DEEP)).status_code == 400
    assert (await desk.send("clob", "POST", "/books", content=DEEP)).status_code == 400


async def polymarket_stream() -> None:
    desk = PolymarketDesk()
    for path, code in (("/ws/user", 4401), ("/ws/market", 4400)):
        async with socket(desk.venue.clob, path) as line:
            await line.send(DEEP)
            assert await line.end() == code


async def abp_rest() -> None:
    async with open_desk() as desk:
        for path in ("/place-orders", "/cancel-orders"):
            assert (await desk.call("POST", path, DEEP)).status_code == 422


async def abp_stream() -> None:
    async with open_desk() as desk, desk.stream() as line:
        await line.send(DEEP)
        assert (await line.frame())["code"] == "LOGIN_FAILED"


async def feed_stream() -> None:
    async with socket(FeedDesk().paper.app, "/ws") as line:
        await line.send(DEEP)
        assert (await line.frame())["error"] == "login_failed"


WAYS = [kalshi_rest, kalshi_stream, polymarket_rest, polymarket_stream, abp_rest, abp_stream, feed_stream]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_deeply_nested_json_is_refused_like_any_other_nonsense(way: Callable[[], Awaitable[None]]) -> None:
    await way()

"""The helper that runs an app inside a test."""

import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from tests.support.serve import serve


async def _hello(_: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def _echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())


APP = Starlette(routes=[Route("/", _hello), WebSocketRoute("/ws", _echo)])


async def test_serves_http_and_websocket_on_a_free_port_and_stops() -> None:
    async with serve(APP) as first, serve(APP) as second, httpx.AsyncClient(trust_env=False) as client:
        assert first != second
        assert (await client.get(first)).text == "hello"
        async with connect(second.replace("http", "ws") + "/ws") as socket:
            await socket.send("x")
            assert await socket.recv() == "x"
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            await client.get(first)
        except httpx.ConnectError:
            return
        raise AssertionError("still listening")

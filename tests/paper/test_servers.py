"""The sockets the paper venues are served on."""

import socket

import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from overround.paper.servers import Servers


async def test_answers_are_not_held_back_for_an_acknowledgement() -> None:
    seen: list[int] = []

    async def answer(request: object) -> PlainTextResponse:
        return PlainTextResponse("well")

    servers = Servers(("one",), 0)
    await servers.start({"one": Starlette(routes=[Route("/", answer)])})
    async with httpx.AsyncClient() as client:
        assert (await client.get(servers.urls["one"])).text == "well"
        for server in servers._servers:
            for connection in server.server_state.connections:
                made = connection.transport.get_extra_info("socket")
                seen.append(made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    await servers.stop()
    assert seen == [1]

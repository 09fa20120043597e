"""The sockets the paper venues are served on."""

import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from overround.paper.servers import PortTaken, Servers


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


def free_ports(count: int) -> int:
    """The first of some consecutive ports nobody uses now."""
    for first in range(23_000, 60_000, 97):
        try:
            probes = Servers(tuple(str(place) for place in range(count)), first)
        except PortTaken:
            continue
        for name in probes._sockets:
            probes._sockets[name].close()
        return first
    raise AssertionError("no free ports")


def test_taken_port_is_named_and_those_before_it_are_given_back() -> None:
    first = free_ports(3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first + 2))
        taken.listen()
        with pytest.raises(PortTaken, match=str(first + 2)):
            Servers(("a", "b", "c"), first)
        again = Servers(("a", "b"), first)
    assert again.urls == {"a": f"http://127.0.0.1:{first}", "b": f"http://127.0.0.1:{first + 1}"}
    for bound in again._sockets.values():
        bound.close()


async def test_every_app_answers_once_started_and_none_after_the_end() -> None:
    servers = Servers(("one", "two"), 0)
    apps = {name: Starlette(routes=[Route("/", lambda _, name=name: PlainTextResponse(name))]) for name in servers.urls}
    tasks, urls = await servers.start(apps), servers.urls
    async with httpx.AsyncClient(trust_env=False) as client:
        for name, url in urls.items():
            assert (await client.get(url)).text == name
        await servers.stop()
        assert all(task.done() for task in tasks)
        for url in urls.values():
            with pytest.raises(httpx.ConnectError):
                await client.get(url)


async def test_ports_bound_but_never_served_are_given_back() -> None:
    servers = Servers(("one",), 0)
    port = int(servers.urls["one"].rsplit(":", 1)[1])
    await servers.stop()
    again = Servers(("one",), port)
    await again.stop()

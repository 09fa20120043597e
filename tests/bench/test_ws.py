"""What the socket's figures count: every event at every subscriber, when its bytes arrived."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench import __main__ as bench
from bench import ws
from bench.figures import Report
from bench.sockets import Subscriber, joined

Script = Callable[[ServerConnection, dict[str, Any]], Coroutine[Any, Any, None]]


def broadcast(seq: int) -> str:
    return json.dumps({"type": "broadcast", "channel": "orders", "event": "UPDATE", "seq": seq, "payload": {}})


@asynccontextmanager
async def speaking(script: Script) -> AsyncIterator[int]:
    """A server that hears a subscription, acknowledges it and goes on with ``script``; its port."""

    async def talk(connection: ServerConnection) -> None:
        asked = json.loads(await connection.recv())
        await connection.send(json.dumps({"type": "subscribed", "subscriptionId": 1, "channels": [], "seq": 5}))
        await script(connection, asked)
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def _all_heard(subscriber: Subscriber, count: int) -> list[tuple[int, float]]:
    for _ in range(500):
        if len(subscriber.heard()) >= count:
            break
        await asyncio.sleep(0.01)
    return subscriber.heard()


async def test_numbers_are_read_later_with_the_time_their_bytes_came() -> None:
    async def script(connection: ServerConnection, asked: dict[str, Any]) -> None:
        assert asked["resume"] == 5
        await connection.send(broadcast(6))
        await asyncio.sleep(0.1)
        await connection.send(broadcast(7))
        await connection.send('{"type":"resumed","seq":7,"missed":2}')

    async with speaking(script) as port, joined(port, ["a key"], resume=5) as (subscriber,):
        assert subscriber.position == 5
        ended = await asyncio.wait_for(subscriber.resumed, 15)
        await asyncio.sleep(0.05)
        found = await _all_heard(subscriber, 2)
    assert [seq for seq, _ in found] == [6, 7]
    assert found[1][1] - found[0][1] > 0.08
    assert ended == pytest.approx(found[1][1], abs=0.04)
    assert found[1][1] < time.monotonic() - 0.03


async def test_a_refusal_fails_the_run() -> None:
    async def refuse(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(json.dumps({"type": "error", "error": "Invalid API key"}))
        await connection.wait_closed()

    async with serve(refuse, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(RuntimeError, match="Invalid API key"):
            async with joined(port, ["a key"]):
                raise AssertionError("it was not subscribed")


class Heard:
    """What a subscriber heard."""

    def __init__(self, *found: tuple[int, float]) -> None:
        self._found = list(found)

    def heard(self) -> list[tuple[int, float]]:
        return self._found


def writer(**commits: tuple[float, float]) -> ws.Writer:
    return ws.Writer("", 1, commits={int(name[1:]): times for name, times in commits.items()})


def test_times_count_from_the_commit_at_every_subscriber() -> None:
    audience: list[Any] = [Heard((7, 1.5), (8, 2.5)), Heard((7, 1.75), (99, 9.0))]
    sent, returned = ws.latencies(audience, writer(e7=(1.0, 1.25), e8=(2.0, 2.25)))
    assert sent == [500.0, 500.0, 750.0]
    assert returned == [250.0, 250.0, 500.0]


@pytest.mark.parametrize(
    ("told", "wrong"), [([7, 8], 0), ([7], 2), ([8, 7], 2), ([7, 7, 8], 2), ([], 2), ([7, 99, 8], 0)]
)
def test_what_is_lost_doubled_or_out_of_order_is_seen(told: list[int], wrong: int) -> None:
    audience: list[Any] = [Heard(*((seq, 1.0) for seq in told)), Heard((7, 1.0), (8, 1.0))]
    assert ws.missing(audience, writer(e7=(0.0, 0.0), e8=(0.0, 0.0))) == wrong


def test_the_parts_run_only_when_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []

    def socket(parts: Any, folder: Path, report: Report) -> None:
        assert folder.is_dir()
        ran.append(tuple(parts))

    monkeypatch.setattr(ws, "measure", socket)
    monkeypatch.setattr(bench, "_measure_engine", lambda plan, report: ran.append(("engine",)))
    for arguments in ([], ["resume"], ["quotes", "broadcast"]):
        bench.measure(bench.plan_of(arguments)[0])
    assert ran == [("engine",), ("resume",), ("quotes", "broadcast"), ("engine",)]

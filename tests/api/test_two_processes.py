"""Two real API processes on one database: limits count over both, and one takes over where the other was killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from tests.api.conftest import PEPPER, Api
from tests.api.sockets import Socket, opened
from tests.api.test_process import _start, _written
from tests.api.writing import committed


@asynccontextmanager
async def served(
    api: Api, ready: Path, database_url: str, limit: int
) -> AsyncIterator[tuple[Api, asyncio.subprocess.Process]]:
    """A process of its own, and how to call it."""
    process = await _start(
        ready.parent,
        DATABASE_URL=database_url,
        OVERROUND_SECRET_KEY=PEPPER.get_secret_value(),
        OVERROUND_API_PORT="0",
        OVERROUND_REST_LIMIT_PER_MINUTE=str(limit),
        OVERROUND_READY_FILE=str(ready),
    )
    try:
        async with asyncio.timeout(60):
            while not _written(ready) and process.returncode is None:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
        url = _address(ready)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            yield Api(url, http, api.engine, api.single, api.keys), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _address(ready: Path) -> str:
    return f"http://127.0.0.1:{ready.read_text().strip()}"


async def _subscribed_at_last(stack: AsyncExitStack, api: Api, resume: int | None = None) -> Socket:
    """A place that comes free."""
    for _ in range(250):
        socket = await stack.enter_async_context(opened(api))
        if (await socket.subscribe(api.keys["demo"], resume=resume))["type"] == "subscribed":
            return socket
        await asyncio.sleep(0.02)
    raise AssertionError("no place came free within 5 s")


async def test_limits_hold_over_processes_and_one_takes_over_from_the_other(
    api: Api, database_url: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        starting = (served(api, tmp_path / name, database_url, 10) for name in ("one", "two"))
        (one, victim), (two, _) = await asyncio.gather(*(stack.enter_async_context(each) for each in starting))

        answers = await asyncio.gather(*((one, two)[n % 2].get("/me") for n in range(24)))
        assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 14
        assert sorted(int(answer.headers["x-ratelimit-remaining"]) for answer in answers) == [0] * 15 + list(
            range(1, 10)
        )

        sockets = [await stack.enter_async_context(opened(each)) for each in (one, two, one, two, one)]
        acks = [await socket.subscribe(api.keys["demo"]) for socket in sockets]
        assert [ack["type"] for ack in acks] == ["subscribed"] * 5
        for each in (one, two):
            refused = await stack.enter_async_context(opened(each))
            assert (await refused.subscribe(api.keys["demo"]))["error"] == "Connection limit exceeded"

        await committed(api.engine, 1)
        (number,) = {(await socket.hear())["seq"] for socket in sockets}

        victim.kill()
        await victim.wait()
        await committed(api.engine, 2)
        for _ in range(3):
            socket = await _subscribed_at_last(stack, two, resume=number)
            assert await socket.numbers(1) == [2]
            assert (await socket.hear())["type"] == "resumed"
        last = await stack.enter_async_context(opened(two))
        assert (await last.subscribe(api.keys["demo"]))["error"] == "Connection limit exceeded"

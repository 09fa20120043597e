"""Commands from the API to the venue: what the answer says is so, and what was accepted is finished all the same."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.service import RPCError

import workflows.control
from activities import control
from activities.control import ControlActivities
from api.app import create_app
from api.context import Timing
from overround.domain.ids import control_workflow
from overround.exchanges.kalshi.adapter import Kalshi
from overround.ledger.keys import create_key
from tests.api.conftest import PEPPER, settings_for
from tests.support.serve import serve
from tests.support.stack import CLIENT, Stack, running_stack
from tests.support.waiting import until
from tests.workflows.test_crashes import doomed_stack

USUAL = Timing(key_cache=0.0)
ROOT = Path(__file__).parents[2]
SERVE = "import sys, uvicorn; from api.app import create_app; from api.context import Timing; from overround.settings \
import Settings; uvicorn.run(create_app(Settings(), Timing(lease=0.5), sys.argv[1]), port=int(sys.argv[2]), \
log_level='error')"


@dataclass
class Caller:
    """The stack's client at an API process."""

    http: httpx.AsyncClient
    key: str

    async def send(self, path: str, body: Any = None, *, once: str | None = None) -> httpx.Response:
        headers = {"X-API-Key": self.key} | ({"Idempotency-Key": once} if once else {})
        sent = {} if body is None else {"json": body}
        return await self.http.post(f"/api/v1{path}", headers=headers, timeout=40, **sent)


async def new_key(stack: Stack) -> str:
    async with stack.database.begin() as connection:
        return await create_key(connection, PEPPER, "client", CLIENT)


def address(temporal: Client) -> str:
    return temporal.service_client.config.target_host


@pytest.fixture(autouse=True)
async def _over(temporal: Client) -> AsyncIterator[None]:
    """End the client's control workflow: the next test's has another queue."""
    yield
    with suppress(RPCError):
        await temporal.get_workflow_handle(control_workflow(CLIENT)).terminate()


@asynccontextmanager
async def calling(stack: Stack, url: str, temporal: Client, timing: Timing = USUAL) -> AsyncIterator[Caller]:
    """An API process in this loop."""
    settings = settings_for(url, temporal_address=address(temporal))
    async with (
        serve(create_app(settings, timing, stack.queue)) as base,
        httpx.AsyncClient(base_url=base, trust_env=False) as http,
    ):
        yield Caller(http, await new_key(stack))


async def order_ids(stack: Stack, status: str = "PLACED") -> list[int]:
    rows = await stack.rows("SELECT order_id FROM orders WHERE status = :s ORDER BY order_id", s=status)
    return [row.order_id for row in rows]


async def test_a_cancelled_order_is_gone_from_the_venue_when_the_answer_says_so(
    database_url: str, temporal: Client, task_queue: str
) -> None:
    async with (
        running_stack(database_url, temporal, task_queue, venues=("kalshi",)) as stack,
        calling(stack, database_url, temporal) as caller,
    ):
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        first, second = await order_ids(stack)
        answer = await caller.send(f"/orders/{first}/cancel")
        assert (answer.status_code, answer.json()["orderStatus"]) == (200, "CANCELLED"), answer.text
        assert len(stack.ours("kalshi")) == 1
        await asyncio.sleep(1.2)
        assert await order_ids(stack) == [second], "nothing was placed in its stead, the other rests untouched"
        assert (await caller.send(f"/orders/{first}/cancel")).status_code == 409
        stack.price(fixture, ("1.80", "2.06"))
        await until(lambda: len(stack.ours("kalshi")) == 2, "quoted again with the next odds")
        gone = await caller.send("/orders/cancel", {"fixtureId": fixture.fixture_id})
        assert gone.status_code == 200, gone.text
        assert not stack.ours("kalshi")
        assert {item["orderStatus"] for item in gone.json()["orders"]} == {"CANCELLED"}
        await stack.check()


async def test_what_the_venue_does_not_confirm_is_told_and_cancelled_all_the_same(
    database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running_stack(database_url, temporal, task_queue, venues=("kalshi",)) as stack,
        calling(stack, database_url, temporal, Timing(key_cache=0.0, confirm=0.6)) as caller,
    ):
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        numbers = await order_ids(stack)
        cancel, away = Kalshi.cancel, asyncio.Event()

        async def stuck(*args: Any) -> Any:
            await away.wait()
            return await cancel(*args)

        monkeypatch.setattr(Kalshi, "cancel", stuck)
        failed = await caller.send("/orders/cancel", {"orderIds": numbers})
        assert failed.status_code == 502, failed.text
        assert [item["orderId"] for item in failed.json()["failed"]] == numbers
        assert len(stack.ours("kalshi")) == 2
        away.set()
        await until(lambda: not stack.ours("kalshi"), "cancelled after all")
        await stack.check()


class Process:
    """``create_app`` in a process of its own, which can be killed."""

    def __init__(self, stack: Stack, url: str, temporal: Client) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._command = (sys.executable, "-c", SERVE, stack.queue, str(self.port))
        self._env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": url,
            "TEMPORAL_ADDRESS": address(temporal),
            "OVERROUND_SECRET_KEY": PEPPER.get_secret_value(),
        }

    async def __aenter__(self) -> "Process":
        self.child = await asyncio.create_subprocess_exec(*self._command, env=self._env, cwd="/")
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)
        async with asyncio.timeout(60):
            while not await self._serves():  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.05)
        return self

    async def _serves(self) -> bool:
        with suppress(httpx.TransportError):
            return (await self.http.get("/healthz")).status_code == 200
        return False

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.child.send_signal(signal.SIGKILL)

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        await self.child.wait()
        await self.http.aclose()


@pytest.mark.parametrize(
    ("path", "body", "dies_in"),
    [
        ("/orders/cancel", {"all": True}, (ControlActivities, "_tell")),
        ("/trading/stop", {"reason": "fire"}, (control, "open_owners")),
    ],
    ids=["cancel", "stop"],
)
async def test_a_command_is_finished_although_api_and_worker_are_killed_half_way(
    path: str,
    body: Any,
    dies_in: tuple[Any, str],
    database_url: str,
    temporal: Client,
    task_queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workflows.control, "ALIVE_SECONDS", 1.5)
    async with (
        doomed_stack(database_url, temporal, task_queue) as (stack, doomed),
        Process(stack, database_url, temporal) as process,
    ):
        await stack.quoted(stack.fixture(), 1)
        numbers = await order_ids(stack)
        original = getattr(*dies_in)

        async def kills(*args: Any) -> Any:
            """The API dies, and the worker before anybody hears that it has done its part."""
            result = await original(*args)
            if not doomed.cut:
                process.kill()
                asyncio.get_running_loop().call_soon(doomed.hang_up)
                await doomed.die()
            return result

        monkeypatch.setattr(*dies_in, kills)
        caller = Caller(process.http, await new_key(stack))
        with pytest.raises(httpx.TransportError):
            await caller.send(path, body, once="k-1")
        assert doomed.cut
        await until(lambda: not stack.ours("kalshi"), "finished by whoever lives", 30)
        async with calling(stack, database_url, temporal, Timing(key_cache=0.0, lease=0.5)) as again:
            again.key = caller.key
            answer = await again.send(path, body, once="k-1")
        assert answer.status_code == 200, answer.text
        told = answer.json()
        if "orders" in told:
            assert [(item["orderId"], item["orderStatus"]) for item in told["orders"]] == [
                (number, "CANCELLED") for number in numbers
            ]
        else:
            assert (told["status"], told["manualStopReason"]) == ("manual_stopped", "fire")
        assert await stack.one("SELECT count(*) FROM changes") == 1
        await stack.check()

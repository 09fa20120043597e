"""Commands as clients send them, and in place of Temporal and the engine what would come of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.control import ControlActivities
from api.app import create_app
from api.context import Timing
from overround.domain.control import CancelOrders, ControlRequest, GateChange
from overround.ledger import tables as t
from tests.api.conftest import Api, settings_for
from tests.support.serve import serve

SHORT = Timing(key_cache=0.0, confirm=0.3, lease=0.4)
"""Nobody waits long for an exchange that does not answer, nor for a process that died."""


class Engine:
    """Takes the updates a ``ControlWorkflow`` would: gates are written, orders cancelled as ``fates`` says of them.

    A fate is the status an order comes to, or None for an exchange that does not answer. ``before`` runs first.
    """

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._gates = ControlActivities(database, None)  # type: ignore[arg-type]
        self.reset()

    def reset(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.fates: dict[int, str | None] = {}
        self.before: Callable[[], Any] | None = None
        self._given: dict[str, Any] = {}

    @property
    def service_client(self) -> "Engine":
        return self

    async def check_health(self) -> bool:
        return True

    def commands(self) -> list[Any]:
        return [argument for _, argument in self.asked]

    async def execute_update_with_start_workflow(
        self, name: str, argument: Any, *, start_workflow_operation: Any, id: str, result_type: Any
    ) -> Any:
        """The same id is the same update, and answered alike."""
        scope = start_workflow_operation._start_workflow_input.id.removeprefix("control:")
        if id not in self._given:
            self.asked.append((scope, argument))
            if self.before is not None:
                await self.before()
            self._given[id] = await getattr(self, f"_{name}")(scope, argument)
        return self._given[id]

    async def _command(self, scope: str, request: ControlRequest) -> Any:
        return await self._gates.set_gate(GateChange(scope, request.command, request.reason, request.by))

    async def _cancel(self, scope: str, request: CancelOrders) -> list[int]:
        async with self._database.begin() as connection:
            for order_id in request.order_ids:
                fate = self.fates.get(order_id, "CANCELLED")
                values = {"unknown": True, "reason": "timeout"} if fate is None else {"status": fate, "remaining": 0}
                mine = (t.orders.c.order_id == order_id, t.orders.c.client == scope)
                await connection.execute(update(t.orders).where(*mine).values(values))
        return list(request.order_ids)


@dataclass
class Sender:
    """A client at an API process whose commands are carried out by ``engine``."""

    api: Api
    url: str
    engine: Engine

    async def send(
        self, method: str, path: str, body: Any = None, *, by: str = "demo", key: str | None = None
    ) -> httpx.Response:
        """Any call below ``/api/v1``; ``key`` is its Idempotency-Key."""
        headers = {"X-API-Key": self.api.keys[by]} | ({} if key is None else {"Idempotency-Key": key})
        sent = {} if body is None else {"json": body}
        return await self.api.http.request(method, f"{self.url}/api/v1{path}", headers=headers, **sent)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.send("POST", path, body, **more)

    async def changes(self) -> list[Any]:
        """What the audit holds, oldest first."""
        async with self.api.engine.connect() as connection:
            return list(await connection.execute(select(t.changes).order_by(t.changes.c.change_id)))

    async def rows(self, query: str) -> list[Any]:
        async with self.api.engine.connect() as connection:
            return list(await connection.execute(text(query)))


@asynccontextmanager
async def commanded(database_url: str, engine: Any, timing: Timing = SHORT) -> AsyncIterator[str]:
    """A process whose commands go to ``engine``; its address."""
    app = create_app(settings_for(database_url), timing)
    async with serve(app) as url:
        app.state.context = replace(app.state.context, temporal=engine)
        yield url


async def at_once(*calls: Any) -> list[httpx.Response]:
    return list(await asyncio.gather(*calls))

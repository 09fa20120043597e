"""The application: ``create_app(settings)`` knows nothing global, so tests and processes may hold several."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from api import (
    accounts,
    bets,
    cancels,
    config,
    errors,
    exposure,
    fixtures,
    health,
    me,
    orders,
    pnl,
    positions,
    series,
    trading,
    workflows,
)
from api.auth import KeyRing
from api.broadcast import Hub
from api.commands import connect_lazily
from api.connections import Slots
from api.context import Context, Timing
from api.dashboard import page as dashboard
from api.errors import Refusal
from api.housekeeping import keep_folding, keep_pruning
from api.limits import standing
from api.middleware import Envelope
from api.operator import PARTS as OPERATOR
from api.subscribe import subscribe
from overround.ledger.db import connect
from overround.settings import Settings
from workflows.names import TRADING

PARTS = (
    me,
    trading,
    config,
    health,
    orders,
    cancels,
    workflows,
    bets,
    fixtures,
    positions,
    exposure,
    accounts,
    pnl,
    series,
)
DESCRIPTION = """
Send your key in `X-API-Key`. Lists come newest first in pages; dates are inclusive UTC days of the order's creation;
`fixture_id`, `from_date`, `to_date` and `page_size` are understood beside the camelCase spellings. Numbers are exact:
read them as decimals. Every answer carries `X-Request-ID` and the `X-RateLimit-*` headers.

Live updates: connect to `/ws/subscribe` and send
`{"type":"subscribe","apiKey":"<uuid>","channels":["orders","bets","accounts","scores","emergency"]}` within 30 seconds.
"""
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@asynccontextmanager
async def running(settings: Settings, timing: Timing, queue: str) -> AsyncIterator[Context]:
    """Everything the requests share, from first to last."""
    engine = connect(settings.database_url, autocommit=True)
    keeper = connect(settings.database_url, pool=2)
    keys = KeyRing(engine, settings.secret_key, timing.key_cache)
    hub, slots, temporal = Hub(engine), Slots(engine), await connect_lazily(settings)
    retention = timedelta(hours=settings.event_retention_hours)
    pruning = asyncio.create_task(keep_pruning(keeper, retention, timing.prune))
    folding = asyncio.create_task(keep_folding(keeper, timing.fold))
    try:
        yield Context(settings, timing, engine, keys, hub, slots, temporal, queue)
    finally:
        pruning.cancel()
        folding.cancel()
        await asyncio.wait([pruning, folding])
        await hub.close()
        await slots.close()
        await engine.dispose()
        await keeper.dispose()


def _operation_id(route: APIRoute) -> str:
    return route.name


async def _plain_http(request: Request) -> Response:
    raise Refusal(426, "Connect with WebSocket", {"Upgrade": "websocket", "Connection": "Upgrade"})


async def _alive() -> dict[str, str]:
    return {"status": "ok"}


def create_app(settings: Settings, timing: Timing | None = None, queue: str = TRADING) -> FastAPI:
    """The API of one process; the database is opened when it starts, not here."""
    clock = timing or Timing()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, clock, queue) as app.state.context:
            yield

    app = FastAPIOffline(
        title="MM-V2 Trading API",
        version="1.0.0",
        summary="Monitor a market-making engine on prediction markets.",
        description=DESCRIPTION.strip(),
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
    )
    for part in (*PARTS, *OPERATOR):
        app.include_router(part.routes)
    app.add_api_websocket_route("/ws/subscribe", subscribe)
    app.add_api_route("/ws/subscribe", _plain_http, methods=METHODS, include_in_schema=False)
    app.add_api_route("/healthz", _alive, include_in_schema=False)
    dashboard.install(app)
    errors.install(app)
    app.add_middleware(Envelope, standing=standing)
    return app

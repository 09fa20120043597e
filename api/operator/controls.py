"""Stop, soft pause and emergency for everybody; pause and stop on behalf of one client (mm-api sheet, section 5.10).

The audit of a command is written with the gate it changes, by whoever carries it out.
"""

from typing import Annotated, Any

from fastapi import Body, Request
from sqlalchemy import func, select

from api.commands import command
from api.context import Reader, context_of, reading
from api.exact import ExactJSON
from api.operator.access import Caller, Operator
from api.operator.clients import known
from api.operator.parameters import PathClient
from api.operator.routing import ABSENT, AWAY, router
from api.operator.schemas.running import ClientResult, System, SystemResult, Why
from api.parameters import NullIsEmpty
from api.schemas import TradingStatus
from api.trading import status_of
from overround.domain.clients import GLOBAL
from overround.domain.control import Command, ControlRequest
from overround.ledger.events import emergency_payload
from overround.ledger.tables import gates

routes = router()
Reason = Annotated[Why, NullIsEmpty, Body(default_factory=Why)]


async def _system(reader: Reader) -> dict[str, Any]:
    query = select(gates).where(gates.c.scope == GLOBAL)
    row = (await reader.execute(query)).mappings().one_or_none()
    flags = emergency_payload(row, (await reader.execute(select(func.now()))).scalar_one())
    order = (("emergencyActive", "emergency"), ("systemStopped", "system_stopped"), ("softPaused", "soft_paused"))
    return {"status": next((word for flag, word in order if flags[flag]), "live"), **flags}


async def _command(request: Request, operator: Operator, scope: str, word: Command, why: Why) -> str:
    return (await command(context_of(request), scope, ControlRequest(word, operator.by, why.reason or ""))).result


async def _everybody(request: Request, operator: Operator, word: Command, why: Why) -> ExactJSON:
    result = await _command(request, operator, GLOBAL, word, why)
    async with reading(context_of(request)) as reader:
        return ExactJSON({**await _system(reader), "result": result})


@routes.get("/system", response_model=System)
async def get_system(caller: Caller, reader: Reader) -> ExactJSON:
    """What is set for everybody, why, and for how long."""
    return ExactJSON(await _system(reader))


@routes.post("/system/stop", response_model=SystemResult, responses=AWAY)
async def stop_system(caller: Caller, request: Request, why: Reason) -> ExactJSON:
    """No new quotes for anybody, resting orders are cancelled; open hedges are finished. Undone by `start`."""
    return await _everybody(request, caller, "stop", why)


@routes.post("/system/start", response_model=SystemResult, responses=AWAY)
async def start_system(caller: Caller, request: Request, why: Reason) -> ExactJSON:
    """Undo a system stop; a soft pause and an emergency stay."""
    return await _everybody(request, caller, "start", why)


@routes.post("/system/soft-pause", response_model=SystemResult, responses=AWAY)
async def soft_pause_system(caller: Caller, request: Request, why: Reason) -> ExactJSON:
    """No new quotes for anybody; hedging goes on. Undone by `clear`."""
    return await _everybody(request, caller, "soft_pause", why)


@routes.post("/system/emergency", response_model=SystemResult, responses=AWAY)
async def declare_emergency(caller: Caller, request: Request, why: Reason) -> ExactJSON:
    """Everything resting is cancelled at once, everywhere; fills go on being hedged. Undone by `clear`."""
    return await _everybody(request, caller, "emergency", why)


@routes.post("/system/clear", response_model=SystemResult, responses=AWAY)
async def clear_system(caller: Caller, request: Request, why: Reason) -> ExactJSON:
    """Lift everything that is set for everybody. What clients set themselves stays."""
    return await _everybody(request, caller, "clear", why)


@routes.get("/clients/{client}/trading/status", response_model=TradingStatus, responses=ABSENT)
async def get_client_trading_status(caller: Caller, reader: Reader, client: PathClient) -> ExactJSON:
    """What the client's own `GET /trading/status` says."""
    return ExactJSON(await status_of(reader, client))


async def _client(
    request: Request, operator: Operator, reader: Reader, client: str, word: Command, why: Why
) -> ExactJSON:
    await known(reader, client)
    result = await _command(request, operator, client, word, why)
    async with reading(context_of(request)) as fresh:
        return ExactJSON({**(await status_of(fresh, client)), "result": result})


@routes.post("/clients/{client}/trading/pause", response_model=ClientResult, responses={**ABSENT, **AWAY})
async def pause_client(caller: Caller, reader: Reader, request: Request, client: PathClient, why: Reason) -> ExactJSON:
    """As the client's own pause."""
    return await _client(request, caller, reader, client, "pause", why)


@routes.post("/clients/{client}/trading/resume", response_model=ClientResult, responses={**ABSENT, **AWAY})
async def resume_client(caller: Caller, reader: Reader, request: Request, client: PathClient, why: Reason) -> ExactJSON:
    """Undo a pause, also the client's own."""
    return await _client(request, caller, reader, client, "resume", why)


@routes.post("/clients/{client}/trading/stop", response_model=ClientResult, responses={**ABSENT, **AWAY})
async def stop_client(caller: Caller, reader: Reader, request: Request, client: PathClient, why: Reason) -> ExactJSON:
    """As the client's own stop."""
    return await _client(request, caller, reader, client, "stop", why)


@routes.post("/clients/{client}/trading/start", response_model=ClientResult, responses={**ABSENT, **AWAY})
async def start_client(caller: Caller, reader: Reader, request: Request, client: PathClient, why: Reason) -> ExactJSON:
    """Undo a stop, also the client's own."""
    return await _client(request, caller, reader, client, "start", why)

"""The engine's state for this client, and its commands (mm-api sheet, section 5.10)."""

from typing import Annotated

from fastapi import Body, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.commands import by_whom, command
from api.context import Reader, reading
from api.errors import absent
from api.exact import ExactJSON, ExactRoute
from api.limits import Caller
from api.once import Attempt, OnceOnly
from api.parameters import NullIsEmpty
from api.routing import ABSENT, COMMANDS, router
from api.schemas import Control, TradingAnswer, TradingStatus
from overround.domain.control import Command, ControlRequest
from overround.ledger.keys import KeyOwner
from overround.ledger.reads import trading as reads
from overround.ledger.reads.page import Item

routes = router("Trading Controls")
routes.route_class = ExactRoute
Why = Annotated[Control, NullIsEmpty, Body(default_factory=Control)]


@routes.get("/trading/status", response_model=TradingStatus, responses=ABSENT)
async def get_trading_status(caller: Caller, reader: Reader) -> ExactJSON:
    """May the engine trade for this client, and if not, why."""
    return ExactJSON(await status_of(reader, caller.client))


@routes.post("/trading/pause", response_model=TradingAnswer, responses=COMMANDS)
async def pause_trading(caller: Caller, once: OnceOnly, why: Why) -> Response:
    """No new quotes, resting orders are cancelled; fills go on being hedged. Undone by `resume` alone."""
    return await _command(once, caller, "pause", why)


@routes.post("/trading/resume", response_model=TradingAnswer, responses=COMMANDS)
async def resume_trading(caller: Caller, once: OnceOnly, why: Why) -> Response:
    """Undo a pause. A stop stays, and so does whatever blocks everybody."""
    return await _command(once, caller, "resume", why)


@routes.post("/trading/stop", response_model=TradingAnswer, responses=COMMANDS)
async def stop_trading(caller: Caller, once: OnceOnly, why: Why) -> Response:
    """No new quotes, resting orders are cancelled; open hedges are finished. Undone by `start` alone."""
    return await _command(once, caller, "stop", why)


@routes.post("/trading/start", response_model=TradingAnswer, responses=COMMANDS)
async def start_trading(caller: Caller, once: OnceOnly, why: Why) -> Response:
    """Undo a stop. A pause stays, and so does whatever blocks everybody."""
    return await _command(once, caller, "start", why)


async def _command(once: OnceOnly, caller: KeyOwner, word: Command, why: Control) -> Response:
    async def work(attempt: Attempt) -> Item:
        request = ControlRequest(word, await by_whom(once.context, caller), why.reason)
        result = await command(once.context, caller.client, request, attempt.request_id)
        async with reading(once.context) as reader:
            return {**await status_of(reader, caller.client), "result": result.result}

    return await once.answer(work)


async def status_of(reader: AsyncConnection, client: str) -> Item:
    """The client's trading state as everybody is told it; raises 404 when there is no such client."""
    found = await reads.trading_status(reader, client)
    if found is None:
        raise absent("Client")
    return found

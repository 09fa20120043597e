"""What every REST handler shares: who calls, what it costs, query values, and pages."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from overround.paper.half_answer import HalfAnswer
from overround.paper.kalshi import faults
from overround.paper.kalshi.auth import Caller
from overround.paper.kalshi.buckets import DEFAULT_COST
from overround.paper.kalshi.wire import ApiError, refusal, reply

if TYPE_CHECKING:
    from overround.paper.kalshi.venue import PaperKalshi

Handler = Callable[[Request], Awaitable[Response]]
Cost = Callable[[Any], int]


class Call:
    """One authenticated request. ``body`` is the parsed JSON, None without one."""

    def __init__(self, venue: "PaperKalshi", request: Request, caller: Caller, body: Any) -> None:
        self.venue, self.request, self.caller, self.body = venue, request, caller, body
        self.account = caller.account

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return str(self.request.query_params.get(name, default))

    def number(self, name: str) -> int | None:
        return number(self.request, name)

    def names(self, name: str) -> set[str]:
        """A comma list as a set, empty when absent."""
        return {item for item in self.query(name).split(",") if item}

    def fields(self) -> dict[str, Any]:
        if not isinstance(self.body, dict):
            raise ApiError(400, "invalid_parameters", "a JSON object is required")
        return self.body


def number(request: Request, name: str) -> int | None:
    raw = request.query_params.get(name)
    if raw is None or raw == "":
        return None
    try:
        return int(raw)
    except ValueError as error:
        raise ApiError(400, "invalid_parameters", f"{name} must be an integer") from error


def page(venue: "PaperKalshi", request: Request, key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of ``rows`` and the cursor of the next, empty at the end."""
    asked = number(request, "limit")
    limit = 100 if asked is None else asked
    if not 1 <= limit <= 1000:
        raise ApiError(400, "invalid_parameters", "limit must be between 1 and 1000")
    cursor = request.query_params.get("cursor", "")
    start = 0 if cursor in ("", "broken") else _decode(cursor)
    following = start + limit
    body = {key: rows[start:following], "cursor": _encode(following) if following < len(rows) else ""}
    return faults.short_page(venue, cursor, body, key)


def _encode(position: int) -> str:
    return base64.urlsafe_b64encode(f"at:{position}".encode()).decode()


def _decode(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor).decode().removeprefix("at:"))
    except ValueError as error:
        raise ApiError(400, "invalid_parameters", "bad cursor") from error


async def _json(request: Request) -> Any:
    raw = await request.body()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "invalid_parameters", "the body is not JSON") from error


def public(venue: "PaperKalshi", serve: Callable[[Request], Any]) -> Handler:
    """A handler that needs no signature."""

    async def handle(request: Request) -> Response:
        try:
            if request.url.path.rsplit("/", 1)[-1] != "status":
                faults.before(venue)
            return reply(serve(request))
        except ApiError as error:
            return refusal(error)

    return handle


def read(venue: "PaperKalshi", serve: Callable[[Call], Any]) -> Handler:
    """A signed read at the default cost."""

    async def handle(request: Request) -> Response:
        try:
            caller = venue.keyring.caller(request.headers, request.method, request.url.path)
            faults.before(venue)
            venue.meter(caller).read.take(DEFAULT_COST)
            return reply(serve(Call(venue, request, caller, None)))
        except ApiError as error:
            return refusal(error)

    return handle


def write(
    venue: "PaperKalshi", serve: Callable[[Call], Awaitable[Response]], cost: Cost = lambda _: DEFAULT_COST
) -> Handler:
    """A signed write; its answer may be lost on request, after it was carried out."""

    async def handle(request: Request) -> Response:
        try:
            caller = venue.keyring.caller(request.headers, request.method, request.url.path)
            body = await _json(request)
            caller.require("write")
            if faults.request_lost(venue):
                return HalfAnswer()
            faults.before(venue)
            venue.meter(caller).write.take(cost(body))
            return await faults.after(venue, await serve(Call(venue, request, caller, body)))
        except ApiError as error:
            return refusal(error)

    return handle

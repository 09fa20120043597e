"""Questions this venue cannot read and how it says no (polymarket sheet, section 8)."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Denied(Exception):
    """A request answered with ``{"error": text}``; without valid credentials 401."""

    def __init__(self, text: str, status: int = 401) -> None:
        super().__init__(text)
        self.text, self.status = text, status


def error(text: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": text}, status)


async def denied(_: Request, refusal: Exception) -> Response:
    """The exception handler of every app of the venue."""
    assert isinstance(refusal, Denied)
    return error(refusal.text, refusal.status)


async def body_of(request: Request) -> Any:
    """The JSON body; what is not JSON counts as an empty object."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}


async def object_of(request: Request) -> dict[str, Any]:
    """The body when it is an object, else an empty one: its fields are then missing."""
    body = await body_of(request)
    return body if isinstance(body, dict) else {}


def whole(request: Request, name: str, default: int, *, least: int = 0, says: str, status: int) -> int:
    """A whole number of the query, at least ``least``; else ``Denied`` with the text and status."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) < least:
        raise Denied(says, status)
    return int(text)

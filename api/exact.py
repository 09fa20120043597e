"""Exact numbers in and out, and refusals that repeat nothing of a body."""

import json
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from overround.ledger.encoding import dumps

HIDDEN = "secrets"


class ExactJSON(JSONResponse):
    """JSON in which a ``Decimal`` is a number, digit for digit."""

    def render(self, content: Any) -> bytes:
        return dumps(content)


class ExactRequest(Request):
    """Its JSON numbers are decimals, digit for digit."""

    async def json(self) -> Any:
        """The body; ``JSONDecodeError`` for whatever is not JSON, also what is too deep or too long to be read."""
        body = await self.body()
        try:
            return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError):
            raise json.JSONDecodeError("unreadable", "", 0) from None


def _no_number(word: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


class ExactRoute(APIRoute):
    """A route that reads its body as ``ExactRequest`` does, and whose refusals keep nothing of it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(ExactRequest(request.scope, request.receive))
            except RequestValidationError as error:
                raise RequestValidationError([_tame(item) for item in error.errors()]) from None

        return handle


def _tame(error: Mapping[str, Any]) -> dict[str, Any]:
    """Where and what, without any input; below ``secrets`` not even where: a name there may be a secret itself."""
    where = list(error["loc"])
    kept = where[: where.index(HIDDEN) + 1] if HIDDEN in where else where
    return {"loc": tuple(kept), "msg": error["msg"], "type": error["type"]}

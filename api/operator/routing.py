"""What every operator endpoint has in common: exact numbers in, and errors that repeat nothing secret."""

import json
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api.exact import ExactJSON
from api.routing import ERRORS
from api.schemas import Problem

TAG = "Operator"
HIDDEN = "secrets"
ABSENT: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such thing."}}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "The current state forbids it; `detail` says why."}
}
AWAY: dict[int | str, dict[str, Any]] = {
    503: {"model": Problem, "description": "The workflow service or its worker does not answer; nothing is promised."}
}


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


def router() -> APIRouter:
    """A router below ``/api/v1/operator``."""
    return APIRouter(
        prefix="/api/v1/operator",
        tags=[TAG],
        responses=ERRORS,
        default_response_class=ExactJSON,
        route_class=ExactRoute,
    )


def invalid(message: str, *where: str) -> RequestValidationError:
    """A 422 of our own making; ``where`` is the path within the body."""
    return RequestValidationError([{"loc": ("body", *where), "msg": message, "type": "value_error"}])


def shown_once(body: Any) -> ExactJSON:
    """An answer with a secret in it, which nobody on the way may keep."""
    return ExactJSON(body, headers={"Cache-Control": "no-store"})

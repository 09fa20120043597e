"""One table from exceptions to answers: the contract's ``detail`` with the members of RFC 9457 beside it.

Source: mm-api sheet, section 3; stack sheet, section 6.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from overround.ledger.encoding import dumps
from overround.ledger.reads.page import BadPage

CODES = {401: "invalid_api_key", 404: "not_found", 409: "conflict", 422: "invalid_parameter", 429: "rate_limited"}
BAD_KEY = "Invalid or missing API key"
log = structlog.get_logger(__name__)


class Refusal(Exception):
    """An answer other than success. ``detail`` is for people, the code follows from ``status``; ``extra`` are further
    members of the body."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def unauthorised() -> Refusal:
    """The same words whether the key is missing, malformed, unknown, revoked or its client inactive."""
    return Refusal(401, BAD_KEY)


def absent(what: str) -> Refusal:
    """Nothing of that id, or somebody else's: the two cannot be told apart from outside."""
    return Refusal(404, f"{what} not found")


def invalid(message: str, *where: str) -> RequestValidationError:
    """A 422 of our own making; ``where`` is the path within the body."""
    return RequestValidationError([{"loc": ("body", *where), "msg": message, "type": "value_error"}])


def problem(
    request: Request,
    status: int,
    detail: Any,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """The error answer; ``application/problem+json`` for those who accept it."""
    request_id = str(getattr(request.state, "request_id", ""))
    title = HTTPStatus(status).phrase
    body = {
        "detail": detail,
        "type": "about:blank",
        "title": title,
        "status": status,
        "instance": request.url.path,
        "code": CODES.get(status, title.lower().replace(" ", "_")),
        "requestId": request_id,
        **(extra or {}),
    }
    wants_problem = "application/problem+json" in request.headers.get("accept", "")
    media = "application/problem+json" if wants_problem else "application/json"
    return Response(dumps(body), status, {**(headers or {}), "X-Request-ID": request_id}, media)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem(request, error.status, error.detail, error.headers, error.extra)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(request, error.status_code, error.detail, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [{"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]} for item in error.errors()]
    return problem(request, 422, found)


async def _bad_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadPage)
    return problem(request, 422, [{"loc": ["query", error.parameter], "msg": str(error), "type": "bad_page"}])


async def _crash(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, error=type(error).__name__)
    headers = getattr(request.state, "extra_headers", None)  # this answer is made outside of the middleware
    return problem(request, 500, "Internal server error", headers)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` in this form."""
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BadPage, _bad_page)
    app.add_exception_handler(Exception, _crash)

"""What every router of the REST API has in common."""

from typing import Any

from fastapi import APIRouter

from api.exact import ExactJSON
from api.schemas import Problem

HEADERS: dict[str, Any] = {
    "X-RateLimit-Limit": {"schema": {"type": "integer"}, "description": "Requests a minute."},
    "X-RateLimit-Remaining": {"schema": {"type": "integer"}, "description": "Left in this minute."},
    "X-RateLimit-Reset": {"schema": {"type": "integer"}, "description": "Its end, unix seconds."},
}
ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The key is missing, unknown or not a UUID, or its client is inactive."},
    422: {"model": Problem, "description": "A parameter is missing or invalid; `detail` is a list."},
    429: {
        "model": Problem,
        "description": "The client's requests of this minute are used up.",
        "headers": {**HEADERS, "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}},
    },
    500: {"model": Problem, "description": "Server error."},
}
COMMANDS: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "The state forbids it, or the `Idempotency-Key` was used otherwise."},
    503: {"model": Problem, "description": "Nobody can carry out commands now; the same request may be sent again."},
}
ABSENT: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such row of this client."}}


def router(tag: str) -> APIRouter:
    """A router below ``/api/v1`` whose answers are exact and whose errors are documented."""
    return APIRouter(prefix="/api/v1", tags=[tag], responses=ERRORS, default_response_class=ExactJSON)

"""What every operator endpoint has in common."""

from typing import Any

from fastapi import APIRouter

from api.exact import ExactJSON, ExactRoute
from api.routing import ERRORS
from api.schemas import Problem

TAG = "Operator"
ABSENT: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such thing."}}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "The current state forbids it; `detail` says why."}
}
AWAY: dict[int | str, dict[str, Any]] = {
    503: {"model": Problem, "description": "The workflow service or its worker does not answer; nothing is promised."}
}


def router() -> APIRouter:
    """A router below ``/api/v1/operator``."""
    return APIRouter(
        prefix="/api/v1/operator",
        tags=[TAG],
        responses=ERRORS,
        default_response_class=ExactJSON,
        route_class=ExactRoute,
    )


def shown_once(body: Any) -> ExactJSON:
    """An answer with a secret in it, which nobody on the way may keep."""
    return ExactJSON(body, headers={"Cache-Control": "no-store"})

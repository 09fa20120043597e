"""Who am I (mm-api sheet, section 5.1)."""

from api.exact import ExactJSON
from api.limits import Caller
from api.routing import router
from api.schemas import Me

routes = router("Trading Controls")


@routes.get("/me", response_model=Me)
async def who_am_i(caller: Caller) -> ExactJSON:
    """The client this key belongs to."""
    return ExactJSON({"client": caller.client, "clientName": caller.name, "active": caller.active})

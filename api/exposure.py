"""Fills that are not hedged yet."""

from api.context import Reader
from api.exact import ExactJSON
from api.limits import Caller
from api.routing import router
from api.schemas.desk import Exposure
from overround.ledger.reads import naked as reads

routes = router("Performance")


@routes.get("/exposure", response_model=Exposure)
async def get_exposure(caller: Caller, reader: Reader) -> ExactJSON:
    """Naked exposure with its age: fills that no accepted bet covers, oldest first."""
    return ExactJSON(await reads.naked_exposure(reader, caller.client))

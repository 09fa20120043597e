"""Is everything alive that trades for this client."""

from api.context import Reader
from api.exact import ExactJSON
from api.limits import Caller
from api.routing import router
from api.schemas.desk import Health
from overround.ledger.reads import health as reads

routes = router("Trading Controls")


@routes.get("/health", response_model=Health)
async def get_health(caller: Caller, reader: Reader) -> ExactJSON:
    """Age of the odds feed, signs of life of the engine, and the state of the client's exchange and bookmaker
    accounts."""
    return ExactJSON(await reads.health(reader, caller.client))

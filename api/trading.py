"""The engine's state for this client (mm-api sheet, section 5.10)."""

from api.context import Reader
from api.errors import absent
from api.exact import ExactJSON
from api.limits import Caller
from api.routing import ABSENT, router
from api.schemas import TradingStatus
from overround.ledger.reads import trading as reads

routes = router("Trading Controls")


@routes.get("/trading/status", response_model=TradingStatus, responses=ABSENT)
async def get_trading_status(caller: Caller, reader: Reader) -> ExactJSON:
    """May the engine trade for this client, and if not, why."""
    found = await reads.trading_status(reader, caller.client)
    if found is None:
        raise absent("Client")
    return ExactJSON(found)

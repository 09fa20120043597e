"""Profit and loss (mm-api sheet, section 5.9)."""

from api.context import Reader
from api.exact import ExactJSON
from api.limits import Caller
from api.parameters import PositionFilters
from api.routing import router
from api.schemas import ProfitAndLoss
from overround.ledger.reads import pnl as reads

routes = router("Performance")


@routes.get("/pnl", response_model=ProfitAndLoss)
async def get_pnl(caller: Caller, reader: Reader, filters: PositionFilters) -> ExactJSON:
    """Profit and loss and turnover of the orders created on these days, of one fixture or exchange if asked for."""
    return ExactJSON(await reads.profit_and_loss(reader, caller.client, filters))

"""Positions over fixtures and exchanges (mm-api sheet, section 5.8)."""

from api.context import Reader
from api.exact import ExactJSON
from api.limits import Caller
from api.parameters import FromDate, PageWindow, PositionFilters, ToDate
from api.routing import router
from api.schemas import OrderSummary, Page, Position
from overround.ledger.reads import positions as reads
from overround.ledger.reads.orders import summarise_orders
from overround.ledger.reads.page import Filters

routes = router("Performance")


@routes.get("/positions", response_model=Page[Position])
async def list_positions(caller: Caller, reader: Reader, filters: PositionFilters, window: PageWindow) -> ExactJSON:
    """Positions per fixture, outcome and exchange; those of the newest orders first."""
    return ExactJSON((await reads.list_positions(reader, caller.client, filters, window)).body())


@routes.get("/positions/summary", response_model=OrderSummary)
async def summarise_positions(
    caller: Caller, reader: Reader, from_date: FromDate = None, to_date: ToDate = None
) -> ExactJSON:
    """Order statistics of the client, all computed from orders."""
    filters = Filters(from_date=from_date, to_date=to_date)
    return ExactJSON(await summarise_orders(reader, caller.client, filters))

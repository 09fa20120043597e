"""Exchange orders (mm-api sheet, sections 5.2 to 5.4)."""

from api.context import Reader
from api.errors import absent
from api.exact import ExactJSON
from api.limits import Caller
from api.parameters import FixtureId, OrderFilters, PageWindow, RowId
from api.routing import ABSENT, router
from api.schemas import Order, OrderSummary, Page
from overround.ledger.reads import orders as reads

routes = router("Orders & Bets")


@routes.get("/orders", response_model=Page[Order])
async def list_orders(caller: Caller, reader: Reader, filters: OrderFilters, window: PageWindow) -> ExactJSON:
    """Exchange orders, newest first."""
    return ExactJSON((await reads.list_orders(reader, caller.client, filters, window)).body())


@routes.get("/orders/open", response_model=Page[Order])
async def list_open_orders(caller: Caller, reader: Reader, fixture_id: FixtureId, window: PageWindow) -> ExactJSON:
    """Open orders (pending, placed or partly filled) of one fixture."""
    return ExactJSON((await reads.open_orders(reader, caller.client, fixture_id, window)).body())


@routes.get("/orders/summary", response_model=OrderSummary)
async def summarise_orders(caller: Caller, reader: Reader, filters: OrderFilters) -> ExactJSON:
    """Order statistics."""
    return ExactJSON(await reads.summarise_orders(reader, caller.client, filters))


@routes.get("/orders/{orderId}", response_model=Order, responses=ABSENT)
async def get_order(caller: Caller, reader: Reader, orderId: RowId) -> ExactJSON:  # noqa: N803 - the documented name
    """One exchange order."""
    found = await reads.find_order(reader, caller.client, orderId)
    if found is None:
        raise absent("Order")
    return ExactJSON(found)

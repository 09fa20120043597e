"""Profit over time."""

from typing import Annotated

from fastapi import Query

from api.context import Reader
from api.exact import ExactJSON
from api.limits import Caller
from api.routing import router
from api.schemas.desk import ProfitSeries
from overround.ledger.reads import series as reads

routes = router("Performance")
Hours = Annotated[int, Query(ge=1, le=168, description="How far back, in hours.")]


@routes.get("/pnl/series", response_model=ProfitSeries)
async def get_pnl_series(caller: Caller, reader: Reader, hours: Hours = 24) -> ExactJSON:
    """Realised profit of the last hours by the time it was booked, at most some 240 points."""
    return ExactJSON(await reads.profit_series(reader, caller.client, hours))

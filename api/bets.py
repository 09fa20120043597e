"""Hedge bets (mm-api sheet, section 5.6)."""

from api.context import Reader
from api.errors import absent
from api.exact import ExactJSON
from api.limits import Caller
from api.parameters import BetFilters, PageWindow, RowId
from api.routing import ABSENT, router
from api.schemas import Bet, BetSummary, Page
from overround.ledger.reads import bets as reads

routes = router("Orders & Bets")


@routes.get("/bets", response_model=Page[Bet])
async def list_bets(caller: Caller, reader: Reader, filters: BetFilters, window: PageWindow) -> ExactJSON:
    """Hedge bets, newest first; dates are those of the hedged order's creation."""
    return ExactJSON((await reads.list_bets(reader, caller.client, filters, window)).body())


@routes.get("/bets/summary", response_model=BetSummary)
async def summarise_bets(caller: Caller, reader: Reader, filters: BetFilters) -> ExactJSON:
    """Bet statistics."""
    return ExactJSON(await reads.summarise_bets(reader, caller.client, filters))


@routes.get("/bets/{betId}", response_model=Bet, responses=ABSENT)
async def get_bet(caller: Caller, reader: Reader, betId: RowId) -> ExactJSON:  # noqa: N803 - the documented name
    """One hedge bet."""
    found = await reads.find_bet(reader, caller.client, betId)
    if found is None:
        raise absent("Bet")
    return ExactJSON(found)

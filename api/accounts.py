"""Exchange accounts: balances and status, never credentials (mm-api sheet, section 5.11)."""

from api.context import Reader
from api.exact import ExactJSON
from api.limits import Caller
from api.parameters import PageWindow
from api.routing import router
from api.schemas import Account, Page
from overround.ledger.reads import accounts as reads

routes = router("Performance")


@routes.get("/accounts", response_model=Page[Account])
async def list_accounts(caller: Caller, reader: Reader, window: PageWindow) -> ExactJSON:
    """The client's exchange accounts."""
    return ExactJSON((await reads.list_accounts(reader, caller.client, window)).body())

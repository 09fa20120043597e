"""Exchange accounts: create, replace, switch on and off, and compare with the venue now."""

from fastapi import Request

from api.context import Reader
from api.exact import ExactJSON
from api.operator import accounts
from api.operator.access import Caller, Writer
from api.operator.clients import known
from api.operator.parameters import MaybeClient, PathAccount
from api.operator.routing import ABSENT, CONFLICT, router
from api.operator.schemas.accounts import ExchangeAccess, ExchangeAccount
from api.parameters import PageWindow
from api.schemas import Page
from overround.ledger import accounts as ledger
from overround.ledger.tables import exchange_accounts as table

routes = router()


@routes.get("/accounts/exchange", response_model=Page[ExchangeAccount])
async def list_exchange_accounts(
    caller: Caller, reader: Reader, window: PageWindow, client: MaybeClient = None
) -> ExactJSON:
    """Exchange accounts of every client, newest first, never their credentials."""
    return await accounts.page(reader, table, client, window)


@routes.get("/accounts/exchange/{accountId}", response_model=ExchangeAccount, responses=ABSENT)
async def get_exchange_account(caller: Caller, reader: Reader, account_id: PathAccount) -> ExactJSON:
    """One exchange account."""
    return ExactJSON(accounts.shown(await accounts.found(reader, table, account_id)))


@routes.put("/accounts/exchange/{accountId}", response_model=ExchangeAccount, responses={**ABSENT, **CONFLICT})
async def put_exchange_account(
    caller: Caller, writer: Writer, request: Request, account_id: PathAccount, body: ExchangeAccess
) -> ExactJSON:
    """Create an exchange account, or replace its addresses, options and credentials.

    Its client and exchange are for ever. New credentials are used after a restart of worker and streamers.
    """
    account = accounts.opened(table, account_id, body.exchange, body)
    await known(writer, body.client)
    old = await accounts.same_as_before(writer, table, account)
    await ledger.save_exchange_account(writer, account, accounts.secret_key(request))
    new = await ledger.change_account(writer, table, account_id, {"currency": body.currency})
    accounts.refuse_another(table, new, account)
    action = "account.create" if old is None else "account.replace"
    return ExactJSON(await accounts.tell(writer, caller, action, old, new))


@routes.post("/accounts/exchange/{accountId}/activate", response_model=ExchangeAccount, responses=ABSENT)
async def activate_exchange_account(caller: Caller, writer: Writer, account_id: PathAccount) -> ExactJSON:
    """Trade on the account; within a second or two."""
    return ExactJSON(await accounts.switch(writer, caller, table, account_id, active=True))


@routes.post(
    "/accounts/exchange/{accountId}/deactivate", response_model=ExchangeAccount, responses={**ABSENT, **CONFLICT}
)
async def deactivate_exchange_account(caller: Caller, writer: Writer, account_id: PathAccount) -> ExactJSON:
    """Stop using the account; 409 while orders on it are open or not settled."""
    return ExactJSON(await accounts.switch(writer, caller, table, account_id, active=False))

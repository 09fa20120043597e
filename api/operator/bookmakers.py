"""Bookmaker accounts: create, replace, change their terms, switch on and off."""

from typing import Any

from fastapi import Request

from api.context import Reader
from api.errors import Refusal
from api.exact import ExactJSON
from api.operator import accounts
from api.operator.access import Caller, Writer
from api.operator.clients import known
from api.operator.parameters import MaybeClient, PathAccount
from api.operator.routing import ABSENT, CONFLICT, router
from api.operator.schemas.accounts import BookmakerAccess, BookmakerAccount, BookmakerTerms
from api.parameters import PageWindow
from api.schemas import Page
from overround.ledger import accounts as ledger
from overround.ledger.events import Row
from overround.ledger.tables import bookmaker_accounts as table

routes = router()
TERMS = ("priority", "currency", "min_stake", "stake_step")


def _terms(body: BookmakerAccess | BookmakerTerms) -> dict[str, Any]:
    given = {name: getattr(body, name) for name in TERMS}
    return {name: value for name, value in given.items() if value is not None}


@routes.get("/accounts/bookmaker", response_model=Page[BookmakerAccount])
async def list_bookmaker_accounts(
    caller: Caller, reader: Reader, window: PageWindow, client: MaybeClient = None
) -> ExactJSON:
    """Bookmaker accounts of every client, newest first, never their credentials."""
    return await accounts.page(reader, table, client, window)


@routes.get("/accounts/bookmaker/{accountId}", response_model=BookmakerAccount, responses=ABSENT)
async def get_bookmaker_account(caller: Caller, reader: Reader, account_id: PathAccount) -> ExactJSON:
    """One bookmaker account."""
    return ExactJSON(accounts.shown(await accounts.found(reader, table, account_id)))


@routes.put("/accounts/bookmaker/{accountId}", response_model=BookmakerAccount, responses={**ABSENT, **CONFLICT})
async def put_bookmaker_account(
    caller: Caller, writer: Writer, request: Request, account_id: PathAccount, body: BookmakerAccess
) -> ExactJSON:
    """Create a bookmaker account, or replace its addresses, options and credentials; terms left out stay.

    Its client, route and bookmaker are for ever. New credentials are used after a restart of worker and streamers.
    """
    account = accounts.opened(table, account_id, body.route, body)
    owner = await known(writer, body.client)
    old = await accounts.same_as_before(writer, table, account)
    bookmaker = body.bookmaker or (owner if old is None else old)["bookmaker"]
    _refuse_another(old, bookmaker)
    await ledger.save_bookmaker_account(writer, account, accounts.secret_key(request), bookmaker=bookmaker)
    new = await _set(writer, account_id, _terms(body))
    accounts.refuse_another(table, new, account)
    _refuse_another(new, bookmaker)
    action = "account.create" if old is None else "account.replace"
    return ExactJSON(await accounts.tell(writer, caller, action, old, new))


@routes.patch("/accounts/bookmaker/{accountId}", response_model=BookmakerAccount, responses=ABSENT)
async def change_bookmaker_account(
    caller: Caller, writer: Writer, account_id: PathAccount, body: BookmakerTerms
) -> ExactJSON:
    """Change priority, currency, least stake or stake step; hedges follow at their next step."""
    old = await accounts.found(writer, table, account_id, lock=True)
    terms = _terms(body)
    if not terms:
        return ExactJSON(accounts.shown(old))
    new = await _set(writer, account_id, terms)
    return ExactJSON(await accounts.tell(writer, caller, "account.change", old, new))


@routes.post("/accounts/bookmaker/{accountId}/activate", response_model=BookmakerAccount, responses=ABSENT)
async def activate_bookmaker_account(caller: Caller, writer: Writer, account_id: PathAccount) -> ExactJSON:
    """Hedge on the account again."""
    return ExactJSON(await accounts.switch(writer, caller, table, account_id, active=True))


@routes.post(
    "/accounts/bookmaker/{accountId}/deactivate", response_model=BookmakerAccount, responses={**ABSENT, **CONFLICT}
)
async def deactivate_bookmaker_account(caller: Caller, writer: Writer, account_id: PathAccount) -> ExactJSON:
    """Stop hedging on the account; 409 while bets on it are unanswered or not settled."""
    return ExactJSON(await accounts.switch(writer, caller, table, account_id, active=False))


async def _set(writer: Writer, account_id: str, terms: dict[str, Any]) -> Row:
    if not terms:
        return await accounts.found(writer, table, account_id)
    return await ledger.change_account(writer, table, account_id, terms)


def _refuse_another(old: Row | None, bookmaker: str) -> None:
    if old is not None and old["bookmaker"] != bookmaker:
        raise Refusal(409, f"{old['account_id']} is an account at {old['bookmaker']} and stays that")

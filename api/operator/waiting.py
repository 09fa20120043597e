"""Open residuals with their retry, disputes with their decision, and reconciliation now."""

from typing import Annotated, Any

from fastapi import Path, Request
from temporalio.client import Client

from api.context import Reader, context_of
from api.errors import Refusal, absent
from api.exact import ExactJSON
from api.operator import accounts
from api.operator.access import Caller, Writer
from api.operator.audit import note
from api.operator.listing import listed
from api.operator.parameters import MaybeClient, PathAccount
from api.operator.routing import ABSENT, AWAY, CONFLICT, router
from api.operator.schemas.running import Decided, Dispute, Reconciling, Residual, Retried, Verdict
from api.operator.workflows import ask
from api.parameters import VISIBLE, PageWindow, PathFixtureId
from api.schemas import Page
from api.workflows import page_of
from overround.domain.ids import reconcile_workflow
from overround.domain.settling import Decision
from overround.ledger import waiting as ledger
from overround.ledger.events import Row
from overround.ledger.tables import exchange_accounts, fixture_settlements, hedges
from overround.settings import Settings

routes = router()
PathOrder = Annotated[str, Path(alias="clientOrderId", pattern=VISIBLE, max_length=64)]


def _residual(row: Row, settings: Settings) -> dict[str, Any]:
    return {
        "clientOrderId": row["client_order_id"],
        "client": row["client"],
        "accountId": row["account_id"],
        "exchange": row["exchange"],
        "fixtureId": row["fixture_id"],
        "marketId": row["market_id"],
        "outcomeId": row["outcome_id"],
        "state": row["state"],
        "reason": row["reason"],
        "filled": row["target"],
        "covered": row["done"],
        "inFlight": row["in_flight"],
        "residual": row["residual"],
        "price": row["price"],
        "openedAt": row["opened_at"],
        "ageSeconds": row["age"],
        "workflowId": row["workflow_id"],
        "workflowUrl": page_of(settings, row["workflow_id"], None),
    }


@routes.get("/residuals", response_model=Page[Residual])
async def list_residuals(
    caller: Caller, reader: Reader, request: Request, window: PageWindow, client: MaybeClient = None
) -> ExactJSON:
    """Fills that are not hedged (OPEN) or whose bet's answer was lost (UNKNOWN), newest first."""
    settings = context_of(request).settings
    key = (hedges.c.opened_at, hedges.c.client_order_id)
    query = ledger.residuals(client)
    return await listed(reader, "residuals", query, key, window, lambda row: _residual(row, settings))


@routes.post("/residuals/{clientOrderId}/retry", response_model=Retried, responses={**ABSENT, **CONFLICT, **AWAY})
async def retry_residual(caller: Caller, writer: Writer, request: Request, order: PathOrder) -> ExactJSON:
    """Tell the hedge to try now; 409 when there is nothing open."""
    row = await ledger.hedge(writer, order)
    if row is None:
        raise absent("Hedge")
    if row["state"] not in ledger.STUCK:
        raise Refusal(409, f"The hedge of {order} is {row['state']}: nothing is open")

    async def signal(temporal: Client) -> None:
        await temporal.get_workflow_handle(row["workflow_id"]).signal("retry")

    await ask(context_of(request), row["workflow_id"], signal)
    await note(writer, caller, "residual.retry", order, row["client"])
    return ExactJSON({"clientOrderId": order, "result": "signalled"})


def _dispute(row: Row, settings: Settings) -> dict[str, Any]:
    named = row["participant1"] is not None
    return {
        "fixtureId": row["fixture_id"],
        "fixture": f"{row['participant1']} v {row['participant2']}" if named else None,
        "clients": sorted(row["clients"]),
        "reason": row["reason"],
        "since": row["updated_at"],
        "workflowId": row["workflow_id"],
        "workflowUrl": page_of(settings, row["workflow_id"], None),
    }


@routes.get("/disputes", response_model=Page[Dispute])
async def list_disputes(caller: Caller, reader: Reader, request: Request, window: PageWindow) -> ExactJSON:
    """Settlements that wait for a decision, newest first: feed, venue, bookmaker and our arithmetic disagree."""
    settings = context_of(request).settings
    key = (fixture_settlements.c.updated_at, fixture_settlements.c.fixture_id)
    return await listed(reader, "disputes", ledger.disputes(), key, window, lambda row: _dispute(row, settings))


@routes.post("/disputes/{fixtureId}/decision", response_model=Decided, responses={**ABSENT, **CONFLICT, **AWAY})
async def decide_dispute(
    caller: Caller,
    writer: Writer,
    request: Request,
    fixtureId: PathFixtureId,  # noqa: N803 - the documented name
    body: Verdict,
) -> ExactJSON:
    """Book what was paid, or look again; 409 with the settlement's own words when it refuses."""
    row = await ledger.settlement(writer, fixtureId)
    if row is None:
        raise absent("Settlement")
    decision = Decision(body.choice, caller.by, body.reason)

    async def decide(temporal: Client) -> str:
        handle = temporal.get_workflow_handle(row["workflow_id"])
        answer: str = await handle.execute_update("decide", decision, result_type=str)
        return answer

    result = await ask(context_of(request), row["workflow_id"], decide)
    await note(writer, caller, "dispute.decide", fixtureId, None, new={"choice": body.choice, "reason": body.reason})
    return ExactJSON({"fixtureId": fixtureId, "result": result})


@routes.post(
    "/accounts/exchange/{accountId}/reconcile", response_model=Reconciling, responses={**ABSENT, **CONFLICT, **AWAY}
)
async def reconcile_now(caller: Caller, writer: Writer, request: Request, account_id: PathAccount) -> ExactJSON:
    """Compare the account with its venue now; one comparison at a time, as on the schedule."""
    row = await accounts.found(writer, exchange_accounts, account_id)
    name = reconcile_workflow(account_id)

    async def trigger(temporal: Client) -> None:
        await temporal.get_schedule_handle(name).trigger()

    await ask(context_of(request), f"The schedule {name}", trigger)
    await note(writer, caller, "account.reconcile", account_id, row["client"])
    return ExactJSON({"accountId": account_id, "result": "triggered", "workflowId": name})

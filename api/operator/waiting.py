"""Open residuals with their retry, disputes with their decision, and reconciliation now."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Path, Request
from temporalio.client import Client

from api.context import Context, Reader, context_of, writing
from api.errors import Refusal, absent
from api.exact import ExactJSON
from api.operator import accounts
from api.operator.access import Caller, Operator
from api.operator.audit import note
from api.operator.listing import listed
from api.operator.parameters import MaybeClient, PathAccount
from api.operator.routing import ABSENT, AWAY, CONFLICT, router
from api.operator.schemas.running import Decided, Dispute, Reconciling, Residual, Retried, Verdict
from api.operator.workflows import Unanswered, ask
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
T = TypeVar("T")
PathOrder = Annotated[str, Path(alias="clientOrderId", pattern=VISIBLE, max_length=64)]


@dataclass(frozen=True, slots=True)
class Change:
    """What an operator asks of a workflow, as the audit will hold it."""

    operator: Operator
    kind: str
    subject: str
    client: str | None
    new: dict[str, Any] = field(default_factory=dict)


async def _audited(context: Context, change: Change, what: str, work: Callable[[Client], Awaitable[T]]) -> T:
    """Ask, and write down that it was done, or that nobody knows whether it was."""
    try:
        result = await ask(context, what, work)
    except Unanswered:
        await _note(context, change, {"answered": False})
        raise
    await _note(context, change, {})
    return result


async def _note(context: Context, change: Change, more: dict[str, Any]) -> None:
    async with writing(context) as connection:
        await note(connection, change.operator, change.kind, change.subject, change.client, new={**change.new, **more})


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
async def retry_residual(caller: Caller, reader: Reader, request: Request, order: PathOrder) -> ExactJSON:
    """Tell the hedge to try now; 409 when there is nothing open."""
    row = await ledger.hedge(reader, order)
    if row is None:
        raise absent("Hedge")
    if row["state"] not in ledger.STUCK:
        raise Refusal(409, f"The hedge of {order} is {row['state']}: nothing is open")

    async def signal(temporal: Client) -> None:
        await temporal.get_workflow_handle(row["workflow_id"]).signal("retry")

    change = Change(caller, "residual.retry", order, row["client"])
    await _audited(context_of(request), change, row["workflow_id"], signal)
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
    reader: Reader,
    request: Request,
    fixtureId: PathFixtureId,  # noqa: N803 - the documented name
    body: Verdict,
) -> ExactJSON:
    """Book what was paid, or look again; 409 with the settlement's own words when it refuses."""
    row = await ledger.settlement(reader, fixtureId)
    if row is None:
        raise absent("Settlement")
    decision = Decision(body.choice, caller.by, body.reason)

    async def decide(temporal: Client) -> str:
        handle = temporal.get_workflow_handle(row["workflow_id"])
        answer: str = await handle.execute_update("decide", decision, result_type=str)
        return answer

    change = Change(caller, "dispute.decide", fixtureId, None, {"choice": body.choice, "reason": body.reason})
    result = await _audited(context_of(request), change, row["workflow_id"], decide)
    return ExactJSON({"fixtureId": fixtureId, "result": result})


@routes.post(
    "/accounts/exchange/{accountId}/reconcile", response_model=Reconciling, responses={**ABSENT, **CONFLICT, **AWAY}
)
async def reconcile_now(caller: Caller, reader: Reader, request: Request, account_id: PathAccount) -> ExactJSON:
    """Compare the account with its venue now; one comparison at a time, as on the schedule."""
    row = await accounts.found(reader, exchange_accounts, account_id)
    name = reconcile_workflow(account_id)

    async def trigger(temporal: Client) -> None:
        await temporal.get_schedule_handle(name).trigger()

    change = Change(caller, "account.reconcile", account_id, row["client"])
    await _audited(context_of(request), change, f"The schedule {name}", trigger)
    return ExactJSON({"accountId": account_id, "result": "triggered", "workflowId": name})

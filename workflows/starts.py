"""How executions are started, wherever that is done: their ids, queues, deadlines, and what the Temporal UI shows.

Only clients import this; no workflow does.
"""

from collections.abc import Sequence
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from overround.domain import ids
from overround.domain.clients import GLOBAL
from overround.domain.control import ControlStart
from overround.domain.messages import HedgedOrder, HedgeStart, OrderEvidence, OrderStart, Owner, QuoteSignal
from overround.domain.settling import SettlementStart
from workflows.attributes import attributes
from workflows.names import TASK_TIMEOUT, hedging

LATE = "only to book late evidence"
"""Why an owner that has finished runs once more."""


async def quote(client: Client, queue: str, owner: Owner, signal: QuoteSignal) -> None:
    """Signal the owner of a market's orders, starting it if it does not run."""
    await _tell_owner(client, queue, OrderStart(owner), "quote", signal)


async def late_evidence(client: Client, queue: str, owner: Owner, items: Sequence[OrderEvidence]) -> None:
    """Start an owner that has finished, to take the evidence and end; one that runs is signalled."""
    await _tell_owner(client, queue, OrderStart(owner, closing=LATE), "evidence", list(items))


async def _tell_owner(client: Client, queue: str, start: OrderStart, signal: str, argument: object) -> None:
    owner = start.owner
    await client.start_workflow(
        "OrderWorkflow",
        start,
        id=ids.order_workflow(owner.account_id, owner.fixture_id, owner.market_id),
        task_queue=queue,
        task_timeout=TASK_TIMEOUT,
        start_signal=signal,
        start_signal_args=[argument],
        static_summary=f"{owner.title} on {owner.exchange}",
        search_attributes=_traded(owner, "QUIET"),
    )


async def tell_hedge(client: Client, queue: str, order: HedgedOrder, signal: str, argument: object) -> None:
    """Signal an order's hedge, on the hedging queue beside ``queue``; started if this is the first it hears."""
    await client.start_workflow(
        "HedgeWorkflow",
        HedgeStart(order),
        id=ids.hedge_workflow(order.client_order_id),
        task_queue=hedging(queue),
        task_timeout=TASK_TIMEOUT,
        start_signal=signal,
        start_signal_args=[argument],
        static_summary=f"Back outcome {order.outcome_id} of {order.title or order.fixture_id} ({order.exchange})",
        search_attributes=_traded(order, "HEDGING"),
    )


def _traded(what: Owner | HedgedOrder, state: str) -> TypedSearchAttributes:
    return attributes(
        client=what.client,
        exchange=what.exchange,
        account=what.account_id,
        fixture=what.fixture_id,
        market=str(what.market_id),
        state=state,
        title=what.title,
    )


async def settle(client: Client, queue: str, start: SettlementStart, title: str, sport: str) -> None:
    """Start a fixture's settlement, unless it runs or has ended well."""
    try:
        await client.start_workflow(
            "SettlementWorkflow",
            start,
            id=ids.settlement_workflow(start.fixture_id),
            task_queue=queue,
            task_timeout=TASK_TIMEOUT,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"Settle {title} ({sport})",
            search_attributes=attributes(fixture=start.fixture_id, state="WAITING", title=title),
        )
    except WorkflowAlreadyStartedError:
        return


def control(queue: str, scope: str) -> WithStartWorkflowOperation[Any, None]:
    """What an update of the trading state of ``scope`` (a client, or ``GLOBAL``) starts if it never ran."""
    return WithStartWorkflowOperation(
        "ControlWorkflow",
        ControlStart(scope),
        id=ids.control_workflow(scope),
        task_queue=queue,
        task_timeout=TASK_TIMEOUT,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"Trading state of {scope}",
        search_attributes=attributes(client="" if scope == GLOBAL else scope),
    )

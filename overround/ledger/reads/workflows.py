"""Which Temporal workflows own an order, its hedge and its settlement."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.reads.page import Item
from overround.ledger.tables import fixture_settlements, hedges, orders


async def workflows_of(connection: AsyncConnection, client: str, order_id: int) -> list[Item] | None:
    """``kind``, ``workflowId`` and ``runId`` (None: the newest run) of each; None for another client's."""
    query = (
        select(
            orders.c.workflow_id,
            orders.c.run_id,
            hedges.c.workflow_id.label("hedge"),
            hedges.c.run_id.label("hedge_run"),
            fixture_settlements.c.workflow_id.label("settlement"),
        )
        .select_from(
            orders.outerjoin(hedges, hedges.c.client_order_id == orders.c.client_order_id).outerjoin(
                fixture_settlements, fixture_settlements.c.fixture_id == orders.c.fixture_id
            )
        )
        .where(orders.c.client == client, orders.c.order_id == order_id)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    named = (
        ("order", row.workflow_id, row.run_id),
        ("hedge", row.hedge, row.hedge_run),
        ("settlement", row.settlement, None),
    )
    return [{"kind": kind, "workflowId": name, "runId": run} for kind, name, run in named if name]

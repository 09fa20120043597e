"""From an order to the Temporal workflows that own it."""

from urllib.parse import quote

from fastapi import Request

from api.context import Reader, context_of
from api.errors import absent
from api.exact import ExactJSON
from api.limits import Caller
from api.parameters import RowId
from api.routing import ABSENT, router
from api.schemas.desk import OrderWorkflows
from overround.ledger.reads import workflows as reads
from overround.settings import Settings

routes = router("Orders & Bets")


def page_of(settings: Settings, workflow_id: str, run_id: str | None) -> str | None:
    """Where the Temporal UI shows this run, or the newest one; None when no UI is configured."""
    if not settings.temporal_ui_url:
        return None
    namespace, name = quote(settings.temporal_namespace, safe=""), quote(workflow_id, safe="")
    page = f"{settings.temporal_ui_url.rstrip('/')}/namespaces/{namespace}/workflows/{name}"
    return page if run_id is None else f"{page}/{quote(run_id, safe='')}/history"


@routes.get("/orders/{orderId}/workflows", response_model=OrderWorkflows, responses=ABSENT)
async def list_order_workflows(
    caller: Caller,
    reader: Reader,
    request: Request,
    orderId: RowId,  # noqa: N803 - the documented name
) -> ExactJSON:
    """The workflows that placed, hedged and settle an order, each with its page in the Temporal UI."""
    found = await reads.workflows_of(reader, caller.client, orderId)
    if found is None:
        raise absent("Order")
    settings = context_of(request).settings
    items = [{**item, "url": page_of(settings, item["workflowId"], item["runId"])} for item in found]
    return ExactJSON({"orderId": orderId, "items": items})

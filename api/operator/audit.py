"""The audit log: every change an operator makes is written down in the transaction that makes it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query

from api.context import Reader
from api.exact import ExactJSON
from api.operator.access import Caller, Operator, Writer
from api.operator.listing import listed
from api.operator.parameters import MaybeClient
from api.operator.routing import router
from api.operator.schemas.running import Change
from api.parameters import VISIBLE, PageWindow
from api.schemas import Page
from overround.ledger import trail
from overround.ledger.events import Row
from overround.ledger.tables import changes

routes = router()
MaybeKind = Annotated[str | None, Query(pattern=VISIBLE, max_length=60, examples=["key.issue"])]
MaybeBy = Annotated[str | None, Query(alias="changedBy", max_length=200, pattern=r"^[^\x00]*$")]


async def note(
    writer: Writer,
    operator: Operator,
    kind: str,
    subject: str,
    client: str | None,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """Write down a change. ``old`` and ``new`` are answers' objects, which never hold anything secret."""
    body = {"old": None if old is None else dict(old), "new": None if new is None else dict(new)}
    await trail.record(writer, operator.by, kind, subject, client, {**body, "operatorKeyId": operator.key_id})


def _shown(row: Row) -> dict[str, Any]:
    return {
        "changeId": row["change_id"],
        "client": row["client"],
        "kind": row["kind"],
        "subject": row["subject"],
        "changedBy": row["changed_by"],
        "changedAt": row["changed_at"],
        "detail": trail.detail(row),
    }


@routes.get("/audit", response_model=Page[Change])
async def list_changes(
    caller: Caller,
    reader: Reader,
    window: PageWindow,
    client: MaybeClient = None,
    kind: MaybeKind = None,
    changed_by: MaybeBy = None,
) -> ExactJSON:
    """Who changed or commanded what, newest first; also what clients changed themselves."""
    query = trail.recorded(client, kind, changed_by)
    return await listed(reader, "audit", query, (changes.c.change_id,), window, _shown)

"""Alarms, and the health of every part."""

import json
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request

from api.context import Reader, context_of
from api.errors import Refusal, absent
from api.exact import ExactJSON
from api.operator.access import Caller, Writer
from api.operator.audit import note
from api.operator.listing import listed
from api.operator.parameters import MaybeClient
from api.operator.routing import ABSENT, CONFLICT, router
from api.operator.schemas.running import Alarm, SystemHealth
from api.operator.workflows import answers
from api.parameters import MAX_ID, VISIBLE, PageWindow
from api.schemas import Page
from overround.ledger import alarms as ledger
from overround.ledger import vitals
from overround.ledger.events import Row
from overround.ledger.heartbeats import DEAD_SECONDS, WORKERS
from overround.ledger.tables import alarms

routes = router()
SHOWN = ("streamers", "feed", *WORKERS)
WELL = ("connected", "starting")
Which = Annotated[Literal["open", "all"], Query(description="Those that are open, or every one ever raised.")]
MaybeKind = Annotated[str | None, Query(pattern=VISIBLE, max_length=60, examples=["naked"])]
PathAlarm = Annotated[int, Path(alias="alarmId", ge=1, le=MAX_ID)]


def _alarm(row: Row) -> dict[str, Any]:
    return {
        "alarmId": row["alarm_id"],
        "kind": row["kind"],
        "subject": row["subject"],
        "message": row["message"],
        "client": row["client"],
        "raisedAt": row["raised_at"],
        "clearedAt": row["cleared_at"],
    }


@routes.get("/alarms", response_model=Page[Alarm])
async def list_alarms(
    caller: Caller,
    reader: Reader,
    window: PageWindow,
    state: Which = "open",
    kind: MaybeKind = None,
    client: MaybeClient = None,
) -> ExactJSON:
    """What a person must know, newest first; docs/operations.md says what each kind asks for."""
    query = ledger.listed(client, kind, history=state == "all")
    return await listed(reader, "alarms", query, (alarms.c.alarm_id,), window, _alarm)


@routes.post("/alarms/{alarmId}/clear", response_model=Alarm, responses={**ABSENT, **CONFLICT})
async def clear_alarm(caller: Caller, writer: Writer, alarm_id: PathAlarm) -> ExactJSON:
    """Say that an alarm was dealt with. It is raised again if its cause is still there."""
    found = await ledger.close_alarm(writer, alarm_id)
    if found is None:
        raise absent("Alarm")
    row, was_open = found
    if not was_open:
        raise Refusal(409, f"Alarm {alarm_id} is over already")
    await note(writer, caller, "alarm.clear", str(alarm_id), row["client"], new=_alarm(row))
    return ExactJSON(_alarm(row))


@routes.get("/health", response_model=SystemHealth)
async def get_operator_health(caller: Caller, reader: Reader, request: Request) -> ExactJSON:
    """Signs of life of every part and every active account, and how much waits for a person."""
    beats = await vitals.beats(reader)
    parts = [_part(name, beats.get(name)) for name in sorted({*SHOWN, *beats}, key=_place)]
    venues = [_venue(row) for row in await vitals.venues(reader)]
    counts = await vitals.counts(reader)
    service = await answers(context_of(request))
    well = all(part["alive"] for part in parts if part["name"] in SHOWN) and all(
        venue["status"] in WELL for venue in venues
    )
    return ExactJSON(
        {"healthy": well and service == "answers", "workflowService": service, "parts": parts, "venues": venues}
        | counts
    )


def _place(name: str) -> tuple[int, str]:
    return (SHOWN.index(name) if name in SHOWN else len(SHOWN), name)


def _part(name: str, row: Row | None) -> dict[str, Any]:
    if row is None:
        return {"name": name, "alive": False, "at": None, "ageSeconds": None, "detail": {}}
    alive = row["age"] <= DEAD_SECONDS
    return {"name": name, "alive": alive, "at": row["at"], "ageSeconds": row["age"], "detail": _exact(row["detail"])}


def _exact(detail: Any) -> Any:
    return json.loads(json.dumps(detail), parse_float=Decimal)


def _venue(row: Row) -> dict[str, Any]:
    return {
        "accountId": row["account_id"],
        "kind": row["kind"],
        "venue": row["venue"],
        "client": row["client"],
        "status": row["status"],
        "statusReason": row["status_reason"],
        "balanceAgeSeconds": row["age"],
    }

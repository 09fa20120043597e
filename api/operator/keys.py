"""API keys: issue, rotate, revoke, list. A key is shown once; afterwards nobody can show it."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Body, Request
from sqlalchemy import select

from api.context import Reader, context_of
from api.errors import Refusal, absent, invalid
from api.exact import ExactJSON
from api.operator.access import Caller, Writer
from api.operator.audit import note
from api.operator.clients import known
from api.operator.listing import listed
from api.operator.parameters import MaybeClient, PathKey
from api.operator.routing import ABSENT, CONFLICT, router, shown_once
from api.operator.schemas.people import Key, KeyShown, NewKey, Rotation
from api.parameters import NullIsEmpty, PageWindow
from api.schemas import Page
from overround.ledger import keys as ledger
from overround.ledger.events import Row
from overround.ledger.tables import api_keys

routes = router()


def _shown(row: Row) -> dict[str, Any]:
    return {
        "keyId": row["key_id"],
        "kind": row["kind"],
        "client": row["client"],
        "label": row["label"],
        "state": ledger.state(row),
        "createdAt": row["created_at"],
        "expiresAt": row["expires_at"],
        "lastUsedAt": row["last_used_at"],
        "revokedAt": row["revoked_at"],
    }


async def _found(writer: Writer, key_id: int) -> dict[str, Any]:
    row = await ledger.find_shown(writer, key_id)
    if row is None:
        raise absent("Key")
    return _shown(row)


@routes.get("/keys", response_model=Page[Key])
async def list_keys(caller: Caller, reader: Reader, window: PageWindow, client: MaybeClient = None) -> ExactJSON:
    """Every key ever issued, newest first, without any part of the key itself."""
    query = select(*ledger.SHOWN)
    if client is not None:
        query = query.where(api_keys.c.client == client)
    return await listed(reader, "keys", query, (api_keys.c.key_id,), window, _shown)


@routes.post("/keys", response_model=KeyShown, responses=ABSENT)
async def issue_key(caller: Caller, writer: Writer, request: Request, body: NewKey) -> ExactJSON:
    """A new key. This answer is the only one that ever holds it."""
    if (body.client is None) != (body.kind == "operator"):
        raise invalid("a client's key names its client, an operator's key names none", "client")
    if body.client is not None:
        await known(writer, body.client)
    pepper = context_of(request).settings.secret_key
    made = await ledger.issue_key(writer, pepper, body.kind, body.client, body.label)
    shown = await _found(writer, made.key_id)
    await note(writer, caller, "key.issue", str(made.key_id), body.client, new=shown)
    return shown_once({**shown, "key": made.key})


@routes.post("/keys/{keyId}/rotate", response_model=KeyShown, responses={**ABSENT, **CONFLICT})
async def rotate_key(
    caller: Caller,
    writer: Writer,
    request: Request,
    key_id: PathKey,
    body: Annotated[Rotation, NullIsEmpty, Body(default_factory=Rotation)],
) -> ExactJSON:
    """A new key for the same client and label; the old one works for ``graceSeconds`` more, also 0."""
    grace = timedelta(seconds=body.grace_seconds)
    old = await _found(writer, key_id)
    made = await ledger.rotate_key(writer, context_of(request).settings.secret_key, key_id, grace)
    if made is None:
        raise Refusal(409, f"Key {key_id} is {(await _found(writer, key_id))['state']}: issue a new one")
    shown = await _found(writer, made.key_id)
    await note(writer, caller, "key.rotate", str(key_id), old["client"], old=old, new=shown)
    return shown_once({**shown, "key": made.key})


@routes.post("/keys/{keyId}/revoke", response_model=Key, responses={**ABSENT, **CONFLICT})
async def revoke_key(caller: Caller, writer: Writer, key_id: PathKey) -> ExactJSON:
    """End a key now; API processes notice within two seconds, and its sockets are closed at their next heartbeat."""
    old = await _found(writer, key_id)
    if not await ledger.revoke_key(writer, key_id):
        raise Refusal(409, f"Key {key_id} is revoked already")
    new = await _found(writer, key_id)
    await note(writer, caller, "key.revoke", str(key_id), old["client"], old=old, new=new)
    return ExactJSON(new)

"""API keys: UUIDs of 122 random bits, kept only as HMAC-SHA256 digests under a pepper (stack sheet, section 6)."""

import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import SecretStr
from sqlalchemy import ColumnElement, RowMapping, and_, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.tables import api_keys, clients

KeyKind = Literal["client", "operator"]
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


SHOWN = tuple(
    api_keys.c[name]
    for name in ("key_id", "kind", "client", "label", "created_at", "expires_at", "last_used_at", "revoked_at")
)
"""What may be told of a key: nothing that helps to guess it."""
USED_EVERY = timedelta(minutes=1)
"""How exactly the last use of a key is known: noting every use would be a write per request."""


class BadKey(ValueError):
    """Text that is not a UUID; the text itself is never in the message."""


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whom a live key speaks for. An operator's key has no ``client`` and its label as ``name``; ``stale`` when its
    use has not been noted for a minute."""

    key_id: int
    kind: KeyKind
    client: str
    name: str
    active: bool
    stale: bool = False


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, in clear this once."""

    key_id: int
    key: str = field(repr=False)


def canonical(key: str) -> str:
    """The key in lower case, or ``BadKey``."""
    lowered = key.strip().lower()
    if not UUID_FORM.fullmatch(lowered):
        raise BadKey("an API key is a UUID")
    return lowered


def digest(key: str, pepper: SecretStr) -> bytes:
    """HMAC-SHA256 of the canonical key under ``pepper`` (``Settings.secret_key``)."""
    return hmac.new(pepper.get_secret_value().encode(), canonical(key).encode(), hashlib.sha256).digest()


async def create_key(connection: AsyncConnection, pepper: SecretStr, kind: KeyKind, client: str | None) -> str:
    """A new key, shown this once: the ledger keeps its digest and last four characters."""
    key = str(uuid.uuid4())
    await store_key(connection, pepper, key, kind, client)
    return key


async def store_key(
    connection: AsyncConnection, pepper: SecretStr, key: str, kind: KeyKind, client: str | None
) -> None:
    """Make ``key`` valid for ``client`` (None for an operator); harmless to repeat, and never revives a revoked key."""
    values = _row(pepper, key, kind, client)
    await connection.execute(insert(api_keys).values(values).on_conflict_do_nothing(index_elements=["digest"]))


def _row(pepper: SecretStr, key: str, kind: KeyKind, client: str | None) -> dict[str, Any]:
    if (client is None) != (kind == "operator"):
        raise ValueError("a client's key names its client, an operator's key names none")
    return {"digest": digest(key, pepper), "last4": canonical(key)[-4:], "kind": kind, "client": client}


async def issue_key(
    connection: AsyncConnection, pepper: SecretStr, kind: KeyKind, client: str | None, label: str
) -> IssuedKey:
    """A new key with a label that says whose or what for."""
    key = str(uuid.uuid4())
    values = {**_row(pepper, key, kind, client), "label": label}
    statement = insert(api_keys).values(values).returning(api_keys.c.key_id)
    return IssuedKey((await connection.execute(statement)).scalar_one(), key)


async def rotate_key(connection: AsyncConnection, pepper: SecretStr, key_id: int, grace: timedelta) -> IssuedKey | None:
    """A key in place of ``key_id``, which ends after ``grace``; None when that one has ended or is ending."""
    query = (
        update(api_keys)
        .where(api_keys.c.key_id == key_id, _alive(), api_keys.c.expires_at.is_(None))
        .values(expires_at=func.now() + literal(grace))
        .returning(api_keys.c.kind, api_keys.c.client, api_keys.c.label)
    )
    old = (await connection.execute(query)).one_or_none()
    return None if old is None else await issue_key(connection, pepper, old.kind, old.client, old.label)


def _alive() -> ColumnElement[bool]:
    ends = api_keys.c.expires_at
    return and_(api_keys.c.revoked_at.is_(None), or_(ends.is_(None), ends > func.clock_timestamp()))


async def find_owner(connection: AsyncConnection, key_digest: bytes) -> KeyOwner | None:
    """Whose key has this digest, None when it is unknown, revoked or past its end."""
    used = api_keys.c.last_used_at
    stale = or_(used.is_(None), used < func.clock_timestamp() - literal(USED_EVERY))
    query = (
        select(
            api_keys.c.key_id,
            api_keys.c.kind,
            api_keys.c.label,
            clients.c.client,
            clients.c.name,
            clients.c.active,
            stale.label("stale"),
        )
        .select_from(api_keys.outerjoin(clients, clients.c.client == api_keys.c.client))
        .where(api_keys.c.digest == key_digest, _alive())
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    if row.client is None:
        return KeyOwner(row.key_id, row.kind, "", row.label, True, row.stale)
    return KeyOwner(row.key_id, row.kind, row.client, row.name, row.active, row.stale)


async def note_use(connection: AsyncConnection, key_id: int) -> None:
    """A key was used about now."""
    used = update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at=func.now())
    await connection.execute(used)


async def find_key(connection: AsyncConnection, pepper: SecretStr, key: str) -> KeyOwner | None:
    """The owner of ``key``, None when it is unknown or has ended; ``BadKey`` when it is not a UUID."""
    return await find_owner(connection, digest(key, pepper))


async def revoke_key(connection: AsyncConnection, key_id: int) -> bool:
    """End a key; returns whether it was alive. API processes notice within their cache's few seconds."""
    query = (
        update(api_keys)
        .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(api_keys.c.key_id)
    )
    return (await connection.execute(query)).one_or_none() is not None


def state(row: Mapping[str, Any] | RowMapping) -> str:
    """``live``, ``ending`` (its grace runs), ``ended`` or ``revoked``."""
    if row["revoked_at"] is not None:
        return "revoked"
    if row["expires_at"] is None:
        return "live"
    return "ending" if row["expires_at"] > datetime.now(UTC) else "ended"


async def find_shown(connection: AsyncConnection, key_id: int) -> RowMapping | None:
    """What may be told of one key."""
    return (await connection.execute(select(*SHOWN).where(api_keys.c.key_id == key_id))).mappings().one_or_none()

"""API keys: UUIDs of 122 random bits, kept only as HMAC-SHA256 digests under a pepper (stack sheet, section 6)."""

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.tables import api_keys, clients

KeyKind = Literal["client", "operator"]
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class BadKey(ValueError):
    """Text that is not a UUID; the text itself is never in the message."""


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whom a live key speaks for. ``client`` and ``name`` are empty for an operator's key."""

    key_id: int
    kind: KeyKind
    client: str
    name: str
    active: bool


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
    if (client is None) != (kind == "operator"):
        raise ValueError("a client's key names its client, an operator's key names none")
    values = {"digest": digest(key, pepper), "last4": canonical(key)[-4:], "kind": kind, "client": client}
    await connection.execute(insert(api_keys).values(values).on_conflict_do_nothing(index_elements=["digest"]))


async def find_owner(connection: AsyncConnection, key_digest: bytes) -> KeyOwner | None:
    """Whose key has this digest, None when it is unknown or revoked."""
    query = (
        select(api_keys.c.key_id, api_keys.c.kind, clients.c.client, clients.c.name, clients.c.active)
        .select_from(api_keys.outerjoin(clients, clients.c.client == api_keys.c.client))
        .where(api_keys.c.digest == key_digest, api_keys.c.revoked_at.is_(None))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    if row.client is None:
        return KeyOwner(row.key_id, row.kind, "", "", True)
    return KeyOwner(row.key_id, row.kind, row.client, row.name, row.active)


async def find_key(connection: AsyncConnection, pepper: SecretStr, key: str) -> KeyOwner | None:
    """The owner of ``key``, None when it is unknown or revoked; ``BadKey`` when it is not a UUID."""
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

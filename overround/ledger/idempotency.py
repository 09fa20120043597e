"""Answers given once: what an ``Idempotency-Key`` stands for, shared by every API process and kept for a day."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

FORGET = text(
    "DELETE FROM idempotency_keys WHERE ctid IN (SELECT ctid FROM idempotency_keys "
    "WHERE claimed_at < now() - interval '1 day' ORDER BY (subject, key) <> (:subject, :key) LIMIT 100 "
    "FOR UPDATE SKIP LOCKED)"
)
CLAIM = text(
    "INSERT INTO idempotency_keys AS held (subject, key, fingerprint) VALUES (:subject, :key, :fingerprint) "
    "ON CONFLICT (subject, key) DO UPDATE SET claimed_at = now() "
    "WHERE held.status IS NULL AND held.fingerprint = excluded.fingerprint "
    "AND held.claimed_at < now() - :lease "
    "RETURNING request_id, xmax <> 0 AS resumed"
)
HELD = text("SELECT fingerprint, status, body FROM idempotency_keys WHERE subject = :subject AND key = :key")
ANSWER = text("UPDATE idempotency_keys SET status = :status, body = :body WHERE subject = :subject AND key = :key")
RELEASE = text(
    "UPDATE idempotency_keys SET claimed_at = now() - :lease WHERE subject = :subject AND key = :key AND status IS NULL"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Ours to answer. ``resumed`` when somebody began and died, or gave up, under the same ``request_id``."""

    request_id: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody else's: another request (``other``), one being answered (``busy``), or an answer given."""

    state: Literal["other", "busy", "answered"]
    status: int = 0
    body: str = ""


async def claim(
    connection: AsyncConnection, subject: str, key: str, fingerprint: bytes, lease: timedelta
) -> Claim | Held:
    """Take the key, or say who has it. A claim not answered within ``lease`` may be taken over."""
    values = {"subject": subject, "key": key}
    await connection.execute(FORGET, values)
    won = await connection.execute(CLAIM, {**values, "fingerprint": fingerprint, "lease": lease})
    row = won.one_or_none()
    if row is not None:
        return Claim(str(row.request_id), row.resumed)
    return _held((await connection.execute(HELD, values)).mappings().one_or_none(), fingerprint)


def _held(row: RowMapping | None, fingerprint: bytes) -> Held:
    if row is None or (row["status"] is None and row["fingerprint"] == fingerprint):
        return Held("busy")
    if row["fingerprint"] != fingerprint:
        return Held("other")
    return Held("answered", row["status"], row["body"])


async def answer(connection: AsyncConnection, subject: str, key: str, status: int, body: str) -> None:
    """Keep the answer for whoever asks again."""
    await connection.execute(ANSWER, {"subject": subject, "key": key, "status": status, "body": body})


async def release(connection: AsyncConnection, subject: str, key: str, lease: timedelta) -> None:
    """Nothing final was said: the next request under the key may try at once."""
    await connection.execute(RELEASE, {"subject": subject, "key": key, "lease": lease})

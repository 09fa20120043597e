"""The trading gate: the flags that forbid new quotes, checked in the transaction that claims an order."""

from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.clients import GLOBAL
from overround.ledger import tables as t


async def hold(connection: AsyncConnection) -> None:
    """Keep every gate as it is until the transaction ends: a gate closes before or after a claim, never inside it.

    Whoever closes one waits for the claims under way, so that the owners it then tells include theirs.
    """
    await connection.execute(text("LOCK TABLE gates IN SHARE MODE"))


async def closed_because(connection: AsyncConnection, client: str) -> str | None:
    """Why ``client`` may not quote now, the gravest reason first; None when it may (mm-api sheet, section 5.10)."""
    rows = await connection.execute(select(t.gates).where(or_(t.gates.c.scope == GLOBAL, t.gates.c.scope == client)))
    reasons = [reason for row in rows for reason in _reasons(row)]
    return min(reasons)[1] if reasons else None


def _reasons(row: object) -> list[tuple[int, str]]:
    everyone = getattr(row, "scope") == GLOBAL  # noqa: B009 - SQLAlchemy rows are untyped
    flags = (
        ("emergency", 0, "emergency"),
        ("stopped", 1 if everyone else 3, "system stopped" if everyone else "stopped"),
        ("soft_paused", 2, "soft paused"),
        ("paused", 4, "paused"),
    )
    return [(rank, word) for flag, rank, word in flags if getattr(row, flag)]

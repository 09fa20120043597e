"""The audit: what operators changed, from what to what. Rows are only ever added."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, Select, Text, cast, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.encoding import dumps
from overround.ledger.tables import api_keys, changes

WRITE = text(
    "INSERT INTO changes (client, kind, subject, body, changed_by) "
    "VALUES (:client, :kind, :subject, CAST(:body AS jsonb), :by)"
)


async def record(
    connection: AsyncConnection, by: str, kind: str, subject: str, client: str | None, body: Mapping[str, Any]
) -> None:
    """Add one row, in the transaction that makes the change."""
    values = {"client": client, "kind": kind, "subject": subject, "body": dumps(dict(body)).decode(), "by": by}
    await connection.execute(WRITE, values)


def recorded(client: str | None, kind: str | None, by: str | None) -> Select[Any]:
    """The rows that pass; numbers in ``detail`` are read by ``detail``, not by the driver, which would round them."""
    query = select(
        changes.c.change_id,
        changes.c.client,
        changes.c.kind,
        changes.c.subject,
        changes.c.changed_by,
        changes.c.changed_at,
        cast(changes.c.body, Text).label("detail"),
    )
    for column, value in ((changes.c.client, client), (changes.c.kind, kind), (changes.c.changed_by, by)):
        if value is not None:
            query = query.where(column == value)
    return query


def detail(row: Mapping[str, Any] | RowMapping) -> Any:
    """What a row of ``recorded`` says of the change, numbers as decimals."""
    return None if row["detail"] is None else json.loads(row["detail"], parse_float=Decimal)


async def label_of(connection: AsyncConnection, key_id: int) -> str:
    """What a key is called by those who issued it; empty when it has no name."""
    query = select(api_keys.c.label).where(api_keys.c.key_id == key_id)
    return str((await connection.execute(query)).scalar_one_or_none() or "")

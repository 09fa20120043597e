"""One page of any operator's list, newest first, by number or by cursor."""

from typing import Any

from sqlalchemy import Column, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.exact import ExactJSON
from overround.ledger.reads.page import Build, Window, cursor, page_of


async def listed(
    reader: AsyncConnection, name: str, query: Select[Any], key: tuple[Column[Any], ...], window: Window, build: Build
) -> ExactJSON:
    """``query`` by ``key``, its columns never changing and all descending; ``name`` is the list's own in cursors."""
    total = (await reader.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    after = window.after(name, *(column.type.python_type for column in key))
    if after is not None:
        query = query.where(tuple_(*key) < tuple_(*after))
    elif window.beyond(total):
        return ExactJSON(page_of([], window, total, build, str).body())
    found = await reader.execute(
        query.order_by(*(column.desc() for column in key)).offset(window.offset).limit(window.size + 1)
    )
    rows = found.mappings().all()
    page = page_of(rows, window, total, build, lambda row: cursor(name, *(row[column.name] for column in key)))
    return ExactJSON(page.body())

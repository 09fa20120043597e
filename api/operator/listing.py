"""One page of any operator's list, newest first, by number or by cursor."""

from typing import Any

from sqlalchemy import Column, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.exact import ExactJSON
from overround.ledger.reads import page
from overround.ledger.reads.page import Build, Window


async def listed(
    reader: AsyncConnection, name: str, query: Select[Any], key: tuple[Column[Any], ...], window: Window, build: Build
) -> ExactJSON:
    """``page.listed`` as an answer."""
    return ExactJSON((await page.listed(reader, name, query, key, window, build)).body())

"""Filters and pages shared by every list (mm-api sheet, sections 1 and 5.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep; None keeps all. Dates are inclusive UTC days of the order's creation."""

    fixture_id: str | None = None
    exchange: str | None = None
    bookmaker: str | None = None
    order_id: int | None = None
    statuses: tuple[str, ...] = ()
    from_date: date | None = None
    to_date: date | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which page: ``number`` counts from 1."""

    number: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list and how much there is in all."""

    items: list[Item]
    window: Window
    total: int

    def body(self) -> Item:
        """The pagination envelope (mm-api sheet, section 5.2)."""
        return {
            "items": self.items,
            "page": self.window.number,
            "pageSize": self.window.size,
            "total": self.total,
            "totalPages": -(-self.total // self.window.size),
        }


def within(column: Column[Any], from_date: date | None, to_date: date | None) -> list[ColumnElement[bool]]:
    """``column`` on the given UTC days, both ends included."""
    conditions: list[ColumnElement[bool]] = []
    if from_date is not None:
        conditions.append(column >= datetime.combine(from_date, time.min, UTC))
    if to_date is not None and to_date < date.max:
        conditions.append(column < datetime.combine(to_date + timedelta(days=1), time.min, UTC))
    return conditions


async def fetch_page(
    connection: AsyncConnection,
    query: Select[Any],
    order: tuple[ColumnElement[Any], ...],
    window: Window,
    build: Callable[[RowMapping], Item],
) -> Page:
    """One page of ``query`` in ``order``, each row turned into its API object by ``build``."""
    total = (await connection.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    offset = (window.number - 1) * window.size
    if offset >= total:
        return Page([], window, total)
    rows = await connection.execute(query.order_by(*order).limit(window.size).offset(offset))
    return Page([build(row) for row in rows.mappings()], window, total)

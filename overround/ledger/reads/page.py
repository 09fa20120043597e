"""Filters and pages shared by every list (mm-api sheet, sections 1 and 5.2).

A page is reached by its number or by the cursor of the page before. A cursor names the last row that was shown, by a
key that never changes: rows written meanwhile neither repeat nor hide others.
"""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

Item = dict[str, Any]
Build = Callable[[RowMapping], Item]
DEEPEST = 20_000
"""Rows that may lie before a page reached by its number: each of them must be walked over."""


class BadPage(ValueError):
    """A page that cannot be given; ``parameter`` is the one to blame, the message is for the caller."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


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

    @property
    def dated(self) -> bool:
        return self.from_date is not None or self.to_date is not None


@dataclass(frozen=True, slots=True)
class Window:
    """Which page: ``number`` counts from 1 and does not count when there is a ``cursor``."""

    number: int = 1
    size: int = 50
    cursor: str | None = None

    @property
    def offset(self) -> int:
        return 0 if self.cursor is not None else (self.number - 1) * self.size

    def after(self, name: str, *kinds: type) -> tuple[Any, ...] | None:
        """The key behind the cursor of the list ``name``, parts of these kinds; raises ``BadPage`` for any other."""
        if self.cursor is None:
            return None
        try:
            found, *key = json.loads(urlsafe_b64decode(self.cursor.encode("ascii")))
            parts = tuple(_part(kind, part) for kind, part in zip(kinds, key, strict=True))
        except (ValueError, TypeError, binascii.Error) as error:
            raise BadPage("cursor", "not a cursor of this list: pass on nextCursor as it came") from error
        if found != name:
            raise BadPage("cursor", "not a cursor of this list: pass on nextCursor as it came")
        return parts

    def beyond(self, total: int) -> bool:
        """Whether nothing of ``total`` rows is left for this page; raises ``BadPage`` where it lies too deep."""
        if self.offset < total and self.offset > DEEPEST:
            message = f"rows after the first {DEEPEST} are read with cursor: pass on nextCursor of the page before"
            raise BadPage("page", message)
        return self.offset >= total


def _part(kind: type, part: Any) -> Any:
    if kind is datetime:
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is None:
            raise ValueError("without an offset")
        return moment
    right = 0 <= part < 2**63 if type(part) is int else type(part) is str and "\x00" not in part
    if type(part) is not kind or not right:
        raise TypeError(kind.__name__)
    return part


def cursor(name: str, *key: Any) -> str:
    """What ``Window.after`` reads."""
    parts = [part.isoformat() if isinstance(part, datetime) else part for part in key]
    return urlsafe_b64encode(json.dumps([name, *parts], separators=(",", ":")).encode()).decode()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, how much there is in all, and where to go on; None at the end."""

    items: list[Item]
    window: Window
    total: int
    next_cursor: str | None = None

    def body(self) -> Item:
        """The pagination envelope (mm-api sheet, section 5.2) with ``nextCursor``."""
        return {
            "items": self.items,
            "page": self.window.number,
            "pageSize": self.window.size,
            "total": self.total,
            "totalPages": -(-self.total // self.window.size),
            "nextCursor": self.next_cursor,
        }


def page_of(
    rows: Sequence[RowMapping], window: Window, total: int, build: Build, mark: Callable[[RowMapping], str]
) -> Page:
    """A page from up to one row more than it holds; ``mark`` makes the cursor of a row."""
    shown = rows[: window.size]
    following = mark(shown[-1]) if len(rows) > window.size else None
    return Page([build(row) for row in shown], window, total, following)


async def listed(
    connection: AsyncConnection, name: str, query: Select[Any], key: Sequence[Column[Any]], window: Window, build: Build
) -> Page:
    """One page of ``query``, newest first and counted row by row: for lists that stay short, or are counted from an
    index. ``key`` are columns that never change, all descending; ``name`` is the list's own in cursors."""
    total = (await connection.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    after = window.after(name, *(column.type.python_type for column in key))
    if window.beyond(total):
        return Page([], window, total)
    if after is not None:
        query = query.where(tuple_(*key) < tuple_(*after))
    query = query.order_by(*(column.desc() for column in key)).limit(window.size + 1).offset(window.offset)
    rows = (await connection.execute(query)).mappings().all()
    return page_of(rows, window, total, build, lambda row: cursor(name, *(row[column.name] for column in key)))


async def by_number(
    connection: AsyncConnection,
    name: str,
    ids: Select[Any],
    number: Column[Any],
    window: Window,
    total: int,
    build: Build,
) -> Page:
    """The rows of ``number``'s table whose numbers ``ids`` picks, newest first; ``total`` is known already."""
    picked = ids.subquery("ids")
    query = select(number.table).join(picked, picked.c[number.name] == number).order_by(number.desc())
    rows = (await connection.execute(query)).mappings().all()
    return page_of(rows, window, total, build, lambda row: cursor(name, row[number.name]))


def within(column: Column[Any], from_date: date | None, to_date: date | None) -> list[ColumnElement[bool]]:
    """``column`` on the given UTC days, both ends included."""
    conditions: list[ColumnElement[bool]] = []
    if from_date is not None:
        conditions.append(column >= datetime.combine(from_date, time.min, UTC))
    if to_date is not None and to_date < date.max:
        conditions.append(column < datetime.combine(to_date + timedelta(days=1), time.min, UTC))
    return conditions


def on_days(column: Column[Any], filters: Filters) -> list[ColumnElement[bool]]:
    """A ``date`` column within the filters' days."""
    conditions: list[ColumnElement[bool]] = []
    if filters.from_date is not None:
        conditions.append(column >= filters.from_date)
    if filters.to_date is not None:
        conditions.append(column <= filters.to_date)
    return conditions

"""Requests a minute per client, counted in Postgres for all API processes together (mm-api sheet, section 4).

A client's minute starts with its first request: the limit is exact within it, and its end is what ``X-RateLimit-Reset``
says.
"""

import contextlib
import math
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from sqlalchemy import case, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from api.auth import HEADER
from api.context import context_of
from api.errors import Refusal
from overround.ledger.keys import BadKey, KeyOwner
from overround.ledger.tables import rate_windows

MINUTE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client has left. ``reset`` is unix seconds, ``wait`` whole seconds until then."""

    limit: int
    used: int
    reset: int
    wait: int

    @property
    def granted(self) -> bool:
        return self.used <= self.limit

    def headers(self) -> dict[str, str]:
        """The vendor's names and, beside them, the draft standard's."""
        left = max(0, self.limit - self.used)
        shown = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(self.reset),
            "RateLimit-Policy": f'"default";q={self.limit};w=60',
            "RateLimit": f'"default";r={left};t={self.wait}',
        }
        return shown if self.granted else {**shown, "Retry-After": str(self.wait)}


def _count(subject: str, limit: int) -> Any:
    """One statement, correct under concurrency: start a minute or count in the running one."""
    now = func.clock_timestamp()
    over = rate_windows.c.started_at <= now - literal(MINUTE)
    first = insert(rate_windows).values(subject=subject, started_at=now, used=1)
    return first.on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "used": case((over, 1), else_=func.least(rate_windows.c.used, limit) + 1),
            "started_at": case((over, now), else_=rate_windows.c.started_at),
        },
    ).returning(rate_windows.c.used, rate_windows.c.started_at, now.label("now"))


async def spend(engine: AsyncEngine, subject: str, limit: int) -> Allowance:
    """Count one request of ``subject``; ``engine`` commits each statement by itself."""
    async with engine.connect() as connection:
        row = (await connection.execute(_count(subject, limit))).one()
    return _allowance(row, limit, row.used)


def untouched(limit: int) -> Allowance:
    """A whole minute: what a caller nobody knows is shown, whose requests cost nothing."""
    return Allowance(limit, 0, math.ceil(time.time()) + 60, 60)


async def standing(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """The headers of an answer that did not get as far as counting; it costs nothing."""
    request = Request(scope)
    limit = context_of(request).settings.rest_limit_per_minute
    with contextlib.suppress(BadKey, SQLAlchemyError):
        if (subject := await _subject(request)) is not None:
            return (await _left(context_of(request).engine, subject, limit)).headers()
    return untouched(limit).headers()


async def _subject(request: Request) -> str | None:
    """Under which name the caller is counted."""
    keys = context_of(request).keys
    digest = keys.digest(request.headers.get("X-API-Key", ""))
    if (client := await keys.client_of(digest)) is not None:
        return f"client:{client.client}"
    operator = await keys.operator_of(digest)
    return None if operator is None else f"operator:{operator.key_id}"


async def _left(engine: AsyncEngine, subject: str, limit: int) -> Allowance:
    now = func.clock_timestamp()
    running = rate_windows.c.started_at > now - literal(MINUTE)
    asked = select(rate_windows.c.used, rate_windows.c.started_at, now.label("now"))
    async with engine.connect() as connection:
        row = (await connection.execute(asked.where(rate_windows.c.subject == subject, running))).first()
    return untouched(limit) if row is None else _allowance(row, limit, min(row.used, limit))


def _allowance(row: Any, limit: int, used: int) -> Allowance:
    ends: datetime = row.started_at + MINUTE
    wait = max(1, math.ceil((ends - row.now).total_seconds()))
    return Allowance(limit, used, math.ceil(ends.timestamp()), wait)


async def admit(request: Request, key: Annotated[str | None, Security(HEADER)]) -> KeyOwner:
    """The calling client, if its key is good and its minute is not used up."""
    owner = await context_of(request).keys.admit(key, "client")
    await charge(request, f"client:{owner.client}")
    return owner


async def charge(request: Request, subject: str) -> None:
    """Count a request of ``subject``, or refuse it with 429."""
    context = context_of(request)
    allowance = await spend(context.engine, subject, context.settings.rest_limit_per_minute)
    request.state.extra_headers = allowance.headers()
    if not allowance.granted:
        raise Refusal(429, f"Rate limit exceeded: {allowance.limit} requests per minute; retry in {allowance.wait} s")


Caller = Annotated[KeyOwner, Depends(admit)]

"""Requests a minute per client, counted in Postgres for all API processes together (mm-api sheet, section 4).

A client's minute starts with its first request: the limit is exact within it, and its end is what ``X-RateLimit-Reset``
says.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from sqlalchemy import case, func, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from api.auth import HEADER
from api.context import context_of
from api.errors import Refusal, unauthorised
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
    ends: datetime = row.started_at + MINUTE
    wait = max(1, math.ceil((ends - row.now).total_seconds()))
    return Allowance(limit, row.used, math.ceil(ends.timestamp()), wait)


async def admit(request: Request, key: Annotated[str | None, Security(HEADER)]) -> KeyOwner:
    """The calling client, if its key is good and its minute is not used up."""
    context = context_of(request)
    try:
        owner = await context.keys.client_of(context.keys.digest(key or ""))
    except BadKey:
        owner = None
    if owner is None:
        raise unauthorised()
    allowance = await spend(context.engine, f"client:{owner.client}", context.settings.rest_limit_per_minute)
    request.state.extra_headers = allowance.headers()
    if not allowance.granted:
        raise Refusal(429, f"Rate limit exceeded: {allowance.limit} requests per minute; retry in {allowance.wait} s")
    return owner


Caller = Annotated[KeyOwner, Depends(admit)]

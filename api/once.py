"""``Idempotency-Key``: the same key with the same body has the same answer, from whichever process, for a day.

The key belongs to the caller. A request that died half-way is taken over by the next one under its key, with the same
command id: what was accepted is not commanded twice.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

from api.context import Context, context_of
from api.errors import Refusal
from api.exact import ExactJSON
from api.limits import Caller
from overround.ledger import idempotency
from overround.ledger.encoding import dumps
from overround.ledger.idempotency import Claim

FINAL = frozenset({404, 409, 502})
"""Refusals that are answers; anything else may be tried again under the same key."""
PAUSE = 0.05
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]+$",
        max_length=255,
        description="Repeating a request under its key answers the same without doing it again; kept for a day.",
        examples=["5f0c7b1e-stop-1"],
    ),
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One go at a request. ``request_id`` names its command, ``resumed`` that an earlier go may have got anywhere."""

    request_id: str = ""
    resumed: bool = False


Work = Callable[[Attempt], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Once:
    """A request and the key it came with, if any."""

    context: Context
    subject: str
    key: str | None
    fingerprint: bytes

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.context.timing.lease)

    async def answer(self, work: Work, status: int = 200) -> Response:
        """The answer of ``work``, or the one given before."""
        if self.key is None:
            return ExactJSON(await work(Attempt()), status)
        taken = await self._take(self.key)
        if isinstance(taken, Response):
            return taken
        async with AsyncExitStack() as unless_answered:
            unless_answered.push_async_callback(self._let_go, self.key)
            try:
                body = dumps(await work(Attempt(taken.request_id, taken.resumed))).decode()
            except Refusal as refusal:
                unless_answered.pop_all()
                await self._refused(self.key, refusal)
                raise
            unless_answered.pop_all()
        await self._keep(self.key, status, body)
        return Response(body, status, media_type="application/json")

    async def _take(self, key: str) -> Claim | Response:
        """The right to answer, or the answer; waits for one that is being given."""
        lease = self._lease
        for _ in range(int((lease.total_seconds() + 5) / PAUSE)):
            async with self.context.engine.connect() as connection:
                found = await idempotency.claim(connection, self.subject, key, self.fingerprint, lease)
            if isinstance(found, Claim):
                return found
            if found.state == "other":
                raise Refusal(409, "This Idempotency-Key was used for another request")
            if found.state == "answered":
                return _again(found.status, found.body)
            await asyncio.sleep(PAUSE)
        raise Refusal(409, "The request with this Idempotency-Key is still being answered")

    async def _refused(self, key: str, refusal: Refusal) -> None:
        if refusal.status in FINAL:
            told = {"detail": refusal.detail, "extra": refusal.extra}
            await self._keep(key, refusal.status, dumps(told).decode())
        else:
            await self._release(key)

    async def _keep(self, key: str, status: int, body: str) -> None:
        async with self.context.engine.connect() as connection:
            await idempotency.answer(connection, self.subject, key, status, body)

    async def _let_go(self, key: str) -> None:
        """Release the key even while this task is being cancelled."""
        await asyncio.shield(self._release(key))

    async def _release(self, key: str) -> None:
        async with self.context.engine.connect() as connection:
            await idempotency.release(connection, self.subject, key, self._lease)


def _again(status: int, body: str) -> Response:
    if status in FINAL:
        told = json.loads(body, parse_float=Decimal)
        raise Refusal(status, told["detail"], {"Idempotent-Replayed": "true"}, told["extra"])
    return Response(body, status, {"Idempotent-Replayed": "true"}, "application/json")


async def fingerprint(request: Request) -> bytes:
    """What makes two requests the same: method, path and body."""
    said = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return hashlib.sha256(said).digest()


async def _once(request: Request, caller: Caller, key: IdempotencyKey = None) -> Once:
    return Once(context_of(request), f"client:{caller.client}", key, await fingerprint(request))


OnceOnly = Annotated[Once, Depends(_once)]

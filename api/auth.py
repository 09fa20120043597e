"""Who is calling: the ``X-API-Key`` header (mm-api sheet, section 2)."""

import contextlib
import time
from collections import OrderedDict
from typing import Literal

from fastapi.security import APIKeyHeader
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from api.errors import unauthorised
from overround.ledger.keys import BadKey, KeyOwner, digest, find_owner, note_use

HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="A client's API key, a UUID.")
OPERATOR_HEADER = APIKeyHeader(
    name="X-API-Key", scheme_name="OperatorKey", auto_error=False, description="An operator's API key, a UUID."
)
CACHED_KEYS = 10_000


class KeyRing:
    """Looks keys up and remembers the good ones for ``seconds``, so that a revocation bites within that time."""

    def __init__(self, engine: AsyncEngine, pepper: SecretStr, seconds: float) -> None:
        self._engine = engine
        self._pepper = pepper
        self._seconds = seconds
        self._known: OrderedDict[bytes, tuple[float, KeyOwner]] = OrderedDict()

    def digest(self, key: str) -> bytes:
        """What stands for ``key`` in memory and in the ledger; raises ``BadKey`` when it is not a UUID."""
        return digest(key, self._pepper)

    async def admit(self, key: str | None, kind: Literal["client", "operator"]) -> KeyOwner:
        """Whose key this is; raises 401 unless it is a good one of that kind."""
        find = self.client_of if kind == "client" else self.operator_of
        owner = None
        with contextlib.suppress(BadKey):
            owner = await find(self.digest(key or ""))
        if owner is None:
            raise unauthorised()
        return owner

    async def client_of(self, key_digest: bytes) -> KeyOwner | None:
        """The active client behind a key, None for unknown, revoked and operators' keys and for inactive clients."""
        owner = await self._owner(key_digest)
        return owner if owner is not None and owner.kind == "client" and owner.active else None

    async def operator_of(self, key_digest: bytes) -> KeyOwner | None:
        """The operator behind a key, None for unknown, revoked and clients' keys."""
        owner = await self._owner(key_digest)
        return owner if owner is not None and owner.kind == "operator" else None

    async def _owner(self, key_digest: bytes) -> KeyOwner | None:
        kept = self._known.get(key_digest)
        if kept is not None and time.monotonic() - kept[0] < self._seconds:
            return kept[1]
        async with self._engine.connect() as connection:
            owner = await find_owner(connection, key_digest)
            if owner is not None and owner.stale:
                await note_use(connection, owner.key_id)
        self._known.pop(key_digest, None)
        if owner is not None:
            self._known[key_digest] = (time.monotonic(), owner)
            while len(self._known) > CACHED_KEYS:
                self._known.popitem(last=False)
        return owner

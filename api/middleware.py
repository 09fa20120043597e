"""What happens to every request before and after its handler: request id, both spellings, late headers."""

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OLD_SPELLINGS = {
    "fixture_id": "fixtureId",
    "from_date": "fromDate",
    "to_date": "toDate",
    "page_size": "pageSize",
    "order_id": "orderId",
}
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def respell(query: bytes) -> bytes:
    """The query in the newest spelling (mm-api sheet, section 1); of a parameter given in both, camelCase counts."""
    if not any(old.encode() in query for old in OLD_SPELLINGS):
        return query
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    given = {name for name, _ in pairs}
    kept = [
        (OLD_SPELLINGS.get(name, name), value)
        for name, value in pairs
        if name not in OLD_SPELLINGS or OLD_SPELLINGS[name] not in given
    ]
    return urlencode(kept, encoding="latin-1").encode()


class Envelope:
    """Pure ASGI: a request id on every answer and log line, taken from the client if it looks sane, and the rate
    headers on every answer of the API; ``standing`` knows them where the handler did not come to it."""

    def __init__(self, app: ASGIApp, standing: Callable[[Scope], Awaitable[dict[str, str]]]) -> None:
        self._app = app
        self._standing = standing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = _request_id(scope)
        scope["query_string"] = respell(scope.get("query_string", b""))

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = state["request_id"]
                headers.update(await self._extra(scope))
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=state["request_id"]):
            try:
                await self._app(scope, receive, finish)
            except Exception:
                await self._extra(scope)  # the answer to a crash is made outside of here, from the state
                raise

    async def _extra(self, scope: Scope) -> dict[str, str]:
        state: dict[str, Any] = scope["state"]
        if "extra_headers" not in state:
            state["extra_headers"] = await self._standing(scope) if scope["path"].startswith("/api/") else {}
        return dict(state["extra_headers"])


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE_ID.fullmatch(text := value.decode("latin-1")):
            return str(text)
    return uuid.uuid4().hex

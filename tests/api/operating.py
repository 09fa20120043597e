"""An operator at the API, and what its tests plant and expect."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from json import loads
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from api.operator import PARTS
from tests.api.conftest import Api

PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
KEY_ID = "PLANTED-key-id-4711"
ABP_KEY = "PLANTED-abp-key-0815"
KALSHI: dict[str, Any] = {
    "client": "demo",
    "exchange": "kalshi",
    "endpoints": {"rest": "https://kalshi.invalid/trade-api/v2", "ws": "wss://kalshi.invalid/trade-api/ws/v2"},
    "secrets": {"key_id": KEY_ID, "private_key_pem": PEM},
    "options": {"tier": "basic"},
}
ABP: dict[str, Any] = {
    "client": "demo",
    "route": "abp",
    "endpoints": {"rest": "https://abp.invalid", "ws": "wss://abp.invalid/ws"},
    "secrets": {"api_key": ABP_KEY},
}
OPERATIONS = ("get", "post", "put", "patch", "delete")


@cache
def contracts() -> list[tuple[str, Any, TypeAdapter[Any]]]:
    """Method, path and the model of the answer, of every operator's endpoint; fixed paths before those with ids."""
    found = [route for part in PARTS for route in part.routes.routes if isinstance(route, APIRoute)]
    found.sort(key=lambda route: route.path.count("{"))
    return [
        (method, route.path_regex, TypeAdapter(route.response_model))
        for route in found
        for method in route.methods or ()
    ]


def hold(method: str, path: str, answer: httpx.Response) -> None:
    """A success is exactly what its endpoint documents: every field, of its kind, and nothing besides."""
    for known, regex, model in contracts():
        if known == method and regex.match(f"/api/v1/operator{path}"):
            model.validate_json(answer.content)
            return
    raise AssertionError(f"nothing documents {method} {path}")


class Desk:
    """Calls below ``/api/v1/operator`` with the operator's key. ``said`` keeps every answer."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.said: list[httpx.Response] = []

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """Any call; ``body`` is sent as JSON when given."""
        sent = {} if body is None else {"json": body}
        answer = await self._api.http.request(
            method,
            f"{self._api.url}/api/v1/operator{path}",
            params=query or None,
            headers={"X-API-Key": self._api.keys["operator"]},
            **sent,
        )
        self.said.append(answer)
        return answer

    async def ok(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The body of a call that succeeds, held against its contract; numbers as Decimals."""
        answer = await self.call(method, path, body, **query)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        hold(method, path, answer)
        return loads(answer.text, parse_float=Decimal)

    async def refused(self, status: int, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The detail of a call that is refused with ``status``."""
        answer = await self.call(method, path, body, **query)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["detail"]

    async def audit(self, **query: Any) -> list[dict[str, Any]]:
        """The newest changes."""
        found: list[dict[str, Any]] = (await self.ok("GET", "/audit", **query))["items"]
        return found


def secrets() -> Iterator[str]:
    """Everything planted, also line by line: a part of a key is a leak too."""
    yield KEY_ID
    yield ABP_KEY
    yield from (line for line in PEM.splitlines() if line and "-----" not in line)


def leaks(text: str, *more: str) -> list[str]:
    """Which planted secrets are in ``text``."""
    return [secret for secret in (*secrets(), *more) if secret in text]

"""Operators and clients have doors of their own, and no request of any shape breaks an operator's (issue 3)."""

import asyncio
import re
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy import select

from api.app import create_app
from api.operator import PARTS
from overround.ledger import tables as t
from overround.settings import Settings
from tests.api import rows
from tests.api.commanding import Engine, commanded
from tests.api.conftest import Api, running
from tests.api.operating import OPERATIONS, Desk
from tests.api.test_fuzz import BESIDE_A_SERVER, fuzz

PREFIX = "/api/v1/operator/"


@cache
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


class Reachable(Engine):
    """Carries out commands, and says that it is well."""

    service_client = property(lambda self: self)

    async def check_health(self) -> bool:
        return True


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of everything documented."""
    for path, methods in document()["paths"].items():
        yield from ((method, path, found) for method, found in methods.items() if method in OPERATIONS)


def filled(path: str) -> str:
    return re.sub(r"\{\w*(Id|client)\}", lambda found: "demo" if found[1] == "client" else "1", path)


def test_operators_have_a_path_a_tag_and_a_kind_of_key_of_their_own() -> None:
    for method, path, found in operations():
        ours = path.startswith(PREFIX)
        assert (found["tags"] == ["Operator"]) == ours, f"{method} {path}"
        assert (found["security"] == [{"OperatorKey": []}]) == ours
    schemes = document()["components"]["securitySchemes"]
    assert (schemes["OperatorKey"]["name"], schemes["OperatorKey"]["in"]) == ("X-API-Key", "header")


def test_every_operation_has_words_and_documents_what_it_may_refuse() -> None:
    for method, path, found in operations():
        if path.startswith(PREFIX):
            assert found["description"], path
            assert {"200", "401", "422", "429", "500"} <= set(found["responses"]), path
            assert ("404" in found["responses"]) == ("{" in path or path.endswith("/keys")) or method == "get", path
            body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for name in re.findall(r"schemas/(\w+)", str(body)):
                shape = document()["components"]["schemas"][name]
                assert shape.get("examples"), f"{name} has no example"


def test_every_example_is_a_body_its_endpoint_takes() -> None:
    tried = 0
    for part in PARTS:
        for route in part.routes.routes:
            if isinstance(route, APIRoute) and route.body_field is not None:
                kind: Any = next(
                    item
                    for item in (
                        *get_args(route.body_field.field_info.annotation),
                        route.body_field.field_info.annotation,
                    )
                    if isinstance(item, type) and issubclass(item, BaseModel)
                )
                for example in kind.model_config["json_schema_extra"]["examples"]:
                    kind.model_validate(example)
                    tried += 1
    assert tried > 15


async def test_nobody_but_an_operator_opens_an_operators_door(api: Api) -> None:
    bad = {"none": None, "unknown": str(uuid.uuid4()), "no uuid": "x" * 36, "a client's": api.keys["demo"]}
    bad |= {"an inactive client's": api.keys["asleep"]}
    tried = 0
    for method, path, _ in operations():
        if path.startswith(PREFIX):
            for why, key in bad.items():
                headers = {} if key is None else {"X-API-Key": key}
                answer = await api.http.request(method, filled(path), headers=headers, json={"secrets": {"a": "b"}})
                assert answer.status_code == 401, f"{method} {path}: {why}"
                assert answer.json()["detail"] == "Invalid or missing API key"
                tried += 1
    assert tried > 150
    async with api.writing() as connection:
        assert (await connection.execute(select(t.changes))).all() == []


async def test_an_operator_opens_no_clients_door(api: Api) -> None:
    tried = 0
    for method, path, _ in operations():
        if not path.startswith(PREFIX):
            headers = {"X-API-Key": api.keys["operator"]}
            answer = await api.http.request(method, filled(path), headers=headers)
            assert answer.status_code == 401, f"{method} {path}"
            tried += 1
    assert tried > 15


async def test_a_revoked_operator_is_out(api: Api) -> None:
    desk = Desk(api)
    made = await desk.ok("POST", "/keys", {"kind": "operator", "label": "ann"})
    await desk.ok("POST", f"/keys/{made['keyId']}/revoke")
    headers = {"X-API-Key": made["key"]}
    assert (await api.http.get(f"{PREFIX}clients", headers=headers)).status_code == 401


async def test_operators_minutes_are_counted_by_key(database_url: str, api: Api) -> None:
    async with running(database_url, rest_limit_per_minute=2) as process:
        process.keys = api.keys
        desk = Desk(process)
        await desk.ok("GET", "/system")
        await desk.ok("GET", "/system")
        assert "Rate limit exceeded" in await desk.refused(429, "GET", "/system")
        assert int(desk.said[-1].headers["retry-after"]) > 0
        assert desk.said[0].headers["x-ratelimit-remaining"] == "1"
        assert (await process.get("/me")).status_code == 200, "clients have minutes of their own"


async def test_what_an_operator_sees_is_everybodys(api: Api) -> None:
    desk = Desk(api)
    async with api.writing() as connection:
        for name in ("demo", "rival"):
            order = await rows.order(connection, name, filled="10")
            await rows.hedge(connection, order, state="OPEN", residual="10")
    assert {item["client"] for item in (await desk.ok("GET", "/residuals"))["items"]} == {"demo", "rival"}
    assert {item["client"] for item in (await desk.ok("GET", "/accounts/exchange"))["items"]} == {
        "demo", "rival", "asleep",
    }  # fmt: skip


@BESIDE_A_SERVER
@pytest.mark.timeout(120)
async def test_generated_requests_find_no_server_error_and_no_undocumented_answer(database_url: str, api: Api) -> None:
    async with commanded(database_url, Reachable(api.engine)) as url:
        seen = await asyncio.to_thread(fuzz, url, api.keys["operator"], operator=True, examples=1)
    assert set(seen) <= {200, 401, 404, 409, 422}
    assert seen[200] > 10
    assert seen[422] > 10

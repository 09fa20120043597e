"""Operators create clients and issue keys (mm-api sheet, section 8.5; issue 3)."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from api.operator.schemas.people import ClientRecord, Key, KeyShown
from overround.domain.clients import BadClient, parse_client
from overround.ledger import tables as t
from tests.api import rows
from tests.api.conftest import Api
from tests.api.operating import Desk

NEW = {"client": "acme:vertex", "name": "Acme"}


@pytest.fixture
def desk(api: Api) -> Desk:
    return Desk(api)


async def me(api: Api, key: str) -> int:
    return (await api.http.get("/api/v1/me", headers={"X-API-Key": key})).status_code


def test_a_client_id_is_split_at_its_first_colon() -> None:
    assert (parse_client("demo:vertex").name, parse_client("demo:vertex").bookmaker) == ("demo", "vertex")
    assert (parse_client("vertex").name, parse_client("vertex").bookmaker) == ("vertex", "vertex")
    assert parse_client("Acme_1:novig.us").bookmaker == "novig.us"


@pytest.mark.parametrize(
    "text",
    ["", ":", "demo:", ":vertex", "a:b:c", "de mo", "demo:Vertex", "Vertex", "global", "Global", "global:vertex",
     "x/y", "demo:-x", "x" * 64, "é", "a\nb"],
)  # fmt: skip
def test_what_cannot_be_a_client_is_refused(text: str) -> None:
    with pytest.raises(BadClient):
        parse_client(text)


async def test_a_client_is_created_with_the_bookmaker_its_id_names(desk: Desk) -> None:
    made = await desk.ok("POST", "/clients", {**NEW, "oddsFormat": "american"})
    ClientRecord.model_validate(made)
    assert (made["bookmaker"], made["active"], made["oddsFormat"]) == ("vertex", True, "american")
    assert await desk.ok("GET", "/clients/acme:vertex") == made
    listed = await desk.ok("GET", "/clients")
    assert listed["items"][0] == made
    assert listed["total"] == 4
    simple = await desk.ok("POST", "/clients", {"client": "sharpbet", "name": "Sharp"})
    assert simple["bookmaker"] == "sharpbet"


async def test_nobody_is_called_everybody_and_an_id_is_given_once(desk: Desk) -> None:
    (wrong,) = await desk.refused(422, "POST", "/clients", {"client": "global", "name": "Everybody"})
    assert (wrong["loc"], wrong["msg"]) == (["body", "client"], "global is not a client: it means everybody")
    await desk.ok("POST", "/clients", NEW)
    assert await desk.refused(409, "POST", "/clients", NEW) == "There is a client acme:vertex already"
    for body in ({}, {"client": "a"}, {**NEW, "bookmaker": "other"}, {**NEW, "name": ""}, {**NEW, "name": "a\x00b"}):
        await desk.refused(422, "POST", "/clients", body)


async def test_two_who_create_the_same_client_at_once_make_one(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.call("POST", "/clients", NEW) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_a_change_touches_only_what_it_names(desk: Desk) -> None:
    before = await desk.ok("GET", "/clients/demo")
    changed = await desk.ok("PATCH", "/clients/demo", {"name": "Demo Ltd"})
    assert changed == before | {"name": "Demo Ltd"}
    assert await desk.ok("PATCH", "/clients/demo", {}) == changed
    assert (await desk.ok("PATCH", "/clients/demo", {"oddsFormat": "fractional"}))["oddsFormat"] == "fractional"
    assert await desk.refused(404, "PATCH", "/clients/nobody", {"name": "x"}) == "Client not found"
    assert await desk.refused(404, "GET", "/clients/nobody") == "Client not found"
    await desk.refused(422, "PATCH", "/clients/demo", {"oddsFormat": "roman"})


async def test_a_client_with_open_orders_or_hedges_is_not_deactivated(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo")
        await rows.hedge(connection, order, state="OPEN")
    detail = await desk.refused(409, "PATCH", "/clients/demo", {"active": False})
    assert detail.startswith("demo has 1 open orders and 1 hedges under way")
    assert (await desk.ok("GET", "/clients/demo"))["active"] is True
    async with api.writing() as connection:
        await connection.execute(update(t.orders).values(status="CANCELLED"))
        await connection.execute(update(t.hedges).values(state="DONE"))
    assert (await desk.ok("PATCH", "/clients/demo", {"active": False}))["active"] is False
    assert await me(api, api.keys["demo"]) == 401
    assert (await desk.ok("PATCH", "/clients/demo", {"active": True}))["active"] is True
    assert await me(api, api.keys["demo"]) == 200


async def test_a_key_is_shown_once_and_works_at_once(api: Api, desk: Desk) -> None:
    made = await desk.ok("POST", "/keys", {"client": "demo", "label": "reporting"})
    KeyShown.model_validate(made)
    assert UUID(made["key"]).version == 4
    assert desk.said[-1].headers["cache-control"] == "no-store"
    assert await me(api, made["key"]) == 200
    listed = await desk.ok("GET", "/keys", client="demo")
    assert listed["items"][0]["keyId"] == made["keyId"]
    for item in listed["items"]:
        Key.model_validate(item)
    text = desk.said[-1].text
    assert made["key"] not in text
    assert made["key"][-4:] not in text.replace(str(made["keyId"]), "")
    assert listed["items"][0]["lastUsedAt"] is not None
    assert (listed["items"][0]["state"], listed["items"][0]["label"]) == ("live", "reporting")


async def test_an_operators_key_opens_only_operators_doors(api: Api, desk: Desk) -> None:
    made = await desk.ok("POST", "/keys", {"kind": "operator", "label": "ann"})
    assert await me(api, made["key"]) == 401
    api.keys["operator"] = made["key"]
    await desk.ok("POST", "/clients", NEW)
    (change, *_) = await desk.audit()
    assert change["changedBy"] == f"ann (operator key {made['keyId']})"
    assert (change["kind"], change["subject"]) == ("client.create", "acme:vertex")
    assert change["detail"]["operatorKeyId"] == made["keyId"]


WRONG_KEYS: list[tuple[dict[str, Any], int]] = [
    ({"kind": "client", "label": "x"}, 422),
    ({"kind": "operator", "client": "demo", "label": "x"}, 422),
    ({"client": "demo"}, 422),
    ({"client": "nobody", "label": "x"}, 404),
    ({"client": "demo", "label": "x", "key": "11111111-2222-4333-8444-555555555555"}, 422),
]


async def test_a_key_names_its_client_unless_it_is_an_operators(desk: Desk) -> None:
    for body, status in WRONG_KEYS:
        await desk.refused(status, "POST", "/keys", body)
    assert await desk.audit() == []


async def test_a_rotated_key_works_until_its_grace_is_over(api: Api, desk: Desk) -> None:
    old = await desk.ok("POST", "/keys", {"client": "demo", "label": "bot"})
    new = await desk.ok("POST", f"/keys/{old['keyId']}/rotate", {"graceSeconds": 60})
    assert (new["client"], new["label"], new["state"]) == ("demo", "bot", "live")
    assert [await me(api, item["key"]) for item in (old, new)] == [200, 200]
    shown = {item["keyId"]: item for item in (await desk.ok("GET", "/keys"))["items"]}
    assert shown[old["keyId"]]["state"] == "ending"
    detail = await desk.refused(409, "POST", f"/keys/{old['keyId']}/rotate")
    assert detail == f"Key {old['keyId']} is ending: issue a new one"
    async with api.writing() as connection:
        past = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, 1)
        await connection.execute(update(t.api_keys).where(t.api_keys.c.key_id == old["keyId"]).values(expires_at=past))
    assert [await me(api, item["key"]) for item in (old, new)] == [401, 200]
    assert "ended" in await desk.refused(409, "POST", f"/keys/{old['keyId']}/rotate")


async def test_a_grace_of_nothing_ends_the_old_key_now(api: Api, desk: Desk) -> None:
    old = await desk.ok("POST", "/keys", {"client": "demo", "label": "bot"})
    new = await desk.ok("POST", f"/keys/{old['keyId']}/rotate", {"graceSeconds": 0})
    assert [await me(api, item["key"]) for item in (old, new)] == [401, 200]
    for grace in (-1, 2_592_001, "soon"):
        await desk.refused(422, "POST", f"/keys/{new['keyId']}/rotate", {"graceSeconds": grace})
    assert await desk.refused(404, "POST", "/keys/999999/rotate") == "Key not found"


async def test_a_key_rotated_twice_at_once_has_one_successor(api: Api, desk: Desk) -> None:
    old = await desk.ok("POST", "/keys", {"client": "demo", "label": "bot"})
    answers = await asyncio.gather(*(desk.call("POST", f"/keys/{old['keyId']}/rotate") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    async with api.writing() as connection:
        bots = await connection.execute(select(func.count()).where(t.api_keys.c.label == "bot"))
    assert bots.scalar_one() == 2


async def test_a_revoked_key_is_dead_and_stays_dead(api: Api, desk: Desk) -> None:
    made = await desk.ok("POST", "/keys", {"client": "demo", "label": "bot"})
    gone = await desk.ok("POST", f"/keys/{made['keyId']}/revoke")
    assert (gone["state"], await me(api, made["key"])) == ("revoked", 401)
    assert "key" not in gone
    assert "revoked already" in await desk.refused(409, "POST", f"/keys/{made['keyId']}/revoke")
    assert "revoked" in await desk.refused(409, "POST", f"/keys/{made['keyId']}/rotate")
    assert await desk.refused(404, "POST", "/keys/999999/revoke") == "Key not found"


async def test_every_change_of_a_key_is_in_the_audit_and_the_key_is_not(desk: Desk) -> None:
    first = await desk.ok("POST", "/keys", {"client": "demo", "label": "bot"})
    second = await desk.ok("POST", f"/keys/{first['keyId']}/rotate")
    await desk.ok("POST", f"/keys/{second['keyId']}/revoke")
    changes = await desk.audit(client="demo")
    assert [change["kind"] for change in changes] == ["key.revoke", "key.rotate", "key.issue"]
    text = desk.said[-1].text
    assert first["key"] not in text
    assert second["key"] not in text


async def test_the_use_of_a_key_is_noted_once_a_minute(api: Api) -> None:
    async def used() -> Any:
        async with api.writing() as connection:
            found = await connection.execute(select(t.api_keys.c.last_used_at).where(t.api_keys.c.client == "demo"))
        return found.scalar_one()

    assert await used() is None
    await api.get("/me")
    first = await used()
    await api.get("/me")
    assert await used() == first
    async with api.writing() as connection:
        await connection.execute(update(t.api_keys).values(last_used_at=first - (first - first.replace(year=2025))))
    await api.get("/me")
    assert await used() > first

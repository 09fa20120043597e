"""Who gets in, how often, and what the refusals look like (mm-api sheet, sections 2 to 4)."""

import asyncio
import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from api.app import create_app
from api.limits import spend
from overround.ledger import tables as t
from overround.ledger.keys import find_key, revoke_key
from overround.settings import Settings
from tests.api.conftest import PEPPER, Api, running

PATHS = [
    "/me",
    "/orders",
    "/orders/open?fixtureId=x",
    "/orders/summary",
    "/orders/1",
    "/bets",
    "/bets/summary",
    "/bets/1",
    "/fixtures",
    "/fixtures/x",
    "/positions",
    "/positions/summary",
    "/accounts",
    "/pnl",
    "/trading/status",
    "/health",
    "/exposure",
    "/pnl/series",
    "/orders/1/workflows",
    "POST /trading/pause",
    "POST /trading/resume",
    "POST /trading/stop",
    "POST /trading/start",
    "POST /orders/1/cancel",
    "POST /orders/cancel",
    "/config/markets",
    "PUT /config/markets",
    "/config/tournaments",
    "POST /config/tournaments",
    "PATCH /config/tournaments/7",
    "DELETE /config/tournaments/7",
]
IDS = {"/x": "/{fixtureId}", "/orders/1": "/orders/{orderId}", "/bets/1": "/bets/{betId}", "/7": "/{tournamentId}"}


def method_and_path(named: str) -> tuple[str, str]:
    """GET unless it says otherwise."""
    method, _, path = named.rpartition(" ")
    return method or "GET", path


def test_no_endpoint_is_missing_from_these_tests() -> None:
    documented = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in create_app(Settings()).openapi()["paths"].items()
        if not path.startswith("/api/v1/operator/")
        for method in methods
    }
    named = set()
    for method, path in map(method_and_path, PATHS):
        plain = path.split("?")[0]
        for given, name in IDS.items():
            plain = plain.replace(given, name)
        named.add((method, plain))
    assert named == documented


@pytest.mark.parametrize("path", PATHS)
async def test_without_a_good_key_nothing_is_told(api: Api, path: str) -> None:
    bad = {"missing": None, "empty": "", "not a uuid": "x" * 36, "unknown": str(uuid.uuid4())}
    bad |= {"inactive": api.keys["asleep"], "an operator's": api.keys["operator"]}
    for why, key in bad.items():
        headers = {} if key is None else {"X-API-Key": key}
        method, place = method_and_path(path)
        answer = await api.http.request(method, f"/api/v1{place}", headers=headers)
        assert answer.status_code == 401, why
        assert answer.json()["detail"] == "Invalid or missing API key"
        assert key is None or key == "" or key not in answer.text


async def test_a_bearer_token_is_not_a_key(api: Api) -> None:
    answer = await api.http.get("/api/v1/me", headers={"Authorization": f"Bearer {api.keys['demo']}"})
    assert answer.status_code == 401


async def test_a_key_is_the_same_in_upper_case(api: Api) -> None:
    api.keys["demo"] = api.keys["demo"].upper()
    assert (await api.get("/me")).status_code == 200


async def test_a_revoked_key_and_a_deactivated_client_are_refused(api: Api) -> None:
    async with api.writing() as connection:
        owner = await find_key(connection, PEPPER, api.keys["demo"])
        assert owner is not None
        assert await revoke_key(connection, owner.key_id)
        assert not await revoke_key(connection, owner.key_id)
        await connection.execute(update(t.clients).where(t.clients.c.client == "rival").values(active=False))
    assert (await api.get("/me")).status_code == 401
    assert (await api.get("/me", by="rival")).status_code == 401


async def test_a_missing_key_is_refused_before_parameters_are_looked_at(api: Api) -> None:
    assert (await api.http.get("/api/v1/orders?page=x")).status_code == 401


async def test_errors_carry_the_problem_members_beside_detail(api: Api) -> None:
    answer = await api.http.get("/api/v1/me", headers={"X-Request-ID": "abc-1"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "detail": "Invalid or missing API key",
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "instance": "/api/v1/me",
        "code": "invalid_api_key",
        "requestId": "abc-1",
    }
    asked = await api.http.get("/api/v1/me", headers={"Accept": "application/problem+json"})
    assert asked.headers["content-type"] == "application/problem+json"


async def test_every_answer_has_a_request_id_and_only_sane_ones_are_taken_over(api: Api) -> None:
    assert (await api.http.get("/healthz", headers={"X-Request-ID": "mine"})).headers["x-request-id"] == "mine"
    made = (await api.http.get("/nowhere", headers={"X-Request-ID": "a b<c>"})).headers["x-request-id"]
    assert len(made) == 32


async def test_unknown_paths_and_methods_answer_in_the_same_form(api: Api) -> None:
    answer = await api.http.get("/api/v1/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    posted = await api.http.post("/api/v1/me")
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET")


async def test_plain_http_on_the_socket_path_is_told_to_upgrade(api: Api) -> None:
    for method in ("GET", "POST"):
        answer = await api.http.request(method, "/ws/subscribe")
        assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
        assert answer.json()["detail"] == "Connect with WebSocket"


async def test_a_crash_is_a_500_that_tells_nothing(api: Api) -> None:
    async with api.engine.connect() as connection:
        await connection.exec_driver_sql("ALTER TABLE gates RENAME TO mislaid")
        await connection.commit()
        answer = await api.get("/trading/status")
        await connection.exec_driver_sql("ALTER TABLE mislaid RENAME TO gates")
        await connection.commit()
    assert (answer.status_code, answer.json()["detail"]) == (500, "Internal server error")
    assert answer.headers["x-request-id"] == answer.json()["requestId"]
    assert "gates" not in answer.text


async def test_the_hundred_and_first_request_of_a_minute_is_refused(database_url: str, api: Api) -> None:
    async with running(database_url, rest_limit_per_minute=3) as process:
        process.keys = api.keys
        left = [(await process.get("/me")).headers["x-ratelimit-remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        refused = await process.get("/orders/summary")
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate_limited"
        wait = int(refused.headers["retry-after"])
        assert 1 <= wait <= 60
        assert abs(int(refused.headers["x-ratelimit-reset"]) - datetime.now(UTC).timestamp() - wait) < 3
        assert refused.headers["x-ratelimit-limit"] == "3"
        assert refused.headers["ratelimit-policy"] == '"default";q=3;w=60'
        assert refused.headers["ratelimit"] == f'"default";r=0;t={wait}'
        assert (await process.get("/me", by="rival")).status_code == 200


async def test_errors_carry_the_rate_headers_too(api: Api) -> None:
    for path in ("/orders/999", "/orders?page=0"):
        assert "x-ratelimit-remaining" in (await api.get(path)).headers


async def test_the_default_limit_is_the_seeds() -> None:
    assert Settings().rest_limit_per_minute == 100


async def test_the_limit_counts_over_two_processes_and_lets_exactly_its_number_through(
    database_url: str, api: Api
) -> None:
    async with (
        running(database_url, rest_limit_per_minute=10) as one,
        running(database_url, rest_limit_per_minute=10) as two,
    ):
        one.keys = two.keys = api.keys
        answers = await asyncio.gather(*((one, two)[n % 2].get("/me") for n in range(30)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 20


async def test_a_new_minute_starts_afresh(api: Api) -> None:
    assert [(await spend(api.single, "s", 1)).granted for _ in range(3)] == [True, False, False]
    async with api.writing() as connection:
        await connection.exec_driver_sql("UPDATE rate_windows SET started_at = started_at - interval '60 seconds'")
    assert [(await spend(api.single, "s", 1)).granted for _ in range(2)] == [True, False]


async def test_the_counter_costs_no_write_ahead_log(api: Api) -> None:
    async with api.writing() as connection:
        kind = await connection.exec_driver_sql("SELECT relpersistence FROM pg_class WHERE relname = 'rate_windows'")
        assert kind.scalar_one() == "u"


async def test_keys_are_kept_as_digests_only(api: Api) -> None:
    async with api.writing() as connection:
        stored = (await connection.execute(t.api_keys.select())).all()
    text = repr(stored)
    assert len(stored) == 4
    for key in api.keys.values():
        assert key not in text
        assert key.replace("-", "") not in text


async def test_the_docs_pages_load_nothing_from_outside(api: Api) -> None:
    for page in ("/docs", "/redoc"):
        text = (await api.http.get(page)).text
        assert "cdn.jsdelivr" not in text
        assert 'src="http' not in text

"""The rate headers are on every answer and true, and both limits hold over several processes."""

import asyncio
import time

import pytest
from sqlalchemy import text

from api.connections import Slots
from api.limits import untouched
from overround.ledger.db import connect
from tests.api.conftest import Api, running
from tests.api.sockets import opened

NAMES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy", "ratelimit")


def left(answer: object) -> int:
    return int(answer.headers["x-ratelimit-remaining"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/me", 200),
        ("GET", "/orders/999999", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/me", 405),
        ("GET", "/orders?page=0", 422),
        ("GET", "/orders/x", 422),
    ],
)
async def test_every_answer_says_what_is_left(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.http.request(method, f"/api/v1{path}", headers={"X-API-Key": api.keys["demo"]})
    assert answer.status_code == status
    assert [name for name in NAMES if name not in answer.headers] == []
    assert answer.headers["x-ratelimit-limit"] == "10000"
    assert 0 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= 61
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("key", [None, "x", "asleep", "00000000-0000-4000-8000-000000000000"])
async def test_who_is_not_let_in_is_shown_the_whole_limit_and_uses_none(api: Api, key: str | None) -> None:
    headers = {} if key is None else {"X-API-Key": api.keys.get(key, key)}
    for _ in range(2):
        answer = await api.http.get("/api/v1/me", headers=headers)
        assert (answer.status_code, left(answer)) == (401, 10_000)
    async with api.writing() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM rate_windows"))).scalar_one() == 0


async def test_what_does_not_exist_costs_nothing_but_shows_the_truth(api: Api) -> None:
    assert [left(await api.get("/me")) for _ in range(2)] == [9999, 9998]
    assert [left(await api.get("/nowhere")) for _ in range(2)] == [9998, 9998]
    assert left(await api.get("/nowhere", by="rival")) == 10_000
    assert left(await api.get("/me")) == 9997


async def test_an_operators_answers_count_for_the_operator(api: Api) -> None:
    answer = await api.http.get("/api/v1/operator/nowhere", headers={"X-API-Key": api.keys["operator"]})
    assert (answer.status_code, left(answer)) == (404, 10_000)


async def test_a_used_up_minute_shows_zero_everywhere_until_it_is_over(api: Api, database_url: str) -> None:
    async with running(database_url, rest_limit_per_minute=2) as process:
        process.keys = api.keys
        answers = [await process.get("/me") for _ in range(4)]
        assert [(answer.status_code, left(answer)) for answer in answers] == [(200, 1), (200, 0), (429, 0), (429, 0)]
        assert [name for name in NAMES if name not in answers[-1].headers] == []
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert left(await process.get("/nowhere")) == 0
        async with api.writing() as connection:
            await connection.execute(text("UPDATE rate_windows SET started_at = started_at - interval '60 seconds'"))
        assert left(await process.get("/nowhere")) == 2
        assert left(await process.get("/me")) == 1


@pytest.mark.parametrize(
    ("table", "path", "remaining"), [("gates", "/trading/status", 9999), ("api_keys", "/me", 10_000)]
)
async def test_even_a_crash_carries_the_headers(api: Api, table: str, path: str, remaining: int) -> None:
    async with api.engine.connect() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO mislaid")
        await connection.commit()
        answer = await api.get(path)
        await connection.exec_driver_sql(f"ALTER TABLE mislaid RENAME TO {table}")
        await connection.commit()
    assert (answer.status_code, left(answer)) == (500, remaining)
    assert [name for name in NAMES if name not in answer.headers] == []


async def test_pages_that_are_not_the_api_carry_none(api: Api) -> None:
    for path in ("/healthz", "/docs", "/nowhere"):
        assert "x-ratelimit-limit" not in (await api.http.get(path)).headers


def test_an_untouched_minute_ends_in_a_minute() -> None:
    found = untouched(100)
    assert (found.limit, found.used, found.wait, found.granted) == (100, 0, 60, True)
    assert 59 <= found.reset - time.time() <= 61


async def test_two_processes_that_admit_at_once_let_five_sockets_of_a_key_in(api: Api, database_url: str) -> None:
    async with running(database_url) as other:
        held = [opened(process) for _ in range(6) for process in (api, other)]
        sockets = [await connection.__aenter__() for connection in held]
        answers = await asyncio.gather(*(socket.subscribe(api.keys["demo"]) for socket in sockets))
        for connection in held:
            await connection.__aexit__(None, None, None)
    kinds = [answer["type"] for answer in answers]
    assert sorted(kinds) == ["error"] * 7 + ["subscribed"] * 5
    assert {answer["error"] for answer in answers if answer["type"] == "error"} == {"Connection limit exceeded"}


async def test_places_of_a_process_that_died_are_free_again(api: Api, database_url: str) -> None:
    """Its database session ends with it: nothing has to notice, and nothing can forget."""
    dying, living = Slots(api.single), Slots(api.single)
    assert [await dying.take(7) is None for _ in range(6)] == [False] * 5 + [True]
    assert await living.take(7) is None
    assert await living.take(8) is not None
    await dying.close()
    taken = [await living.take(7) for _ in range(6)]
    assert len({place for place in taken if place is not None}) == 5
    assert taken[-1] is None
    await living.close()


async def test_a_place_given_back_after_the_end_opens_no_session(database_url: str) -> None:
    """Sockets that are cut by the end of the process give their places back when it has closed everything."""
    engine = connect(database_url, pool=2, autocommit=True)
    slots = Slots(engine)
    place = await slots.take(7)
    assert place is not None
    await slots.close()
    await slots.free(place)
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert await slots.take(7) == place
    await slots.close()
    await engine.dispose()


@pytest.mark.parametrize("steps", range(12))
async def test_who_is_cut_while_taking_a_place_takes_nothing_from_the_others(api: Api, steps: int) -> None:
    """Sockets share one session: cancelled on it, a statement would end it, and everybody's place with it."""
    slots, other = Slots(api.single), Slots(api.single)
    assert await slots.take(7) is not None
    cut = asyncio.create_task(slots.take(7))
    for _ in range(steps):
        await asyncio.sleep(0)
    cut.cancel()
    done, _ = await asyncio.wait([cut])
    left = 3 if steps and not cut.cancelled() else 4
    for _ in range(left):
        assert await slots.take(7) is not None
    assert [await slots.take(7), await other.take(7)] == [None, None]
    await slots.close()
    await other.close()
    assert done


@pytest.mark.parametrize("steps", range(12))
async def test_who_is_cut_while_giving_a_place_back_has_given_it(api: Api, steps: int) -> None:
    slots, other = Slots(api.single), Slots(api.single)
    places = [await slots.take(7) for _ in range(5)]
    assert places[0] is not None
    cut = asyncio.create_task(slots.free(places[0]))
    for _ in range(1 + steps):
        await asyncio.sleep(0)
    cut.cancel()
    await asyncio.wait([cut])
    assert [await slots.take(7), await slots.take(7), await other.take(7)] == [places[0], None, None]
    await slots.close()
    await other.close()

"""Pages by number and by cursor, also while somebody writes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from overround.ledger.reads import page
from overround.ledger.reads.page import BadPage, Window, cursor
from tests.api import rows
from tests.api.conftest import Api

Key = str | int


async def _orders(api: Api, count: int) -> list[Key]:
    async with api.writing() as connection:
        return [(await rows.order(connection, "demo"))["order_id"] for _ in range(count)]


async def _bets(api: Api, count: int) -> list[Key]:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo")
        return [(await rows.bet(connection, order))["bet_id"] for _ in range(count)]


async def _positions(api: Api, count: int) -> list[Key]:
    async with api.writing() as connection:
        names = [f"fixture-{next(rows._numbers)}" for _ in range(count)]
        for name in names:
            await rows.order(connection, "demo", fixture_id=name, filled="1", status="PARTIAL")
        return list(names)


async def _fixtures(api: Api, count: int) -> list[Key]:
    async with api.writing() as connection:
        names = []
        for _ in range(count):
            number = next(rows._numbers)
            start = rows.NOON + timedelta(minutes=number // 2)  # two may start together: then the id decides
            names.append((await rows.fixture(connection, f"id{number:09}", start_time=start))["fixture_id"])
        return list(names)


async def _accounts(api: Api, count: int) -> list[Key]:
    names = [f"demo-{next(rows._numbers):06}" for _ in range(count)]
    async with api.writing() as connection:
        for name in names:
            await connection.execute(
                text(
                    "INSERT INTO exchange_accounts (account_id, client, exchange, endpoints, secrets, created_at) "
                    "VALUES (:name, 'demo', 'kalshi', '{}', '', clock_timestamp())"
                ),
                {"name": name},
            )
    return list(names)


Make = Callable[[Api, int], Awaitable[list[Key]]]
LISTS: dict[str, tuple[str, dict[str, Any], Make]] = {
    "/orders": ("orderId", {}, _orders),
    "/orders by fixture": ("orderId", {"fixtureId": rows.FIXTURE}, _orders),
    "/orders by kind": ("orderId", {"exchange": "kalshi", "status": "PLACED,PARTIAL"}, _orders),
    "/orders by day": ("orderId", {"fromDate": "2026-02-15", "to_date": "2026-02-15"}, _orders),
    "/orders/open": ("orderId", {"fixture_id": rows.FIXTURE}, _orders),
    "/bets": ("betId", {}, _bets),
    "/bets by kind": ("betId", {"bookmaker": "vertex", "status": "matched"}, _bets),
    "/bets by day": ("betId", {"fromDate": "2026-02-15"}, _bets),
    "/positions": ("fixtureId", {}, _positions),
    "/positions by day": ("fixtureId", {"fromDate": "2026-02-15", "toDate": "2026-02-15"}, _positions),
    "/fixtures": ("fixtureId", {}, _fixtures),
    "/fixtures by status": ("fixtureId", {"statusId": 1}, _fixtures),
    "/accounts": ("accountId", {}, _accounts),
}


async def _pages(api: Api, path: str, query: dict[str, Any], size: int) -> AsyncIterator[dict[str, Any]]:
    """Page after page by cursor."""
    more: dict[str, Any] = {}
    while True:
        body = await api.body(path, pageSize=size, **query, **more)
        yield body
        if body["nextCursor"] is None:
            return
        more = {"cursor": body["nextCursor"]}


@pytest.mark.parametrize("name", LISTS)
async def test_rows_written_between_pages_neither_repeat_nor_hide_others(api: Api, name: str) -> None:
    key, query, make = LISTS[name]
    old = await make(api, 7)
    seen: list[Key] = []
    async for body in _pages(api, name.split(" ", 1)[0], query, 3):
        seen += [item[key] for item in body["items"]]
        await make(api, 2)
    assert [item for item in seen if item in old] == old[::-1]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("name", LISTS)
async def test_pages_by_number_hold_the_same_and_end_with_no_cursor(api: Api, name: str) -> None:
    key, query, make = LISTS[name]
    await make(api, 5)
    path = name.split(" ", 1)[0]
    by_cursor = [[item[key] for item in body["items"]] async for body in _pages(api, path, query, 2)]
    for number, expected in enumerate(by_cursor, start=1):
        body = await api.body(path, page=number, page_size=2, **query)
        assert [item[key] for item in body["items"]] == expected
        assert (body["page"], body["totalPages"], body["nextCursor"] is None) == (
            number,
            len(by_cursor),
            number == len(by_cursor),
        )
    assert sum(map(len, by_cursor)) == body["total"]


async def test_an_order_that_is_cancelled_between_pages_does_not_shift_the_others(api: Api) -> None:
    old = await _orders(api, 6)
    seen: list[Key] = []
    async for body in _pages(api, "/orders", {"status": "PLACED"}, 2):
        seen += [item["orderId"] for item in body["items"]]
        async with api.writing() as connection:
            first = {"key": max(old)}
            await connection.execute(text("UPDATE orders SET status = 'CANCELLED' WHERE order_id = :key"), first)
    assert seen == old[::-1]


async def test_a_page_too_deep_for_a_number_is_refused_and_names_the_cursor(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "DEEPEST", 2)
    await _orders(api, 6)
    assert len((await api.body("/orders", page=2, pageSize=2))["items"]) == 2
    answer = await api.get("/orders", page=3, pageSize=2)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert (problem["loc"], "nextCursor" in problem["msg"]) == (["query", "page"], True)
    beyond = await api.body("/orders", page=4, pageSize=2)
    assert (beyond["items"], beyond["total"]) == ([], 6)


WRONG = (
    "nonsense",
    "====",
    cursor("others", 5),
    cursor("orders", "5"),
    cursor("orders", -1),
    cursor("orders", 2**63),
    cursor("orders", True),
    cursor("orders", 1, 2),
    cursor("fixtures", "yesterday", "id1"),
    cursor("fixtures", "2026-02-15T12:00:00", "id1"),
    cursor("accounts", "2026-02-15T12:00:00Z", "a\x00"),
    "W10=",
    "NQ==",
)


async def test_a_cursor_of_something_else_is_refused_everywhere(api: Api) -> None:
    for path in ("/orders", "/bets", "/positions", "/fixtures", "/accounts"):
        for wrong in WRONG:
            answer = await api.get(path, cursor=wrong)
            assert answer.status_code == 422, (path, wrong)
            assert answer.json()["detail"][0]["loc"] == ["query", "cursor"]


async def test_a_cursor_shows_nothing_of_another_client(api: Api) -> None:
    async with api.writing() as connection:
        theirs = [await rows.order(connection, "rival") for _ in range(4)]
    body = await api.body("/orders", by="rival", pageSize=2)
    mine = await api.body("/orders", cursor=body["nextCursor"])
    assert (mine["items"], mine["total"], mine["nextCursor"]) == ([], 0, None)
    rest = await api.body("/orders", by="rival", cursor=body["nextCursor"])
    assert [item["orderId"] for item in rest["items"]] == [theirs[1]["order_id"], theirs[0]["order_id"]]


def test_a_cursor_is_read_back_as_it_was_written() -> None:

    assert Window(cursor=cursor("orders", 5)).after("orders", int) == (5,)
    key = (rows.NOON, "id1")
    assert Window(cursor=cursor("fixtures", *key)).after("fixtures", datetime, str) == key
    assert Window().after("orders", int) is None
    with pytest.raises(BadPage):
        Window(cursor=cursor("orders", 5)).after("bets", int)


@pytest.mark.parametrize(
    ("number", "size", "total", "beyond"), [(1, 50, 0, True), (2, 50, 51, False), (3, 50, 100, True)]
)
def test_a_page_is_beyond_the_end_or_not(number: int, size: int, total: int, beyond: bool) -> None:
    assert Window(number, size).beyond(total) is beyond

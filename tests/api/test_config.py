"""What a client chooses to trade: within the operator's settings, refused under open orders, and written down."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from api.schemas import Page
from api.schemas.config import MarketChoices, TournamentChoice
from overround.ledger import configs
from overround.ledger import tables as t
from overround.ledger.keys import find_key
from tests.api import rows
from tests.api.commanding import Sender, at_once
from tests.api.conftest import PEPPER
from tests.api.test_trading import key_of

NBA: dict[str, Any] = {"tournament_id": 132, "tournament": "NBA", "sport": "Basketball"}


@pytest.fixture
async def offered(sender: Sender) -> Sender:
    """The operator lets demo trade 111 and 112 everywhere, and 101 in tournament 17."""
    async with sender.api.writing() as connection:
        await configs.save(connection, "demo", configs.DEFAULT, {"outcomes": [111, 112]}, "operator")
        await configs.save(connection, "demo", 17, {"outcomes": [101]}, "operator")
        await configs.save(connection, "rival", configs.DEFAULT, {"outcomes": [111, 999]}, "operator")
    return sender


async def now(sender: Sender) -> configs.Configs:
    """What the engine reads."""
    async with sender.api.engine.connect() as connection:
        return await configs.load(connection)


async def put(sender: Sender, **values: Any) -> None:
    async with sender.api.writing() as connection:
        await rows.order(connection, "demo", **values)


async def markets(sender: Sender, **more: Any) -> dict[int, bool]:
    told = await sender.send("GET", "/config/markets", **more)
    return {item["outcomeId"]: item["active"] for item in told.json()["outcomes"]}


async def test_everything_offered_is_traded_until_the_client_chooses(offered: Sender) -> None:
    async with offered.api.writing() as connection:
        values = {"exchange": "kalshi", "fixture_id": "f", "market_id": 111, "proved": True}
        await connection.execute(insert(t.instruments), [{**values, "outcome_id": n} for n in (111, 112)])
    await put(offered)
    told = await offered.api.body("/config/markets")
    MarketChoices.model_validate(told)
    assert told == {
        "outcomeIds": None,
        "outcomes": [
            {"outcomeId": 101, "marketId": None, "active": True, "openOrders": 0},
            {"outcomeId": 111, "marketId": 111, "active": True, "openOrders": 1},
            {"outcomeId": 112, "marketId": 111, "active": True, "openOrders": 0},
        ],
        "changedBy": None,
        "changedAt": None,
    }


async def test_what_is_not_chosen_is_not_traded_anywhere_and_null_takes_the_choice_back(offered: Sender) -> None:
    before = await now(offered)
    answer = await offered.send("PUT", "/config/markets", {"outcomeIds": [112, 101, 112]})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    MarketChoices.model_validate(told)
    assert (told["outcomeIds"], told["changedBy"]) == ([101, 112], await key_of(offered.api, "demo"))
    assert await markets(offered) == {101: True, 111: False, 112: True}
    held = await now(offered)
    assert held.version > before.version, "the engine would not notice"
    assert held.traded("demo", 132, 111).outcomes == (112,)
    assert held.traded("demo", 17, 101).outcomes == (101,)
    assert held.traded("rival", 132, 111).outcomes == (111, 999)
    assert held.of("demo", 132).outcomes == (111, 112), "the operator's settings stay"
    await offered.send("PUT", "/config/markets", {"outcomeIds": None})
    assert (await now(offered)).traded("demo", 132, 111).outcomes == (111, 112)


async def test_an_outcome_the_operator_does_not_offer_cannot_be_chosen(offered: Sender) -> None:
    answer = await offered.send("PUT", "/config/markets", {"outcomeIds": [111, 999]})
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert (problem["loc"], "999" in problem["msg"]) == (["body", "outcomeIds"], True)
    assert await offered.changes() == []


async def test_an_outcome_with_open_orders_cannot_be_left_out(offered: Sender) -> None:
    await put(offered, outcome_id=111)
    await put(offered, outcome_id=111, status="CANCELLED")
    answer = await offered.send("PUT", "/config/markets", {"outcomeIds": [112]})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["detail"].startswith("1 open order")
    assert (await now(offered)).traded("demo", 132, 111).outcomes == (111, 112)
    assert (await offered.send("PUT", "/config/markets", {"outcomeIds": [111]})).status_code == 200


@pytest.mark.parametrize("body", [{}, {"outcomeIds": "111"}, {"outcomeIds": [0]}, {"outcomeIds": [2**31]}, None])
async def test_what_is_no_choice_of_markets_is_422(offered: Sender, body: Any) -> None:
    assert (await offered.send("PUT", "/config/markets", body)).status_code == 422


async def test_a_tournament_is_added_changed_and_removed(offered: Sender) -> None:
    async with offered.api.writing() as connection:
        await rows.fixture(connection, **NBA)
    added = await offered.post("/config/tournaments", {"tournamentId": 132, "active": False})
    assert added.status_code == 201, added.text
    TournamentChoice.model_validate(added.json())
    told = added.json()
    assert told.pop("changedAt").endswith("Z")
    assert told == {
        "tournamentId": 132,
        "tournamentName": "NBA",
        "sportName": "Basketball",
        "active": False,
        "openOrders": 0,
        "changedBy": await key_of(offered.api, "demo"),
    }
    assert not (await now(offered)).traded("demo", 132, 111).enabled
    assert (await now(offered)).traded("demo", 17, 101).enabled
    changed = await offered.send("PATCH", "/config/tournaments/132", {"active": True})
    assert (changed.status_code, changed.json()["active"]) == (200, True)
    assert (await now(offered)).traded("demo", 132, 111).enabled
    removed = await offered.send("DELETE", "/config/tournaments/132")
    assert (removed.status_code, removed.json()["tournamentId"]) == (200, 132)
    assert (await offered.api.body("/config/tournaments"))["items"] == []


async def test_a_second_entry_for_a_tournament_is_409(offered: Sender) -> None:
    first, second = await at_once(*(offered.post("/config/tournaments", {"tournamentId": 132}) for _ in range(2)))
    assert sorted([first.status_code, second.status_code]) == [201, 409]
    assert len(await offered.changes()) == 1


async def test_the_list_is_a_page_the_last_change_first(offered: Sender) -> None:
    for number in (5, 6, 7):
        await offered.post("/config/tournaments", {"tournamentId": number})
    await offered.send("PATCH", "/config/tournaments/5", {"active": False})
    told = await offered.api.body("/config/tournaments", pageSize=2)
    Page[TournamentChoice].model_validate(told)
    assert ([item["tournamentId"] for item in told["items"]], told["total"], told["totalPages"]) == ([5, 7], 3, 2)
    second = await offered.api.body("/config/tournaments", pageSize=2, page=2)
    assert [item["tournamentId"] for item in second["items"]] == [6]
    assert (await offered.api.get("/config/tournaments", cursor="x")).status_code == 422


async def test_entry_0_stands_for_every_tournament_without_one(offered: Sender) -> None:
    await offered.post("/config/tournaments", {"tournamentId": 0, "active": False})
    await offered.post("/config/tournaments", {"tournamentId": 132, "active": True})
    held = await now(offered)
    assert [held.traded("demo", number, 111).enabled for number in (132, 17)] == [True, False]
    await put(offered, tournament_id=132)
    refused = await offered.send("DELETE", "/config/tournaments/132")
    assert refused.status_code == 409, "it would follow entry 0, which is not traded"
    shown = (await offered.api.body("/config/tournaments"))["items"]
    assert {item["tournamentId"]: item["openOrders"] for item in shown} == {132: 1, 0: 0}


async def test_a_tournament_the_operator_disabled_stays_so(offered: Sender) -> None:
    async with offered.api.writing() as connection:
        await configs.save(connection, "demo", 132, {"outcomes": [111], "enabled": False}, "operator")
    await offered.post("/config/tournaments", {"tournamentId": 132, "active": True})
    assert not (await now(offered)).traded("demo", 132, 111).enabled


@pytest.mark.parametrize("entry", [132, 0])
async def test_deactivating_under_open_orders_is_409_whichever_entry_does_it(offered: Sender, entry: int) -> None:
    await put(offered, tournament_id=132)
    await put(offered, tournament_id=132, action="sell")
    added = await offered.post("/config/tournaments", {"tournamentId": entry, "active": False})
    assert (added.status_code, added.json()["detail"][:6]) == (409, "1 open")
    assert (await offered.post("/config/tournaments", {"tournamentId": entry})).status_code == 201
    changed = await offered.send("PATCH", f"/config/tournaments/{entry}", {"active": False})
    assert changed.status_code == 409
    async with offered.api.writing() as connection:
        await connection.execute(text("UPDATE orders SET status = 'CANCELLED' WHERE action = 'buy'"))
    assert (await offered.send("PATCH", f"/config/tournaments/{entry}", {"active": False})).status_code == 200


async def test_another_clients_choices_are_neither_seen_nor_changed(offered: Sender) -> None:
    await offered.post("/config/tournaments", {"tournamentId": 132, "active": False}, by="rival")
    await offered.send("PUT", "/config/markets", {"outcomeIds": [999]}, by="rival")
    await put(offered, outcome_id=111)
    assert (await offered.api.body("/config/tournaments"))["total"] == 0
    assert await markets(offered) == {101: True, 111: True, 112: True}
    for method, body in (("PATCH", {"active": True}), ("DELETE", None)):
        assert (await offered.send(method, "/config/tournaments/132", body)).status_code == 404
    assert (await offered.post("/config/tournaments", {"tournamentId": 132})).status_code == 201
    held = await now(offered)
    assert [held.traded(name, 132, 111).enabled for name in ("demo", "rival")] == [True, False]
    assert await markets(offered, by="rival") == {111: False, 999: True}, "demo's open orders are not rival's"


@pytest.mark.parametrize("path", ["/config/tournaments/-1", "/config/tournaments/2147483648", "/config/tournaments/x"])
async def test_what_is_no_tournament_id_is_422(offered: Sender, path: str) -> None:
    assert (await offered.send("PATCH", path, {"active": True})).status_code == 422
    assert (await offered.send("DELETE", path)).status_code == 422


async def test_each_change_is_written_down_with_who_when_and_what_was_before(offered: Sender) -> None:
    await offered.post("/config/tournaments", {"tournamentId": 132})
    for _ in range(2):
        await offered.send("PATCH", "/config/tournaments/132", {"active": False})
    await offered.send("DELETE", "/config/tournaments/132")
    written = await offered.changes()
    assert [(row.kind, row.subject, row.body) for row in written] == [
        ("tournament.choose", "132", {"old": None, "new": {"active": True}}),
        ("tournament.choose", "132", {"old": {"active": True}, "new": {"active": False}}),
        ("tournament.choose", "132", {"old": {"active": False}, "new": None}),
    ]
    assert {row.changed_by for row in written} == {await key_of(offered.api, "demo")}
    assert written == sorted(written, key=lambda row: row.changed_at)


async def test_a_key_with_a_label_is_written_down_by_its_name(offered: Sender) -> None:
    async with offered.api.writing() as connection:
        owner = await find_key(connection, PEPPER, offered.api.keys["demo"])
        assert owner is not None
        await connection.execute(text("UPDATE api_keys SET label = 'desk 2' WHERE key_id = :id"), {"id": owner.key_id})
    await offered.post("/config/tournaments", {"tournamentId": 132})
    await offered.post("/trading/pause")
    assert {row.changed_by for row in await offered.changes()} == {f"desk 2 (key {owner.key_id})"}


@pytest.mark.parametrize("statement", ["UPDATE changes SET changed_by = 'nobody'", "DELETE FROM changes"])
async def test_what_is_written_down_stays(offered: Sender, statement: str) -> None:
    await offered.post("/config/tournaments", {"tournamentId": 132})
    with pytest.raises(DBAPIError, match="never changed"):
        async with offered.api.writing() as connection:
            await connection.execute(text(statement))
    assert len(await offered.changes()) == 1


async def test_an_operator_reads_what_clients_chose(offered: Sender) -> None:
    await offered.post("/config/tournaments", {"tournamentId": 132})
    answer = await offered.send("GET", "/operator/audit?client=demo&kind=tournament.choose", by="operator")
    (told,) = answer.json()["items"]
    assert (told["subject"], told["changedBy"]) == ("132", await key_of(offered.api, "demo"))


async def test_adding_under_a_key_is_done_once(offered: Sender) -> None:
    body = {"tournamentId": 132, "active": False}
    first, again = [await offered.post("/config/tournaments", body, key="k-1") for _ in range(2)]
    assert first.status_code == again.status_code == 201
    assert first.content == again.content


async def test_changes_at_once_are_all_noticed(offered: Sender) -> None:
    """The engine asks for the newest number only: none may commit behind one that was seen."""
    seen: list[int] = []

    async def watch() -> None:
        while True:
            seen.append((await now(offered)).version)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    calls = [
        offered.post("/config/tournaments", {"tournamentId": number}, by=by)
        for number in range(1, 9)
        for by in ("demo", "rival")
    ]
    assert {answer.status_code for answer in await at_once(*calls)} == {201}
    last = (await now(offered)).version
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert seen == sorted(seen)
    assert seen[0] < last

"""The paper bookmaker on the wire, spoken to without our adapter: paths, keys, errors, pages, socket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.bookmakers.desk import FIXTURE, HOME, KEY, OTHER_KEY, Desk, calm, desk, request_id


@asynccontextmanager
async def raw(d: Desk, key: str = KEY) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=d.rest, headers={"X-API-Key": key}, trust_env=False) as client:
        yield client


def order(number: int = 1, **changes: Any) -> dict[str, Any]:
    body = {
        "requestUuid": request_id(number),
        "fixtureId": FIXTURE,
        "outcomeId": HOME,
        "playerId": 0,
        "orderPrice": 2.0,
        "orderStake": 60,
        "userRef": f"hedge-{number}",
        "bookmakers": "vertex",
    }
    return {**body, **changes}


def exact(response: httpx.Response) -> Any:
    return json.loads(response.content, parse_float=Decimal)


async def place(client: httpx.AsyncClient, *orders: dict[str, Any]) -> Any:
    return exact(await client.post("/place-orders", json={"orders": list(orders)}))


async def test_placement_answers_in_the_published_shape() -> None:
    async with desk() as d, raw(d) as client:
        body = await place(client, order())
        assert (body["status"], body["declinedOrders"]) == ("accepted", [])
        accepted = body["acceptedOrders"][0]
        assert accepted["orderStatus"] == "FILLED"
        assert (accepted["orderId"], accepted["filledStake"], accepted["userRef"]) == (1001, 60, "hedge-1")
        bet = accepted["bets"][0]
        wanted = {"betId", "bookmaker", "bookmakerBetId", "placedPrice", "placedStake", "placedCurrency", "placedAt"}
        assert wanted | {"betStatus", "settlementStatus"} <= set(bet)
        assert (bet["betStatus"], bet["settlementStatus"], bet["placedPrice"]) == (
            "CONFIRMED",
            "UNSETTLED",
            Decimal("2.1"),
        )


async def test_duplicates_are_skipped_and_only_duplicates_are_409() -> None:
    async with desk() as d, raw(d) as client:
        await place(client, order(1))
        mixed = await place(client, order(1), order(2), order(2))
        assert [item["requestUuid"] for item in mixed["acceptedOrders"]] == [request_id(2)]
        again = await client.post("/place-orders", json={"orders": [order(1), order(2)]})
        assert again.status_code == 409
        assert len(d.paper.books.bets) == 2


async def test_another_clients_id_is_no_duplicate() -> None:
    async with desk() as d, raw(d) as mine, raw(d, OTHER_KEY) as other:
        await place(mine, order(1))
        assert (await place(other, order(1)))["status"] == "accepted"
        assert d.balance() == 99_940


async def test_partial_success_tells_each_order_apart() -> None:
    async with desk() as d, raw(d) as client:
        body = await place(client, order(1), order(2, orderStake=0.5))
        assert body["status"] == "partial-success"
        assert body["declinedOrders"][0]["declineReason"] == "Stake below minimum 1"
        assert (await place(client, order(3, outcomeId=9)))["status"] == "declined"


@pytest.mark.parametrize(
    ("change", "status", "names"),
    [
        ({"requestUuid": "x"}, 422, "requestUuid"),
        ({"requestUuid": None}, 422, "requestUuid"),
        ({"fixtureId": None}, 422, "fixtureId"),
        ({"outcomeId": "101"}, 422, "outcomeId"),
        ({"orderPrice": 1}, 422, "orderPrice"),
        ({"orderPrice": "2.0"}, 422, "orderPrice"),
        ({"orderStake": 0}, 422, "orderStake"),
        ({"orderStake": 1.005}, 422, "orderStake"),
        ({"orderStake": True}, 422, "orderStake"),
        ({"bookmakers": ""}, 422, "bookmakers"),
        ({"expiresAt": "soon"}, 422, "expiresAt"),
        ({"expiresAt": "2099-01-01T00:00:00Z"}, 422, "24 hours"),
        ({"futureId": 7}, 501, "futures"),
    ],
)
async def test_bad_order_is_refused_by_name_and_changes_nothing(
    change: dict[str, Any], status: int, names: str
) -> None:
    async with desk() as d, raw(d) as client:
        response = await client.post("/place-orders", json={"orders": [order(1), order(2, **change)]})
        assert response.status_code == status
        assert names in response.json()["detail"]
        assert d.paper.books.orders == {}


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"orders": []}', b'{"orders": [1]}', b"null"])
async def test_bad_body_is_refused(content: bytes) -> None:
    async with desk() as d, raw(d) as client:
        assert (await client.post("/place-orders", content=content)).status_code == 422
        too_many = await client.post("/place-orders", json={"orders": [order(n) for n in range(101)]})
        assert too_many.status_code == 422


@pytest.mark.parametrize("change", [{"testOrder": True}, {"back": False}, {"orderCurrency": "XYZ"}])
async def test_what_is_not_offered_is_declined(change: dict[str, Any]) -> None:
    async with desk() as d, raw(d) as client:
        body = await place(client, order(1, **change))
        assert "not available" in body["declinedOrders"][0]["declineReason"]


@pytest.mark.parametrize("path", ["/accounts", "/betslip", "/orders", "/bets", "/bets/1"])
async def test_every_private_path_needs_a_key(path: str) -> None:
    async with desk() as d, raw(d, "wrong") as client:
        response = await client.get(path)
        assert response.status_code == 401
        assert response.json()["detail"]["code"] == "UNAUTHORIZED"


async def test_orders_come_in_pages_and_filters_are_ored() -> None:
    async with desk() as d, raw(d) as client, raw(d, OTHER_KEY) as other:
        await place(client, *[order(n, orderStake=1) for n in range(1, 6)])
        await place(other, order(9, orderStake=1))
        seen: list[int] = []
        cursor: int | None = 0
        for _ in range(3):
            page = (await client.get("/orders", params={"limit": 2, "afterOrderId": cursor})).json()
            seen += [item["orderId"] for item in page["orders"]]
            cursor = page["nextCursor"]
        assert (seen, page["hasMore"], cursor) == ([1001, 1002, 1003, 1004, 1005], False, None)
        either = await client.get(
            "/orders", params={"requestUuids": request_id(1), "userRef": "hedge-2", "orderIds": 1004}
        )
        assert [item["orderId"] for item in either.json()["orders"]] == [1001, 1002, 1004]
        assert (await client.get("/orders", params={"limit": "x"})).status_code == 422


async def test_bets_are_listed_for_their_owner_only() -> None:
    async with desk() as d, raw(d) as client, raw(d, OTHER_KEY) as other:
        await place(client, order(1), order(2, orderStake=5))
        page = (await client.get("/bets", params={"limit": 1})).json()
        assert (page["hasMore"], page["nextCursor"]) == (True, 5000)
        assert (await client.get("/bets", params={"orderId": 1002})).json()["bets"][0]["placedStake"] == 5
        assert (await client.get("/bets/5000")).json()["bookmakerBetId"] == "vertex-9000"
        assert (await client.get("/bets/1")).status_code == 404
        assert (await other.get("/bets/5000")).status_code == 403
        assert (await other.get("/bets")).json()["bets"] == []


async def test_cancel_names_what_it_could_not_cancel() -> None:
    async with desk() as d, raw(d) as client:
        await place(client, order(1), order(2, orderPrice=3))
        body = (await client.post("/cancel-orders", json={"requestUuids": [request_id(1), request_id(2)]})).json()
        assert body == {
            "status": "accepted",
            "cancelledCount": 1,
            "cancelled": [1002],
            "notCancelled": {"reason": "not cancellable", "orders": [1001]},
        }
        await place(client, order(3, orderPrice=3))
        by_reference = (await client.post("/cancel-orders", json={"userRef": "hedge-3"})).json()
        assert by_reference["cancelled"] == [1003]
        assert (await client.post("/cancel-orders", json={})).status_code == 422


async def test_all_or_nothing_order_waits_rather_than_fills_in_part() -> None:
    async with desk() as d, raw(d) as client:
        whole = await place(client, order(1, orderStake=150, acceptPartialStake=False))
        assert (whole["acceptedOrders"][0]["orderStatus"], whole["acceptedOrders"][0]["bets"]) == ("PENDING", [])
        fits = await place(client, order(2, orderStake=90, acceptPartialStake=False))
        assert fits["acceptedOrders"][0]["filledStake"] == 90


async def test_several_books_without_partial_bet_everywhere_and_may_overfill() -> None:
    async with desk() as d, raw(d) as client:
        body = await place(client, order(1, bookmakers=["vertex", "sharpbet"], acceptPartialStake=False))
        assert [bet["placedStake"] for bet in body["acceptedOrders"][0]["bets"]] == [60, 60]
        assert body["acceptedOrders"][0]["filledStake"] == 120


async def test_order_that_wants_no_better_odds_waits_for_its_own() -> None:
    async with desk() as d, raw(d) as client:
        body = await place(client, order(1, acceptBetterOdds=False), order(2, acceptBetterOdds=False, orderPrice=2.1))
        assert [item["orderStatus"] for item in body["acceptedOrders"]] == ["PENDING", "FILLED"]


async def test_rate_limit_counts_and_tells() -> None:
    async with desk(calm(rate_per_second=2)) as d, raw(d) as client:
        d.clock.ahead = 1 - d.clock() % 1
        answers = [await client.get("/accounts") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert [answer.headers.get("X-RateLimit-Remaining") for answer in answers[:2]] == ["1", "0"]
        assert (answers[2].headers["Retry-After"], answers[2].json()["limit"]) == ("1", 2)


async def test_maintenance_closes_everything_but_says_so() -> None:
    async with desk() as d, raw(d) as client:
        assert (await client.get("/ready")).json()["status"] == "ok"
        d.world.faults.arm("abp", "maintenance", seconds=30)
        assert (await client.get("/accounts")).status_code == 503
        assert (await client.get("/health")).status_code == 503
        d.clock.ahead += 31
        assert (await client.get("/accounts")).status_code == 200


async def _login(socket: ClientConnection, **changes: Any) -> Any:
    await socket.send(json.dumps({"type": "login", "apiKey": KEY, "channels": ["orders", "balance"], **changes}))
    return json.loads(await socket.recv())


async def test_socket_numbers_its_frames_and_sends_only_what_was_asked_for() -> None:
    async with desk() as d, raw(d) as client, connect(d.rest.replace("http", "ws") + "/ws") as socket:
        assert (await _login(socket))["type"] == "login_ok"
        await place(client, order(1))
        frames = [json.loads(await socket.recv()) for _ in range(4)]
        assert [frame["seq"] for frame in frames] == [1, 2, 3, 4]
        assert [(frame["channel"], frame["event"]) for frame in frames] == [
            ("orders", "INSERT"),
            ("orders", "UPDATE"),
            ("orders", "STATUS_CHANGE"),
            ("balance", "UPDATE"),
        ]
        assert frames[3]["payload"]["balance"] == 99_940
        await socket.send('{"type":"ping"}')
        assert json.loads(await socket.recv())["type"] == "pong"
        await socket.send("nonsense")
        assert json.loads(await socket.recv())["code"] == "BAD_MESSAGE"


async def test_socket_of_another_client_hears_nothing() -> None:
    async with desk() as d, raw(d) as client, connect(d.rest.replace("http", "ws") + "/ws") as socket:
        await _login(socket, apiKey=OTHER_KEY)
        await place(client, order(1))
        await socket.send('{"type":"ping"}')
        assert json.loads(await socket.recv())["type"] == "pong"


@pytest.mark.parametrize(
    "change", [{"apiKey": "wrong"}, {"type": "hello"}, {"channels": ["weather"]}, {"channels": "orders"}]
)
async def test_bad_login_is_told_and_closed(change: dict[str, Any]) -> None:
    async with desk() as d, connect(d.rest.replace("http", "ws") + "/ws") as socket:
        assert (await _login(socket, **change))["type"] == "error"
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_socket_without_login_is_closed_and_a_quiet_one_gets_heartbeats() -> None:
    async with desk(calm(login_seconds=0.05, heartbeat_seconds=0.05)) as d:
        async with connect(d.rest.replace("http", "ws") + "/ws") as silent:
            with pytest.raises(ConnectionClosed):
                await silent.recv()
        async with connect(d.rest.replace("http", "ws") + "/ws") as socket:
            await _login(socket)
            assert json.loads(await socket.recv())["type"] == "heartbeat"

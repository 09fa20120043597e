"""Commands on the socket: every one is answered, and none ends it (kalshi sheet, section 12)."""

from typing import Any

import pytest

from tests.paper.asgi import Closed, Socket, socket
from tests.paper.kalshi.desk import AWAY, STREAM, Desk, ask


async def error_of(line: Socket, command: Any) -> int:
    await line.send(command)
    answer = await line.frame()
    assert answer["type"] == "error", answer
    code: int = answer["msg"]["code"]
    return code


MALFORMED: list[tuple[Any, int]] = [
    ("no json", 1),
    ("[]", 1),
    ("7", 1),
    ('{"id":1,"cmd":"subscribe","params":[]}', 1),
    ('{"id":1,"cmd":"subscribe","params":null}', 1),
    ({"id": 1, "cmd": ["subscribe"], "params": {}}, 5),
    ({"id": 1, "cmd": "subscribe", "params": {"channels": "fill"}}, 3),
    ({"id": 1, "cmd": "subscribe", "params": {"channels": [["fill"]]}}, 1),
    ({"id": 1, "cmd": "subscribe", "params": {"channels": ["fill"], "market_tickers": [["x"]]}}, 1),
    ({"id": 1, "cmd": "subscribe", "params": {"channels": ["fill"], "market_tickers": [1, "x"]}}, 1),
    ({"id": 1, "cmd": "subscribe", "params": {"channels": ["fill"], "market_tickers": "x"}}, 11),
    ({"id": 1, "cmd": "subscribe", "params": {"channels": ["fill"], "market_ticker": "none"}}, 16),
    ({"id": 1, "cmd": "unsubscribe", "params": {"sids": [[1]]}}, 1),
    ({"id": 1, "cmd": "unsubscribe", "params": {"sids": 1}}, 4),
    ({"id": 1, "cmd": "update_subscription", "params": {"sids": [{}], "action": "add_markets"}}, 1),
]


@pytest.mark.parametrize(("command", "code"), MALFORMED)
async def test_malformed_command_is_answered_and_the_socket_goes_on(desk: Desk, command: Any, code: int) -> None:
    async with desk.ann.stream() as line:
        assert await error_of(line, command) == code
        assert (await ask(line, "subscribe", channels=["fill"]))["type"] == "subscribed"


@pytest.mark.parametrize("action", ["add_markets", "get_snapshot"])
async def test_subscription_is_not_widened_to_a_market_that_does_not_exist(desk: Desk, action: str) -> None:
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["orderbook_delta"], market_ticker=desk.ticker())
        await line.frame()
        command = {"sids": [1], "action": action, "market_tickers": [desk.ticker(AWAY), "KXNONE"]}
        assert await error_of(line, {"id": 2, "cmd": "update_subscription", "params": command}) == 16
        desk.rest("yes", "0.30", "5", of=AWAY)
        assert await line.quiet()


async def test_error_carries_the_number_of_its_command(desk: Desk) -> None:
    async with desk.ann.stream() as line:
        await line.send({"id": 77, "cmd": "dance"})
        assert (await line.frame())["id"] == 77


async def test_markets_added_later_come_with_their_book_in_the_same_numbering(desk: Desk) -> None:
    desk.rest("yes", "0.30", "5", of=AWAY)
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["orderbook_delta"], market_ticker=desk.ticker())
        first = await line.frame()
        more = {"sids": [1], "action": "add_markets", "market_tickers": [desk.ticker(AWAY)]}
        ok = await ask(line, "update_subscription", 2, **more)
        snapshot = await line.frame()
    assert [first["seq"], ok["seq"], snapshot["seq"]] == [1, 2, 3]
    assert ok["market_tickers"] == sorted([desk.ticker(), desk.ticker(AWAY)])
    assert snapshot["msg"]["yes_dollars_fp"] == [["0.3000", "5.00"]]


async def test_deleted_market_is_silent_and_the_rest_goes_on(desk: Desk) -> None:
    async with desk.ann.stream() as line:
        both = [desk.ticker(), desk.ticker(AWAY)]
        await ask(line, "subscribe", channels=["orderbook_delta"], market_tickers=both)
        await line.frames(2)
        await ask(line, "update_subscription", 2, sids=[1], action="delete_markets", market_tickers=[both[0]])
        desk.rest("yes", "0.30", "5")
        desk.rest("yes", "0.31", "5", of=AWAY)
        assert (await line.frame())["msg"]["market_ticker"] == both[1]
        assert await line.quiet()


async def test_snapshot_on_request_repairs_a_gap_without_a_new_subscription(desk: Desk) -> None:
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["orderbook_delta"], market_ticker=desk.ticker())
        await line.frame()
        desk.rest("yes", "0.30", "5")
        await line.frame()
        again = await ask(line, "update_subscription", 2, sid=1, action="get_snapshot", market_ticker=desk.ticker())
    assert (again["type"], again["sid"], again["seq"]) == ("orderbook_snapshot", 1, 3)
    assert again["msg"]["yes_dollars_fp"] == [["0.3000", "5.00"]]


async def test_unsubscribing_uses_up_a_number_and_the_next_subscription_has_a_new_id(desk: Desk) -> None:
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["orderbook_delta"], market_ticker=desk.ticker())
        await line.frame()
        gone = await ask(line, "unsubscribe", 2, sids=[1])
        assert (gone["type"], gone["sid"], gone["seq"]) == ("unsubscribed", 1, 2)
        assert await error_of(line, {"id": 3, "cmd": "unsubscribe", "params": {"sids": [1]}}) == 7
        again = await ask(line, "subscribe", 4, channels=["orderbook_delta"], market_ticker=desk.ticker())
        assert again["msg"]["sid"] == 2
        assert (await line.frame())["seq"] == 1


@pytest.mark.parametrize("signed", ["", "/trade-api/v2/portfolio/balance"])
async def test_socket_needs_a_signature_of_its_own_path(desk: Desk, signed: str) -> None:
    headers = desk.ann.headers("GET", signed) if signed else {}
    with pytest.raises(Closed) as refused:
        async with socket(desk.venue.app, STREAM, headers):
            pass
    assert refused.value.code == 401


async def test_socket_is_refused_during_maintenance(desk: Desk) -> None:
    desk.venue.close_exchange(30)
    with pytest.raises(Closed) as refused:
        async with desk.ann.stream():
            pass
    assert refused.value.code == 503
    desk.clock.now += 31
    async with desk.ann.stream() as line:
        assert (await ask(line, "list_subscriptions"))["msg"] == []

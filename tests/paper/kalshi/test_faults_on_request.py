"""Each fault of the paper Kalshi does what it says, once, and the truth stays whole behind it."""

import asyncio
from typing import Any

import pytest

from tests.paper.asgi import Closed
from tests.paper.kalshi.desk import ORDERS, Desk, ask


def arm(desk: Desk, fault: str, times: int = 1, **details: Any) -> None:
    desk.world.faults.arm("kalshi", fault, times, **details)


async def found(desk: Desk) -> list[str]:
    return [row["client_order_id"] for row in (await desk.ann.read("/portfolio/orders"))["orders"]]


@pytest.mark.parametrize(
    ("fault", "details", "status", "code"),
    [
        ("refuse", {"code": "insufficient_balance"}, 400, "insufficient_balance"),
        ("refuse", {"status": 403, "code": "restricted"}, 403, "restricted"),
        ("refuse", {}, 400, "refused"),
        ("maintenance", {"seconds": 5}, 503, "exchange_unavailable"),
    ],
)
async def test_refusing_fault_refuses_with_its_code_and_records_nothing(
    desk: Desk, fault: str, details: Any, status: int, code: str
) -> None:
    arm(desk, fault, **details)
    answer = await desk.ann.order("bid", "0.40", "5", client_order_id="c")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    desk.clock.now += 6
    assert await found(desk) == []
    assert (await desk.ann.order("bid", "0.40", "5", client_order_id="c")).status_code == 201


async def test_rate_limit_on_request_refuses_any_one_call(desk: Desk) -> None:
    arm(desk, "rate_limited", 2)
    assert (await desk.ann.call("GET", "/markets")).status_code == 429
    assert (await desk.ann.order("bid", "0.40", "5")).status_code == 429
    assert (await desk.ann.order("bid", "0.40", "5")).status_code == 201


async def test_error_after_acceptance_leaves_the_order_alive(desk: Desk) -> None:
    arm(desk, "error_accepted")
    assert (await desk.ann.order("bid", "0.40", "5", client_order_id="c")).status_code == 500
    assert await found(desk) == ["c"]
    assert (await desk.ann.order("bid", "0.40", "5", client_order_id="c")).status_code == 409


async def test_error_after_a_batch_leaves_all_of_it_alive(desk: Desk) -> None:
    arm(desk, "error_accepted")
    items = [desk.body("bid", "0.40", "5", client_order_id=name) for name in ("a", "b")]
    assert (await desk.ann.call("POST", f"{ORDERS}/batched", {"orders": items})).status_code == 500
    assert sorted(await found(desk)) == ["a", "b"]


async def test_late_answer_comes_after_its_delay(desk: Desk) -> None:
    arm(desk, "answer_late", seconds=0.05)
    asked = asyncio.create_task(desk.ann.order("bid", "0.40", "5"))
    await asyncio.sleep(0.02)
    assert not asked.done()
    assert len(desk.engine.open_orders("kalshi", "ann")) == 1
    assert (await asked).status_code == 201


@pytest.mark.parametrize("path", ["/portfolio/orders", "/portfolio/fills", "/markets"])
async def test_short_page_promises_more_and_breaks_there(desk: Desk, path: str) -> None:
    for number in range(4):
        desk.rest("no", "0.60", "1")
        await desk.ann.placed("bid", "0.40", "1", client_order_id=f"c{number}")
    arm(desk, "page_short")
    key = {"/portfolio/orders": "orders", "/portfolio/fills": "fills", "/markets": "markets"}[path]
    page = await desk.ann.read(path)
    assert len(page[key]) == 2
    assert (await desk.ann.call("GET", path, cursor=page["cursor"])).status_code == 500
    assert len((await desk.ann.read(path))[key]) >= 4


async def test_fill_first_reaches_the_stream_before_the_answer(desk: Desk) -> None:
    arm(desk, "fill_first", size="3", seconds=0.05)
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["fill"])
        asked = asyncio.create_task(desk.ann.order("bid", "0.40", "5"))
        fill = await line.frame()
        assert not asked.done()
        body = (await asked).json()
    assert (fill["msg"]["order_id"], fill["msg"]["count_fp"]) == (body["order_id"], "3.00")
    assert (body["fill_count"], body["remaining_count"]) == ("3.00", "2.00")


@pytest.mark.parametrize(("fault", "told"), [("fill_twice", 2), ("none", 1)])
async def test_fill_told_twice_is_one_trade(desk: Desk, fault: str, told: int) -> None:
    arm(desk, fault)
    await desk.ann.placed("bid", "0.40", "5")
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["fill"])
        desk.rest("no", "0.60", "5")
        frames = await line.heard()
    assert len(frames) == told
    assert len({frame["msg"]["trade_id"] for frame in frames}) == 1
    assert len((await desk.ann.read("/portfolio/fills"))["fills"]) == 1


async def test_late_fill_is_neither_on_the_stream_nor_in_the_list_until_it_is(desk: Desk) -> None:
    arm(desk, "fill_late", seconds=0.05)
    await desk.ann.placed("bid", "0.40", "5")
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["fill"])
        desk.rest("no", "0.60", "5")
        assert await line.heard() == []
        assert (await desk.ann.read("/portfolio/fills"))["fills"] == []
        fill = await line.frame()
    assert fill["msg"]["count_fp"] == "5.00"
    assert len((await desk.ann.read("/portfolio/fills"))["fills"]) == 1


async def test_bad_frame_is_unreadable_and_the_next_is_good(desk: Desk) -> None:
    arm(desk, "bad_frame")
    await desk.ann.placed("bid", "0.40", "5")
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["fill"])
        desk.rest("no", "0.60", "5")
        with pytest.raises(ValueError, match="Expecting"):
            await line.frame()
        assert (await line.frame())["type"] == "fill"


async def test_cut_stream_loses_what_was_on_its_way_and_a_new_one_works(desk: Desk) -> None:
    arm(desk, "stream_cut")
    await desk.ann.placed("bid", "0.40", "5")
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["fill"])
        desk.rest("no", "0.60", "5")
        with pytest.raises(Closed) as cut:
            await line.frame()
        assert cut.value.code == 1012
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["fill"])
        await desk.ann.placed("bid", "0.40", "5")
        desk.rest("no", "0.60", "5")
        assert (await line.frame())["type"] == "fill"


async def test_frozen_stream_says_late_what_it_held(desk: Desk) -> None:
    arm(desk, "stream_frozen", seconds=0.05)
    await desk.ann.placed("bid", "0.40", "5")
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["fill"])
        desk.rest("no", "0.60", "5")
        assert await line.quiet()
        assert (await line.frame())["type"] == "fill"

"""Each fault of the paper Polymarket does what it says, once, and the truth stays whole behind it."""

import asyncio
import time
from typing import Any

import pytest

from tests.paper.asgi import Closed
from tests.paper.polymarket.desk import Desk


def arm(desk: Desk, fault: str, times: int = 1, **details: Any) -> None:
    desk.world.faults.arm("polymarket", fault, times, **details)


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({"code": "funds"}, "not enough balance / allowance"),
        ({"code": "post_only_cross"}, "invalid post-only order: order crosses book"),
        ({"code": "system"}, "could not insert order"),
        ({"code": "market_closed"}, "the market is not yet ready to process new orders"),
        ({"text": "'0x1' address banned"}, "'0x1' address banned"),
        ({}, "not enough balance / allowance"),
    ],
)
async def test_refusal_on_request_has_the_venues_text_and_takes_nothing(desk: Desk, details: Any, text: str) -> None:
    arm(desk, "refuse", **details)
    assert await desk.ann.place(desk.asset(), "BUY", "0.40", "5") == text
    assert desk.engine.open_orders("polymarket", "ann") == []
    assert (await desk.ann.place(desk.asset(), "BUY", "0.40", "5"))["status"] == "live"


async def test_one_refusal_in_a_batch_is_an_element_of_it(desk: Desk) -> None:
    arm(desk, "refuse", code="funds")
    bodies = [desk.ann.order(desk.asset(), "BUY", "0.40", "5") for _ in range(3)]
    answer = (await desk.ann.call("POST", "/orders", bodies)).json()
    assert [item["success"] for item in answer] == [False, True, True]
    assert len(desk.engine.open_orders("polymarket", "ann")) == 2


async def test_batch_of_sixteen_is_refused_whole(desk: Desk) -> None:
    bodies: list[Any] = [{}] * 16
    answer = await desk.ann.call("POST", "/orders", bodies)
    assert (answer.status_code, answer.json()["error"]) == (400, "Too many orders in payload: 16, max allowed: 15")


@pytest.mark.parametrize(
    ("mode", "placing", "cancelling"), [("disabled", 503, 503), ("cancel_only", 503, 200), ("restart", 425, 425)]
)
async def test_maintenance_closes_what_it_says_and_ends(desk: Desk, mode: str, placing: int, cancelling: int) -> None:
    order = await desk.ann.placed(desk.asset(), "BUY", "0.40", "5")
    arm(desk, "maintenance", mode=mode, seconds=60)
    body = desk.ann.order(desk.asset(), "BUY", "0.40", "5")
    assert (await desk.ann.call("POST", "/order", body)).status_code == placing
    assert (await desk.ann.call("DELETE", "/order", {"orderID": order})).status_code == cancelling
    assert (await desk.ann.call("DELETE", "/cancel-all")).status_code == cancelling
    assert (await desk.ann.call("GET", "/data/orders")).status_code == 200
    desk.venue.modes._now = lambda: time.monotonic() + 61
    assert (await desk.ann.call("POST", "/order", body)).status_code == 200


async def test_after_a_restart_only_makers_are_welcome_for_a_while(desk: Desk) -> None:
    desk.venue.modes.enter("restart", 0.0, 60.0)
    text = "post-only mode: only post-only orders and cancels are allowed"
    body = desk.ann.order(desk.asset(), "BUY", "0.40", "5")
    answer = await desk.ann.call("POST", "/order", body)
    assert (answer.status_code, answer.json()["error"]) == (400, text)
    making = await desk.ann.call("POST", "/order", {**body, "postOnly": True})
    assert making.json()["status"] == "live"


async def test_rate_limit_says_when_to_come_back(desk: Desk) -> None:
    arm(desk, "rate_limited")
    answer = await desk.ann.call("DELETE", "/cancel-all")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert (await desk.ann.call("DELETE", "/cancel-all")).status_code == 200


async def test_error_after_acceptance_leaves_the_order_findable_by_its_digest(desk: Desk) -> None:
    arm(desk, "error_accepted")
    body = desk.ann.order(desk.asset(), "BUY", "0.40", "5")
    assert (await desk.ann.call("POST", "/order", body)).status_code == 500
    (order,) = desk.engine.open_orders("polymarket", "ann")
    assert (await desk.ann.read(f"/data/order/{order.order_id}"))["status"] == "LIVE"
    assert "Duplicated" in (await desk.ann.call("POST", "/order", body)).json()["error"]


async def test_fill_first_answers_only_after_somebody_traded(desk: Desk) -> None:
    arm(desk, "fill_first", taker="house", seconds=1)
    async with desk.ann.stream() as line:
        await line.send(desk.ann.hello())
        assert await line.quiet()
        asked = asyncio.create_task(desk.ann.place(desk.asset(), "BUY", "0.40", "5"))
        kinds = [(await line.frame())["type"] for _ in range(3)]
        assert not asked.done()
        body = await asked
    assert kinds == ["PLACEMENT", "TRADE", "UPDATE"]
    assert body["status"] == "live", "as it was when it was taken"


async def test_late_trade_is_told_after_its_delay(desk: Desk) -> None:
    arm(desk, "fill_late", seconds=0.05)
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "5")
    async with desk.ann.stream() as line:
        await line.send(desk.ann.hello())
        assert await line.quiet()
        desk.rest(desk.asset(122), "0.60", "5")
        assert await line.quiet()
        assert [(await line.frame())["type"] for _ in range(2)] == ["TRADE", "UPDATE"]


async def test_bad_frame_is_unreadable_and_the_next_is_good(desk: Desk) -> None:
    arm(desk, "bad_frame")
    async with desk.ann.stream() as line:
        await line.send(desk.ann.hello())
        assert await line.quiet()
        await desk.ann.placed(desk.asset(121), "BUY", "0.40", "5")
        with pytest.raises(ValueError, match="Expecting"):
            await line.frame()
        assert (await line.frame())["type"] == "PLACEMENT"


async def test_cut_stream_ends_with_1011(desk: Desk) -> None:
    arm(desk, "stream_cut")
    async with desk.ann.stream() as line:
        await line.send(desk.ann.hello())
        assert await line.quiet()
        await desk.ann.placed(desk.asset(121), "BUY", "0.40", "5")
        with pytest.raises(Closed) as cut:
            await line.frame()
        assert cut.value.code == 1011


async def test_frozen_stream_loses_what_happens_meanwhile(desk: Desk) -> None:
    arm(desk, "stream_frozen", seconds=0.05)
    async with desk.ann.stream() as line:
        await line.send(desk.ann.hello())
        assert await line.quiet()
        lost = await desk.ann.placed(desk.asset(121), "BUY", "0.40", "5")
        assert await line.quiet(0.06)
        heard = await desk.ann.placed(desk.asset(121), "BUY", "0.41", "5")
        frames = await line.heard()
    assert [frame["id"] for frame in frames] == [heard]
    assert {order.order_id for order in desk.engine.open_orders("polymarket", "ann")} == {lost, heard}

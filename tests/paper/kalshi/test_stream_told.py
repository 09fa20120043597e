"""What the socket tells of orders, fills, positions and books, and to whom (kalshi sheet, section 12)."""

from collections.abc import AsyncIterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from tests.paper.asgi import Socket
from tests.paper.kalshi.desk import AWAY, HOME, ORDERS, D, Desk, ask

PRIVATE = ["fill", "user_orders", "market_positions"]


@pytest.fixture
async def line(desk: Desk) -> AsyncIterator[Socket]:
    """Ann's socket on every private channel."""
    async with desk.ann.stream() as opened:
        await opened.send({"id": 1, "cmd": "subscribe", "params": {"channels": PRIVATE}})
        await opened.frames(3)
        yield opened


def orders(frames: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [
        (f["msg"]["status"], f["msg"]["fill_count_fp"], f["msg"]["remaining_count_fp"])
        for f in frames
        if f["type"] == "user_order"
    ]


async def test_life_of_a_maker_order_is_told_in_order(desk: Desk, line: Socket) -> None:
    await desk.ann.placed("bid", "0.40", "10", client_order_id="a-1")
    desk.rest("no", "0.60", "4")
    desk.rest("no", "0.60", "6")
    frames = await line.heard()
    told = orders(frames)
    assert told[0] == ("resting", "0.00", "10.00")
    assert told[-1] == ("executed", "10.00", "0.00")
    assert ("resting", "4.00", "6.00") in told
    fills = [f["msg"] for f in frames if f["type"] == "fill"]
    assert [(f["count_fp"], f["is_taker"], f["post_position_fp"]) for f in fills] == [
        ("4.00", False, "4.00"),
        ("6.00", False, "10.00"),
    ]
    assert {f["client_order_id"] for f in fills} == {"a-1"}


@pytest.mark.parametrize(
    "change",
    [
        {"post_only": True},
        {"time_in_force": "fill_or_kill", "count": "50"},
        {"time_in_force": "immediate_or_cancel", "price": "0.30"},
    ],
)
async def test_order_accepted_and_cancelled_at_once_is_told_as_cancelled(
    desk: Desk, line: Socket, change: dict[str, Any]
) -> None:
    desk.rest("no", "0.60", "10")
    placed = await desk.ann.placed(**{"side": "bid", "price": "0.45", "count": "5", **change})
    assert placed["remaining_count"] == "0.00"
    last = (await line.heard())[-1]
    assert (last["type"], last["msg"]["order_id"], last["msg"]["status"]) == (
        "user_order",
        placed["order_id"],
        "canceled",
    )


async def test_own_order_cancelled_to_prevent_a_self_trade_is_told(desk: Desk, line: Socket) -> None:
    own = (await desk.ann.placed("ask", "0.50", "10"))["order_id"]
    await line.heard()
    await desk.ann.placed("bid", "0.55", "5", self_trade_prevention_type="maker")
    gone = [f["msg"] for f in await line.heard() if f["msg"]["order_id"] == own]
    assert [message["status"] for message in gone] == ["canceled"]


@pytest.mark.parametrize("how", ["cancel", "cancel_all", "decrease", "expire", "resolve"])
async def test_every_end_of_an_order_is_told(desk: Desk, line: Socket, how: str) -> None:
    expiry = {"expiration_time": int(desk.clock.now) + 10}
    order = (await desk.ann.placed("bid", "0.40", "10", **expiry))["order_id"]
    await line.heard()
    if how == "cancel":
        await desk.ann.call("DELETE", f"{ORDERS}/{order}", market_ticker=desk.ticker())
    elif how == "cancel_all":
        assert (await desk.ann.call("DELETE", ORDERS)).status_code == 204
    elif how == "decrease":
        body = {"reduce_to": "0", "market_ticker": desk.ticker()}
        assert (await desk.ann.call("POST", f"{ORDERS}/{order}/decrease", body)).status_code == 200
    elif how == "expire":
        desk.clock.now += 10
        desk.engine.expire(int(desk.clock.now))
    else:
        desk.resolve("1", "0")
    assert orders(await line.heard()) == [("canceled", "0.00", "0.00")]


async def test_nobody_hears_of_anothers_orders_fills_or_positions(desk: Desk, line: Socket) -> None:
    await desk.bob.placed("bid", "0.40", "10")
    desk.rest("no", "0.60", "10")
    assert await line.heard() == []


async def test_private_channels_may_be_narrowed_to_markets(desk: Desk) -> None:
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["user_orders"], market_tickers=[desk.ticker(AWAY)])
        await desk.ann.placed("bid", "0.40", "10")
        await desk.ann.placed("bid", "0.41", "10", of=AWAY)
        (frame,) = await line.heard()
        assert frame["msg"]["ticker"] == desk.ticker(AWAY)


async def test_position_follows_both_sides_of_the_market(desk: Desk, line: Socket) -> None:
    desk.rest("no", "0.60", "10")
    desk.rest("yes", "0.39", "20")
    await desk.ann.placed("bid", "0.40", "10", time_in_force="immediate_or_cancel")
    await desk.ann.placed("ask", "0.39", "14", time_in_force="immediate_or_cancel")
    positions = [f["msg"] for f in await line.heard() if f["type"] == "market_position"]
    assert [p["position_fp"] for p in positions] == ["10.00", "-4.00"]
    assert positions[-1]["realized_pnl_dollars"] == "-0.1000"
    assert positions[-1]["position_cost_dollars"] == "2.4400"


class Rebuilt:
    """A book kept from nothing but frames."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[Decimal, Decimal]] = {"yes": {}, "no": {}}
        self.seq = 0

    def take(self, frame: dict[str, Any]) -> None:
        assert frame["seq"] == self.seq + 1, "a gap"
        self.seq, message = frame["seq"], frame["msg"]
        if frame["type"] == "orderbook_snapshot":
            for side in self.sides:
                self.sides[side] = {D(price): D(size) for price, size in message[f"{side}_dollars_fp"]}
            return
        levels, price = self.sides[message["side"]], D(message["price_dollars"])
        levels[price] = levels.get(price, D(0)) + D(message["delta_fp"])
        assert levels[price] >= 0
        if not levels[price]:
            del levels[price]


@pytest.mark.parametrize("seed", range(4))
async def test_book_rebuilt_from_frames_is_the_book(desk: Desk, seed: int) -> None:
    rng, book = Random(seed), Rebuilt()
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["orderbook_delta"], market_ticker=desk.ticker())
        for _ in range(60):
            side, cents = rng.choice(("yes", "no")), rng.randrange(30, 70)
            desk.rest(side, f"0.{cents}", str(rng.randrange(1, 9)), account=f"m{rng.randrange(4)}")
            standing = [o for o in desk.engine.orders.values() if o.status == "open"]
            if standing and rng.random() < 0.4:
                desk.engine.cancel(rng.choice(standing).order_id, "gone")
        for frame in await line.heard():
            book.take(frame)
    served = (await desk.ann.read(f"/markets/{desk.ticker()}/orderbook"))["orderbook_fp"]
    for side in ("yes", "no"):
        assert book.sides[side] == {D(price): D(size) for price, size in served[f"{side}_dollars"]}


async def test_only_the_owner_sees_his_name_on_a_level(desk: Desk) -> None:
    async with desk.ann.stream() as mine, desk.bob.stream() as others:
        for line in (mine, others):
            await ask(line, "subscribe", channels=["orderbook_delta"], market_ticker=desk.ticker())
            await line.frame()
        await desk.ann.placed("bid", "0.40", "10", client_order_id="secret")
        assert (await mine.frame())["msg"]["client_order_id"] == "secret"
        assert "client_order_id" not in (await others.frame())["msg"]


async def test_trade_and_ticker_channels_tell_the_price_and_the_taker(desk: Desk) -> None:
    desk.rest("no", "0.60", "10")
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["trade"], market_ticker=desk.ticker())
        await ask(line, "subscribe", 2, channels=["ticker"])
        desk.rest("yes", "0.45", "4", account="taker")
        desk.rest("yes", "0.45", "4", of=AWAY, account="taker")
        frames = await line.heard()
    trade = next(f["msg"] for f in frames if f["type"] == "trade")
    assert (trade["yes_price_dollars"], trade["count_fp"], trade["taker_side"]) == ("0.4000", "4.00", "yes")
    tickers = [f["msg"] for f in frames if f["type"] == "ticker"]
    assert {message["market_ticker"] for message in tickers} == {desk.ticker(HOME), desk.ticker(AWAY)}
    here = next(m for m in tickers if m["market_ticker"] == desk.ticker(HOME))
    assert (here["price_dollars"], here["volume_fp"], here["yes_ask_size_fp"]) == ("0.4000", "4.00", "6.00")


async def test_lifecycle_tells_pauses_grids_and_results(desk: Desk) -> None:
    async with desk.ann.stream() as line:
        await ask(line, "subscribe", channels=["market_lifecycle_v2"], market_ticker=desk.ticker())
        desk.venue.pause(desk.ticker(), True)
        desk.venue.pause(desk.ticker(), False)
        desk.venue.regrid(desk.ticker(), "deci_cent")
        desk.resolve("0.37", "0.63")
        frames = [f["msg"] for f in await line.heard()]
    kinds = ["deactivated", "activated", "price_level_structure_updated", "determined", "settled"]
    assert [message["event_type"] for message in frames] == kinds
    assert frames[2]["price_ranges"][0]["step"] == "0.0010"
    assert (frames[3]["result"], frames[3]["settlement_value"]) == ("scalar", "0.3700")
    assert {message["event_ticker"] for message in frames} == {desk.fixtures[0].native["kalshi"].event}

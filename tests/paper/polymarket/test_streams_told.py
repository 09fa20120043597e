"""Both sockets in memory: whom they tell what, and what a restarted game or a resolution does (sheet, 6, 7, 13)."""

from collections.abc import AsyncIterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from tests.paper.asgi import Socket, socket
from tests.paper.polymarket.desk import D, Desk, market_line


@pytest.fixture
async def line(desk: Desk) -> AsyncIterator[Socket]:
    """Ann's user socket on everything."""
    async with desk.ann.stream() as opened:
        await opened.send(desk.ann.hello())
        assert await opened.quiet()
        yield opened


def events(frames: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(frame["type"], frame["status"]) for frame in frames]


async def test_life_of_a_maker_order_is_told(desk: Desk, line: Socket) -> None:
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    desk.rest(desk.asset(122), "0.60", "4")
    desk.rest(desk.asset(122), "0.60", "6")
    frames = await line.heard()
    assert events(frames) == [
        ("PLACEMENT", "LIVE"),
        ("TRADE", "MATCHED"),
        ("UPDATE", "LIVE"),
        ("TRADE", "MATCHED"),
        ("UPDATE", "MATCHED"),
    ]
    assert [f["size_matched"] for f in frames if f["type"] == "UPDATE"] == ["4", "10"]


async def test_each_stage_of_a_trade_is_told_with_the_same_id(desk: Desk, line: Socket) -> None:
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    desk.rest(desk.asset(122), "0.60", "10")
    desk.pass_time(1.1)
    desk.pass_time(1.1)
    trades = [f for f in await line.heard() if f["event_type"] == "trade"]
    assert [f["status"] for f in trades] == ["MATCHED", "MINED", "CONFIRMED"]
    assert len({f["id"] for f in trades}) == 1


async def test_trade_told_twice_is_the_same_trade(desk: Desk, line: Socket) -> None:
    desk.world.faults.arm("polymarket", "fill_twice")
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    desk.rest(desk.asset(122), "0.60", "10")
    trades = [f for f in await line.heard() if f["event_type"] == "trade"]
    assert len(trades) == 2
    assert trades[0]["id"] == trades[1]["id"]
    assert len(desk.engine.trades) == 1


async def test_start_of_the_game_cancels_what_rests_on_it_once(desk: Desk, line: Socket) -> None:
    kept = await desk.ann.placed(desk.asset(101), "BUY", "0.40", "10")
    await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    await line.heard()
    game = desk.world.fixtures["atp"]
    game.status = 1
    desk.world.tell(game, "fixture")
    assert events(await line.heard()) == [("CANCELLATION", "CANCELED")]
    again = await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    desk.world.tell(game, "scores")
    assert {o.order_id for o in desk.engine.open_orders("polymarket", "ann")} == {kept, again}


async def test_game_already_started_when_the_venue_restarts_keeps_its_orders(desk: Desk) -> None:
    game = desk.world.fixtures["atp"]
    game.status = 1
    desk.world.tell(game, "fixture")
    order = await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    again = desk.restarted()
    again.world.tell(again.world.fixtures["atp"], "scores")
    assert again.engine.orders[order].status == "open"


async def test_socket_hears_only_its_owner_and_its_markets(desk: Desk) -> None:
    async with desk.ann.stream() as mine, desk.bob.stream() as others:
        await mine.send(desk.ann.hello(markets=[desk.condition(121).condition_id]))
        await others.send(desk.bob.hello())
        assert await mine.quiet()
        await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
        await desk.ann.placed(desk.asset(101), "BUY", "0.40", "10")
        assert [f["market"] for f in await mine.heard()] == [desk.condition(121).condition_id]
        assert await others.quiet()
        more = {"operation": "subscribe", "markets": [desk.condition(101).condition_id]}
        await mine.send(more)
        assert await mine.quiet()
        await desk.ann.placed(desk.asset(101), "BUY", "0.41", "10")
        assert len(await mine.heard()) == 1
        await mine.send({**more, "operation": "unsubscribe"})
        assert await mine.quiet()
        await desk.ann.placed(desk.asset(101), "BUY", "0.42", "10")
        assert await mine.quiet()


@pytest.mark.parametrize("hello", ["no json", [], {"type": "user"}, {"type": "user", "auth": []}, {"type": "market"}])
async def test_user_socket_closes_on_a_first_frame_without_good_credentials(desk: Desk, hello: Any) -> None:
    async with desk.ann.stream() as line:
        await line.send(hello)
        assert await line.end() == 4401


async def test_ping_is_answered_on_both_channels(desk: Desk, line: Socket) -> None:
    await line.send("PING")
    assert await line.text() == "PONG"
    async with socket(desk.venue.clob, "/ws/market") as public:
        await market_line(public, desk.asset())
        await public.send("PING")
        assert await public.text() == "PONG"


class Rebuilt:
    """One token's book from nothing but market frames."""

    def __init__(self) -> None:
        self.levels: dict[str, dict[str, Decimal]] = {"BUY": {}, "SELL": {}}
        self.best: tuple[str, str] | None = None

    def take(self, frame: dict[str, Any]) -> None:
        if frame["event_type"] == "book":
            for name, side in (("bids", "BUY"), ("asks", "SELL")):
                self.levels[side] = {level["price"]: D(level["size"]) for level in frame[name]}
        for change in frame.get("price_changes", []):
            self.levels[change["side"]][change["price"]] = D(change["size"])
            self.best = change["best_bid"], change["best_ask"]

    def side(self, name: str) -> dict[str, Decimal]:
        return {price: size for price, size in self.levels[name].items() if size}


@pytest.mark.parametrize("seed", range(3))
async def test_book_rebuilt_from_frames_is_the_book_on_both_tokens(desk: Desk, seed: int) -> None:
    rng, books = Random(seed), {desk.asset(121): Rebuilt(), desk.asset(122): Rebuilt()}
    async with socket(desk.venue.clob, "/ws/market") as public:
        frames = await market_line(public, *books)
        for _ in range(50):
            asset = rng.choice(list(books))
            desk.rest(asset, f"0.{rng.randrange(30, 70)}", str(rng.randrange(1, 9)))
            standing = [o for o in desk.engine.orders.values() if o.status == "open"]
            if standing and rng.random() < 0.4:
                desk.engine.cancel(rng.choice(standing).order_id, "gone")
            desk.pass_time(0.05)
        frames += await public.heard()
    for frame in frames:
        if "asset_id" in frame:
            books[frame["asset_id"]].take(frame)
    for asset, book in books.items():
        served = await desk.get("clob", "/book", token_id=asset)
        for side, name in (("BUY", "bids"), ("SELL", "asks")):
            assert book.side(side) == {level["price"]: D(level["size"]) for level in served[name]}
        bid, ask = served["bids"][-1]["price"], served["asks"][-1]["price"]
        assert book.best == (bid, ask)


@pytest.mark.parametrize(("first", "winner", "label"), [("1", 0, "Ada"), ("0", 1, "Grace"), ("0.5", None, "")])
async def test_resolution_names_the_winner_or_nobody(desk: Desk, first: str, winner: int | None, label: str) -> None:
    async with socket(desk.venue.clob, "/ws/market") as public:
        await market_line(public, desk.asset(121))
        desk.resolve(first)
        (frame,) = [f for f in await public.heard() if f["event_type"] == "market_resolved"]
    assert frame["winning_asset_id"] == ("" if winner is None else desk.condition().assets[winner])
    assert frame["winning_outcome"] == label


async def test_changed_tick_is_told_and_binds_the_next_order(desk: Desk) -> None:
    async with socket(desk.venue.clob, "/ws/market") as public:
        await market_line(public, desk.asset(121))
        desk.venue.change_tick(desk.condition().condition_id, D("0.1"))
        (frame,) = await public.heard()
    assert (frame["event_type"], frame["old_tick_size"], frame["new_tick_size"]) == ("tick_size_change", "0.01", "0.1")
    assert "breaks minimum tick size rule: 0.1" in await desk.ann.place(desk.asset(121), "BUY", "0.45", "10")
    assert (await desk.ann.place(desk.asset(121), "BUY", "0.40", "10"))["status"] == "live"


async def test_switch_nobody_feeds_cancels_its_own_account_and_no_other(desk: Desk) -> None:
    now = [100.0]
    desk.venue.heartbeats._now = lambda: now[0]
    mine = await desk.ann.placed(desk.asset(121), "BUY", "0.40", "10")
    theirs = await desk.bob.placed(desk.asset(121), "BUY", "0.40", "10")
    armed = (await desk.ann.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})).json()["heartbeat_id"]
    now[0] += 11
    fed = await desk.ann.call("POST", "/v1/heartbeats", {"heartbeat_id": armed})
    assert fed.status_code == 200
    now[0] += 11
    desk.venue.tick()
    assert desk.engine.orders[mine].status == "open"
    now[0] += 2
    desk.venue.tick()
    assert desk.engine.orders[mine].status == "cancelled"
    assert desk.engine.orders[theirs].status == "open"

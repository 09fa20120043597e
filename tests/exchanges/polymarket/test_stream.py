"""The user and market streams, healthy and not."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from types import SimpleNamespace

import pytest
import pytest_asyncio

from overround.domain.markets import Instrument
from overround.domain.orders import Matched, Order, OrderSpec, OrderStatus, Unmatched, apply
from overround.exchanges.base import MarketChanged, OrderUpdate, StreamEvent, StreamGap, VenueFill
from overround.exchanges.polymarket.adapter import Polymarket
from overround.exchanges.polymarket.stream import _frames
from tests.exchanges.polymarket.conftest import Bench, request_for


class Ear:
    """Collects a stream's events in the background, so that waiting for one never cancels the stream."""

    def __init__(self, stream: AsyncIterator[StreamEvent]) -> None:
        self.heard: list[StreamEvent] = []
        self._fresh: asyncio.Queue[StreamEvent] = asyncio.Queue()
        self._task = asyncio.create_task(self._listen(stream))

    async def _listen(self, stream: AsyncIterator[StreamEvent]) -> None:
        async for event in stream:
            self.heard.append(event)
            self._fresh.put_nowait(event)

    async def next(self, kind: type, seconds: float = 15.0) -> StreamEvent:
        async def found() -> StreamEvent:
            while not isinstance(event := await self._fresh.get(), kind):
                continue
            return event

        return await asyncio.wait_for(found(), seconds)

    def all(self, kind: type) -> list[StreamEvent]:
        return [event for event in self.heard if isinstance(event, kind)]

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest_asyncio.fixture
async def ear(exchange: Polymarket, instrument: Instrument) -> AsyncIterator[Ear]:
    listening = Ear(exchange.stream())
    try:
        assert await listening.next(StreamGap) == StreamGap("first connection")
        yield listening
    finally:
        await listening.close()


async def rest(exchange: Polymarket, instrument: Instrument, name: str = "order-1") -> str:
    prepared = exchange.prepare(request_for(instrument, name))
    await exchange.place([prepared])
    return prepared.venue_order_id or ""


async def test_placement_fill_and_cancellation_are_heard_in_order(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    name = await rest(exchange, instrument)
    placed = await ear.next(OrderUpdate)
    assert isinstance(placed, OrderUpdate)
    assert (placed.venue_order_id, placed.seen.ended, placed.seen.filled) == (name, None, Decimal(0))
    bench.sell_into(name, "4")
    fill = await ear.next(VenueFill)
    assert isinstance(fill, VenueFill)
    assert (fill.venue_order_id, fill.contract) == (name, instrument.contract)
    assert (fill.fill.size, fill.fill.price, fill.failed) == (Decimal(4), Decimal("0.4"), False)
    bench.world.engine.cancel(name, "cancelled")
    while (update := await ear.next(OrderUpdate)) and isinstance(update, OrderUpdate) and update.seen.ended is None:
        continue
    assert isinstance(update, OrderUpdate)
    assert (update.seen.ended, update.seen.filled) == ("CANCELLED", Decimal(4))


async def test_stream_and_rest_name_a_fill_alike(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.sell_into(await rest(exchange, instrument))
    heard = await ear.next(VenueFill)
    assert [heard] == await exchange.fills(0)


async def test_settled_trade_is_told_once_through_all_its_stages(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.sell_into(await rest(exchange, instrument))
    await ear.next(VenueFill)
    await asyncio.sleep(0.4)  # MINED after 0.1 s, CONFIRMED after 0.2 s
    assert len(ear.all(VenueFill)) == 1


async def test_failed_trade_takes_its_fill_back(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.arm("trade_fails")
    bench.sell_into(await rest(exchange, instrument))
    first, second = await ear.next(VenueFill), await ear.next(VenueFill)
    assert isinstance(first, VenueFill)
    assert isinstance(second, VenueFill)
    assert (first.failed, second.failed) == (False, True)
    assert first.fill.fill_id == second.fill.fill_id
    spec = OrderSpec("c", 111, Decimal("0.4"), Decimal(10), Decimal(2), None, 0)
    order = apply(apply(Order(spec), Matched(first.fill)), Unmatched(second.fill.fill_id))
    assert (order.filled, order.status) == (Decimal(0), OrderStatus.CANCELLED)
    assert (await exchange.fills(0))[0].failed
    assert (await exchange.balance()).total == Decimal(1000)


async def test_fill_reaches_the_stream_before_the_placements_answer(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.arm("fill_first", taker="taker")
    placing = asyncio.create_task(rest(exchange, instrument))
    fill = await ear.next(VenueFill)
    assert not placing.done()
    assert isinstance(fill, VenueFill)
    assert fill.venue_order_id == await placing


async def test_same_fill_twice_is_told_once(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.arm("fill_twice")
    bench.sell_into(await rest(exchange, instrument))
    await ear.next(VenueFill)
    await asyncio.sleep(0.1)
    assert len(ear.all(VenueFill)) == 1
    assert bench.world.faults.fired == [("polymarket", "fill_twice")]


async def test_late_fill_is_in_rest_before_the_stream(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.venue.settling._steps = (5000, 9000)
    bench.arm("fill_late", seconds=0.3)
    bench.sell_into(await rest(exchange, instrument))
    (read,) = await exchange.fills(0)
    assert ear.all(VenueFill) == []
    assert await ear.next(VenueFill) == read


async def test_cut_stream_reconnects_and_says_so(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.arm("stream_cut")
    name = await rest(exchange, instrument)
    gap = await ear.next(StreamGap)
    assert isinstance(gap, StreamGap)
    assert gap.reason != "first connection"
    bench.sell_into(name)
    assert isinstance(await ear.next(VenueFill), VenueFill)


async def test_frozen_stream_is_noticed_without_any_event(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.arm("stream_frozen", seconds=5)
    await rest(exchange, instrument)
    gap = await ear.next(StreamGap)
    assert gap == StreamGap("no frame for 0.6 s")


async def test_unreadable_frame_reconnects(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    bench.arm("bad_frame")
    await rest(exchange, instrument)
    gap = await ear.next(StreamGap)
    assert isinstance(gap, StreamGap)
    assert "not JSON" in gap.reason


async def test_tick_change_is_told_for_every_quoted_market(bench: Bench, instrument: Instrument, ear: Ear) -> None:
    await asyncio.sleep(0.2)  # the market socket subscribes beside the user socket
    bench.venue.change_tick(instrument.venue_market, Decimal("0.001"))
    changed = await ear.next(MarketChanged)
    assert changed == MarketChanged(instrument.venue_market, "tick 0.01 became 0.001")


async def test_market_of_an_order_we_only_hear_of_is_watched_too(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    async with Polymarket(bench.account(ping="0.2", silence="0.6")) as other:
        listening = Ear(other.stream())
        await listening.next(StreamGap)
        await rest(exchange, instrument)
        await listening.next(OrderUpdate)
        await asyncio.sleep(0.3)
        bench.venue.change_tick(instrument.venue_market, Decimal("0.005"))
        assert isinstance(await listening.next(MarketChanged), MarketChanged)
        await listening.close()


async def test_resolution_cancels_and_is_told(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    await rest(exchange, instrument)
    await ear.next(OrderUpdate)
    await asyncio.sleep(0.2)
    bench.venue.resolve(bench.tennis, bench.tennis.market(111), {111: Decimal(1), 112: Decimal(0)})
    update = await ear.next(OrderUpdate)
    assert isinstance(update, OrderUpdate)
    assert (update.seen.ended, update.seen.reason) == ("CANCELLED", "CANCELED_MARKET_RESOLVED")
    assert await ear.next(MarketChanged) == MarketChanged(instrument.venue_market, "resolved")


async def test_game_start_cancels_what_rests(
    bench: Bench, exchange: Polymarket, instrument: Instrument, ear: Ear
) -> None:
    name = await rest(exchange, instrument)
    await ear.next(OrderUpdate)
    bench.tennis.status = 1
    bench.world.tell(bench.tennis, "fixture")
    update = await ear.next(OrderUpdate)
    assert isinstance(update, OrderUpdate)
    assert (update.venue_order_id, update.seen.ended) == (name, "CANCELLED")
    again = await rest(exchange, instrument, "in-play")
    bench.world.tell(bench.tennis, "fixture")
    assert bench.world.engine.orders[again].status == "open"


async def test_bad_credentials_never_look_like_a_connection(bench: Bench, exchange: Polymarket) -> None:
    keys = exchange._credentials()
    account = bench.account(ping="0.1", silence="0.3")
    account.secrets.update(api_key=keys.api_key, secret=keys.secret, passphrase="wrong")
    async with Polymarket(account) as session:
        listening = Ear(session.stream())
        with pytest.raises(TimeoutError):
            await listening.next(StreamGap, 0.6)
        await listening.close()


async def test_a_stream_that_is_stopped_as_a_frame_comes_stops() -> None:
    """``asyncio.wait_for`` of Python 3.11 forgets a cancellation that comes together with what it waits for."""
    frame = asyncio.get_running_loop().create_future()

    async def recv() -> object:
        return await frame if not frame.done() else await asyncio.Event().wait()

    async def listen() -> None:
        async for _ in _frames(SimpleNamespace(recv=recv), 60):  # type: ignore[arg-type]
            continue

    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    frame.set_result("PONG")
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done == {task}

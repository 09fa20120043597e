"""The user stream: what it tells, and how it comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from overround.domain.orders import Accepted, Seen
from overround.exchanges.base import MarketChanged, OrderUpdate, StreamEvent, StreamGap, VenueFill
from overround.exchanges.kalshi import Kalshi
from tests.exchanges.kalshi.desk import RSA, Bench, D, account, native


class Ear:
    """Listens to a stream in the background."""

    def __init__(self, kalshi: Kalshi) -> None:
        self.heard: list[StreamEvent] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen(kalshi))

    async def _listen(self, kalshi: Kalshi) -> None:
        async for event in kalshi.stream():
            self.heard.append(event)
            self._news.set()

    async def until(self, done: Callable[[list[StreamEvent]], bool], seconds: float = 15.0) -> list[StreamEvent]:
        async with asyncio.timeout(seconds):
            while not done(self.heard):
                self._news.clear()
                await self._news.wait()
        return self.heard

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def listening(kalshi: Kalshi) -> AsyncIterator[Ear]:
    ear = Ear(kalshi)
    try:
        await ear.until(bool)
        yield ear
    finally:
        await ear.stop()


def fills(heard: list[StreamEvent]) -> list[VenueFill]:
    return [event for event in heard if isinstance(event, VenueFill)]


def gaps(heard: list[StreamEvent]) -> list[StreamGap]:
    return [event for event in heard if isinstance(event, StreamGap)]


async def test_begins_with_a_gap_and_tells_an_orders_life(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        ref = await bench.placed("0.40", "10")
        bench.counterparty("yes", "0.60", "4")
        await bench.kalshi.cancel([ref])
        heard = await ear.until(lambda heard: any(isinstance(e, OrderUpdate) and e.seen.ended for e in heard))
    assert heard[0] == StreamGap("connected")
    (fill,) = fills(heard)
    assert (fill.client_order_id, fill.venue_order_id) == (ref.client_order_id, ref.venue_order_id)
    assert (fill.fill.size, fill.fill.price) == (D(4), D("0.40"))
    updates = [event.seen for event in heard if isinstance(event, OrderUpdate)]
    identity = ref.venue_order_id or ""
    assert updates == [Seen(identity, D(0), None), Seen(identity, D(4), None), Seen(identity, D(4), "CANCELLED")]


async def test_same_fill_by_stream_and_by_reading_has_one_id(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        await bench.placed()
        bench.counterparty("yes", "0.60", "4")
        heard = await ear.until(lambda heard: bool(fills(heard)))
        (read,) = await bench.kalshi.fills(0)
    assert fills(heard)[0].fill == read.fill


async def test_fill_before_the_placements_answer(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        bench.world.faults.arm("kalshi", "fill_first", seconds=0.4)
        placing = asyncio.create_task(bench.kalshi.place([await bench.prepared("0.40", "10")]))
        heard = await ear.until(lambda heard: bool(fills(heard)))
        early = not placing.done()
        (result,) = await placing
    assert early
    assert result == Accepted(fills(heard)[0].venue_order_id)


async def test_fill_told_twice_keeps_its_id(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        await bench.placed()
        bench.world.faults.arm("kalshi", "fill_twice")
        bench.counterparty("yes", "0.60", "4")
        heard = await ear.until(lambda heard: len(fills(heard)) == 2)
    assert len({fill.fill.fill_id for fill in fills(heard)}) == 1


async def test_late_fill_is_on_neither_channel_until_it_comes(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        await bench.placed()
        bench.world.faults.arm("kalshi", "fill_late", seconds=1.0)
        bench.counterparty("yes", "0.60", "4")
        assert await bench.kalshi.fills(0) == []
        heard = await ear.until(lambda heard: bool(fills(heard)))
        assert len(await bench.kalshi.fills(0)) == len(fills(heard)) == 1


async def test_cut_stream_comes_back_with_a_gap_and_the_fill_is_readable(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        await bench.placed()
        bench.world.faults.arm("kalshi", "stream_cut")
        bench.counterparty("yes", "0.60", "4")
        heard = await ear.until(lambda heard: len(gaps(heard)) == 2)
        assert fills(heard) == []
        assert len(await bench.kalshi.fills(0)) == 1
        bench.counterparty("yes", "0.60", "1")
        await ear.until(lambda heard: len(fills(heard)) == 1)


async def test_frozen_stream_is_noticed_and_replaced(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        await bench.placed()
        bench.world.faults.arm("kalshi", "stream_frozen", seconds=30)
        bench.counterparty("yes", "0.60", "4")
        heard = await ear.until(lambda heard: len(gaps(heard)) == 2)
    assert gaps(heard)[1].reason == "the stream froze"


async def test_quiet_stream_is_not_taken_for_a_frozen_one(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        await asyncio.sleep(1.2)
        assert len(ear.heard) == 1


async def test_unreadable_frame_ends_in_a_gap(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        await bench.placed()
        bench.world.faults.arm("kalshi", "bad_frame")
        bench.counterparty("yes", "0.60", "4")
        heard = await ear.until(lambda heard: len(gaps(heard)) == 2)
    assert "not JSON" in gaps(heard)[1].reason


async def test_stream_outlives_a_maintenance_window(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        bench.venue.close_exchange(60)
        bench.venue.broadcast.cut()
        await ear.until(lambda heard: len(gaps(heard)) == 1)
        await asyncio.sleep(0.5)
        assert len(gaps(ear.heard)) == 1
        bench.venue.closed_until = 0.0
        heard = await ear.until(lambda heard: len(gaps(heard)) == 2)
    assert "refused" in gaps(heard)[1].reason


async def test_grid_change_is_told_by_event(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        bench.venue.regrid(native(bench.hoops).outcomes[111], "deci_cent")
        heard = await ear.until(lambda heard: len(heard) == 2)
    assert heard[1] == MarketChanged(bench.hoops.native["kalshi"].event, "price_level_structure_updated")


async def test_another_account_hears_nothing_of_ours(bench: Bench) -> None:
    async with listening(bench.kalshi) as ear:
        bench.counterparty("yes", "0.60", "4", rest=True)
        bench.counterparty("no", "0.40", "4", account="third")
        await bench.placed("0.30")
        heard = await ear.until(lambda heard: any(isinstance(event, OrderUpdate) for event in heard))
    assert fills(heard) == []


async def test_socket_refuses_a_wrong_signature(bench: Bench) -> None:
    stranger = Kalshi(account(bench.url, RSA["test_private_key_pem"]))
    ear = Ear(stranger)
    with pytest.raises(TimeoutError):
        await ear.until(bool, 0.5)
    await ear.stop()

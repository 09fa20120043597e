"""What ABP pushes, and what happens when it stops, skips, lies or hangs up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from overround.bookmakers.base import BetReport, BetSettlement, BetStatus
from overround.venues import Unreadable
from tests.bookmakers.desk import Desk, calm, desk, until
from tests.support.tcp_proxy import Line, Script, TcpProxy


class Listener:
    """Collects reports in the background."""

    def __init__(self, d: Desk) -> None:
        self.reports: list[BetReport] = []
        self.results: list[BetSettlement] = []
        d.abp.on_settlement(self.results.append)
        self._desk = d

    async def run(self) -> None:
        async for report in self._desk.abp.stream():
            self.reports.append(report)

    def statuses(self, request: str) -> list[tuple[BetStatus, bool]]:
        return [(report.status, report.final) for report in self.reports if report.request_id == request]

    async def told(self, request: str, status: BetStatus, *, final: bool = True) -> None:
        await until(self._last(request), lambda last: last == (status, final))

    def _last(self, request: str) -> Callable[[], Awaitable[tuple[BetStatus, bool] | None]]:
        async def ask() -> tuple[BetStatus, bool] | None:
            return next(iter(reversed(self.statuses(request))), None)

        return ask


@asynccontextmanager
async def listening(d: Desk) -> AsyncIterator[Listener]:
    listener = Listener(d)
    task = asyncio.create_task(listener.run())
    try:
        await until(lambda: _sessions(d), lambda count: count == 1)
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sessions(d: Desk) -> int:
    return len(d.paper._hub._sessions)


async def test_live_bet_is_pushed_pending_and_then_filled_without_a_repeat() -> None:
    async with desk() as d, listening(d) as listener:
        d.match.status = 1
        bet = d.bet()
        await d.abp.place(bet)
        await listener.told(bet.request_id, BetStatus.FILLED)
        await asyncio.sleep(0.05)
        assert listener.statuses(bet.request_id) == [(BetStatus.PENDING, False), (BetStatus.FILLED, True)]
        assert listener.reports[-1] == await d.abp.find(bet.request_id)


async def test_whole_orders_cost_no_look_up() -> None:
    async with desk() as d, listening(d) as listener:
        looked_up = _count_reads(d)
        bet = d.bet("150")
        await d.abp.place(bet)
        await listener.told(bet.request_id, BetStatus.FILLED)
        await asyncio.sleep(0.05)
        assert looked_up == []


def _count_reads(d: Desk) -> list[str]:
    calls: list[str] = []
    read = d.abp._reports

    async def counted(request_id: str) -> list[BetReport]:
        calls.append(request_id)
        return await read(request_id)

    d.abp._reports = counted  # type: ignore[method-assign]
    return calls


async def test_bet_event_without_its_order_is_looked_up() -> None:
    async with desk() as d, listening(d) as listener:
        bet = d.bet()
        await d.abp.place(bet)
        await listener.told(bet.request_id, BetStatus.FILLED)
        listener.reports.clear()
        d.abp._stream._told.clear()
        payload = {"requestUuid": bet.request_id, "betId": 7, "betStatus": "VOID"}
        d.paper._hub.publish("demo", "bets", "STATUS_CHANGE", payload)
        await listener.told(bet.request_id, BetStatus.FILLED)


async def test_skipped_frame_makes_open_requests_be_read_again() -> None:
    async with desk() as d, listening(d) as listener:
        d.match.status = 1
        bet = d.bet()
        await d.abp.place(bet)
        d.world.faults.arm("abp", "stream_gap", times=2)
        await until(lambda: _fired(d), lambda fired: fired == 2)
        await asyncio.sleep(0.05)
        assert listener.statuses(bet.request_id) == [(BetStatus.PENDING, False)]
        await d.abp.place(d.bet("1"))
        await listener.told(bet.request_id, BetStatus.FILLED)


async def _fired(d: Desk) -> int:
    return len(d.world.faults.fired)


async def test_bet_accepted_while_the_socket_was_down_is_told_after_reconnect() -> None:
    async with desk() as d, listening(d) as listener:
        d.match.status = 1
        bet = d.bet()
        await d.abp.place(bet)
        await listener.told(bet.request_id, BetStatus.PENDING, final=False)
        d.world.faults.arm("abp", "stream_cut", times=1)
        await listener.told(bet.request_id, BetStatus.FILLED)
        assert ("abp", "stream_cut") in d.world.faults.fired


async def test_bet_of_an_earlier_process_is_watched() -> None:
    async with desk() as d:
        bet = d.bet()
        d.world.faults.arm("abp", "answer_lost")
        with pytest.raises(Exception, match="broke off"):
            await d.abp.place(bet)
        d.abp._open.clear()
        d.abp.watch([bet.request_id])
        async with listening(d) as listener:
            await listener.told(bet.request_id, BetStatus.FILLED)


async def test_unreadable_frame_reconnects_and_reads_again() -> None:
    async with desk() as d, listening(d) as listener:
        d.match.status = 1
        bet = d.bet()
        await d.abp.place(bet)
        await listener.told(bet.request_id, BetStatus.PENDING, final=False)
        d.world.faults.arm("abp", "bad_frame")
        await listener.told(bet.request_id, BetStatus.FILLED)


async def test_frozen_socket_is_noticed_by_its_silence() -> None:
    async with desk(ping_seconds="0.05", idle_seconds="0.2") as d, listening(d) as listener:
        d.match.status = 1
        bet = d.bet()
        await d.abp.place(bet)
        await listener.told(bet.request_id, BetStatus.PENDING, final=False)
        d.world.faults.arm("abp", "stream_frozen", seconds=60)
        await listener.told(bet.request_id, BetStatus.FILLED)


async def test_pings_keep_a_quiet_socket_alive() -> None:
    async with desk(ping_seconds="0.03", idle_seconds="0.1") as d, listening(d) as listener:
        first = d.paper._hub._sessions[0]
        await asyncio.sleep(0.3)
        assert d.paper._hub._sessions == [first]
        assert listener.reports == []


async def test_cut_in_the_middle_of_a_frame_is_survived() -> None:
    async with desk() as inner, TcpProxy.before(inner.rest) as proxy:
        inner.abp._stream._url = f"ws://{proxy.address}/ws"
        inner.match.status = 1
        bet = inner.bet()
        proxy.scripts.append(Script(down=Line(cut_after=700)))
        async with listening(inner) as listener:
            await inner.abp.place(bet)
            await listener.told(bet.request_id, BetStatus.FILLED)
        assert proxy.connections == 2


async def test_failing_read_after_a_gap_is_tried_again_on_a_new_connection() -> None:
    async with desk() as d, listening(d) as listener:
        d.match.status = 1
        bet = d.bet()
        await d.abp.place(bet)
        await listener.told(bet.request_id, BetStatus.PENDING, final=False)
        d.world.faults.arm("abp", "page_short")
        d.paper.cut_streams("demo")
        await listener.told(bet.request_id, BetStatus.FILLED)


async def test_settlement_and_correction_are_pushed_to_listeners() -> None:
    async with desk() as d, listening(d) as listener:
        report = await d.abp.place(d.bet("50"))
        d.result("WIN")
        d.result("LOSE")
        await until(lambda: _length(listener), lambda length: length == 2)
        bet = report.bets[0].bet_id
        assert listener.results == [BetSettlement(bet, "WON", Decimal(105)), BetSettlement(bet, "LOST", Decimal(0))]


async def _length(listener: Listener) -> int:
    return len(listener.results)


async def test_wrong_key_keeps_trying_until_the_key_is_good() -> None:
    async with desk() as d:
        keys = d.paper._keys
        client = keys.pop("key-of-demo")
        listener = Listener(d)
        task = asyncio.create_task(listener.run())
        await asyncio.sleep(0.15)
        assert not task.done()
        keys["key-of-demo"] = client
        await until(lambda: _sessions(d), lambda count: count == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_sixth_connection_of_a_key_is_refused() -> None:
    async with desk(calm()) as d:
        tasks = [asyncio.create_task(Listener(d).run()) for _ in range(6)]
        await until(lambda: _sessions(d), lambda count: count == 5)
        await asyncio.sleep(0.1)
        assert await _sessions(d) == 5
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_event_that_names_no_request_is_unreadable() -> None:
    async with desk() as d:
        with pytest.raises(Unreadable, match="requestUuid"):
            await d.abp._event_report({"betId": 1})

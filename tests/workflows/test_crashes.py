"""Workers that die at the worst moment: each time one order, one bet, and books that agree."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client

from activities.hedges import HedgeActivities
from activities.orders import OrderActivities
from overround.bookmakers.abp.adapter import Abp
from overround.exchanges.kalshi.adapter import Kalshi
from overround.paper.world import PaperFixture
from tests.support.stack import Stack, running_stack
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import until
from tests.workflows.test_races import settled_clean


class Killed(RuntimeError):
    """The process ended here, as far as the activity is concerned."""


def dies_once(original: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """``original``, whose first call raises before or after doing its work."""
    calls: list[bool] = []

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        first = not calls
        calls.append(True)
        if first and not after:
            raise Killed
        result = await original(*args, **kwargs)
        if first:
            raise Killed
        return result

    return wrapped


class Doomed:
    """A worker that can be cut off for good in the middle of an activity, as by SIGKILL; another repeats its task."""

    def __init__(self, stack: Stack, proxy: TcpProxy, client: Client) -> None:
        self._stack, self._proxy, self._client = stack, proxy, client
        self._first = stack.worker, stack.worker_task
        self._over = asyncio.Event()
        self.cut = False

    def after(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """``original``, cut off the first time it has done its work."""

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = await original(*args, **kwargs)
            if not self.cut:
                await self.die()
            return result

        return wrapped

    async def die(self) -> None:
        """Nothing the worker says is heard any more; another takes over."""
        self.cut = True
        self._proxy.default.up.black_hole = self._proxy.default.down.black_hole = True
        self._stack.client = self._client
        await self._stack.start_worker()
        await self._over.wait()
        raise Killed

    def hang_up(self) -> None:
        """Its connections end, as those of a killed process do: the server gives it no more tasks."""
        self._proxy.reset()

    async def bury(self) -> None:
        """Let the first worker end."""
        self._over.set()
        self._proxy.default.up.black_hole = self._proxy.default.down.black_hole = False
        self._proxy.reset()
        worker, task = self._first
        assert worker is not None
        assert task is not None
        if self._stack.worker is not worker:
            await worker.shutdown()
            await task


@asynccontextmanager
async def doomed_stack(database_url: str, temporal: Client, queue: str) -> AsyncIterator[tuple[Stack, Doomed]]:
    """Kalshi and a worker whose line to Temporal can be cut."""
    proxy = TcpProxy.before(f"http://{temporal.service_client.config.target_host}")
    async with proxy, running_stack(database_url, temporal, queue, venues=("kalshi",), worker=False) as stack:
        stack.client = await Client.connect(proxy.address, data_converter=temporal.data_converter)
        await stack.start_worker()
        doomed = Doomed(stack, proxy, temporal)
        try:
            yield stack, doomed
        finally:
            await doomed.bury()


async def one_each(stack: Stack, fixture: PaperFixture) -> None:
    """Fill one order, and see one hedge of it."""
    assert stack.take("kalshi", fixture, 111, "25") == Decimal(25)
    await stack.hedged(1)
    assert await stack.one("SELECT sum(size) FROM fills") == 25
    assert await stack.one("SELECT count(*) FROM bets WHERE placed_stake > 0") == 1
    assert len(stack.abp.witness()["bets"]) == 1
    await settled_clean(stack, fixture)


@pytest.mark.parametrize("after", [False, True], ids=["before_sending", "after_sending"])
async def test_a_placement_that_dies_leaves_one_order(
    after: bool, database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kalshi, "place", dies_once(Kalshi.place, after=after))
    async with running_stack(database_url, temporal, task_queue, venues=("kalshi",)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        assert len(stack.ours("kalshi")) == 2
        await one_each(stack, fixture)


@pytest.mark.parametrize("after", [False, True], ids=["before_sending", "after_sending"])
async def test_a_bet_that_dies_is_one_bet(
    after: bool, database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Abp, "place", dies_once(Abp.place, after=after))
    async with running_stack(database_url, temporal, task_queue, venues=("kalshi",)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        await one_each(stack, fixture)
        assert await stack.one("SELECT count(*) FROM bets") == (1 if after else 2)


async def test_a_refusal_whose_step_runs_again_is_followed_by_a_new_bet(
    database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HedgeActivities, "_record", dies_once(HedgeActivities._record, after=True))
    async with running_stack(database_url, temporal, task_queue, venues=("kalshi",)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        stack.world.faults.arm("abp", "refuse", 1)
        await one_each(stack, fixture)
        assert await stack.one("SELECT count(*) FROM bets") == 2
        assert not await stack.rows("SELECT 1 FROM alarms WHERE kind = 'naked'")


async def test_orders_placed_in_a_lost_task_are_adopted(
    database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doomed_stack(database_url, temporal, task_queue) as (stack, doomed):
        monkeypatch.setattr(Kalshi, "place", doomed.after(Kalshi.place))
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        assert doomed.cut
        assert len(stack.ours("kalshi")) == 2
        assert await stack.one("SELECT count(*) FROM orders") == 2
        await one_each(stack, fixture)


@pytest.mark.parametrize("last", [(Kalshi, "place"), (OrderActivities, "project_orders")], ids=["claimed", "projected"])
async def test_orders_of_a_lost_task_that_quotes_no_more_are_found_and_cancelled(
    last: tuple[type, str], database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(*last)

    @functools.wraps(original)
    async def pulled(*args: Any) -> Any:
        result = await original(*args)
        if not doomed.cut:
            fixture.markets[0].active = False
            stack.world.tell(fixture, "odds", 111)
            await asyncio.sleep(0.6)
            await doomed.die()
        return result

    monkeypatch.setattr(*last, pulled)
    async with doomed_stack(database_url, temporal, task_queue) as (stack, doomed):
        fixture = stack.fixture(tell=False)
        stack.announce(fixture)
        await until(lambda: len(stack.ours("kalshi")) == 2, "placed in the task that was lost")
        await until(lambda: not stack.ours("kalshi"), "its owner was reminded and cancelled them")
        assert await stack.one("SELECT count(*) FROM orders") == 2
        await stack.check()


async def test_a_bet_placed_in_a_lost_task_is_not_placed_again(
    database_url: str, temporal: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doomed_stack(database_url, temporal, task_queue) as (stack, doomed):
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        monkeypatch.setattr(Abp, "place", doomed.after(Abp.place))
        await one_each(stack, fixture)
        assert doomed.cut

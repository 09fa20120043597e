"""A community client (kalshi-sdk, the official SDK has no socket) follows the paper venue's streams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.exchanges.kalshi.desk import KEY_ID, RSA, Bench, D, Door, native, open_bench

kalshi: Any = pytest.importorskip("kalshi", reason="kalshi-sdk is not installed")


@pytest.fixture
async def bench(door: Door) -> AsyncIterator[Bench]:
    async with open_bench(key=RSA, door=door) as opened:
        yield opened


@pytest.fixture
async def session(bench: Bench) -> AsyncIterator[Any]:
    """The community client's socket, connected."""
    from kalshi.auth import KalshiAuth
    from kalshi.config import KalshiConfig
    from kalshi.ws.client import KalshiWebSocket

    auth = KalshiAuth.from_pem(KEY_ID, RSA["test_private_key_pem"])
    ws = bench.url.replace("http", "ws")
    config = KalshiConfig(base_url=f"{bench.url}/trade-api/v2", ws_base_url=f"{ws}/trade-api/ws/v2")
    async with KalshiWebSocket(auth=auth, config=config).connect() as connected:
        yield connected


async def _next(stream: Any, times: int = 1) -> Any:
    async with asyncio.timeout(15):
        for _ in range(times - 1):
            await anext(stream)
        return (await anext(stream)).msg


async def test_fill_order_and_position_messages(bench: Bench, session: Any) -> None:
    fills, orders = await session.subscribe_fill(), await session.subscribe_user_orders()
    positions = await session.subscribe_market_positions()
    ref = await bench.placed("0.40", "10")
    resting = await _next(orders)
    assert (resting.order_id, resting.status, resting.remaining_count) == (ref.venue_order_id, "resting", D(10))
    bench.counterparty("yes", "0.60", "10")
    fill = await _next(fills)
    assert (fill.order_id, fill.yes_price, fill.count) == (ref.venue_order_id, D("0.60"), D(10))
    assert (fill.post_position, fill.outcome_side, fill.client_order_id) == (D(-10), "no", ref.client_order_id)
    assert (await _next(orders)).status == "executed"
    held = await _next(positions)
    assert (held.market_ticker, held.position, held.position_cost) == (ref.instrument.contract, D(-10), D(4))


async def test_order_book_follows_every_delta(bench: Bench, session: Any) -> None:
    ticker = native(bench.hoops).outcomes[111]
    bench.counterparty("yes", "0.41", "5", rest=True)
    books = await session.orderbook(ticker)
    async with asyncio.timeout(15):
        first = await anext(books)
        assert [(level.price, level.quantity) for level in first.yes] == [(D("0.41"), D(5))]
        ref = await bench.placed("0.40", "10")
        second = await anext(books)
        assert [(level.price, level.quantity) for level in second.no] == [(D("0.40"), D(10))]
        await bench.kalshi.cancel([ref])
        assert (await anext(books)).no == []


async def test_trades_ticker_and_lifecycle(bench: Bench, session: Any) -> None:
    ticker = native(bench.hoops).outcomes[111]
    trades, tops = await session.subscribe_trade(tickers=[ticker]), await session.subscribe_ticker(tickers=[ticker])
    lifecycle = await session.subscribe_market_lifecycle()
    bench.counterparty("yes", "0.41", "5", rest=True)
    assert (await _next(tops)).yes_bid == D("0.41")
    bench.counterparty("no", "0.59", "2")
    trade = await _next(trades)
    assert (trade.yes_price, trade.count, trade.taker_outcome_side) == (D("0.41"), D(2), "no")
    bench.venue.regrid(ticker, "deci_cent")
    assert (await _next(lifecycle)).price_level_structure == "deci_cent"
    bench.venue.resolve(bench.hoops, bench.hoops.markets[0], {111: D(1)})
    determined = await _next(lifecycle)
    assert (determined.event_type, determined.result, determined.settlement_value) == ("determined", "yes", D(1))
    assert (await _next(lifecycle)).event_type == "settled"


async def test_order_group_messages_are_numbered(bench: Bench, session: Any) -> None:
    groups = await session.subscribe_order_group()
    made = await bench.kalshi.rest.create_group({"contracts_limit": 5})
    await bench.kalshi.rest.trigger_group(made["order_group_id"])
    async with asyncio.timeout(15):
        first, second = await anext(groups), await anext(groups)
    assert [(m.seq, m.msg.event_type) for m in (first, second)] == [(1, "created"), (2, "triggered")]

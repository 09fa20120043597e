"""The venue's official SDK works against the paper venue: it places, changes, cancels and reads."""

import inspect
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.exchanges.kalshi.desk import ED25519, KEY_ID, RSA, Bench, D, Door, native, open_bench

sdk: Any = pytest.importorskip("kalshi_python_async", reason="the official Kalshi SDK is not installed")


def _client(url: str, pem: str) -> Any:
    configuration = sdk.Configuration(host=f"{url}/trade-api/v2")
    configuration.api_key_id, configuration.private_key_pem = KEY_ID, pem
    return sdk.KalshiClient(configuration)


@pytest.fixture(params=[RSA, ED25519], ids=["rsa", "ed25519"])
async def pair(request: pytest.FixtureRequest, door: Door) -> AsyncIterator[tuple[Bench, Any]]:
    """A bench and the SDK's client on it, for each kind of key."""
    async with open_bench(key=request.param, door=door) as bench:
        client = _client(bench.url, request.param["test_private_key_pem"])
        yield bench, client
        closing = client.close()
        if inspect.isawaitable(closing):
            await closing


def _ticker(bench: Bench) -> str:
    return native(bench.hoops).outcomes[111]


def _order(bench: Bench, **change: Any) -> dict[str, Any]:
    body = {"ticker": _ticker(bench), "side": "ask", "count": "10.00", "price": "0.6000", "client_order_id": "c-1"}
    flags = {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "maker", "post_only": True}
    return {**body, **flags, **change}


async def test_sdk_places_reads_and_cancels(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    placed = await client.create_order_v2(**_order(bench, expiration_time=int(time.time()) + 600))
    assert (placed.client_order_id, placed.remaining_count) == ("c-1", "10.00")
    read = (await client.get_order(placed.order_id)).order
    assert (read.yes_price_dollars, read.status.value, read.book_side.value) == ("0.6000", "resting", "ask")
    listed = await client.get_orders(ticker=_ticker(bench), status="resting")
    assert [order.order_id for order in listed.orders] == [placed.order_id]
    gone = await client.cancel_order_v2(placed.order_id, market_ticker=_ticker(bench))
    assert gone.reduced_by == "10.00"
    assert (await client.get_order(placed.order_id)).order.status.value == "canceled"


async def test_sdk_changes_an_order(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    placed = await client.create_order_v2(**_order(bench))
    amend = {"ticker": _ticker(bench), "side": "ask", "price": "0.6100", "count": "12.00"}
    changed = await client.amend_order_v2(placed.order_id, **amend, updated_client_order_id="c-2")
    assert (changed.remaining_count, changed.client_order_id) == ("12.00", "c-2")
    less = await client.decrease_order_v2(placed.order_id, reduce_to="5.00", market_ticker=_ticker(bench))
    assert less.remaining_count == "5.00"
    queue = await client.get_order_queue_positions(event_ticker=bench.hoops.native["kalshi"].event)
    assert [row.order_id for row in queue.queue_positions] == [placed.order_id]


async def test_sdk_batches(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    orders = [_order(bench), _order(bench, client_order_id="c-2", price="0.6050"), _order(bench)]
    results = (await client.batch_create_orders_v2(orders=orders)).orders
    assert [result.error is None for result in results] == [True, False, False]
    assert [result.error.code for result in results[1:]] == ["invalid_price", "order_already_exists"]
    named = [{"order_id": results[0].order_id, "market_ticker": _ticker(bench)}, {"order_id": "nobody"}]
    cancelled = (await client.batch_cancel_orders_v2(orders=named)).orders
    assert (cancelled[0].reduced_by, cancelled[1].error.code) == ("10.00", "not_found")


async def test_sdk_reads_fills_positions_and_money(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    placed = await client.create_order_v2(**_order(bench))
    bench.counterparty("yes", "0.60", "4")
    (fill,) = (await client.get_fills(order_id=placed.order_id)).fills
    assert (fill.count_fp, fill.yes_price_dollars, fill.is_taker) == ("4.00", "0.6000", False)
    (position,) = (await client.get_positions()).market_positions
    assert (position.position_fp, position.total_traded_dollars) == ("-4.00", "1.6000")
    money = await client.get_balance()
    assert D(money.balance_dollars) == D(1000) - D("4.00") - D(fill.fee_cost)
    bench.venue.resolve(bench.hoops, bench.hoops.markets[0], {111: D(0)})
    (settled,) = (await client.get_settlements()).settlements
    assert (settled.market_result, settled.revenue) == ("no", 400)


async def test_sdk_cancels_everything(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    await client.create_order_v2(**_order(bench))
    await client.cancel_all_orders(subaccount=0)
    assert (await client.get_orders(status="resting")).orders == []


async def test_sdk_reads_markets(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    bench.counterparty("yes", "0.41", "5", rest=True)
    event = bench.hoops.native["kalshi"].event
    market = (await client.get_market(_ticker(bench))).market
    assert (market.status, market.yes_bid_dollars, market.event_ticker) == ("active", "0.4100", event)
    assert len((await client.get_markets(event_ticker=event, status="open")).markets) == 2
    got = await client.get_event(event)
    assert (got.event.event_ticker, len(got.markets)) == (event, 2)
    assert len((await client.get_events(series_ticker=got.event.series_ticker)).events) == 1
    series = (await client.get_series(got.event.series_ticker)).series
    assert series.fee_type == "quadratic_with_maker_fees"
    book = (await client.get_market_orderbook(_ticker(bench), depth=5)).orderbook_fp
    assert (book.yes_dollars, book.no_dollars) == ([["0.4100", "5.00"]], [])
    books = (await client.get_market_orderbooks(list(native(bench.hoops).outcomes.values()))).orderbooks
    assert [row.ticker for row in books] == list(native(bench.hoops).outcomes.values())


async def test_sdk_reads_trades_and_exchange_state(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    await client.create_order_v2(**_order(bench))
    bench.counterparty("yes", "0.60", "4")
    (trade,) = (await client.get_trades(ticker=_ticker(bench))).trades
    assert (trade.count_fp, trade.taker_outcome_side) == ("4.00", "yes")
    assert (await client.get_exchange_status()).trading_active
    assert (await client.get_user_data_timestamp()).as_of_time is not None
    assert (await client.get_account_api_limits()).usage_tier == "prestige"
    assert (await client.get_exchange_schedule()).schedule.maintenance_windows == []


async def test_sdk_uses_order_groups(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    group = (await client.create_order_group(contracts_limit=6)).order_group_id
    await client.create_order_v2(**_order(bench, order_group_id=group))
    assert len((await client.get_order_group(group)).orders) == 1
    bench.counterparty("yes", "0.60", "6")
    assert (await client.get_orders(status="resting")).orders == []
    with pytest.raises(sdk.ApiException) as refused:
        await client.create_order_v2(**_order(bench, order_group_id=group, client_order_id="c-2"))
    assert "order_group_triggered" in refused.value.body
    await client.reset_order_group(group)
    await client.create_order_v2(**_order(bench, order_group_id=group, client_order_id="c-3"))
    await client.update_order_group_limit(group, contracts_limit_fp="750.00")
    assert (await client.get_order_groups()).order_groups[0].contracts_limit_fp == "750.00"
    await client.trigger_order_group(group)
    assert (await client.get_orders(status="resting")).orders == []
    await client.delete_order_group(group)
    assert (await client.get_order_groups()).order_groups == []


async def test_sdk_sees_a_duplicate_as_409(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    await client.create_order_v2(**_order(bench))
    with pytest.raises(sdk.ApiException) as refused:
        await client.create_order_v2(**_order(bench))
    assert refused.value.status == 409


async def test_what_the_sdk_placed_the_adapter_finds(pair: tuple[Bench, Any]) -> None:
    bench, client = pair
    placed = await client.create_order_v2(**_order(bench))
    (listed,) = await bench.kalshi.open_orders()
    assert (listed.venue_order_id, listed.client_order_id, listed.price) == (placed.order_id, "c-1", D("0.40"))

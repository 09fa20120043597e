"""The venue's own clients work against the paper venue, and build what our adapter builds."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from overround.domain.markets import Instrument
from overround.exchanges.polymarket.adapter import Polymarket
from overround.exchanges.polymarket.signing import Signer, exchange_for
from tests.exchanges.polymarket.conftest import TRADER, Bench, ids_of, request_for
from tests.exchanges.polymarket.vectors import KEY
from tests.support.serve import serve

sdk: Any = pytest.importorskip("polymarket", reason="requirements-referees.lock is not installed")
clob: Any = pytest.importorskip("py_clob_client_v2", reason="py-clob-client-v2 is not installed")


async def deployed(_: Any) -> JSONResponse:
    """The relayer's word that a wallet exists, which the client asks for before anything else."""
    return JSONResponse({"deployed": True})


@pytest_asyncio.fixture
async def official(bench: Bench) -> AsyncIterator[Any]:
    """polymarket-client with its environment turned to the paper venue."""
    from polymarket import environments

    async with serve(Starlette(routes=[Route("/deployed", deployed)])) as relayer:
        config = replace(
            environments.PRODUCTION._config,
            clob_url=bench.endpoints["clob"],
            gamma_url=bench.endpoints["gamma"],
            data_url=bench.endpoints["data"],
            clob_user_ws_url=bench.endpoints["user_ws"],
            clob_market_ws_url=bench.endpoints["market_ws"],
            relayer_url=relayer,
        )
        environment = environments._create_environment(name="paper", config=config)
        client = await sdk.AsyncSecureClient.create(private_key=KEY, wallet=TRADER.wallets[3], environment=environment)
        yield client
        await client.close()


async def test_official_client_places_reads_and_cancels(bench: Bench, official: Any) -> None:
    token = ids_of(bench.tennis).outcomes[111]
    placed = await official.place_limit_order(asset_id=token, price="0.40", size="10", side="BUY", post_only=True)
    assert (placed.ok, placed.status) == (True, "live")
    order = await official.get_order(order_id=placed.order_id)
    assert (order.price, order.original_size, order.outcome) == (Decimal("0.4"), Decimal(10), "Ada")
    listed = [item async for item in official.list_open_orders().iter_items()]
    assert [item.id for item in listed] == [placed.order_id]
    cancelled = await official.cancel_order(order_id=placed.order_id)
    assert list(cancelled.canceled) == [placed.order_id]
    assert bench.world.engine.orders[placed.order_id].status == "cancelled"


async def test_official_client_reads_trades_balance_and_positions(bench: Bench, official: Any) -> None:
    token = ids_of(bench.tennis).outcomes[111]
    placed = await official.place_limit_order(asset_id=token, price="0.40", size="10", side="BUY")
    bench.sell_into(placed.order_id)
    (trade,) = [item async for item in official.list_account_trades().iter_items()]
    assert (trade.trader_side, trade.maker_orders[0].order_id) == ("MAKER", placed.order_id)
    assert (await official.get_balance_allowance(asset_type="COLLATERAL")).balance == 996_000_000
    (position,) = [item async for item in official.list_positions().iter_items()]
    assert (position.asset_id, position.current_size) == (token, Decimal(10))


async def test_official_client_hears_the_user_stream(bench: Bench, official: Any) -> None:
    """Its stream runs on websockets 17 although it pins an older one."""
    from polymarket.streams import UserSpec

    token = ids_of(bench.tennis).outcomes[111]
    heard: list[Any] = []
    async with await official.subscribe(UserSpec()) as subscription:
        await asyncio.sleep(0.2)
        placed = await official.place_limit_order(asset_id=token, price="0.40", size="10", side="BUY")
        bench.sell_into(placed.order_id)

        async def listen() -> None:
            async for event in subscription:
                heard.append(event)
                if event.type == "trade" and event.payload.status == "CONFIRMED":
                    return

        await asyncio.wait_for(listen(), 15)
    trades = [event.payload.status for event in heard if event.type == "trade"]
    orders = [event.payload.order_event_type for event in heard if event.type == "order"]
    assert trades == ["MATCHED", "MINED", "CONFIRMED"]
    assert orders == ["PLACEMENT", "UPDATE"]
    assert heard[0].payload.order_event_type == "PLACEMENT"


async def test_official_client_is_refused_like_anyone(bench: Bench, official: Any) -> None:
    native = ids_of(bench.tennis).outcomes
    bench.rest(native[112], "0.70", "10")
    with pytest.raises(sdk.RequestRejectedError, match="order crosses book"):
        await official.place_limit_order(asset_id=native[111], price="0.40", size="10", side="BUY", post_only=True)


async def test_official_client_reads_events_and_neg_risk_markets(bench: Bench, official: Any) -> None:
    event = await official.get_event(slug=ids_of(bench.soccer).event)
    assert event.title == "Reds vs. Blues"
    assert [market.group_item_title for market in event.markets] == ["Reds", "Draw", "Blues"]
    token = ids_of(bench.soccer).outcomes[102]
    placed = await official.place_limit_order(asset_id=token, price="0.25", size="20", side="BUY")
    assert placed.ok


async def test_adapter_builds_what_the_official_client_builds(
    bench: Bench, official: Any, exchange: Polymarket, instrument: Instrument
) -> None:
    signed = await official.create_limit_order(
        asset_id=instrument.contract, price="0.40", size="10", side="BUY", post_only=True
    )
    prepared = exchange.prepare(replace(request_for(instrument), signed_at=int(signed.timestamp)))
    body = json.loads(prepared.payload)
    theirs = {
        "maker": str(signed.maker),
        "signer": str(signed.signer),
        "tokenId": str(signed.token_id),
        "makerAmount": str(signed.maker_amount),
        "takerAmount": str(signed.taker_amount),
        "side": signed.side,
        "signatureType": signed.signature_type,
        "timestamp": str(signed.timestamp),
        "expiration": str(signed.expiration),
        "metadata": signed.metadata,
        "builder": signed.builder,
    }
    assert {name: body["order"][name] for name in theirs} == theirs
    assert (body["orderType"], body["postOnly"]) == (signed.order_type, signed.post_only)
    same_salt = replace(exchange._fields(prepared.request), salt=signed.salt)
    place = exchange_for(same_salt.token_id, False)
    assert Signer(KEY).sign_order(same_salt, *place) == str(signed.signature)


async def test_older_client_creates_keys_places_reads_and_cancels(bench: Bench) -> None:
    """py-clob-client-v2 is synchronous: it runs in a thread beside the served venue."""
    token = ids_of(bench.tennis).outcomes[112]

    def session() -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
        client = clob.ClobClient(bench.endpoints["clob"], 137, key=KEY, signature_type=3, funder=TRADER.wallets[3])
        client.set_api_creds(client.create_or_derive_api_key())
        arguments = clob.OrderArgsV2(token_id=token, price=0.45, size=20, side="BUY")
        placed = client.create_and_post_order(arguments, post_only=True)
        listed = client.get_open_orders()
        return placed, listed, client.cancel_orders([placed["orderID"]])

    placed, listed, cancelled = await asyncio.to_thread(session)
    assert (placed["success"], placed["status"]) == (True, "live")
    assert [row["id"] for row in listed] == [placed["orderID"]]
    assert cancelled == {"canceled": [placed["orderID"]], "not_canceled": {}}


async def test_older_client_buys_at_market_and_follows_its_trades(bench: Bench) -> None:
    native = ids_of(bench.tennis).outcomes
    bench.rest(native[111], "0.60", "100")

    def session() -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
        client = clob.ClobClient(bench.endpoints["clob"], 137, key=KEY, signature_type=3, funder=TRADER.wallets[3])
        client.set_api_creds(client.create_or_derive_api_key())
        arguments = clob.MarketOrderArgsV2(token_id=native[112], amount=20, side="BUY", price=0.40)
        bought = client.create_and_post_market_order(arguments, order_type=clob.OrderType.FAK)
        return bought, client.get_trades(), client.post_heartbeat("")

    bought, trades, heartbeat = await asyncio.to_thread(session)
    assert bought["status"] == "matched"
    assert len(bought["transactionsHashes"]) == 1
    assert [trade["trader_side"] for trade in trades] == ["TAKER"]
    assert heartbeat["heartbeat_id"]

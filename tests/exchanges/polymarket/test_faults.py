"""The adapter against a paper venue that lies, breaks off and falls silent."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import respx

from overround.domain.markets import Instrument
from overround.domain.orders import Absent, Accepted, Lost, Refused, Seen
from overround.exchanges.base import PlaceRequest, Prepared
from overround.exchanges.polymarket.adapter import Polymarket
from overround.venues import Account, Rejected, Unreadable
from tests.exchanges.polymarket.conftest import Bench, ids_of, ref, request_for


def orders(bench: Bench) -> list[str]:
    return [order.order_id for order in bench.world.engine.orders.values() if order.account == "maker"]


async def send(exchange: Polymarket, request: PlaceRequest) -> tuple[Prepared, object]:
    prepared = exchange.prepare(request)
    (answer,) = await exchange.place([prepared])
    return prepared, answer


@pytest.mark.parametrize(
    ("fault", "details"), [("answer_lost", {}), ("answer_late", {"seconds": 1.5}), ("error_accepted", {})]
)
async def test_answer_lost_after_acceptance_is_found_and_never_doubled(
    bench: Bench, exchange: Polymarket, instrument: Instrument, fault: str, details: dict[str, Any]
) -> None:
    bench.arm(fault, **details)
    prepared, answer = await send(exchange, request_for(instrument))
    assert isinstance(answer, Lost)
    found = await exchange.find(ref(prepared, bench.world.now_ms()))
    assert isinstance(found, Seen)
    assert found.ended is None
    assert await exchange.place([prepared]) == [Accepted(prepared.venue_order_id or "")]
    assert orders(bench) == [prepared.venue_order_id]


async def test_duplicate_of_a_killed_order_is_not_taken_for_a_live_one(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    request = replace(request_for(instrument), time_in_force="ioc")
    prepared, answer = await send(exchange, request)
    assert isinstance(answer, Refused)
    (again,) = await exchange.place([prepared])
    assert isinstance(again, Lost)
    assert "Duplicated" in again.reason


async def test_lost_answer_of_an_order_that_filled_meanwhile(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    bench.arm("answer_lost")
    prepared, _ = await send(exchange, request_for(instrument))
    bench.sell_into(prepared.venue_order_id or "")
    found = await exchange.find(ref(prepared, bench.world.now_ms()))
    assert isinstance(found, Seen)
    assert (found.filled, found.ended) == (Decimal(10), "FILLED")


async def test_lost_cancel_is_unknown_then_refused(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    prepared, _ = await send(exchange, request_for(instrument))
    bench.arm("cancel_lost")
    (answer,) = await exchange.cancel([ref(prepared)])
    assert isinstance(answer, Lost)
    (answer,) = await exchange.cancel([ref(prepared)])
    assert answer == Refused("not_cancelled", "already canceled")


@pytest.mark.parametrize(
    ("code", "expected"),
    [("funds", "funds"), ("post_only_cross", "post_only_cross"), ("market_closed", "market_closed")],
)
async def test_refusals_have_stable_codes(
    bench: Bench, exchange: Polymarket, instrument: Instrument, code: str, expected: str
) -> None:
    bench.arm("refuse", code=code)
    _, answer = await send(exchange, request_for(instrument))
    assert isinstance(answer, Refused)
    assert answer.code == expected
    assert orders(bench) == []


@pytest.mark.parametrize("text", ["could not insert order", "a text nobody has documented"])
async def test_system_error_or_unknown_text_is_never_a_refusal(
    bench: Bench, exchange: Polymarket, instrument: Instrument, text: str
) -> None:
    bench.arm("refuse", text=text)
    _, answer = await send(exchange, request_for(instrument))
    assert answer == Lost(text)


async def test_rate_limit_refuses_and_slows_down(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    bench.arm("rate_limited")
    _, answer = await send(exchange, request_for(instrument))
    assert isinstance(answer, Refused)
    assert answer.code == "rate_limited"
    started = asyncio.get_running_loop().time()
    _, answer = await send(exchange, request_for(instrument))
    assert isinstance(answer, Accepted)
    assert asyncio.get_running_loop().time() - started >= 0.9


@pytest.mark.parametrize(("mode", "code"), [("restart", "restarting"), ("disabled", "maintenance")])
async def test_maintenance_refuses_orders_and_cancels(
    bench: Bench, exchange: Polymarket, instrument: Instrument, mode: str, code: str
) -> None:
    prepared, _ = await send(exchange, request_for(instrument, "before"))
    bench.arm("maintenance", mode=mode, seconds=0.3)
    _, answer = await send(exchange, request_for(instrument))
    (cancelled,) = await exchange.cancel([ref(prepared)])
    assert isinstance(answer, Refused)
    assert isinstance(cancelled, Refused)
    assert (answer.code, cancelled.code) == (code, code)
    with pytest.raises(Rejected):
        await exchange.cancel_all()
    await asyncio.sleep(0.35)
    assert isinstance((await exchange.cancel([ref(prepared)]))[0], Seen)


async def test_cancel_only_refuses_orders_and_lets_cancels_through(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    prepared, _ = await send(exchange, request_for(instrument, "before"))
    bench.arm("maintenance", mode="cancel_only", seconds=5)
    _, answer = await send(exchange, request_for(instrument))
    assert isinstance(answer, Refused)
    assert answer.code == "maintenance"
    assert isinstance((await exchange.cancel([ref(prepared)]))[0], Seen)


async def test_after_a_restart_only_post_only_orders_are_taken(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    bench.venue.modes.enter("restart", 0.0, 5.0)
    _, resting = await send(exchange, request_for(instrument))
    assert isinstance(resting, Accepted)
    _, unwinding = await send(exchange, replace(request_for(instrument, "unwind"), time_in_force="ioc"))
    assert isinstance(unwinding, Refused)
    assert unwinding.code == "post_only_mode"


async def test_incomplete_page_is_an_error_never_a_short_list(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    for name in "abcd":
        await send(exchange, request_for(instrument, name))
    for read in (exchange.open_orders, lambda: exchange.fills(0)):
        bench.arm("page_short")
        with pytest.raises(Unreadable):
            await read()
    assert len(await exchange.open_orders()) == 4


async def test_unmatched_and_foreign_answers_are_looked_up_not_believed(exchange: Polymarket) -> None:
    from overround.exchanges.polymarket.answers import placement

    row = {"success": True, "errorMsg": "", "orderID": "0xaa", "status": "unmatched"}
    assert isinstance(placement("0xaa", row), Lost)
    assert isinstance(placement("0xbb", {**row, "status": "live"}), Lost)
    assert isinstance(placement("0xaa", {**row, "success": False}), Lost)
    assert placement("0xaa", {**row, "status": "delayed"}) == Accepted("0xaa")


async def test_unreachable_venue_means_not_sent(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    prepared = exchange.prepare(request_for(instrument))
    account = bench.account()
    keys = exchange._credentials()
    secrets = {**account.secrets, "api_key": keys.api_key, "secret": keys.secret, "passphrase": keys.passphrase}
    nowhere = {**account.endpoints, "clob": "http://127.0.0.1:9"}
    async with Polymarket(Account("a", "polymarket", "c", nowhere, secrets)) as session:
        (placed,) = await session.place([prepared])
        (cancelled,) = await session.cancel([ref(prepared)])
    assert isinstance(placed, Refused)
    assert isinstance(cancelled, Refused)
    assert (placed.code, cancelled.code) == ("not_sent", "not_sent")


async def test_delayed_sports_order_is_neither_resting_nor_lost(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    bench.venue.conditions[instrument.venue_market].seconds_delay = 1
    bench.rest(ids_of(bench.tennis).outcomes[111], "0.60", "10")
    prepared, answer = await send(exchange, replace(request_for(instrument), time_in_force="ioc"))
    assert isinstance(answer, Accepted)
    waiting = await exchange.find(ref(prepared))
    assert isinstance(waiting, Seen)
    assert (waiting.ended, waiting.filled) == (None, Decimal(0))
    await asyncio.sleep(1.2)
    done = await exchange.find(ref(prepared))
    assert isinstance(done, Seen)
    assert (done.ended, done.filled) == ("FILLED", Decimal(10))


@pytest.mark.parametrize(
    ("size", "age_ms", "ended", "filled"),
    [("10", 0, "FILLED", "10"), ("4", 0, None, "4"), ("4", 30_000, "CANCELLED", "4")],
)
async def test_order_the_venue_forgot_is_told_from_its_trades(
    bench: Bench, exchange: Polymarket, instrument: Instrument, size: str, age_ms: int, ended: str | None, filled: str
) -> None:
    prepared, _ = await send(exchange, request_for(instrument))
    name = prepared.venue_order_id or ""
    bench.sell_into(name, size)
    (trade,) = bench.world.engine.trades.values()
    row = bench.venue.render.trade(trade, "maker", "TRADE_STATUS_MINED")
    page = {"data": [row], "next_cursor": "LTE="}
    failed = {"data": [{**row, "status": "TRADE_STATUS_FAILED"}], "next_cursor": "LTE="}
    order = ref(prepared, bench.world.now_ms() - age_ms)
    with respx.mock(base_url=bench.endpoints["clob"]) as venue:
        venue.get(f"/data/order/{name}").respond(404, json={"error": "order not found"})
        trades = venue.get("/data/trades").respond(200, json=page)
        found = await exchange.find(order)
        assert trades.calls.last.request.url.params["market"] == instrument.venue_market
        venue.get("/data/trades").respond(200, json=failed)
        undone = await exchange.find(order)
    assert isinstance(found, Seen)
    assert (found.ended, found.filled) == (ended, Decimal(filled))
    assert isinstance(undone, Absent if age_ms else Lost)


async def test_answers_of_another_kind_than_promised_are_unknown(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    prepared = exchange.prepare(request_for(instrument))
    with respx.mock(base_url=bench.endpoints["clob"]) as venue:
        venue.post("/orders").respond(200, text="<html>gateway</html>")
        venue.delete("/orders").respond(200, json={"canceled": []})
        venue.get(f"/data/order/{prepared.venue_order_id}").respond(200, json={"id": "0x1"})
        (placed,) = await exchange.place([prepared])
        (cancelled,) = await exchange.cancel([ref(prepared)])
        found = await exchange.find(ref(prepared, 1))
    assert [type(answer) for answer in (placed, cancelled, found)] == [Lost, Lost, Lost]

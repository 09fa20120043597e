"""The paper venue on its own: what it refuses, how it pages, what it keeps, and its money."""

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from overround.exchanges.kalshi.signing import Signer
from overround.paper.kalshi import PaperKalshi
from overround.paper.kalshi.catalogue import code_of
from overround.paper.store import Store
from overround.paper.world import PaperExchange, World
from tests.exchanges.kalshi.desk import ED25519, KEY_ID, READER, Bench, D, basketball, native, open_bench, soccer

PREFIX = "/trade-api/v2"
ORDERS = "/portfolio/events/orders"


class Raw:
    """Signed requests with no client in between."""

    def __init__(self, bench: Bench, key_id: str = KEY_ID, clock: Callable[[], float] = time.time) -> None:
        self._signer = Signer(key_id, ED25519["test_private_key_pem"], clock)
        self._http = httpx.AsyncClient(base_url=bench.url, trust_env=False)

    async def call(self, method: str, path: str, body: Any = None, **params: Any) -> httpx.Response:
        headers = self._signer.headers(method, PREFIX + path)
        content = None if body is None else json.dumps(body)
        return await self._http.request(method, PREFIX + path, params=params, content=content, headers=headers)

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def raw(bench: Bench) -> AsyncIterator[Raw]:
    client = Raw(bench)
    yield client
    await client.close()


def _order(bench: Bench, **change: Any) -> dict[str, Any]:
    ticker = native(bench.hoops).outcomes[111]
    body = {"ticker": ticker, "side": "bid", "count": "10", "price": "0.40", "client_order_id": "c-1"}
    return {**body, "time_in_force": "good_till_canceled", "self_trade_prevention_type": "maker", **change}


IOC = {"time_in_force": "immediate_or_cancel"}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"price": "0.405"}, 400, "invalid_price"),
        ({"price": "0.00"}, 400, "invalid_price"),
        ({"price": "1.00"}, 400, "invalid_price"),
        ({"price": "0.40000"}, 400, "invalid_price"),
        ({"price": 0.4}, 400, "invalid_price"),
        ({"count": "0"}, 400, "invalid_count"),
        ({"count": "1.005"}, 400, "invalid_count"),
        ({"count": "-1"}, 400, "invalid_count"),
        ({"count": 1}, 400, "invalid_count"),
        ({"ticker": "NONE"}, 404, "not_found"),
        ({"ticker": None}, 400, "invalid_parameters"),
        ({"side": "yes"}, 400, "invalid_parameters"),
        ({"time_in_force": "day"}, 400, "invalid_parameters"),
        ({"self_trade_prevention_type": "none"}, 400, "invalid_parameters"),
        ({"client_order_id": "x" * 65}, 400, "invalid_parameters"),
        ({"client_order_id": "a b"}, 400, "invalid_parameters"),
        ({"post_only": "yes"}, 400, "invalid_parameters"),
        ({"post_only": True, **IOC}, 400, "invalid_parameters"),
        ({"reduce_only": True}, 400, "invalid_parameters"),
        ({"reduce_only": True, **IOC}, 400, "reduce_only"),
        ({"expiration_time": 1}, 400, "invalid_expiration"),
        ({"expiration_time": "soon"}, 400, "invalid_expiration"),
        ({"expiration_time": 4_000_000_000, **IOC}, 400, "invalid_parameters"),
        ({"subaccount": 3}, 400, "invalid_subaccount"),
        ({"exchange_index": 7}, 404, "not_found"),
        ({"order_group_id": "none"}, 404, "not_found"),
        ({"count": "100000"}, 400, "insufficient_balance"),
    ],
)
async def test_order_the_real_venue_refuses(bench: Bench, raw: Raw, change: Any, status: int, code: str) -> None:
    answer = await raw.call("POST", ORDERS, _order(bench, **change))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await raw.call("GET", "/portfolio/orders")).json()["orders"] == []
    assert bench.world.engine.available("kalshi", "maker") == D(1000)


async def test_client_order_id_is_never_used_twice(bench: Bench, raw: Raw) -> None:
    first = (await raw.call("POST", ORDERS, _order(bench))).json()
    assert (await raw.call("POST", ORDERS, _order(bench))).status_code == 409
    await raw.call("DELETE", f"{ORDERS}/{first['order_id']}")
    assert (await raw.call("POST", ORDERS, _order(bench))).status_code == 409


async def test_two_orders_without_an_id_of_ours_are_two(bench: Bench, raw: Raw) -> None:
    body = _order(bench)
    del body["client_order_id"]
    assert [(await raw.call("POST", ORDERS, body)).status_code for _ in range(2)] == [201, 201]


async def test_fill_or_kill_that_cannot_fill_is_cancelled(bench: Bench, raw: Raw) -> None:
    bench.counterparty("no", "0.60", "4", rest=True)
    answer = (await raw.call("POST", ORDERS, _order(bench, time_in_force="fill_or_kill"))).json()
    assert (answer["fill_count"], answer["remaining_count"]) == ("0.00", "0.00")
    order = (await raw.call("GET", f"/portfolio/orders/{answer['order_id']}")).json()["order"]
    assert order["status"] == "canceled"


async def test_immediate_order_fills_what_there_is(bench: Bench, raw: Raw) -> None:
    bench.counterparty("no", "0.60", "4", rest=True)
    answer = (await raw.call("POST", ORDERS, _order(bench, price="0.45", **IOC))).json()
    assert (answer["fill_count"], answer["remaining_count"]) == ("4.00", "0.00")
    assert answer["average_fill_price"] == "0.4000"
    assert answer["average_fee_paid"] == "0.0175"


async def test_maker_prevention_cancels_the_resting_order(bench: Bench, raw: Raw) -> None:
    own = (await raw.call("POST", ORDERS, _order(bench, side="ask", price="0.45"))).json()["order_id"]
    crossing = _order(bench, price="0.45", client_order_id="c-2")
    taken = (await raw.call("POST", ORDERS, crossing)).json()
    assert (taken["fill_count"], taken["remaining_count"]) == ("0.00", "10.00")
    assert (await raw.call("GET", f"/portfolio/orders/{own}")).json()["order"]["status"] == "canceled"


async def test_taker_prevention_stops_at_the_own_order(bench: Bench, raw: Raw) -> None:
    bench.counterparty("no", "0.60", "3", rest=True)
    own = (await raw.call("POST", ORDERS, _order(bench, side="ask", price="0.45"))).json()["order_id"]
    crossing = _order(bench, price="0.45", client_order_id="c-2", self_trade_prevention_type="taker_at_cross")
    taken = (await raw.call("POST", ORDERS, crossing)).json()
    assert (taken["fill_count"], taken["remaining_count"]) == ("3.00", "0.00")
    assert (await raw.call("GET", f"/portfolio/orders/{own}")).json()["order"]["status"] == "resting"


async def test_pause_kills_only_what_asked_for_it(bench: Bench, raw: Raw) -> None:
    careful = (await raw.call("POST", ORDERS, _order(bench, cancel_order_on_pause=True))).json()["order_id"]
    bold = (await raw.call("POST", ORDERS, _order(bench, client_order_id="c-2"))).json()["order_id"]
    ticker = native(bench.hoops).outcomes[111]
    bench.venue.pause(ticker, True)
    resting = (await raw.call("GET", "/portfolio/orders", status="resting")).json()["orders"]
    assert [order["order_id"] for order in resting] == [bold]
    assert careful != bold
    bench.venue.pause(ticker, False)
    assert (await raw.call("POST", ORDERS, _order(bench, client_order_id="c-3"))).status_code == 201


async def test_weekly_pause_takes_cancels_but_no_orders(bench: Bench, raw: Raw) -> None:
    bold = (await raw.call("POST", ORDERS, _order(bench))).json()["order_id"]
    await raw.call("POST", ORDERS, _order(bench, client_order_id="c-2", cancel_order_on_pause=True))
    bench.venue.pause_trading(True)
    status = (await raw.call("GET", "/exchange/status")).json()
    assert (status["exchange_active"], status["trading_active"]) == (True, False)
    assert (await raw.call("POST", ORDERS, _order(bench, client_order_id="c-3"))).status_code == 503
    assert (await raw.call("POST", f"{ORDERS}/{bold}/amend", {})).status_code == 503
    assert len((await raw.call("GET", "/portfolio/orders", status="resting")).json()["orders"]) == 1
    assert (await raw.call("DELETE", f"{ORDERS}/{bold}")).status_code == 200
    bench.venue.pause_trading(False)
    assert (await raw.call("POST", ORDERS, _order(bench, client_order_id="c-3"))).status_code == 201


# -- changing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"price": "0.415"}, 400),
        ({"side": "ask"}, 400),
        ({"count": "3.00"}, 400),
        ({"count": "100000"}, 400),
        ({"client_order_id": "other"}, 400),
        ({"updated_client_order_id": "c-2"}, 409),
        ({"ticker": "NONE"}, 404),
        ({"expiration_time": 5}, 400),
    ],
)
async def test_amend_the_venue_refuses_changes_nothing(bench: Bench, raw: Raw, change: Any, status: int) -> None:
    first = (await raw.call("POST", ORDERS, _order(bench))).json()["order_id"]
    await raw.call("POST", ORDERS, _order(bench, client_order_id="c-2", price="0.10"))
    bench.counterparty("no", "0.60", "4")
    body = {"ticker": _order(bench)["ticker"], "side": "bid", "price": "0.40", "count": "10.00", **change}
    assert (await raw.call("POST", f"{ORDERS}/{first}/amend", body)).status_code == status
    order = bench.world.engine.orders[first]
    assert (order.price, order.size, order.client_ref, order.remaining) == (D("0.40"), D(10), "c-1", D(6))


async def test_amend_of_price_loses_the_place_in_the_queue(bench: Bench, raw: Raw) -> None:
    first = (await raw.call("POST", ORDERS, _order(bench))).json()["order_id"]
    bench.counterparty("yes", "0.41", "5", rest=True)
    body = {"ticker": _order(bench)["ticker"], "side": "bid", "price": "0.41", "count": "10.00"}
    await raw.call("POST", f"{ORDERS}/{first}/amend", body)
    place = (await raw.call("GET", f"/portfolio/orders/{first}/queue_position")).json()
    assert place == {"queue_position_fp": "5.00"}


async def test_post_only_order_amended_into_a_cross_is_cancelled(bench: Bench, raw: Raw) -> None:
    first = (await raw.call("POST", ORDERS, _order(bench, post_only=True))).json()["order_id"]
    bench.counterparty("no", "0.55", "5", rest=True)
    body = {"ticker": _order(bench)["ticker"], "side": "bid", "price": "0.45", "count": "10.00"}
    answer = (await raw.call("POST", f"{ORDERS}/{first}/amend", body)).json()
    assert (answer["fill_count"], answer["remaining_count"]) == ("0.00", "0.00")
    assert bench.world.engine.orders[first].reason == "PostOnlyCrossCancel"


async def test_order_amended_into_a_cross_takes(bench: Bench, raw: Raw) -> None:
    first = (await raw.call("POST", ORDERS, _order(bench))).json()["order_id"]
    bench.counterparty("no", "0.55", "5", rest=True)
    body = {"ticker": _order(bench)["ticker"], "side": "bid", "price": "0.45", "count": "10.00"}
    answer = (await raw.call("POST", f"{ORDERS}/{first}/amend", body)).json()
    assert (answer["fill_count"], answer["remaining_count"]) == ("5.00", "5.00")


async def test_amend_never_trades_with_the_account_itself(bench: Bench, raw: Raw) -> None:
    asked = _order(bench, side="ask", price="0.45", client_order_id="c-2")
    await raw.call("POST", ORDERS, asked)
    careful = _order(bench, self_trade_prevention_type="taker_at_cross")
    first = (await raw.call("POST", ORDERS, careful)).json()["order_id"]
    body = {"ticker": asked["ticker"], "side": "bid", "price": "0.45", "count": "10.00"}
    assert (await raw.call("POST", f"{ORDERS}/{first}/amend", body)).json()["code"] == "self_trade"
    assert bench.world.engine.orders[first].price == D("0.40")
    assert bench.world.engine.trades == {}


async def test_expired_order_in_the_way_is_no_cross(bench: Bench, raw: Raw) -> None:
    other = bench.counterparty("no", "0.60", "5", rest=True)
    other.expires_at = int(bench.world.clock()) - 1
    answer = (await raw.call("POST", ORDERS, _order(bench, post_only=True))).json()
    assert answer["remaining_count"] == "10.00"


async def test_amend_with_expiry_zero_removes_it(bench: Bench, raw: Raw) -> None:
    soon = int(time.time()) + 60
    first = (await raw.call("POST", ORDERS, _order(bench, expiration_time=soon))).json()["order_id"]
    body = {"ticker": _order(bench)["ticker"], "side": "bid", "price": "0.40", "count": "10.00"}
    await raw.call("POST", f"{ORDERS}/{first}/amend", body)
    assert bench.world.engine.orders[first].expires_at == soon
    await raw.call("POST", f"{ORDERS}/{first}/amend", {**body, "expiration_time": 0})
    assert bench.world.engine.orders[first].expires_at is None


@pytest.mark.parametrize(
    ("body", "status", "left"),
    [
        ({"reduce_by": "4.00"}, 200, "6.00"),
        ({"reduce_to": "4.00"}, 200, "4.00"),
        ({"reduce_to": "0.00"}, 200, "0.00"),
        ({"reduce_by": "40"}, 200, "0.00"),
        ({"reduce_to": "11"}, 400, None),
        ({}, 400, None),
        ({"reduce_by": "1", "reduce_to": "1"}, 400, None),
    ],
)
async def test_decrease(bench: Bench, raw: Raw, body: Any, status: int, left: str | None) -> None:
    first = (await raw.call("POST", ORDERS, _order(bench))).json()["order_id"]
    answer = await raw.call("POST", f"{ORDERS}/{first}/decrease", body)
    assert answer.status_code == status
    assert answer.json().get("remaining_count") == left


async def test_old_order_calls_point_elsewhere(bench: Bench, raw: Raw) -> None:
    answer = await raw.call("POST", "/portfolio/orders", _order(bench))
    assert answer.status_code == 410
    assert ORDERS in answer.json()["message"]


# -- who may ask ------------------------------------------------------------------------------------------------------


async def test_reading_key_may_not_write(bench: Bench) -> None:
    reader = Raw(bench, READER)
    assert (await reader.call("GET", "/portfolio/balance")).status_code == 200
    refused = await reader.call("POST", ORDERS, _order(bench))
    await reader.close()
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


async def test_market_data_needs_no_signature_but_money_does(bench: Bench) -> None:
    async with httpx.AsyncClient(base_url=bench.url + PREFIX, trust_env=False) as nobody:
        assert (await nobody.get("/markets")).status_code == 200
        refused = await nobody.get("/portfolio/balance")
    assert (refused.status_code, refused.json()["code"]) == (401, "authentication_error")


async def test_body_that_is_not_json_is_refused(bench: Bench, raw: Raw) -> None:
    answer = await raw.call("POST", ORDERS)
    assert answer.status_code == 400
    assert (await raw.call("POST", f"{ORDERS}/batched", [1])).status_code == 400


async def test_pages_join_without_a_gap(bench: Bench, raw: Raw) -> None:
    for number in range(5):
        await raw.call("POST", ORDERS, _order(bench, client_order_id=f"c-{number}"))
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await raw.call("GET", "/portfolio/orders", limit=2, cursor=cursor)).json()
        seen += [order["client_order_id"] for order in page["orders"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert sorted(seen) == [f"c-{number}" for number in range(5)]
    assert (await raw.call("GET", "/portfolio/orders", limit=1001)).status_code == 400
    assert (await raw.call("GET", "/portfolio/orders", cursor="rubbish")).status_code == 400


async def test_books_are_bids_only_and_ascending(bench: Bench, raw: Raw) -> None:
    for price in ("0.42", "0.40"):
        bench.counterparty("yes", price, "5", rest=True)
    bench.counterparty("no", "0.55", "7.5", rest=True)
    book = (await raw.call("GET", f"/markets/{_order(bench)['ticker']}/orderbook")).json()["orderbook_fp"]
    assert book["yes_dollars"] == [["0.4000", "5.00"], ["0.4200", "5.00"]]
    assert book["no_dollars"] == [["0.5500", "7.50"]]
    top = (await raw.call("GET", f"/markets/{_order(bench)['ticker']}/orderbook", depth=1)).json()["orderbook_fp"]
    assert top["yes_dollars"] == [["0.4200", "5.00"]]


# -- listing and money ------------------------------------------------------------------------------------------------


def test_it_is_a_paper_exchange(bench: Bench) -> None:
    exchange: PaperExchange = bench.venue
    assert exchange.name == "kalshi"


def test_listing_is_repeatable_and_names_everything(bench: Bench) -> None:
    before = bench.football.native["kalshi"]
    bench.venue.list_fixture(bench.football)
    assert bench.football.native["kalshi"] == before
    assert before.outcomes.keys() == {"101", "102", "103"}
    assert len(set(before.outcomes.values())) == 3
    assert bench.venue.book_of("fx-1", 101) == (f"kalshi:{before.outcomes['101']}", "yes")
    assert bench.venue.book_of("fx-1", 999) is None


def test_same_teams_on_the_same_day_are_two_events(bench: Bench) -> None:
    again = soccer()
    again.fixture_id = "fx-9"
    bench.venue.list_fixture(again)
    ids, first = again.native["kalshi"], bench.football.native["kalshi"]
    assert ids.event != first.event
    assert set(ids.outcomes.values()).isdisjoint(first.outcomes.values())


@pytest.mark.parametrize(("label", "code"), [("Los Angeles Lakers", "LAK"), ("Ñu", "UXX"), ("??", "XXX"), ("", "XXX")])
def test_ticker_tail(label: str, code: str) -> None:
    assert code_of(label) == code


async def test_world_that_stopped_continues(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    world = World(Store(path))
    venue = PaperKalshi(world, {KEY_ID: (ED25519["public_key_pem"], "maker")})
    fixture = basketball()
    venue.list_fixture(fixture)
    venue.pause(fixture.native["kalshi"].outcomes["111"], True)
    world.store.close()
    again = World(Store(path))
    reopened = PaperKalshi(again, {KEY_ID: (ED25519["public_key_pem"], "maker")})
    ticker = fixture.native["kalshi"].outcomes["111"]
    assert reopened.catalogue.market(ticker).status == "inactive"
    assert reopened.catalogue.event(fixture.native["kalshi"].event).fixture_id == "fx-2"
    again.store.close()


async def test_cash_stays_on_whole_cents_over_odd_fills(bench: Bench) -> None:
    await bench.placed("0.37", "10")
    for size in ("0.33", "1.07", "2.5", "0.01"):
        bench.counterparty("yes", "0.63", size)
        cash = bench.world.engine.wallets[("kalshi", "maker")].cash
        assert cash == cash.quantize(D("0.01"))
    fees = sum((fill.fill.fee for fill in await bench.kalshi.fills(0)), D(0))
    spent = D("3.91") * D("0.37")
    assert bench.world.engine.wallets[("kalshi", "maker")].cash == D(1000) - spent - fees


async def test_round_trip_realises_its_result(bench: Bench, raw: Raw) -> None:
    await bench.placed("0.40", "10")
    bench.counterparty("yes", "0.60", "10")
    bench.counterparty("no", "0.45", "10", rest=True)
    sell = await bench.prepared("0.45", "10", action="sell", time_in_force="ioc")
    await bench.kalshi.place([sell])
    (row,) = (await raw.call("GET", "/portfolio/positions")).json()["market_positions"]
    assert (row["position_fp"], row["realized_pnl_dollars"], row["market_exposure_dollars"]) == (
        "0.00",
        "0.5000",
        "0.0000",
    )
    cash = bench.world.engine.wallets[("kalshi", "maker")].cash
    assert cash == D(1000) + D("0.50") - D(row["fees_paid_dollars"])


async def test_void_market_pays_both_sides_its_value(bench: Bench, raw: Raw) -> None:
    await bench.placed("0.40", "10")
    bench.counterparty("yes", "0.60", "10")
    before = bench.world.engine.available("kalshi", "maker")
    bench.venue.resolve(bench.hoops, bench.hoops.markets[0], {111: D("0.5"), 112: D("0.5")})
    bench.venue.resolve(bench.hoops, bench.hoops.markets[0], {111: D(1), 112: D(0)})
    assert bench.world.engine.available("kalshi", "maker") == before + D(5)
    market = (await raw.call("GET", f"/markets/{native(bench.hoops).outcomes[111]}")).json()["market"]
    assert (market["result"], market["settlement_value_dollars"]) == ("scalar", "0.5000")


async def test_play_does_not_suspend_trading(bench: Bench) -> None:
    bench.venue.suspend(bench.hoops, True)
    assert (await bench.placed()).venue_order_id


async def test_batch_over_the_write_budget_is_refused() -> None:
    async with open_bench(tier="basic") as bench:
        raw = Raw(bench)
        orders = [_order(bench, client_order_id=f"c-{number}") for number in range(11)]
        answer = await raw.call("POST", f"{ORDERS}/batched", {"orders": orders})
        limits = (await raw.call("GET", "/account/limits")).json()
        await raw.close()
    assert (answer.status_code, answer.json()) == (429, {"error": "too many requests"})
    assert limits["write"] == {"refill_rate": 100, "bucket_capacity": 100}
    assert bench.world.engine.orders == {}


async def test_bucket_refills() -> None:
    now = [1000.0]
    async with open_bench(tier="basic", clock=lambda: now[0]) as bench:
        raw = Raw(bench, clock=lambda: now[0])
        orders = [_order(bench, client_order_id=f"c-{number}", count="1") for number in range(10)]
        first = await raw.call("POST", f"{ORDERS}/batched", {"orders": orders})
        second = await raw.call("POST", ORDERS, _order(bench, client_order_id="more"))
        now[0] += 0.1
        third = await raw.call("POST", ORDERS, _order(bench, client_order_id="more"))
        await raw.close()
    assert [answer.status_code for answer in (first, second, third)] == [201, 429, 201]

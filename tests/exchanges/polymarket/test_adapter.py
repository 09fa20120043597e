"""The adapter against the paper venue, when everything goes well."""

import asyncio
import json
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from overround.domain.markets import Instrument
from overround.domain.orders import Absent, Accepted, Refused, Seen
from overround.exchanges.base import NativeIds, PlaceRequest, Prepared
from overround.exchanges.polymarket.adapter import Polymarket, salt_of
from overround.paper.engine import Engine
from overround.venues import NotFound, Rejected, Unauthorised
from tests.exchanges.polymarket.conftest import Bench, ids_of, ref, request_for


async def place(exchange: Polymarket, request: PlaceRequest) -> Prepared:
    prepared = exchange.prepare(request)
    (answer,) = await exchange.place([prepared])
    assert answer == Accepted(prepared.venue_order_id or "")
    return prepared


def open_ids(engine: Engine) -> list[str]:
    return [order.order_id for order in engine.open_orders("polymarket", "maker")]


async def test_two_way_market_buys_the_other_teams_token(bench: Bench, exchange: Polymarket) -> None:
    native = ids_of(bench.tennis)
    market = await exchange.market("fx-tennis", 111, native)
    assert market.instruments[111].contract == native.outcomes[112]
    assert market.instruments[112].contract == native.outcomes[111]
    assert market.instruments[111].venue_market == market.venue_market == market.instruments[112].venue_market
    assert {key: contract.label for key, contract in market.contracts.items()} == {111: "Ada", 112: "Grace"}
    assert market.contracts[111].contract == native.outcomes[111]
    assert market.participants == ("Ada", "Grace")
    assert (market.open, market.starts_at) == (True, 2_000_000_000)


async def test_three_way_market_buys_no_of_each_outcomes_own_condition(bench: Bench, exchange: Polymarket) -> None:
    native = ids_of(bench.soccer)
    market = await exchange.market("fx-soccer", 101, native)
    assert {key: contract.label for key, contract in market.contracts.items()} == {
        101: "Reds",
        102: "Draw",
        103: "Blues",
    }
    assert len({item.venue_market for item in market.instruments.values()}) == 3
    for outcome, item in market.instruments.items():
        condition = bench.venue.conditions[item.venue_market]
        assert (item.contract, native.outcomes[outcome]) == (condition.assets[1], condition.assets[0])
        assert item.details["neg_risk"] == "true"


async def test_instrument_carries_what_the_venue_says(bench: Bench, exchange: Polymarket) -> None:
    condition = next(iter(bench.venue.conditions.values()))
    condition.tick, condition.min_size, condition.fee_rate = Decimal("0.001"), Decimal(15), Decimal("0.05")
    item = (await exchange.market("fx-tennis", 111, ids_of(bench.tennis))).instruments[111]
    assert item.grid.bands[0].step == item.grid.bands[0].start == Decimal("0.001")
    assert item.grid.bands[0].end == Decimal("0.999")
    assert (item.min_size, item.size_step) == (Decimal(15), Decimal("0.01"))
    assert (item.fee.kind, item.fee.maker, item.fee.taker) == ("quadratic", Decimal(0), Decimal("0.05"))
    assert item.position == "yes"


async def test_best_prices_come_with_the_market(bench: Bench, exchange: Polymarket) -> None:
    native = ids_of(bench.tennis)
    bench.rest(native.outcomes[111], "0.55", "10")
    bench.rest(native.outcomes[111], "0.50", "10")
    bench.rest(native.outcomes[112], "0.41", "10")
    contracts = (await exchange.market("fx-tennis", 111, native)).contracts
    assert (contracts[111].best_bid, contracts[111].best_ask) == (Decimal("0.55"), Decimal("0.59"))
    assert (contracts[112].best_bid, contracts[112].best_ask) == (Decimal("0.41"), Decimal("0.45"))


async def test_market_is_found_without_an_event_id(bench: Bench, exchange: Polymarket) -> None:
    native = ids_of(bench.soccer)
    market = await exchange.market("fx-soccer", 101, NativeIds(None, None, native.outcomes))
    assert market.participants == ("Reds", "Draw", "Blues")


async def test_unknown_token_and_foreign_event_are_not_found(bench: Bench, exchange: Polymarket) -> None:
    native = ids_of(bench.tennis)
    with pytest.raises(NotFound):
        await exchange.market("fx-tennis", 111, NativeIds(native.event, None, {111: "12345"}))
    with pytest.raises(NotFound):
        await exchange.market("fx-tennis", 111, NativeIds(ids_of(bench.soccer).event, None, native.outcomes))


async def test_place_list_find_and_cancel(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    prepared = await place(exchange, request_for(instrument))
    (listed,) = await exchange.open_orders()
    assert (listed.venue_order_id, listed.contract) == (prepared.venue_order_id, instrument.contract)
    assert (listed.price, listed.size, listed.filled) == (Decimal("0.4"), Decimal(10), Decimal(0))
    found = await exchange.find(ref(prepared))
    assert isinstance(found, Seen)
    assert (found.filled, found.ended) == (Decimal(0), None)
    (cancelled,) = await exchange.cancel([ref(prepared)])
    assert isinstance(cancelled, Seen)
    assert cancelled.ended == "CANCELLED"
    assert await exchange.open_orders() == []
    again = await exchange.find(ref(prepared))
    assert isinstance(again, Seen)
    assert again.ended == "CANCELLED"


async def test_same_intent_gives_the_same_digest_on_every_run(exchange: Polymarket, instrument: Instrument) -> None:
    request = replace(request_for(instrument), signed_at=1_700_000_000_123)
    first, second = exchange.prepare(request), exchange.prepare(request)
    assert first == second
    other = exchange.prepare(replace(request, client_order_id="order-2"))
    assert other.venue_order_id != first.venue_order_id
    assert json.loads(first.payload)["order"]["salt"] == salt_of("order-1") < 1 << 53


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
async def test_every_signature_type_is_accepted(bench: Bench, instrument: Instrument, signature_type: int) -> None:
    async with Polymarket(bench.account(signature_type=str(signature_type))) as session:
        prepared = await place(session, request_for(instrument, f"type-{signature_type}"))
        assert open_ids(bench.world.engine) == [prepared.venue_order_id]


async def test_neg_risk_and_position_id_markets_are_signed_for_their_own_exchange(
    bench: Bench, exchange: Polymarket
) -> None:
    bench.soccer.extra["polymarket_version"] = "v2"
    bench.soccer.fixture_id = "fx-v2"
    bench.venue.list_fixture(bench.soccer)
    market = await exchange.market("fx-v2", 101, ids_of(bench.soccer))
    assert market.instruments[101].details["version"] == "v2"
    await place(exchange, request_for(market.instruments[101]))


async def test_fifteen_orders_leave_in_one_batch(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    batch = [exchange.prepare(request_for(instrument, f"n{n}", size="5")) for n in range(15)]
    answers = await exchange.place(batch)
    assert [type(answer) for answer in answers] == [Accepted] * 15
    with pytest.raises(Rejected):
        await exchange.place([*batch, exchange.prepare(request_for(instrument, "n15", size="5"))])
    results = await exchange.cancel([ref(prepared) for prepared in batch])
    assert all(isinstance(result, Seen) for result in results)
    assert open_ids(bench.world.engine) == []


async def test_one_refusal_in_a_batch_leaves_the_others_alone(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    bench.rest(ids_of(bench.tennis).outcomes[111], "0.55", "10")
    good, crossing = request_for(instrument, "good"), request_for(instrument, "crossing", price="0.45")
    answers = await exchange.place([exchange.prepare(good), exchange.prepare(crossing)])
    assert isinstance(answers[0], Accepted)
    assert answers[1] == Refused("post_only_cross", "invalid post-only order: order crosses book")


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": Decimal("0.405")},
        {"price": Decimal("1.00")},
        {"price": Decimal(0)},
        {"size": Decimal("10.001")},
        {"size": Decimal("4.99")},
        {"expires_at": int(time.time()) + 100},
    ],
)
async def test_what_the_venue_would_refuse_is_not_even_signed(
    exchange: Polymarket, instrument: Instrument, wrong: dict[str, object]
) -> None:
    with pytest.raises(Rejected):
        exchange.prepare(replace(request_for(instrument), **wrong))  # type: ignore[arg-type]


async def test_expiring_order_is_gtd_and_still_post_only(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    expires_at = int(time.time()) + 300
    prepared = await place(exchange, replace(request_for(instrument), expires_at=expires_at))
    body = json.loads(prepared.payload)
    assert (body["orderType"], body["postOnly"], body["order"]["expiration"]) == ("GTD", True, str(expires_at))
    assert bench.world.engine.orders[prepared.venue_order_id or ""].expires_at == expires_at - 60


async def test_cancel_of_a_filled_order_is_refused_with_the_venues_reason(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    prepared = await place(exchange, request_for(instrument))
    bench.sell_into(prepared.venue_order_id or "")
    (answer,) = await exchange.cancel([ref(prepared)])
    assert answer == Refused("not_cancelled", "matched orders can't be canceled")
    found = await exchange.find(ref(prepared))
    assert isinstance(found, Seen)
    assert (found.ended, found.filled) == ("FILLED", Decimal(10))


async def test_cancel_of_one_market_leaves_the_other(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    soccer = await exchange.market("fx-soccer", 101, ids_of(bench.soccer))
    kept = await place(exchange, request_for(instrument, "kept"))
    for outcome in (101, 103):
        await place(exchange, request_for(soccer.instruments[outcome], f"gone-{outcome}"))
    await exchange.cancel_market(soccer.venue_market)
    assert open_ids(bench.world.engine) == [kept.venue_order_id]
    await exchange.cancel_all()
    assert open_ids(bench.world.engine) == []


async def test_maker_fill_positions_and_balance(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    before = bench.world.now_ms()
    prepared = await place(exchange, request_for(instrument))
    bench.sell_into(prepared.venue_order_id or "", "4")
    (fill,) = await exchange.fills(before)
    assert (fill.venue_order_id, fill.contract, fill.failed) == (prepared.venue_order_id, instrument.contract, False)
    assert (fill.fill.size, fill.fill.price, fill.fill.fee) == (Decimal(4), Decimal("0.4"), Decimal(0))
    assert (await exchange.positions())[0].size == Decimal(4)
    balance = await exchange.balance()
    assert (balance.total, balance.available) == (Decimal("998.4"), Decimal("996.0"))


async def test_one_trade_hitting_two_of_our_orders_gives_two_fill_ids(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    for name in ("a", "b"):
        await place(exchange, request_for(instrument, name))
    bench.rest(ids_of(bench.tennis).outcomes[111], "0.60", "20")
    fills = await exchange.fills(0)
    assert len({fill.fill.fill_id for fill in fills}) == 2
    assert sum(fill.fill.size for fill in fills) == Decimal(20)


async def test_unwind_sells_what_is_held_and_pays_the_takers_fee(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    prepared = await place(exchange, request_for(instrument, price="0.50"))
    bench.sell_into(prepared.venue_order_id or "")
    bench.rest(instrument.contract, "0.48", "10")
    unwind = replace(request_for(instrument, "unwind", price="0.45"), action="sell", time_in_force="ioc")
    sold = await place(exchange, unwind)
    fill = next(f for f in await exchange.fills(0) if f.venue_order_id == sold.venue_order_id)
    assert (fill.fill.size, fill.fill.price) == (Decimal(10), Decimal("0.48"))
    assert fill.fill.fee == Decimal("0.07488")  # 10 x 0.03 x 0.48 x 0.52
    wallet = bench.world.engine.wallets[("polymarket", "maker")]
    assert wallet.cash == Decimal(1000) - Decimal(5) + Decimal("4.8") - fill.fill.fee
    assert await exchange.positions() == []


async def test_unwind_with_nobody_to_trade_with_is_refused(exchange: Polymarket, instrument: Instrument) -> None:
    request = replace(request_for(instrument), time_in_force="ioc")
    (answer,) = await exchange.place([exchange.prepare(request)])
    assert isinstance(answer, Refused)
    assert answer.code == "not_filled"


async def test_resolution_open_won_and_split(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    opposite = ids_of(bench.tennis).outcomes[111]
    assert (await exchange.resolution(instrument.venue_market, instrument.contract)).value is None
    bench.venue.resolve(bench.tennis, bench.tennis.market(111), {111: Decimal(0), 112: Decimal(1)})
    won = await exchange.resolution(instrument.venue_market, instrument.contract)
    lost = await exchange.resolution(instrument.venue_market, opposite)
    assert (won.value, lost.value, won.status) == (Decimal(1), Decimal(0), "resolved")
    soccer = (await exchange.market("fx-soccer", 101, ids_of(bench.soccer))).instruments[101]
    bench.venue.resolve(bench.soccer, bench.soccer.market(101), {key: Decimal("0.5") for key in (101, 102, 103)})
    assert (await exchange.resolution(soccer.venue_market, soccer.contract)).value == Decimal("0.5")


async def test_dead_man_switch_fires_only_when_it_is_not_fed(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    await place(exchange, request_for(instrument))
    for _ in range(8):
        await exchange.keep_alive()
        await asyncio.sleep(0.1)
    assert len(open_ids(bench.world.engine)) == 1
    async with asyncio.timeout(15):
        while open_ids(bench.world.engine):  # noqa: ASYNC110 - the switch sets no event
            await asyncio.sleep(0.02)


async def test_heartbeat_id_is_recovered_after_a_restart(bench: Bench, exchange: Polymarket) -> None:
    await exchange.keep_alive()
    async with Polymarket(bench.account()) as restarted:
        await restarted.keep_alive()
        await restarted.keep_alive()


async def test_credentials_are_created_once_and_derived_afterwards(bench: Bench) -> None:
    async with Polymarket(bench.account()) as first:
        key = first._credentials()
    async with Polymarket(bench.account()) as second:
        assert second._credentials() == key
    given = {"api_key": key.api_key, "secret": key.secret, "passphrase": key.passphrase}
    account = bench.account()
    async with Polymarket(replace(account, secrets={**account.secrets, **given})) as third:
        assert await third.open_orders() == []


async def test_wrong_credentials_are_unauthorised(bench: Bench, exchange: Polymarket) -> None:
    keys = exchange._credentials()
    wrong = {"api_key": keys.api_key, "secret": "d3Jvbmc=", "passphrase": keys.passphrase}
    account = bench.account()
    async with Polymarket(replace(account, secrets={**account.secrets, **wrong})) as session:
        with pytest.raises(Unauthorised):
            await session.open_orders()


async def test_clock_far_off_is_unauthorised(bench: Bench) -> None:
    session = Polymarket(bench.account(), now=lambda: time.time() - 3600)
    with pytest.raises(Unauthorised):
        await session.__aenter__()


async def test_absent_needs_the_quiet_period(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    prepared = exchange.prepare(request_for(instrument))
    now = bench.world.now_ms()
    assert not isinstance(await exchange.find(ref(prepared, now)), Absent)
    assert not isinstance(await exchange.find(ref(prepared, 0)), Absent)
    assert isinstance(await exchange.find(ref(prepared, now - 30_000)), Absent)


async def test_amend_does_not_exist(exchange: Polymarket, instrument: Instrument) -> None:
    prepared = exchange.prepare(request_for(instrument))
    (answer,) = await exchange.renew([ref(prepared)], 0)
    assert isinstance(answer, Refused)
    assert not exchange.capabilities.amend


async def test_more_orders_than_fit_a_page_are_all_listed(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    for start in range(0, 105, 15):
        batch = [exchange.prepare(request_for(instrument, f"m{start + n}", "0.10", "5")) for n in range(15)]
        assert all(isinstance(answer, Accepted) for answer in await exchange.place(batch))
    assert len(await exchange.open_orders()) == 105

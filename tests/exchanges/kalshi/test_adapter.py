"""The adapter against the paper venue, when nothing goes wrong."""

import time
from dataclasses import replace

import pytest

from overround.domain.fees import FeeSchedule
from overround.domain.grid import Band
from overround.domain.orders import Accepted, Refused, Seen
from overround.exchanges.base import Exchange, NativeIds
from overround.exchanges.kalshi import Kalshi
from overround.venues import NotFound, Rejected, Unauthorised
from tests.exchanges.kalshi.desk import RSA, Bench, D, account, native, open_bench


async def test_it_is_an_exchange(bench: Bench) -> None:
    exchange: Exchange = bench.kalshi
    assert exchange.name == "kalshi"
    assert exchange.capabilities.max_batch == 20
    assert Kalshi(account(bench.url, tier="basic")).capabilities.max_batch == 10


# -- metadata ---------------------------------------------------------------------------------------------------------


async def test_market_of_three_outcomes_is_mirrored(bench: Bench) -> None:
    market = await bench.kalshi.market("fx-1", 101, native(bench.football))
    assert market.venue_market == bench.football.native["kalshi"].event
    assert market.participants == ("Arsenal", "Tie", "Chelsea")
    assert (market.open, market.starts_at) == (True, 1_800_000_000)
    home = market.instruments[101]
    assert (home.contract, home.position) == (bench.football.native["kalshi"].outcomes["101"], "no")
    assert home.fee == FeeSchedule("quadratic", maker=D("0.0175"), taker=D("0.07"))
    assert home.grid.bands[0] == Band(D(0), D("0.1"), D("0.001"))
    assert home.grid.bands[1].step == D("0.01")
    assert (home.min_size, home.size_step) == (D("0.01"), D("0.01"))


async def test_best_prices_are_the_contracts_own(bench: Bench) -> None:
    bench.counterparty("yes", "0.41", "5", rest=True)
    bench.counterparty("no", "0.55", "5", rest=True)
    contract = (await bench.kalshi.market("fx-2", 111, native(bench.hoops))).contracts[111]
    assert (contract.label, contract.best_bid, contract.best_ask) == ("Hawks", D("0.41"), D("0.45"))


async def test_empty_book_has_no_best_prices(bench: Bench) -> None:
    contract = (await bench.kalshi.market("fx-2", 111, native(bench.hoops))).contracts[112]
    assert (contract.best_bid, contract.best_ask) == (None, None)


async def test_market_is_found_without_its_event(bench: Bench) -> None:
    ids = replace(native(bench.hoops), event=None)
    assert (await bench.kalshi.market("fx-2", 111, ids)).venue_market == bench.hoops.native["kalshi"].event


async def test_ticker_of_another_event_is_refused(bench: Bench) -> None:
    ids = NativeIds(bench.hoops.native["kalshi"].event, None, native(bench.football).outcomes)
    with pytest.raises(NotFound, match="not a market of"):
        await bench.kalshi.market("fx-1", 101, ids)


async def test_unknown_event_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.kalshi.market("fx-1", 101, NativeIds("KXNO-1", None, {1: "KXNO-1-A"}))


async def test_paused_market_is_not_open(bench: Bench) -> None:
    bench.venue.pause(native(bench.hoops).outcomes[111], True)
    assert not (await bench.kalshi.market("fx-2", 111, native(bench.hoops))).open


# -- placing ----------------------------------------------------------------------------------------------------------


async def test_buying_no_rests_as_an_ask(bench: Bench) -> None:
    ref = await bench.placed("0.40", "10", expires_at=int(time.time()) + 60)
    order = bench.world.engine.orders[ref.venue_order_id or ""]
    assert (order.outcome, order.price, order.yes_price, order.size) == ("no", D("0.40"), D("0.60"), D(10))
    assert (order.expires_at, order.client_ref) == (ref.expires_at, ref.client_order_id)
    (listed,) = await bench.kalshi.open_orders()
    assert (listed.contract, listed.price, listed.size) == (ref.instrument.contract, D("0.40"), D(10))
    assert await bench.kalshi.find(ref) == Seen(ref.venue_order_id or "", D(0), None)


async def test_rsa_key_works_as_well() -> None:
    async with open_bench(key=RSA) as bench:
        assert (await bench.placed()).venue_order_id


async def test_batch_reports_each_order(bench: Bench) -> None:
    good, twin = await bench.prepared("0.40", client_order_id="a"), await bench.prepared("0.39", client_order_id="b")
    dear = await bench.prepared("0.41", "100000", client_order_id="c")
    results = await bench.kalshi.place([good, dear, twin])
    assert [type(result) for result in results] == [Accepted, Refused, Accepted]
    assert isinstance(results[1], Refused)
    assert results[1].code == "insufficient_balance"
    assert len(await bench.kalshi.open_orders()) == 2


async def test_nothing_to_place_sends_nothing(bench: Bench) -> None:
    assert await bench.kalshi.place([]) == []


@pytest.mark.parametrize(
    ("price", "size", "name"),
    [
        ("0.405", "1", "ok"),
        ("0", "1", "ok"),
        ("1", "1", "ok"),
        ("0.40", "0.005", "ok"),
        ("0.40", "0", "ok"),
        ("0.40", "1", "bad id"),
        ("0.40", "1", "x" * 65),
    ],
)
async def test_impossible_order_is_refused_before_it_leaves(bench: Bench, price: str, size: str, name: str) -> None:
    request = await bench.request(price, size, client_order_id=name)
    with pytest.raises(Rejected):
        bench.kalshi.prepare(request)


async def test_order_that_would_cross_is_refused_and_its_end_is_on_record(bench: Bench) -> None:
    bench.counterparty("yes", "0.60", "5", rest=True)
    prepared = await bench.prepared("0.45", "10")
    (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, Refused)
    assert result.code == "post_only_cross"
    found = await bench.kalshi.find(bench.ref(prepared))
    assert isinstance(found, Seen)
    assert (found.filled, found.ended) == (D(0), "CANCELLED")


async def test_grid_changed_since_the_instrument_was_read(bench: Bench) -> None:
    prepared = await bench.prepared("0.055", outcome=101)
    bench.venue.regrid(prepared.request.instrument.contract, "linear_cent")
    (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, Refused)
    assert result.code == "invalid_price"


async def test_paused_market_refuses(bench: Bench) -> None:
    prepared = await bench.prepared()
    bench.venue.pause(prepared.request.instrument.contract, True)
    (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, Refused)
    assert result.code == "market_inactive"


async def test_key_that_may_only_read_is_refused(bench: Bench) -> None:
    async with Kalshi(account(bench.url, key_id="22222222-2222-4333-8444-555555555555")) as reader:
        assert await reader.open_orders() == []
        (result,) = await reader.place([await bench.prepared()])
    assert isinstance(result, Refused)
    assert result.code == "unauthorised"


async def test_wrong_key_cannot_read(bench: Bench) -> None:
    async with Kalshi(account(bench.url, RSA["test_private_key_pem"])) as stranger:
        with pytest.raises(Unauthorised, match="signature"):
            await stranger.balance()


async def test_wrong_clock_is_refused(bench: Bench) -> None:
    async with Kalshi(account(bench.url), clock=lambda: time.time() - 30) as late:
        with pytest.raises(Unauthorised, match="timestamp"):
            await late.balance()


# -- cancelling -------------------------------------------------------------------------------------------------------


async def test_cancel_one(bench: Bench) -> None:
    ref = await bench.placed("0.40", "10")
    bench.counterparty("yes", "0.60", "4")
    assert await bench.kalshi.cancel([ref]) == [Seen(ref.venue_order_id or "", D(4), "CANCELLED")]
    assert await bench.kalshi.open_orders() == []


async def test_cancel_many_and_one_already_over(bench: Bench) -> None:
    first, second = await bench.placed("0.40"), await bench.placed("0.39")
    await bench.kalshi.cancel([first])
    gone, seen = await bench.kalshi.cancel([first, second])
    assert isinstance(gone, Refused)
    assert gone.code == "not_found"
    assert seen == Seen(second.venue_order_id or "", D(0), "CANCELLED")


async def test_cancel_of_many_goes_in_portions(bench: Bench) -> None:
    refs = [await bench.placed("0.40", "0.1") for _ in range(25)]
    results = await bench.kalshi.cancel(refs)
    assert [result.venue_order_id for result in results if isinstance(result, Seen)] == [
        ref.venue_order_id for ref in refs
    ]
    assert await bench.kalshi.open_orders() == []


async def test_cancel_by_our_id_alone(bench: Bench) -> None:
    ref = await bench.placed()
    (result,) = await bench.kalshi.cancel([replace(ref, venue_order_id=None)])
    assert result == Seen(ref.venue_order_id or "", D(0), "CANCELLED")


async def test_cancel_of_unknown_size_reads_the_order(bench: Bench) -> None:
    ref = await bench.placed("0.40", "10")
    bench.counterparty("yes", "0.60", "3")
    (result,) = await bench.kalshi.cancel([replace(ref, size=D(0))])
    assert result == Seen(ref.venue_order_id or "", D(3), "CANCELLED")


async def test_cancel_reaches_another_shard(bench: Bench) -> None:
    ticker = native(bench.hoops).outcomes[111]
    bench.venue.catalogue.market(ticker).exchange_index = 1
    ref = await bench.placed()
    with pytest.raises(NotFound):
        await bench.kalshi.rest.cancel_order(ref.venue_order_id or "")
    (result,) = await bench.kalshi.cancel([ref])
    assert isinstance(result, Seen)


async def test_cancel_market_leaves_other_events(bench: Bench) -> None:
    await bench.placed("0.40")
    await bench.placed("0.39", outcome=112)
    other = await bench.placed("0.30", outcome=101)
    await bench.kalshi.cancel_market(bench.hoops.native["kalshi"].event)
    assert [order.venue_order_id for order in await bench.kalshi.open_orders()] == [other.venue_order_id]


async def test_cancel_all(bench: Bench) -> None:
    await bench.placed("0.40")
    await bench.placed("0.30", outcome=101)
    await bench.kalshi.cancel_all()
    assert await bench.kalshi.open_orders() == []


# -- renewing ---------------------------------------------------------------------------------------------------------


async def test_renew_keeps_price_size_and_place(bench: Bench) -> None:
    now = int(time.time())
    ref = await bench.placed("0.40", "10", expires_at=now + 30)
    bench.counterparty("yes", "0.60", "4")
    order = bench.world.engine.orders[ref.venue_order_id or ""]
    place = order.sequence
    assert await bench.kalshi.renew([ref], now + 90) == [Seen(ref.venue_order_id or "", D(4), None)]
    assert (order.expires_at, order.price, order.size, order.remaining) == (now + 90, D("0.40"), D(10), D(6))
    assert order.sequence == place


async def test_renew_of_a_dead_order_is_refused(bench: Bench) -> None:
    ref = await bench.placed()
    await bench.kalshi.cancel([ref])
    (result,) = await bench.kalshi.renew([ref], int(time.time()) + 60)
    assert isinstance(result, Refused)
    assert result.code == "not_found"


async def test_expired_order_is_seen_expired(bench: Bench) -> None:
    soon = int(bench.world.clock()) + 60
    ref = await bench.placed(expires_at=soon)
    order = bench.world.engine.orders[ref.venue_order_id or ""]
    order.expires_at = int(bench.world.clock()) - 1
    bench.world.engine.expire(int(bench.world.clock()))
    found = await bench.kalshi.find(ref)
    assert isinstance(found, Seen)
    assert found.ended == "EXPIRED"


# -- the account ------------------------------------------------------------------------------------------------------


async def test_fill_is_told_in_our_price_with_its_fee(bench: Bench) -> None:
    ref = await bench.placed("0.40", "100")
    bench.counterparty("yes", "0.60", "100")
    (fill,) = await bench.kalshi.fills(0)
    assert (fill.venue_order_id, fill.contract) == (ref.venue_order_id, ref.instrument.contract)
    assert (fill.fill.price, fill.fill.size) == (D("0.40"), D(100))
    assert fill.fill.fee == D("0.42")
    assert abs(fill.fill.at - bench.world.now_ms()) < 5000
    assert await bench.kalshi.find(ref) == Seen(ref.venue_order_id or "", D(100), "FILLED")


async def test_fills_before_since_are_left_out(bench: Bench) -> None:
    await bench.placed("0.40", "5")
    bench.counterparty("yes", "0.60", "5")
    assert await bench.kalshi.fills(bench.world.now_ms() + 5000) == []


async def test_fills_come_from_every_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overround.exchanges.kalshi.rest.PAGE", "2")
    await bench.placed("0.40", "5")
    for _ in range(5):
        bench.counterparty("yes", "0.60", "1")
    fills = await bench.kalshi.fills(0)
    assert len({fill.fill.fill_id for fill in fills}) == 5


async def test_unwind_sells_what_is_held_and_no_more(bench: Bench) -> None:
    await bench.placed("0.40", "10")
    bench.counterparty("yes", "0.60", "10")
    (held,) = await bench.kalshi.positions()
    assert held.size == D(-10)
    bench.counterparty("no", "0.38", "50", rest=True)
    unwind = await bench.prepared("0.38", "15", action="sell", time_in_force="ioc")
    (result,) = await bench.kalshi.place([unwind])
    assert isinstance(result, Accepted)
    assert await bench.kalshi.positions() == []
    sold = (await bench.kalshi.fills(0))[0]
    assert (sold.fill.price, sold.fill.size, sold.venue_order_id) == (D("0.38"), D(10), result.venue_order_id)


async def test_unwind_without_a_position_is_refused(bench: Bench) -> None:
    (result,) = await bench.kalshi.place([await bench.prepared(action="sell", time_in_force="ioc")])
    assert isinstance(result, Refused)
    assert result.code == "reduce_only"


async def test_unwind_that_finds_nobody_is_accepted_and_over(bench: Bench) -> None:
    await bench.placed("0.40", "10")
    bench.counterparty("yes", "0.60", "10")
    prepared = await bench.prepared("0.38", "10", action="sell", time_in_force="ioc")
    (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, Accepted)
    found = await bench.kalshi.find(bench.ref(prepared, result.venue_order_id))
    assert found == Seen(result.venue_order_id, D(0), "CANCELLED")


async def test_balance_counts_what_rests(bench: Bench) -> None:
    await bench.placed("0.40", "10")
    balance = await bench.kalshi.balance()
    assert (balance.currency, balance.available, balance.total) == ("USD", D(996), D(1000))


@pytest.mark.parametrize(("value", "paid"), [("1", "1"), ("0", "0"), ("0.5", "0.5")])
async def test_resolution(bench: Bench, value: str, paid: str) -> None:
    event, ticker = bench.hoops.native["kalshi"].event, native(bench.hoops).outcomes[111]
    assert (await bench.kalshi.resolution(event, ticker)).value is None
    bench.venue.resolve(bench.hoops, bench.hoops.markets[0], {111: D(value)})
    resolution = await bench.kalshi.resolution(event, ticker)
    assert (resolution.value, resolution.status, resolution.contract) == (D(paid), "finalized", ticker)


async def test_settlement_pays_no_holders(bench: Bench) -> None:
    await bench.placed("0.40", "10")
    bench.counterparty("yes", "0.60", "10")
    fee = (await bench.kalshi.fills(0))[0].fill.fee
    bench.venue.resolve(bench.hoops, bench.hoops.markets[0], {111: D(0), 112: D(1)})
    assert (await bench.kalshi.balance()).available == D(1000) - D(4) - fee + D(10)
    (row,) = (await bench.kalshi.rest.settlements())["settlements"]
    assert (row["market_result"], row["no_count_fp"], row["revenue"]) == ("no", "10.00", 1000)
    assert await bench.kalshi.positions() == []

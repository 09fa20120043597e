"""The paper venue's own promises: listing, resolution, public data, time and its dead-man switch."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from overround.domain.markets import Instrument
from overround.exchanges.polymarket.adapter import Polymarket
from overround.exchanges.polymarket.signing import decode_position_id, is_position_id
from overround.paper.polymarket.heartbeats import Heartbeats
from overround.paper.polymarket.listing import conditions_of, native_ids
from overround.paper.polymarket.modes import Modes
from overround.paper.polymarket.trades import Settling
from overround.paper.records import Trade
from overround.paper.world import PaperMarket, PaperOutcome
from tests.exchanges.polymarket.conftest import TRADER, Bench, ids_of, request_for, soccer, tennis


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at

    def ms(self) -> int:
        return int(self.at * 1000)


# -- listing -----------------------------------------------------------------------------------------------------------


def test_ids_are_the_same_for_the_same_fixture_and_differ_otherwise() -> None:
    first, again = (conditions_of(soccer(), soccer().market(101)) for _ in range(2))
    assert first == again
    assets = [asset for condition in first for asset in condition.assets]
    assert len(set(assets)) == 6
    assert all(asset.isdigit() and 10**60 < int(asset) < 1 << 256 for asset in assets)
    assert not any(map(is_position_id, assets))
    assert all(len(condition.condition_id) == 66 for condition in first)


def test_protocol_two_ids_decode_to_their_condition() -> None:
    fixture = tennis()
    fixture.extra["polymarket_version"] = "v2"
    (condition,) = conditions_of(fixture, fixture.market(111))
    assert all(map(is_position_id, condition.assets))
    decoded = [decode_position_id(asset) for asset in condition.assets]
    assert decoded == [(condition.condition_id, 0), (condition.condition_id, 1)]


def test_one_event_holds_every_market_of_a_fixture() -> None:
    fixture = soccer()
    totals = PaperMarket(1010, "Total Goals", "totals", "fulltime", [], Decimal("2.5"))
    totals.outcomes = [PaperOutcome(1010, "Over"), PaperOutcome(1011, "Under")]
    fixture.markets.append(totals)
    listed = [condition for market in fixture.markets for condition in conditions_of(fixture, market)]
    ids = native_ids(listed)
    assert set(ids.outcomes) == {"101", "102", "103", "1010", "1011"}
    assert ids.markets["1010"] == ids.markets["1011"] != ids.markets["101"]
    assert len({condition.event_id for condition in listed}) == 1
    assert (listed[-1].labels, listed[-1].question) == (("Over", "Under"), "Reds vs. Blues: Total Goals 2.5")


async def test_listing_again_changes_nothing(bench: Bench) -> None:
    before = dict(bench.venue.conditions), dict(bench.world.engine.books)
    bench.venue.list_fixture(bench.tennis)
    assert (bench.venue.conditions, bench.world.engine.books) == before


async def test_books_say_which_side_means_that_an_outcome_happens(bench: Bench) -> None:
    assert bench.venue.book_of("fx-tennis", 111) == (next(iter(bench.world.engine.books)), "yes")
    book, side = bench.venue.book_of("fx-tennis", 112) or ("", "yes")
    assert (book, side) == (next(iter(bench.world.engine.books)), "no")
    sides = [bench.venue.book_of("fx-soccer", outcome) for outcome in (101, 102, 103)]
    assert [side for _, side in filter(None, sides)] == ["yes", "yes", "yes"]
    assert bench.venue.book_of("fx-soccer", 999) is None


async def test_holdings_of_both_sides_are_not_netted(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    market = await exchange.market("fx-tennis", 111, ids_of(bench.tennis))
    for outcome, price in ((111, "0.40"), (112, "0.50")):
        prepared = exchange.prepare(request_for(market.instruments[outcome], f"o{outcome}", price))
        await exchange.place([prepared])
        bench.sell_into(prepared.venue_order_id or "")
    assert [position.size for position in await exchange.positions()] == [Decimal(10), Decimal(10)]
    bench.venue.resolve(bench.tennis, bench.tennis.market(111), {111: Decimal(1), 112: Decimal(0)})
    assert bench.world.engine.wallets[("polymarket", "maker")].cash == Decimal(1001)
    assert await exchange.positions() == []


async def test_suspension_of_a_bookmaker_does_not_halt_the_venue(bench: Bench) -> None:
    bench.venue.suspend(bench.tennis, True)
    assert all(book.open for book in bench.world.engine.books.values())


# -- the market channel ------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def public(bench: Bench) -> AsyncIterator[ClientConnection]:
    async with connect(bench.endpoints["market_ws"], proxy=None) as socket:
        yield socket


async def frame(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        text = await asyncio.wait_for(socket.recv(), 15)
        if text == "PONG":
            continue
        event: dict[str, Any] = json.loads(text)
        if event["event_type"] == kind:
            return event


async def test_market_channel_sends_a_book_then_changes(bench: Bench, public: ClientConnection) -> None:
    token, other = ids_of(bench.tennis).outcomes.values()
    await public.send(json.dumps({"type": "market", "assets_ids": [token]}))
    assert (await frame(public, "book"))["asset_id"] == token
    bench.rest(token, "0.55", "10")
    (change,) = (await frame(public, "price_change"))["price_changes"]
    assert (change["price"], change["size"], change["side"], change["best_bid"]) == ("0.55", "10", "BUY", "0.55")
    await public.send(json.dumps({"operation": "subscribe", "assets_ids": [other]}))
    mirrored = await frame(public, "book")
    assert (mirrored["asset_id"], mirrored["asks"]) == (other, [{"price": "0.45", "size": "10"}])


async def test_market_channel_takes_levels_away(bench: Bench, public: ClientConnection) -> None:
    token = ids_of(bench.tennis).outcomes[111]
    order = bench.rest(token, "0.55", "10")
    await asyncio.sleep(0.1)
    await public.send(json.dumps({"type": "market", "assets_ids": [token]}))
    await frame(public, "book")
    bench.world.engine.cancel(order.order_id, "gone")
    (change,) = (await frame(public, "price_change"))["price_changes"]
    assert (change["price"], change["size"], change["best_bid"]) == ("0.55", "0", "0")


async def test_resolution_names_the_winner(bench: Bench, public: ClientConnection) -> None:
    first, second = ids_of(bench.tennis).outcomes.values()
    await public.send(json.dumps({"type": "market", "assets_ids": [first], "custom_feature_enabled": True}))
    await frame(public, "book")
    bench.venue.resolve(bench.tennis, bench.tennis.market(111), {111: Decimal(0), 112: Decimal(1)})
    event = await frame(public, "market_resolved")
    assert (event["winning_asset_id"], event["winning_outcome"]) == (second, "Grace")


async def test_user_channel_hears_only_the_markets_asked_for(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    keys = exchange._credentials()
    auth = {"apiKey": keys.api_key, "secret": keys.secret, "passphrase": keys.passphrase}
    other = (await exchange.market("fx-soccer", 101, ids_of(bench.soccer))).instruments[101]
    async with connect(bench.endpoints["user_ws"], proxy=None) as socket:
        await socket.send(json.dumps({"type": "user", "auth": auth, "markets": [other.venue_market]}))
        await socket.send("PING")
        assert await socket.recv() == "PONG"
        for name, item in (("unheard", instrument), ("heard", other)):
            await exchange.place([exchange.prepare(request_for(item, name))])
        assert (await frame(socket, "order"))["market"] == other.venue_market


@pytest.mark.parametrize("hello", ['{"type":"user","auth":{"apiKey":"x"}}', '{"type":"user"}', "not json", "[]"])
async def test_user_channel_closes_on_bad_credentials_without_a_word(bench: Bench, hello: str) -> None:
    async with connect(bench.endpoints["user_ws"], proxy=None) as socket:
        await socket.send(hello)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 15)


# -- discovery and positions -------------------------------------------------------------------------------------------


async def test_gamma_finds_markets_by_condition_and_by_token(bench: Bench) -> None:
    condition = next(c for c in bench.venue.conditions.values() if c.neg_risk)
    async with httpx.AsyncClient(base_url=bench.endpoints["gamma"], trust_env=False) as client:
        for params in ({"condition_ids": condition.condition_id}, {"clob_token_ids": condition.assets[1]}):
            (market,) = (await client.get("/markets", params=params)).json()
            assert json.loads(market["clobTokenIds"]) == list(condition.assets)
            assert (market["negRisk"], json.loads(market["outcomes"])) == (True, ["Yes", "No"])
        by_number = (await client.get(f"/markets/{condition.market_number}")).json()
        assert by_number["conditionId"] == condition.condition_id
        by_id = (await client.get(f"/events/{condition.event_id}")).json()
        assert (by_id["slug"], len(by_id["markets"])) == (condition.event_slug, 3)
        assert (await client.get("/events", params={"slug": condition.event_slug})).json()[0]["id"] == by_id["id"]
        assert (await client.get("/events/slug/nothing")).status_code == 404


async def test_positions_in_both_generations(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    prepared = exchange.prepare(request_for(instrument))
    await exchange.place([prepared])
    bench.sell_into(prepared.venue_order_id or "")
    async with httpx.AsyncClient(base_url=bench.endpoints["data"], trust_env=False) as client:
        current = (await client.get("/v2/positions", params={"user": exchange.wallet})).json()
        assert current["pagination"] == {"has_more": False, "next_cursor": None}
        (row,) = current["data"]
        assert (row["token_id"], row["current_size"], row["avg_price"]) == (instrument.contract, "10", "0.4")
        (old,) = (await client.get("/positions", params={"user": TRADER.address})).json()
        assert (old["asset"], old["size"], old["outcome"]) == (instrument.contract, 10.0, "Grace")
        assert (await client.get("/positions", params={"user": "0xnobody"})).json() == []


# -- time --------------------------------------------------------------------------------------------------------------


def a_trade(at: int) -> Trade:
    zero = Decimal(0)
    return Trade("t1", "polymarket", "polymarket:0x1", Decimal("0.5"), Decimal(1), "m", "t", zero, zero, at)


@pytest.mark.parametrize(
    ("doomed", "course"), [(False, ["MATCHED", "MINED", "CONFIRMED"]), (True, ["MATCHED", "RETRYING", "FAILED"])]
)
def test_trades_settle_step_by_step(doomed: bool, course: list[str]) -> None:
    clock = Hand()
    settling, trade = Settling(clock.ms, 1000, 2000), a_trade(0)
    settling.begin(trade, doomed)
    told = [settling.status(trade)]
    for moment in (0.5, 1.0, 1.5, 2.0, 3.0):
        clock.at = moment
        told += [status for _, status in settling.advance()]
    assert told == course


def test_trades_of_an_earlier_run_are_confirmed_and_busted_ones_failed() -> None:
    settling, trade = Settling(Hand().ms, 1000, 2000), a_trade(0)
    assert settling.status(trade) == "CONFIRMED"
    trade.status = "failed"
    assert settling.status(trade) == "FAILED"


def test_dead_man_switch_arms_with_the_first_heartbeat_and_fires_once() -> None:
    clock = Hand()
    hearts = Heartbeats(12.0, clock)
    clock.at = 100.0
    assert hearts.fired() == []
    fed, expected = hearts.feed("maker", "")
    assert fed
    clock.at = 111.0
    assert hearts.feed("maker", "wrong") == (False, expected)
    clock.at = 112.5
    assert hearts.fired() == ["maker"]
    assert hearts.fired() == []


def test_wrong_heartbeat_does_not_extend_the_deadline() -> None:
    clock = Hand()
    hearts = Heartbeats(12.0, clock)
    _, expected = hearts.feed("maker", "")
    clock.at = 11.0
    assert hearts.feed("maker", expected)[0]
    clock.at = 22.0
    assert hearts.fired() == []
    clock.at = 23.5
    assert hearts.fired() == ["maker"]


def test_restart_is_followed_by_post_only_mode() -> None:
    clock = Hand()
    modes = Modes(clock)
    modes.enter("restart", 90, 120)
    seen = []
    for moment in (0, 89, 91, 209, 211):
        clock.at = moment
        seen.append(modes.current)
    assert seen == ["restart", "restart", "post_only", "post_only", "open"]


@pytest.mark.parametrize(
    ("mode", "placing", "cancelling"),
    [("open", None, None), ("restart", 425, 425), ("disabled", 503, 503), ("cancel_only", 503, None)],
)
def test_modes_refuse_with_the_documented_codes(mode: Any, placing: int | None, cancelling: int | None) -> None:
    modes = Modes(Hand())
    modes.enter(mode, 10)
    answers = [modes.refuses_all(cancelling=flag) for flag in (False, True)]
    assert [answer and answer.status_code for answer in answers] == [placing, cancelling]


async def test_makers_pay_nothing_and_takers_pay_to_five_decimals(
    bench: Bench, exchange: Polymarket, instrument: Instrument
) -> None:
    prepared = exchange.prepare(request_for(instrument, price="0.33", size="7.77"))
    await exchange.place([prepared])
    bench.sell_into(prepared.venue_order_id or "")
    (trade,) = bench.world.engine.trades.values()
    assert trade.maker_fee == 0
    assert trade.taker_fee == Decimal("0.05154")  # 7.77 x 0.03 x 0.67 x 0.33 = 0.0515384

"""Parsers stop at what they cannot read; they never default (design, section 5)."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.orders import Accepted, Lost, Refused
from overround.exchanges.polymarket.amounts import ROUNDINGS, limit_amounts, market_amounts, on_tick
from overround.exchanges.polymarket.answers import cancels, placement, placements, read_error, refusal, write_refusal
from overround.exchanges.polymarket.messages import (
    clob_market,
    gamma_market,
    order_row,
    parse,
    seen,
    top_of_book,
    trade_parts,
)
from overround.exchanges.polymarket.rest import limiters
from overround.venues import NotFound, RateLimited, Rejected, Unauthorised, Unreadable, VenueError

COMPACT = {"t": [{"t": "1"}, {"t": "2"}], "mts": Decimal("0.01"), "mos": 5, "nr": False, "fd": {"r": "0.03", "e": 1}}
GAMMA = {
    "conditionId": "0xc",
    "question": "Who wins?",
    "outcomes": '["Ada", "Grace"]',
    "clobTokenIds": '["1", "2"]',
    "acceptingOrders": True,
    "closed": False,
}
ORDER = {
    "id": "0xo",
    "market": "0xc",
    "asset_id": "1",
    "side": "BUY",
    "price": "0.4",
    "original_size": "10",
    "size_matched": "0",
    "status": "LIVE",
}
MAKER = {"order_id": "0xo", "owner": "me", "asset_id": "2", "matched_amount": "3", "price": "0.4", "side": "BUY"}
TRADE: dict[str, Any] = {
    "id": "t1",
    "market": "0xc",
    "status": "MATCHED",
    "match_time": "1700000000",
    "taker_order_id": "0xt",
    "asset_id": "1",
    "size": "8",
    "price": "0.6",
    "owner": "them",
    "maker_address": "0xAA",
    "trader_side": "MAKER",
    "maker_orders": [MAKER, {**MAKER, "order_id": "0xp", "matched_amount": "5"}, {**MAKER, "owner": "other"}],
}


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


@pytest.mark.parametrize("name", ["t", "mts", "mos"])
def test_compact_market_without_a_required_field(name: str) -> None:
    with pytest.raises(Unreadable, match=name):
        clob_market("0xc", without(COMPACT, name))


def test_compact_market_reads_as_both_official_clients_do() -> None:
    market = clob_market("0xc", without(without(COMPACT, "fd"), "nr"))
    assert (market.fee_rate, market.neg_risk, market.assets) == (Decimal(0), False, ("1", "2"))


@pytest.mark.parametrize(
    "changed", [{"mts": Decimal("0.02")}, {"t": [{"t": "1"}]}, {"mos": 5.5}, {"fd": {"r": "0.03"}}, {"nr": "yes"}]
)
def test_compact_market_with_an_unknown_tick_or_shape(changed: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        clob_market("0xc", {**COMPACT, **changed})


@pytest.mark.parametrize("name", ["conditionId", "question", "outcomes", "clobTokenIds", "acceptingOrders", "closed"])
def test_gamma_market_without_a_required_field(name: str) -> None:
    with pytest.raises(Unreadable, match=name):
        gamma_market(without(GAMMA, name))


def test_gamma_market_of_protocol_two_uses_its_position_ids() -> None:
    with pytest.raises(Unreadable, match="positionIds"):
        gamma_market({**GAMMA, "version": "v2"})
    assert gamma_market({**GAMMA, "version": "v2", "positionIds": ["7", "8"]}).assets == ("7", "8")


@pytest.mark.parametrize("name", ["id", "market", "asset_id", "side", "price", "original_size", "size_matched"])
def test_order_without_a_required_field(name: str) -> None:
    with pytest.raises(Unreadable, match=name):
        order_row(without(ORDER, name))


@pytest.mark.parametrize("price", ["NaN", "Infinity", "", "0.4x", 0.4, None, True])
def test_order_with_a_price_that_is_no_exact_number(price: object) -> None:
    with pytest.raises(Unreadable, match="price"):
        order_row({**ORDER, "price": price})


@pytest.mark.parametrize(
    ("status", "matched", "ended"),
    [
        ("LIVE", "0", None),
        ("ORDER_STATUS_LIVE", "3", None),
        ("DELAYED", "0", None),
        ("UNMATCHED", "0", None),
        ("A_NEW_ONE", "0", None),
        ("MATCHED", "10", "FILLED"),
        ("MATCHED", "3", "CANCELLED"),
        ("LIVE", "10", "FILLED"),
        ("CANCELED", "3", "CANCELLED"),
        ("CANCELED_NOT_ENOUGH_BALANCE", "0", "CANCELLED"),
        ("CANCELED_MARKET_RESOLVED", "0", "CANCELLED"),
        ("CANCELED_EXPIRED_ORDER", "0", "EXPIRED"),
        ("INVALID", "0", "FAILED"),
    ],
)
def test_order_statuses(status: str, matched: str, ended: str | None) -> None:
    view = seen(order_row({**ORDER, "status": status, "size_matched": matched}))
    assert (view.ended, view.filled) == (ended, Decimal(matched))


def test_one_trade_may_hit_several_of_our_orders_in_another_asset() -> None:
    parts = trade_parts(TRADE, "me", "0xBB")
    assert [(part.order_id, part.asset_id, part.size, part.price) for part in parts] == [
        ("0xo", "2", Decimal(3), Decimal("0.4")),
        ("0xp", "2", Decimal(5), Decimal("0.4")),
    ]
    assert len({part.fill_id for part in parts}) == 2
    assert all(part.at == 1_700_000_000_000 and not part.taker for part in parts)


def test_trades_are_ours_by_wallet_after_a_key_was_replaced() -> None:
    row = {**TRADE, "maker_orders": [{**MAKER, "owner": "old key", "maker_address": "0xbb"}]}
    assert len(trade_parts(row, "me", "0xBB")) == 1
    assert trade_parts(row, "me", "0xCC") == []


def test_taker_side_counts_only_when_we_are_the_taker() -> None:
    assert len(trade_parts({**TRADE, "owner": "me"}, "me", "0xBB")) == 2
    parts = trade_parts({**TRADE, "owner": "me", "trader_side": "TAKER", "maker_orders": []}, "me", "0xBB")
    assert [(part.order_id, part.taker, part.size) for part in parts] == [("0xt", True, Decimal(8))]


@pytest.mark.parametrize(
    ("status", "failed"),
    [("FAILED", True), ("TRADE_STATUS_FAILED", True), ("RETRYING", False), ("MATCHED_NOT_BROADCASTED", False)],
)
def test_only_failed_takes_a_fill_back(status: str, failed: bool) -> None:
    assert {part.failed for part in trade_parts({**TRADE, "status": status}, "me", "0xBB")} == {failed}


def test_stream_trades_name_their_time_differently() -> None:
    row = without(TRADE, "match_time")
    assert trade_parts({**row, "matchtime": "1700000001"}, "me", "")[0].at == 1_700_000_001_000
    assert trade_parts({**row, "timestamp": "1700000002345"}, "me", "")[0].at == 1_700_000_002_345
    with pytest.raises(Unreadable, match="match_time"):
        trade_parts(row, "me", "")


def test_best_levels_do_not_depend_on_the_order_they_come_in() -> None:
    levels = [{"price": "0.3", "size": "1"}, {"price": "0.5", "size": "1"}]
    book = {"asset_id": "1", "bids": levels, "asks": [{"price": "0.9", "size": "1"}, {"price": "0.6", "size": "1"}]}
    assert (top_of_book(book).bid, top_of_book(book).ask) == (Decimal("0.5"), Decimal("0.6"))
    assert top_of_book({"asset_id": "1", "bids": [], "asks": []}).bid is None


def test_numbers_with_a_point_stay_exact() -> None:
    assert parse('{"mts":0.1}') == {"mts": Decimal("0.1")}
    with pytest.raises(Unreadable):
        parse("<html>")


def answer(status: int, body: object, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body), headers=headers)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer(401, {"error": "Unauthorized/Invalid api key"}), Unauthorised),
        (answer(404, {"error": "market not found"}), NotFound),
        (answer(400, {"error": "Invalid market"}), Rejected),
        (answer(422, {}), Rejected),
        (answer(425, {}), Rejected),
        (answer(500, {"error": "Internal server error"}), Unreadable),
        (httpx.Response(502, content=b"<html>"), Unreadable),
        (answer(503, {"error": "Trading is currently disabled. Check polymarket.com for updates"}), Rejected),
        (answer(503, {}), Unreadable),
    ],
)
def test_read_errors(response: httpx.Response, error: type[VenueError]) -> None:
    assert type(read_error(response)) is error


def test_rate_limit_carries_the_wait() -> None:
    error = read_error(answer(429, {"error": "Too Many Requests"}, **{"Retry-After": "3"}))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3.0


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer(500, {"error": "Internal server error"}), Lost),
        (answer(520, {}), Lost),
        (answer(503, {"error": "upstream"}), Lost),
        (answer(400, {"error": "could not insert order"}), Lost),
        (answer(400, {"error": "Invalid order payload"}), Refused),
        (answer(400, {"error": "never seen"}), Refused),
        (answer(425, {}), Refused),
        (answer(429, {}), Refused),
        (answer(503, {"code": "post_only_mode", "error": "post-only mode: only post-only orders"}), Refused),
    ],
)
def test_a_whole_write_is_unknown_unless_the_venue_said_no(response: httpx.Response, expected: type) -> None:
    assert isinstance(write_refusal(response), expected)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("order 0x1 is invalid. Duplicated.", "duplicate"),
        ("order 0x1 is invalid. Price (0.405) breaks minimum tick size rule: 0.01", "off_grid"),
        ("order 0x1 is invalid. Size (4) lower than the minimum: 5", "too_small"),
        ("order 0x1 crosses the book", "post_only_cross"),
        ("invalid post-only order: order crosses book", "post_only_cross"),
        ("post-only mode: only post-only orders and cancels are allowed", "post_only_mode"),
        ("not enough balance / allowance: the balance is not enough", "funds"),
        ("the order signer address has to be the address of the API KEY", "unauthorised"),
        ("'0xab' address in closed only mode", "account"),
        ("order couldn't be fully filled. FOK orders are fully filled or killed.", "not_filled"),
        ("the market is not yet ready to process new orders", "market_closed"),
        ("order_version_mismatch", "version"),
    ],
)
def test_documented_texts_have_stable_codes(text: str, code: str) -> None:
    said = refusal(text)
    assert said is not None
    assert (said.code, said.reason) == (code, text)


def test_batch_answers_are_matched_by_place_and_name() -> None:
    good = {"success": True, "errorMsg": "", "orderID": "0xAA", "status": "matched"}
    assert placements(["0xaa"], answer(200, [good])) == [Accepted("0xaa")]
    with pytest.raises(Unreadable):
        placements(["0xaa", "0xbb"], answer(200, [good]))
    with pytest.raises(Unreadable):
        placements(["0xaa"], answer(200, {"not": "a list"}))
    assert isinstance(placement("0xaa", "text"), Lost)
    silent = placement("0xaa", without(good, "status"))
    assert isinstance(silent, Lost)
    assert "status" in silent.reason


def test_cancel_answers() -> None:
    done, refused = cancels(answer(200, {"canceled": ["0xAA"], "not_canceled": {"0xBB": "matched"}}))
    assert (done, refused) == ({"0xaa"}, {"0xbb": "matched"})
    with pytest.raises(Unreadable):
        cancels(answer(200, {"not_canceled": {}}))
    with pytest.raises(Unreadable):
        cancels(answer(200, {"canceled": [], "not_canceled": ["0xaa"]}))


def test_every_class_of_calls_has_its_own_bucket() -> None:
    assert set(limiters()) == {"orders", "cancels", "reads"}


ticks = st.sampled_from(sorted(ROUNDINGS))
sizes = st.decimals("0.01", "100000", places=2)


@given(ticks, st.integers(1, 9999), sizes)
def test_limit_amounts_say_the_price_and_size_back(tick: Decimal, steps: int, size: Decimal) -> None:
    price = tick * (1 + steps % int(1 / tick - 1))
    assert on_tick(price, tick)
    maker, taker = limit_amounts("BUY", tick, price, size)
    assert (taker, maker) == limit_amounts("SELL", tick, price, size)
    assert Decimal(taker) / 1_000_000 == size
    assert Decimal(maker) / 1_000_000 == price * size


@given(ticks, st.integers(1, 9999), sizes)
def test_market_orders_never_give_more_than_asked(tick: Decimal, steps: int, amount: Decimal) -> None:
    price = tick * (1 + steps % int(1 / tick - 1))
    spent, bought = market_amounts("BUY", tick, price, amount)
    assert Decimal(spent) / 1_000_000 == amount
    assert 0 <= Decimal(spent) - Decimal(bought) * price <= price * 10_000
    sold, received = market_amounts("SELL", tick, price, amount)
    assert Decimal(sold) * price == received

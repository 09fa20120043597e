"""Every shape of Polymarket with every place spoilt: an answer, or ``Unreadable``; never another error."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from overround.domain.orders import Accepted, Lost, Refused
from overround.exchanges.polymarket.answers import (
    cancels,
    error_text,
    placement,
    placements,
    read_error,
    retry_after,
    write_refusal,
)
from overround.exchanges.polymarket.messages import (
    balance,
    clob_market,
    gamma_event,
    gamma_market,
    order_row,
    parse,
    seen,
    top_of_book,
    trade_parts,
)
from overround.venues import Unreadable, VenueError
from tests.exchanges.polymarket.test_messages import COMPACT, GAMMA, ORDER, TRADE
from tests.support.hostile import NASTY, faults, needed

BOOK = {
    "asset_id": "1",
    "bids": [{"price": "0.40", "size": "5"}, {"price": "0.41", "size": "5"}],
    "asks": [{"price": "0.44", "size": "5"}],
}
EVENT = {"title": "Ada v Grace", "slug": "ada-grace", "markets": [GAMMA]}
TAKER = {**TRADE, "trader_side": "TAKER", "owner": "me"}

Parser = Callable[[Any], Any]
READ: dict[str, tuple[Parser, dict[str, Any], set[str]]] = {
    "a traded market": (lambda row: clob_market("0xc", row), COMPACT, {"t", "mts", "mos"}),
    "a listed market": (
        gamma_market,
        GAMMA | {"outcomePrices": '["0.4", "0.6"]', "gameStartTime": "2026-09-14 16:00:00+00"},
        {"conditionId", "question", "outcomes", "clobTokenIds", "acceptingOrders", "closed"},
    ),
    "an event": (gamma_event, EVENT, {"title", "slug", "markets"}),
    "a book": (top_of_book, BOOK, {"asset_id", "bids", "asks"}),
    "an order": (
        lambda row: seen(order_row(row)),
        ORDER,
        {"id", "market", "asset_id", "side", "price", "original_size", "size_matched"},
    ),
    "a trade as maker": (
        lambda row: trade_parts(row, "me", "0xAB"), TRADE, {"id", "market", "status", "maker_orders", "match_time"}
    ),
    "a trade as taker": (
        lambda row: trade_parts(row, "me", "0xAB"),
        TAKER,
        {"id", "market", "status", "maker_orders", "match_time", "taker_order_id", "asset_id", "size", "price"},
    ),
    "a balance": (balance, {"balance": "1000000", "allowances": {}}, {"balance"}),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_exactly_the_fields_that_decide_something_are_required_and_named(name: str) -> None:
    parser, row, fields = READ[name]
    parser(row)
    assert needed(parser, row) == fields


@pytest.mark.parametrize("name", READ)
def test_a_spoilt_row_is_an_answer_or_unreadable(name: str) -> None:
    parser, row, _ = READ[name]
    assert faults(parser, row) == []


@pytest.mark.parametrize("name", ["order_id", "asset_id", "matched_amount", "price"])
def test_our_part_of_a_trade_without_a_field_is_refused_by_name(name: str) -> None:
    mine = {key: value for key, value in TRADE["maker_orders"][0].items() if key != name}
    with pytest.raises(Unreadable, match=name):
        trade_parts({**TRADE, "maker_orders": [mine]}, "me", "0xAB")


@pytest.mark.parametrize("raw", ["", "nul", "{", "[" * 100_000, '{"a": ' + "9" * 5_000 + "}"])
def test_what_is_no_json_is_unreadable_however_deep_or_long(raw: str) -> None:
    with pytest.raises(Unreadable):
        parse(raw)
    answer = httpx.Response(500, content=raw)
    assert error_text(answer) == "HTTP 500"
    assert isinstance(read_error(answer), Unreadable)
    assert isinstance(write_refusal(answer), Lost)


def test_a_list_hidden_in_text_may_be_no_trap() -> None:
    with pytest.raises(Unreadable, match="outcomes"):
        gamma_market(GAMMA | {"outcomes": "[" * 100_000})


# -- answers to writes -------------------------------------------------------------------------------------------------

PLACED = {"success": True, "errorMsg": "", "orderID": "0xo", "status": "live"}


def lost_or_refused(row: Any) -> None:
    """What is not the venue's clear word on this very order leaves it unknown."""
    said = placement("0xo", row)
    assert isinstance(said, Lost | Accepted | Refused)
    if isinstance(said, Accepted):
        assert (row["orderID"].lower(), row["success"]) == ("0xo", True)
        assert row["status"] in ("live", "matched", "delayed")


def test_no_spoilt_placement_is_taken_for_an_order_or_a_refusal() -> None:
    assert placement("0xo", PLACED) == Accepted("0xo")
    assert faults(lost_or_refused, PLACED) == []


@pytest.mark.parametrize("nasty", [item for item in NASTY if item != ""], ids=repr)
def test_a_text_nobody_documented_is_no_refusal(nasty: Any) -> None:
    try:
        said = placement("0xo", {**PLACED, "errorMsg": nasty})
    except VenueError:
        return
    assert not isinstance(said, Refused)


@pytest.mark.parametrize("row", [None, [], "live", 7, {}, {"success": None}, {"success": "true"}], ids=repr)
def test_one_unreadable_element_of_a_batch_hides_no_other(row: Any) -> None:
    said = placements(["0xo", "0xp"], httpx.Response(200, json=[PLACED, row]))
    assert said[0] == Accepted("0xo")
    assert isinstance(said[1], Lost)


@pytest.mark.parametrize("body", ["null", "{}", "[]", '"ok"', "[null]", "<html>"])
def test_a_batch_answer_of_another_length_or_shape_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        placements(["0xo", "0xp"], httpx.Response(200, content=body))


@pytest.mark.parametrize(
    "body", ["null", "[]", "{}", '{"canceled": null}', '{"canceled": "0xo"}', '{"canceled": [], "not_canceled": ["x"]}']
)
def test_a_cancel_answer_that_does_not_name_orders_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        cancels(httpx.Response(200, content=body))


def test_ids_are_compared_without_regard_to_case() -> None:
    done, refused = cancels(httpx.Response(200, json={"canceled": ["0xAB"], "not_canceled": {"0xCD": "matched"}}))
    assert (done, refused) == ({"0xab"}, {"0xcd": "matched"})


@pytest.mark.parametrize(("header", "wait"), [("2", 2.0), ("0.5", 0.5), ("soon", None), ("", None)])
def test_a_wait_that_is_no_number_is_none(header: str, wait: float | None) -> None:
    assert retry_after(httpx.Response(429, headers={"Retry-After": header})) == wait


@pytest.mark.parametrize("header", ["nan", "inf", "-5", "1e12"])
def test_an_absurd_wait_does_not_stop_us_for_ever(header: str) -> None:
    wait = retry_after(httpx.Response(429, headers={"Retry-After": header}))
    assert wait is None or 0 <= wait <= 3600

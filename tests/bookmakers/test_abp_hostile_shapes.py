"""Every shape of the bookmaker route with every place spoilt: an answer, or ``Unreadable``; never another error."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from overround.bookmakers.abp import messages
from overround.bookmakers.abp.adapter import Abp
from overround.bookmakers.abp.numbers import decode
from overround.bookmakers.base import BetStatus
from overround.venues import Unreadable
from tests.bookmakers.desk import account, request_id
from tests.bookmakers.test_abp_messages import NOW, order
from tests.support.hostile import faults, needed

ORDER: dict[str, Any] = order() | {
    "orderStatus": "PARTIALLY_FILLED", "expiresAt": "2026-05-16T12:00:05Z", "updatedAt": "2026-05-16T12:00:06Z",
    "declineReason": None,
}  # fmt: skip
BET = order()["bets"][0] | {"placedAt": "2026-05-16T12:00:01Z", "payout": "84.00", "settlementStatus": "WON"}
ACCOUNT = {"bookmaker": "vertex", "username": "u", "balance": Decimal("10.50"), "currencyId": "EUR", "active": True,
           "minStake": 1, "maxStake": None}  # fmt: skip
PRICE = {"price": Decimal("2.1"), "limit": 100, "limitMin": 1, "limitCurrency": "EUR", "active": True}
KEY = "id1000000861624412:vertex:101:0"

Parser = Callable[[Any], Any]
READ: dict[str, tuple[Parser, dict[str, Any], set[str]]] = {
    "an order": (lambda row: messages.order_report(row, NOW), ORDER, {"orderStatus", "requestUuid", "bets"}),
    "a settled bet": (messages.settlement, BET, {"betId", "betStatus", "settlementStatus"}),
    "an account": (
        messages.account, ACCOUNT, {"bookmaker", "username", "balance", "currencyId", "active", "minStake", "maxStake"}
    ),
    "a price": (
        lambda row: messages.selection(KEY, row), PRICE, {"price", "limit", "limitMin", "limitCurrency", "active"}
    ),
    "a refusal": (
        lambda row: messages.declined(row, "r1"), {"requestUuid": "r1", "declineReason": "price moved"},
        {"declineReason"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_exactly_the_fields_that_decide_something_are_required_and_named(name: str) -> None:
    parse, row, fields = READ[name]
    parse(deepcopy(row))
    missing = needed(parse, {key: value for key, value in row.items() if value is not None})
    assert missing == fields - {key for key, value in row.items() if value is None}


@pytest.mark.parametrize("name", READ)
def test_a_spoilt_row_is_an_answer_or_unreadable(name: str) -> None:
    parse, row, _ = READ[name]
    assert faults(parse, row) == []


@pytest.mark.parametrize(
    "field", ["betId", "bookmakerBetId", "placedPrice", "placedStake", "placedCurrency", "betStatus"]
)
def test_a_bet_without_a_field_makes_the_whole_order_unreadable(field: str) -> None:
    body = deepcopy(ORDER)
    del body["bets"][1][field]
    with pytest.raises(Unreadable, match=field):
        messages.order_report(body, NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [("placedPrice", 1), ("placedPrice", 0), ("placedStake", 0), ("placedStake", -5), ("placedPrice", "-2.1")],
)
def test_a_bet_that_cannot_have_been_placed_is_not_booked(field: str, value: Any) -> None:
    body = deepcopy(ORDER)
    body["bets"][0][field] = value
    with pytest.raises(Unreadable, match="placed bet of"):
        messages.order_report(body, NOW)


@pytest.mark.parametrize("status", ["", "filled", "SETTLED", "LOADING"])
def test_an_order_status_nobody_documented_is_not_guessed(status: str) -> None:
    with pytest.raises(Unreadable, match="orderStatus"):
        messages.order_report(ORDER | {"orderStatus": status}, NOW)


@pytest.mark.parametrize("status", ["", "SETTLED", "ACCEPTED"])
def test_a_bet_status_nobody_documented_is_neither_placed_nor_refused(status: str) -> None:
    body = deepcopy(ORDER)
    body["bets"][0]["betStatus"] = status
    with pytest.raises(Unreadable, match="betStatus"):
        messages.order_report(body, NOW)


@pytest.mark.parametrize("key", ["", "a:b:c", "a:b:c:d:e", "::::"])
def test_a_betslip_entry_without_its_four_names_is_unreadable(key: str) -> None:
    with pytest.raises(Unreadable, match="betslip key"):
        messages.selection(key, PRICE)


def test_filled_without_a_bet_is_no_fill() -> None:
    with pytest.raises(Unreadable, match="without a placed bet"):
        messages.order_report(ORDER | {"orderStatus": "FILLED", "bets": []}, NOW)


@pytest.mark.parametrize("raw", ["", "{", "NaN", '{"a": Infinity}', '{"a": ' + "9" * 5_000 + "}", "[" * 100_000])
def test_what_is_no_json_is_a_value_error_however_deep_or_long(raw: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reader of JSON says
        decode(raw)


# -- whole answers -----------------------------------------------------------------------------------------------------

REQUEST = request_id(1)
MINE = ORDER | {"requestUuid": REQUEST, "orderStatus": "FILLED"}


class Answers:
    """A router that answers every call with one body."""

    def __init__(self, body: Any) -> None:
        self.body = body

    async def get(self, *_: Any) -> Any:
        return self.body

    async def post(self, *_: Any) -> Any:
        return self.body


def route(body: Any) -> Abp:
    abp = Abp(account("http://127.0.0.1:9"), clock=lambda: NOW / 1000)
    abp._rest = Answers(body)  # type: ignore[assignment]
    return abp


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"orders": None, "hasMore": False},
        {"orders": [], "hasMore": None},
        {"orders": [], "hasMore": 0},
        {"orders": [], "hasMore": True},
        {"orders": [None], "hasMore": False},
        {"orders": [{}], "hasMore": False},
        {"orders": [MINE], "hasMore": True, "nextCursor": None},
    ],
    ids=repr,
)
async def test_a_list_of_orders_that_cannot_be_read_to_its_end_is_no_evidence(body: Any) -> None:
    with pytest.raises(Unreadable):
        await route(body).find(REQUEST)


async def test_a_list_that_never_ends_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="do not end"):
        await route({"orders": [], "hasMore": True, "nextCursor": "again"}).find(REQUEST)


async def test_orders_of_other_requests_in_the_answer_are_not_ours() -> None:
    other = MINE | {"requestUuid": request_id(2)}
    report = await route({"orders": [other, MINE], "hasMore": False}).find(REQUEST)
    assert report is not None
    assert (report.status, len(report.bets)) == (BetStatus.FILLED, 2)


@pytest.mark.parametrize("body", [None, [], {"acceptedOrders": []}, {"acceptedOrders": None, "declinedOrders": []}])
async def test_a_placement_answer_of_another_shape_is_unknown(body: Any) -> None:
    from overround.bookmakers.base import BetRequest

    bet = BetRequest(REQUEST, "f", 101, Decimal(2), Decimal(60), "vertex", NOW + 5000)
    with pytest.raises(Unreadable):
        await route(body).place(bet)


@pytest.mark.parametrize("body", [None, [], "x", {"a:b": {}}, {KEY: None}, {KEY: {**PRICE, "price": "NaN"}}], ids=repr)
async def test_a_betslip_of_another_shape_has_no_prices(body: Any) -> None:
    with pytest.raises(Unreadable):
        await route(body).prices("f", 101)


async def test_a_spoilt_account_stops_the_whole_list() -> None:
    with pytest.raises(Unreadable, match="balance"):
        await route([ACCOUNT, {**ACCOUNT, "balance": 1.5}]).accounts()

"""ABP's words: the published contract, exact numbers, and what is refused as unreadable."""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.bookmakers.abp import messages
from overround.bookmakers.abp.numbers import decode, encode, max_next_stake
from overround.bookmakers.base import BetReport, BetRequest, BetStatus, RefusalClass
from overround.domain.numbers import BadNumber
from overround.paper.abp.wire import dumps, loads, next_stake_cap
from overround.venues import Unreadable

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "bookmakers.json").read_text(), parse_float=Decimal, parse_int=int
)
CONTRACT = {case["name"]: case for case in VECTORS["abp_contract"]}
AVERAGING = VECTORS["arithmetic"]["abp_max_next_stake"]
NOW = 1_778_932_800_000


def order() -> Any:
    return deepcopy(CONTRACT["place_orders"]["response"]["body"]["acceptedOrders"][0])


def report(**changes: Any) -> BetReport:
    return messages.order_report({**order(), **changes}, NOW)


def test_placement_body_is_the_published_one() -> None:
    wanted = CONTRACT["place_orders"]["request"]["body"]
    bet = BetRequest(
        request_id=wanted["orders"][0]["requestUuid"],
        fixture_id="id1000000861624412",
        outcome_id=101,
        min_price=Decimal("2.0"),
        stake=Decimal(60),
        bookmaker="pinnacle,vertex",
        expires_at=1_778_932_805_000,
        reference="mm-hedge-000017",
    )
    assert decode(encode(messages.place_body(bet))) == wanted


def test_published_answer_is_a_full_fill_at_the_weighted_average() -> None:
    expect = CONTRACT["place_orders"]["expect"]
    found = report()
    stake = sum(bet.stake for bet in found.bets)
    assert (found.status, found.final, stake) == (BetStatus.FILLED, True, expect["filled"])
    assert sum(bet.stake * bet.price for bet in found.bets) / stake == Decimal(expect["weighted_average"])
    assert [bet.bookmaker_bet_id for bet in found.bets] == ["pinnacle-9000", "vertex-9001"]


@pytest.mark.parametrize("case", AVERAGING, ids=lambda case: f"{case['order_price']}-{case['next_price']}")
def test_next_stake_is_capped_by_the_average_on_both_sides_of_the_wire(case: dict[str, Any]) -> None:
    fills = [(Decimal(fill["price"]), Decimal(fill["stake"])) for fill in case["fills"]]
    expected = None if case["max_next_stake"] is None else Decimal(case["max_next_stake"])
    price, following = Decimal(case["order_price"]), Decimal(case["next_price"])
    assert max_next_stake(price, fills, following) == expected
    assert next_stake_cap(price, fills, following) == expected


def test_average_below_the_order_price_leaves_no_room_rather_than_a_negative_stake() -> None:
    assert max_next_stake(Decimal(2), [(Decimal("1.9"), Decimal(10))], Decimal("1.95")) == 0


@pytest.mark.parametrize("number", ["0.1", "2.10", "1.005", "12345678901234567890.123456789", "0.000001", "1E+3"])
def test_numbers_cross_the_wire_digit_for_digit(number: str) -> None:
    for write, read in ((encode, loads), (dumps, decode)):
        text = write({"n": [Decimal(number)]})
        assert Decimal(read(text)["n"][0]) == Decimal(number)
        assert "e" not in str(text).lower().replace("encode", "")


def test_floats_and_impossible_numbers_never_leave_or_enter() -> None:
    with pytest.raises(TypeError):
        dumps({"n": 0.1})
    with pytest.raises((BadNumber, TypeError)):
        encode({"n": Decimal("NaN")})
    with pytest.raises(ValueError, match="NaN"):
        decode('{"n": NaN}')
    with pytest.raises(Unreadable, match="placedPrice"):
        report(bets=[{**order()["bets"][0], "placedPrice": "two"}])


def test_expiry_keeps_its_milliseconds() -> None:
    assert messages.iso(1_778_932_805_250) == "2026-05-16T12:00:05.250Z"
    assert messages.iso(1_778_932_805_000) == "2026-05-16T12:00:05Z"


@pytest.mark.parametrize("field", ["requestUuid", "orderStatus", "bets"])
def test_order_without_a_required_field_is_unreadable_and_names_it(field: str) -> None:
    body = order()
    del body[field]
    with pytest.raises(Unreadable, match=field):
        messages.order_report(body, NOW)


@pytest.mark.parametrize(
    "field", ["betId", "bookmakerBetId", "placedPrice", "placedStake", "placedCurrency", "betStatus"]
)
def test_bet_without_a_required_field_is_unreadable_and_names_it(field: str) -> None:
    body = order()
    del body["bets"][0][field]
    with pytest.raises(Unreadable, match=field):
        messages.order_report(body, NOW)


def test_filled_without_any_bet_is_not_believed() -> None:
    with pytest.raises(Unreadable, match="without a placed bet"):
        report(bets=[])


def test_unknown_words_are_unreadable_rather_than_guessed() -> None:
    with pytest.raises(Unreadable, match="orderStatus"):
        report(orderStatus="HAPPY")
    with pytest.raises(Unreadable, match="betStatus"):
        report(bets=[{**order()["bets"][0], "betStatus": "HAPPY"}])
    with pytest.raises(Unreadable, match="CASHOUT"):
        messages.settlement({**order()["bets"][0], "settlementStatus": "CASHOUT"})


def test_bet_still_waiting_at_a_bookmaker_keeps_the_order_open() -> None:
    waiting = {**order()["bets"][1], "betStatus": "PENDING", "bookmakerBetId": None}
    found = report(orderStatus="EXPIRED", bets=[order()["bets"][0], waiting])
    assert (found.status, found.final, len(found.bets)) == (BetStatus.PENDING, False, 1)


def test_part_filled_order_may_grow_until_it_expires() -> None:
    early, late = "2026-05-16T11:59:59Z", "2026-05-16T12:00:05Z"
    one = order()["bets"][:1]
    assert report(orderStatus="PARTIALLY_FILLED", bets=one, expiresAt=late).final is False
    assert report(orderStatus="PARTIALLY_FILLED", bets=one, expiresAt=late, updatedAt=late).final is True
    assert report(orderStatus="PARTIALLY_FILLED", bets=one, expiresAt=early).status is BetStatus.PARTIAL
    assert report(orderStatus="PARTIALLY_FILLED", bets=one).final is True


@pytest.mark.parametrize("status", ["CANCELLED", "REJECTED", "EXPIRED", "FAILED"])
def test_ended_order_keeps_the_bets_it_got(status: str) -> None:
    part = report(orderStatus=status)
    nothing = report(orderStatus=status, bets=[])
    assert (part.status, len(part.bets), part.final) == (BetStatus.PARTIAL, 2, True)
    assert (nothing.status, nothing.bets, nothing.final) == (BetStatus.REJECTED, (), True)
    assert nothing.refusal is (RefusalClass.PRICE if status == "EXPIRED" else RefusalClass.OTHER)


def test_bets_the_bookmaker_did_not_take_are_no_fills() -> None:
    refused = [{**bet, "betStatus": "REJECTED", "declineReason": "Odds changed"} for bet in order()["bets"]]
    found = report(orderStatus="REJECTED", bets=refused)
    assert (found.bets, found.refusal, found.reason) == ((), RefusalClass.PRICE, "Odds changed")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Odds changed: 1.95 below 2.00", RefusalClass.PRICE),
        ("PRICE_CHANGED", RefusalClass.PRICE),
        ("LINE_CHANGED", RefusalClass.PRICE),
        ("Stake below minimum 1", RefusalClass.SIZE),
        ("ABOVE_MAX_BET_AMOUNT", RefusalClass.SIZE),
        ("insufficient liquidity", RefusalClass.SIZE),
        ("Market suspended", RefusalClass.SUSPENDED),
        ("Price not available", RefusalClass.SUSPENDED),
        ("Event closed", RefusalClass.SUSPENDED),
        ("Insufficient funds", RefusalClass.FUNDS),
        ("INSUFFICIENT_FUNDS", RefusalClass.FUNDS),
        ("Account blocked", RefusalClass.ACCOUNT),
        ("No account for bookmaker x", RefusalClass.ACCOUNT),
        ("BLOCKED_CLIENT", RefusalClass.ACCOUNT),
        ("Bet rejected by bookmaker", RefusalClass.OTHER),
        ("computer says no", RefusalClass.OTHER),
        ("", RefusalClass.OTHER),
    ],
)
def test_decline_reason_tells_what_to_do_next(text: str, kind: RefusalClass) -> None:
    assert messages.refusal_class(text) is kind


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("UNSETTLED", None),
        ("WON", "WON"),
        ("LOST", "LOST"),
        ("VOID", "VOID"),
        ("PUSH", "VOID"),
        ("HALF_WON", "HALF_WON"),
        ("HALF_LOST", "HALF_LOST"),
    ],
)
def test_settlement_words(status: str, ours: str | None) -> None:
    assert messages.settlement({**order()["bets"][0], "settlementStatus": status}).status == ours


def test_bet_taken_back_by_the_bookmaker_settles_void() -> None:
    assert messages.settlement({**order()["bets"][0], "betStatus": "VOID"}).status == "VOID"


def test_id_placed_twice_shows_the_bets_of_both() -> None:
    both = messages.merge([report(), report(orderStatus="REJECTED", bets=[], declineReason="Market suspended")])
    assert both is not None
    assert (len(both.bets), both.final, both.refusal) == (2, True, RefusalClass.SUSPENDED)
    pending = messages.merge([report(), report(orderStatus="PROCESSING", bets=[])])
    assert pending is not None
    assert (pending.status, pending.final, len(pending.bets)) == (BetStatus.PENDING, False, 2)


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(order()["bets"][0])), inner),
    max_leaves=5,
)
READERS: list[Callable[[Any], object]] = [
    lambda body: messages.order_report(body, NOW),
    messages.settlement,
    messages.account,
    lambda body: messages.selection("a:b:1:0", body),
    lambda body: messages.declined(body, "x"),
]


@given(st.sampled_from(READERS), JUNK)
def test_junk_is_unreadable_and_never_anything_worse(read: Callable[[Any], object], junk: Any) -> None:
    with pytest.raises(Unreadable):
        read(junk)


@given(st.sampled_from(sorted(order())), JUNK)
def test_one_spoiled_field_is_a_report_or_unreadable(field: str, junk: Any) -> None:
    with suppress(Unreadable):
        assert report(**{field: junk}).request_id


@given(st.sampled_from(sorted(order()["bets"][0])), JUNK)
def test_one_spoiled_bet_field_is_a_report_or_unreadable(field: str, junk: Any) -> None:
    with suppress(Unreadable):
        found = report(bets=[{**order()["bets"][0], field: junk}])
        assert all(bet.price > 1 and bet.stake > 0 for bet in found.bets)


def test_betslip_key_of_another_shape_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="betslip key"):
        messages.selection("id1:vertex:101", {})

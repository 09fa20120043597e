"""What a fixture's end means: waiting, disputes, and results to the cent (pricing sheet 5.5 and 5.7)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.messages import FixtureStatus
from overround.domain.results import BetPartResult, FixtureResults, OrderResult, part_profit, verdict
from tests.domain.vectors import D, exactly

ORDER = OrderResult("c1", "demo", 111, 111, "buy", D(100), D(45), D("0.44"), D(0))
PART = BetPartResult("r1", "p1", "demo", 111, 111, D("52.63"), D("1.90"), "WON")
"""An order against outcome 111 and the bet that backs it: 111 won, so the order lost and the bet won."""


def results(*, feed: str | None = "WON", own: str | None = "WON", **changes: Any) -> FixtureResults:
    base = FixtureResults(
        FixtureStatus("id1", 2),
        {} if feed is None else {111: feed},
        {} if own is None else {111: own},
        (ORDER,),
        (PART,),
    )
    return replace(base, **changes)


def test_what_everybody_agrees_on_is_booked() -> None:
    found = verdict(results())
    assert (found.waiting, found.disputes) == ((), ())
    order, bet = found.booked
    assert (order.subject, order.subject_id, order.status, order.value) == ("order", "c1", "LOST", D(0))
    assert (order.profit, order.fee) == (D("-45.44"), D("0.44"))
    assert (bet.subject, bet.subject_id, bet.status, bet.value) == ("bet", "r1", "WON", None)
    assert bet.profit == D("47.37")  # 52.63 * 1.90 = 99.997, paid as 100.00


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"feed": None}, "the feed has not graded outcome 111"),
        ({"feed": "UNDECIDED"}, "the feed has not graded outcome 111"),
        ({"orders": (replace(ORDER, value=None),)}, "the venue has not resolved order c1"),
        ({"bets": (replace(PART, settlement=None),)}, "the bookmaker has not settled bet p1"),
        ({"waiting": ("a hedge is open",)}, "a hedge is open"),
    ],
)
def test_nothing_is_booked_while_somebody_is_silent(changes: dict[str, Any], words: str) -> None:
    found = verdict(results(**changes))
    assert words in found.waiting
    assert found.booked == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"own": "LOST"}, "outcome 111: the feed says WON, the score says LOST"),
        ({"orders": (replace(ORDER, value=D(1)),)}, "order c1: outcome 111 WON, but the venue pays 1"),
        ({"orders": (replace(ORDER, value=D("0.5")),)}, "order c1: outcome 111 WON, but the venue pays 0.5"),
        ({"bets": (replace(PART, settlement="LOST"),)}, "bet p1: outcome 111 WON, but the bookmaker says LOST"),
        ({"bets": (replace(PART, settlement="VOID"),)}, "bet p1: outcome 111 WON, but the bookmaker says VOID"),
    ],
)
def test_whoever_disagrees_is_named(changes: dict[str, Any], words: str) -> None:
    found = verdict(results(**changes))
    assert found.disputes == (words,)
    assert len(found.booked) == 2  # what was paid, should an operator say so


def test_a_lost_outcome_pays_the_contract_against_it() -> None:
    order, bet = verdict(
        results(feed="LOST", own="LOST", orders=(replace(ORDER, value=D(1)),), bets=(replace(PART, settlement="LOST"),))
    ).booked
    assert (order.status, order.profit) == ("WON", D("54.56"))
    assert (bet.status, bet.profit) == ("LOST", D("-52.63"))


@pytest.mark.parametrize("value", ["0", "0.38", "0.5", "1"])
def test_a_void_pays_what_the_venues_rules_say(value: str) -> None:
    found = verdict(
        results(feed="VOID", own="VOID", orders=(replace(ORDER, value=D(value)),),
                bets=(replace(PART, settlement="VOID"),))
    )  # fmt: skip
    order, bet = found.booked
    assert found.disputes == ()
    assert order.profit == 100 * D(value) - 45 - D("0.44")
    assert (bet.status, bet.profit) == ("VOID", D(0))
    assert order.status == {"0": "LOST", "1": "WON"}.get(value, "VOID")


@pytest.mark.parametrize(("word", "profit"), [("HALF_WON", "23.68"), ("HALF_LOST", "-26.31")])
def test_half_results_pay_half(word: str, profit: str) -> None:
    found = verdict(results(feed=word, own=word, bets=(replace(PART, settlement=word),)))
    assert found.disputes == ()
    assert (found.booked[1].status, found.booked[1].profit) == (word, D(profit))


def test_a_market_we_cannot_grade_rests_on_the_others() -> None:
    assert verdict(results(own=None)).disputes == ()


def test_a_sell_wins_where_the_contract_loses() -> None:
    sold = replace(ORDER, action="sell", cost=D(40))
    assert (verdict(results(orders=(sold,))).booked[0].profit, verdict(results(orders=(sold,))).booked[0].status) == (
        D("39.56"),
        "WON",
    )
    dear = verdict(results(feed="LOST", own="LOST", orders=(replace(sold, value=D(1)),), bets=())).booked[0]
    assert (dear.status, dear.profit) == ("LOST", D("-60.44"))


def test_the_parts_of_one_bet_are_one_result() -> None:
    parts = (PART, replace(PART, part_id="p2", stake=D("10.01"), price=D("1.85")), replace(PART, request_id="r2"))
    booked = verdict(results(bets=parts, orders=())).booked
    assert [(item.subject_id, item.profit) for item in booked] == [("r1", D("55.88")), ("r2", D("47.37"))]


@pytest.mark.parametrize(
    ("first", "second", "shown"), [("WON", "VOID", "WON"), ("LOST", "VOID", "LOST"), ("VOID", "VOID", "VOID")]
)
def test_parts_that_ended_differently_are_shown_by_what_they_brought(first: str, second: str, shown: str) -> None:
    parts = (replace(PART, settlement=first), replace(PART, part_id="p2", settlement=second))
    assert verdict(results(bets=parts, orders=())).booked[0].status == shown


def test_a_fixture_nobody_traded_is_over_at_once() -> None:
    assert verdict(FixtureResults(FixtureStatus("id1", 2))) == verdict(results(orders=(), bets=()))


@exactly
@given(
    st.decimals(D("0.01"), D(5000), places=2),
    st.decimals(D("1.01"), D(30), places=3),
    st.sampled_from(["WON", "LOST", "VOID", "HALF_WON", "HALF_LOST"]),
)
def test_every_return_is_whole_cents(stake: Decimal, odds: Decimal, word: str) -> None:
    gain = part_profit(replace(PART, stake=stake, price=odds, settlement=word))
    assert (gain + stake) % D("0.01") == 0
    assert -stake - D("0.01") < gain

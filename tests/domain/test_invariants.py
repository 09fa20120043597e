"""The invariants of the pricing sheet, section 7, where they span several modules: one match through quote, fill,
hedge and settlement, on books and fills nobody chose. The others are beside the modules they concern:

1 devig, 2 and 3 pricing and grid, 4 fees, 5 maxmin, hedging and orders, 6 exposure, 7 grading, 8 and 9 payoffs,
10 quotes.
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from overround.domain.devig import Method, devig
from overround.domain.exposure import exposure
from overround.domain.grading import Settlement
from overround.domain.grid import cents
from overround.domain.hedging import stake_for
from overround.domain.markets import MarketBook
from overround.domain.messages import FixtureStatus
from overround.domain.orders import Matched, Order, OrderStatus, Seen, apply
from overround.domain.payoffs import VOID, Bet, Leg, Trade, position, real, spread, worst
from overround.domain.plan import plan
from overround.domain.pricing import hedged_quote
from overround.domain.quotes import Desired, desired_quotes
from overround.domain.results import BetPartResult, FixtureResults, OrderResult, verdict
from tests.domain.desk import FREE, book, instrument, price, resting, settings, wanted
from tests.domain.vectors import D, exactly
from tests.ledger.desk import fill, spec

CENT = D("0.01")
GRID = cents()
OUTCOMES = (111, 112)
ODDS = st.decimals(D("1.10"), D(12), places=2)
SIZES = st.integers(1, 200).map(D)
PRICES = st.decimals(D("0.02"), D("0.98"), places=2)
FEES = st.decimals(D(0), D("0.90"), places=2)


def against(outcome: int, outcomes: tuple[int, ...] = OUTCOMES) -> frozenset[int]:
    """What a contract against ``outcome`` pays on."""
    return frozenset(outcomes) - {outcome}


# -- 1: a book without a margin is left as it is ---------------------------------------------------------------------


@exactly
@given(st.lists(st.sampled_from([1, 2, 4, 5, 8, 10, 16, 20, 25]), min_size=2, max_size=8), st.sampled_from(Method))
def test_a_book_without_margin_is_its_own_fair_value(weights: list[int], method: Method) -> None:
    """Weights of twos and fives only: then the odds write each probability exactly."""
    total = D(sum(weights))
    odds = tuple(total / D(weight) for weight in weights)
    for weight, found in zip(weights, devig(odds, method).probabilities, strict=True):
        assert abs(found - D(weight) / total) < D("1e-12")


# -- 2: nobody can buy or sell the whole family at a profit ----------------------------------------------------------


@exactly
@given(st.lists(ODDS, min_size=2, max_size=4), st.sampled_from([D(0), CENT, D("0.03")]))
def test_the_whole_family_cannot_be_bought_or_sold_at_a_profit(odds: list[Decimal], edge: Decimal) -> None:
    assume(sum(1 / Fraction(item) for item in odds) > 1)
    quotes = [hedged_quote(odds, at, edge, FREE, GRID) for at in range(len(odds))]
    assume(all(quote.bid is not None and quote.ask is not None for quote in quotes))
    assert sum((quote.bid or D(0) for quote in quotes), D(0)) < 1 < sum((quote.ask or D(0) for quote in quotes), D(0))


# -- 5: what fills is hedged flat, however it fills ------------------------------------------------------------------


@exactly
@given(st.lists(SIZES, min_size=1, max_size=6), ODDS, PRICES, st.randoms(use_true_random=False))
def test_fills_in_any_order_and_twice_ask_for_one_and_the_same_stake(
    sizes: list[Decimal], odds: Decimal, paid: Decimal, random: Any
) -> None:
    whole = spec("c1", size=str(sum(sizes)), price=str(paid))
    fills = [fill(f"t{at}", str(size), str(paid), "0") for at, size in enumerate(sizes)]
    once = Order(whole, OrderStatus.PLACED, "v1")
    for item in fills:
        once = apply(once, Matched(item))
    again = Order(whole, OrderStatus.PLACED, "v1")
    random.shuffle(fills)
    for item in [*fills, *fills]:
        again = apply(again, Matched(item))
    assert stake_for(once.filled, odds) == stake_for(again.filled, odds)
    assert again.status == once.status == OrderStatus.FILLED


@exactly
@given(SIZES, PRICES, FEES, ODDS)
def test_a_hedged_purchase_is_flat_to_the_payout_of_half_a_cent(
    size: Decimal, paid: Decimal, fee: Decimal, odds: Decimal
) -> None:
    legs: list[Leg] = [
        Trade("buy", against(111), paid, size, fee),
        Bet("back", frozenset({111}), odds, stake_for(size, odds)),
    ]
    assert spread(position(legs, OUTCOMES)) <= odds * CENT / 2


@exactly
@given(ODDS, ODDS, st.decimals(D(0), D("0.10"), places=3), st.integers(1, 500).map(D))
def test_every_quote_that_fills_and_is_hedged_at_its_odds_keeps_the_margin(
    first: Decimal, second: Decimal, margin: Decimal, size: Decimal
) -> None:
    shown = book(price(111, first, "100000"), price(112, second, "100000"))
    for quote in desired_quotes(shown, (instrument(111), instrument(112)), settings(margin=margin, size=size)):
        stake = quote.size / quote.odds  # as if cents could be split
        legs: list[Leg] = [
            Trade("buy", against(quote.outcome_id), quote.price, quote.size),
            Bet("back", frozenset({quote.outcome_id}), quote.odds, stake),
        ]
        assert worst(position(legs, OUTCOMES)) >= margin * quote.size - D("1e-20")


# -- 6: what rests can only make it worse ----------------------------------------------------------------------------


@exactly
@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), SIZES, PRICES), min_size=1, max_size=5), st.data())
def test_an_order_that_fills_costs_no_more_than_it_was_counted_for(orders: list[Any], data: Any) -> None:
    """The worst case with an order resting bounds the worst case after it filled, wholly or in part."""

    def trade(outcome: int, size: Decimal, paid: Decimal) -> dict[Any, Decimal]:
        return real(position([Trade("buy", against(outcome), paid, size)], OUTCOMES))

    at = data.draw(st.integers(0, len(orders) - 1))
    outcome, size, paid = orders[at]
    done = data.draw(st.integers(0, int(size)).map(D))
    flat: dict[Any, Decimal] = dict.fromkeys(OUTCOMES, D(0))
    before = exposure(flat, [trade(*item) for item in orders])
    rest = [trade(*item) for where, item in enumerate(orders) if where != at]
    after = exposure(trade(outcome, done, paid), [*rest, trade(outcome, size - done, paid)])
    assert after <= before


# -- 8: what is booked is what the position was worth ----------------------------------------------------------------


TRADED = st.lists(st.tuples(st.sampled_from(OUTCOMES), SIZES, PRICES, FEES), min_size=1, max_size=4)
BACKED = st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(100, 20_000), ODDS), max_size=4)


@exactly
@given(TRADED, BACKED, st.sampled_from(OUTCOMES))
def test_booked_profit_is_the_position_at_the_outcome_to_the_cent_of_each_bet(
    traded: list[Any], backed: list[Any], won: int
) -> None:
    words = {outcome: str(Settlement.WON if outcome == won else Settlement.LOST) for outcome in OUTCOMES}
    orders = tuple(
        OrderResult(f"c{at}", "demo", 111, outcome, "buy", size, size * paid, fee, D(outcome != won))
        for at, (outcome, size, paid, fee) in enumerate(traded)
    )
    bets = tuple(
        BetPartResult(f"r{at}", "p", "demo", 111, outcome, D(pence) / 100, odds, words[outcome])
        for at, (outcome, pence, odds) in enumerate(backed)
    )
    found = verdict(FixtureResults(FixtureStatus("id1", 2), words, words, orders, bets))
    legs: list[Leg] = [Trade("buy", against(outcome), paid, size, fee) for outcome, size, paid, fee in traded]
    legs += [Bet("back", frozenset({outcome}), odds, D(pence) / 100) for outcome, pence, odds in backed]
    assert (found.waiting, found.disputes) == ((), ())
    booked = sum((item.profit for item in found.booked), D(0))
    assert abs(booked - position(legs, OUTCOMES)[won]) <= CENT / 2 * len(backed)
    assert sum((item.fee for item in found.booked), D(0)) == sum((fee for *_, fee in traded), D(0))


@exactly
@given(TRADED, BACKED)
def test_a_void_gives_every_stake_back_and_costs_what_the_venue_decides(traded: list[Any], backed: list[Any]) -> None:
    words = dict.fromkeys(OUTCOMES, str(Settlement.VOID))
    orders = tuple(
        OrderResult(f"c{at}", "demo", 111, outcome, "buy", size, size * paid, fee, D("0.5"))
        for at, (outcome, size, paid, fee) in enumerate(traded)
    )
    bets = tuple(
        BetPartResult(f"r{at}", "p", "demo", 111, outcome, D(pence) / 100, odds, "VOID")
        for at, (outcome, pence, odds) in enumerate(backed)
    )
    booked = verdict(FixtureResults(FixtureStatus("id1", 3), words, words, orders, bets)).booked
    assert all(item.profit == 0 for item in booked if item.subject == "bet")
    legs: list[Leg] = [
        Trade("buy", against(outcome), paid, size, fee, abnormal=D("0.5")) for outcome, size, paid, fee in traded
    ]
    assert sum((item.profit for item in booked), D(0)) == position(legs, OUTCOMES)[VOID]


# -- 10: what may not be quoted from takes everything down -----------------------------------------------------------


LIVE = st.lists(
    st.tuples(
        st.sampled_from(OUTCOMES),
        st.integers(2, 97),
        st.integers(1, 200),
        st.sampled_from(["", "unknown", "cancelling"]),
    ),
    max_size=6,
)


def at_rest(orders: list[Any]) -> list[Order]:
    return [
        resting(f"o{at}", str(D(pence) / 100), str(size), 0, outcome, **({doubt: True} if doubt else {}))
        for at, (outcome, pence, size, doubt) in enumerate(orders)
    ]


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda shown: replace(shown, pull="the bookmaker is silent"),
        lambda shown: replace(shown, outcomes=shown.outcomes[:1]),
        lambda shown: replace(shown, outcomes=(replace(shown.outcomes[0], active=False), shown.outcomes[1])),
        lambda shown: replace(shown, outcomes=(replace(shown.outcomes[0], price=D("NaN")), shown.outcomes[1])),
        lambda shown: replace(shown, outcomes=(replace(shown.outcomes[0], price=D(1)), shown.outcomes[1])),
        lambda shown: replace(shown, outcomes=tuple(replace(item, price=D("2.50")) for item in shown.outcomes)),
        lambda shown: replace(shown, outcomes=()),
    ],
    ids=["pulled", "incomplete", "suspended", "no number", "no odds", "too good to be true", "empty"],
)
@exactly
@given(orders=LIVE)
def test_a_book_that_may_not_be_quoted_from_takes_down_all_that_rests(spoilt: Any, orders: list[Any]) -> None:
    shown: MarketBook = spoilt(book())
    both = (instrument(111), instrument(112))
    live = at_rest(orders)
    made = plan(desired_quotes(shown, both, settings()), live, both, settings(), {})
    assert made.place == ()
    asked = {order.spec.client_order_id for order in live if not order.unknown and not order.cancelling}
    assert set(made.cancel) == asked, "what is unknown or being cancelled is asked about already"


@exactly
@given(LIVE, st.integers(0, 300).map(D), st.integers(1, 4))
def test_what_is_not_hedged_yet_is_not_offered_again(orders: list[Any], naked: Decimal, levels: int) -> None:
    config, both = settings(levels=levels), (instrument(111), instrument(112))
    quotes = [wanted(level=level) for level in range(levels)]
    made = plan(quotes, at_rest(orders), both, config, {111: naked})
    offered: list[Desired] = [quote for quote in made.place if quote.outcome_id == 111]
    assert sum((quote.size for quote in offered), D(0)) <= max(D(0), D(50) * levels - naked)


@exactly
@given(st.lists(st.tuples(st.integers(0, 50).map(D), st.sampled_from([None, "CANCELLED", "EXPIRED"])), max_size=5))
def test_what_the_venue_says_of_an_order_only_ever_adds_up(views: list[Any]) -> None:
    """Views may overtake each other: an older one takes nothing back."""
    order = Order(spec("c1"), OrderStatus.PLACED, "v1")
    for filled, ended in views:
        following = apply(order, Seen("v1", filled, ended))
        assert following.reported >= order.reported
        assert following.remaining <= order.remaining
        order = following
    assert order.reported == max((filled for filled, _ in views), default=D(0))

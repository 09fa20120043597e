"""Contracts pay by their own exchange's rules, above all when the bookmaker voids."""

from decimal import Decimal

import pytest

from overround.paper.rules import contract_values
from overround.paper.world import OutcomeResult, PaperMarket, PaperOutcome

D = Decimal


def market(names: str, *results: OutcomeResult) -> PaperMarket:
    outcomes = [PaperOutcome(index, name) for index, name in enumerate(names.split(), 1)]
    return PaperMarket(1, "m", "1x2", "fulltime", outcomes, results=dict(enumerate(results, 1)))


@pytest.mark.parametrize("exchange", ["kalshi", "polymarket", "any"])
def test_winners_pay_one_and_losers_nothing(exchange: str) -> None:
    assert contract_values(exchange, market("1 X 2", "LOSE", "WIN", "LOSE"), {}) == {1: D(0), 2: D(1), 3: D(0)}


def test_a_cancelled_match_pays_by_each_exchange_s_rule() -> None:
    fair = {1: 0.6281, 2: 0.3719}
    two_way = market("1 2", "CANCELLED", "CANCELLED")
    assert contract_values("kalshi", two_way, fair) == {1: D("0.63"), 2: D("0.37")}
    assert contract_values("kalshi", two_way, {}) == {1: D("0.5"), 2: D("0.5")}
    assert contract_values("polymarket", two_way, fair) == {1: D("0.5"), 2: D("0.5")}
    assert contract_values("other", two_way, fair) == {1: D("0.5"), 2: D("0.5")}


def test_a_cancelled_three_way_match_pays_the_draw_on_polymarket() -> None:
    three_way = market("1 X 2", "CANCELLED", "CANCELLED", "CANCELLED")
    assert contract_values("polymarket", three_way, {}) == {1: D(0), 2: D(1), 3: D(0)}


def test_a_removed_runner_among_finishers_loses_on_polymarket_and_is_refunded_at_fair_on_kalshi() -> None:
    race = market("a b c", "WIN", "LOSE", "CANCELLED")
    assert contract_values("polymarket", race, {3: 0.1})[3] == D(0)
    assert contract_values("kalshi", race, {3: 0.1})[3] == D("0.10")

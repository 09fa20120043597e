"""Fee schedules as the pricer sees them, and every venue's exact order-level fee (pricing sheet 2.2 to 2.4, 7.4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.fees import FeeSchedule
from overround.domain.grid import uniform
from overround.domain.odds import from_american
from overround.domain.pricing import ask_price, bid_price, hedge_cost
from overround.domain.venue_fees import (
    KalshiRounding,
    betfair_expert_fee_rate,
    fourcasters,
    kalshi_fee,
    kalshi_fill,
    marginal_commission,
    market_commission,
    matchbook_volume,
    net_winnings_commission,
    novig_fee,
    polymarket_fee,
    polymarket_us_rate,
    polymarket_us_v1,
    polymarket_us_v2,
    polymarket_us_v2_round,
    predict_fun,
    smarkets_pro,
    smarkets_pro_odds,
    spread_fee,
    sx_fee,
)
from tests.domain.vectors import D, cases, exactly, label, near

PRICES = st.decimals(D("0.01"), D("0.99"), places=2)
SIZES = st.integers(1, 5000).map(D)


def of(*venues: str) -> list[Any]:
    found = [case for case in cases("fees") if case["venue"] in venues]
    assert found
    return found


def numbers(case: Any) -> dict[str, D]:
    words = (
        "role",
        "side",
        "american_odds",
        "one_order",
        "gross_profit_52_weeks",
        "hedge_odds_other_outcomes",
        "bet_results",
    )
    return {key: D(value) for key, value in case["input"].items() if key not in words}


def test_no_case_of_the_vectors_is_left_out() -> None:
    tested = {
        "kalshi", "polymarket", "polymarket_us_v1", "polymarket_us_v2", "betfair", "smarkets", "smarkets_pro",
        "matchbook_volume", "4casters", "sx_bet", "sx_bet_parlay", "novig", "prophetx", "predict_fun", "quote",
    }  # fmt: skip
    assert {case["venue"] for case in cases("fees")} == tested


@pytest.mark.parametrize("case", [case for case in of("kalshi") if "contracts" in case["input"]], ids=label)
def test_kalshi_trade_fees_round_up(case: Any) -> None:
    given_, expected = numbers(case), case["expected"]
    size, price, role, times = given_["contracts"], given_["price"], case["input"]["role"], given_["multiplier"]
    rate = D("0.0175") if role == "maker" else D("0.07")
    assert spread_fee(size, price, rate * times) == D(expected["fee_unrounded"])
    assert kalshi_fee(size, price, role, times) == D(expected.get("fee", expected.get("fee_cent")))
    if "fee_centicent" in expected:
        assert kalshi_fee(size, price, role, times, D("0.0001")) == D(expected["fee_centicent"])


@pytest.mark.parametrize("case", [case for case in of("kalshi") if "one_order" in case["input"]], ids=label)
def test_kalshi_rounding_fees_accumulate_over_the_fills_of_an_order(case: Any) -> None:
    state = KalshiRounding(D(case["input"]["precision"]), D(case["input"]["trade_fee_step"]))
    total = D(0)
    for row in case["expected"]["fills"]:
        fill, state = kalshi_fill(state, row["side"], D(row["contracts"]), D(row["price"]), row["role"])
        for field in ("trade_fee", "rounding_fee", "rebate", "net_fee", "balance_change"):
            assert getattr(fill, field) == D(row[field]), field
        assert state.accumulated == D(row["accumulator_after"])
        total += fill.net_fee
    assert total == D(case["expected"]["total_net_fee"])


@exactly
@given(st.lists(st.tuples(SIZES, PRICES), min_size=1, max_size=12), st.sampled_from(["maker", "taker"]))
def test_a_split_kalshi_order_pays_at_most_a_cent_and_a_step_per_fill_too_much(
    fills: list[tuple[D, D]], role: Any
) -> None:
    state, paid, due = KalshiRounding(), D(0), D(0)
    rate = D("0.0175") if role == "maker" else D("0.07")
    for size, price in fills:
        fill, state = kalshi_fill(state, "buy", size, price, role)
        paid += fill.net_fee
        due += spread_fee(size, price, rate)
        assert fill.balance_change == -size * price - fill.net_fee
    assert due <= paid <= due + D("0.01") + len(fills) * D("0.0001")


@exactly
@given(SIZES, PRICES)
def test_kalshi_fees_are_the_same_for_yes_and_no(size: D, price: D) -> None:
    assert kalshi_fee(size, price, "taker") == kalshi_fee(size, 1 - price, "taker") >= 0


@pytest.mark.parametrize("case", of("polymarket"), ids=label)
def test_polymarket_fees_have_five_decimals(case: Any) -> None:
    row, expected = numbers(case), case["expected"]
    arguments = (row["shares"], row["price"], row["rate"], case["input"]["role"], row["exponent"])
    assert polymarket_fee(*arguments) == D(expected["fee"])
    if "fee_nearest" in expected:
        assert polymarket_fee(*arguments, nearest=True) == D(expected["fee_nearest"])
        assert spread_fee(row["shares"], row["price"], row["rate"], row["exponent"]) == D(expected["fee_exact"])


@pytest.mark.parametrize("case", of("polymarket_us_v1"), ids=label)
def test_polymarket_us_first_schedule(case: Any) -> None:
    row = numbers(case)
    assert polymarket_us_v1(row["contracts"], row["price"], case["input"]["role"]) == D(case["expected"]["fee"])
    assert polymarket_us_rate("taker") * row["contracts"] * row["price"] == D(case["expected"]["fee_exact"])


@pytest.mark.parametrize("case", of("polymarket_us_v2"), ids=label)
def test_polymarket_us_second_schedule_uses_bankers_cents(case: Any) -> None:
    row = numbers(case)
    if "amount" in row:
        assert polymarket_us_v2_round(row["amount"]) == D(case["expected"]["fee"])
        return
    words = case["input"]
    assert polymarket_us_v2(words["side"], row["contracts"], row["price"], words["role"]) == D(case["expected"]["fee"])


@pytest.mark.parametrize("case", of("betfair"), ids=label)
def test_betfair_commission_and_expert_fee(case: Any) -> None:
    if "gross_profit_52_weeks" in case["input"]:
        rates = [betfair_expert_fee_rate(D(profit)) for profit in case["input"]["gross_profit_52_weeks"]]
        assert rates == [D(rate) for rate in case["expected"]["fee_rate"]]
        return
    row = numbers(case)
    arguments = (row["net_market_winnings"], row["market_base_rate"], row["discount_rate"])
    assert market_commission(*arguments) == D(case["expected"]["commission"])
    if "commission_exact" in case["expected"]:
        assert net_winnings_commission(*arguments) == D(case["expected"]["commission_exact"])


@pytest.mark.parametrize("case", of("smarkets"), ids=label)
def test_smarkets_charges_the_net_of_a_market(case: Any) -> None:
    bets = case["input"].get("bet_results")
    net = sum(map(D, bets), D(0)) if bets else D(case["input"]["net_market_winnings"])
    commission = market_commission(net, D(case["input"]["rate"]))
    assert commission == D(case["expected"]["commission"])
    assert net - commission == D(case["expected"]["net"])


@pytest.mark.parametrize("case", of("smarkets_pro"), ids=label)
def test_smarkets_pro_charges_wins_and_losses(case: Any) -> None:
    row, expected = numbers(case), case["expected"]
    fee = smarkets_pro(row["stake"], row["odds"], row["rate"])
    assert row["stake"] * (row["odds"] - 1) - fee.if_win == D(expected["win_net"])
    assert -row["stake"] - fee.if_lose == D(expected["lose_net"])
    assert near(smarkets_pro_odds(row["odds"], row["rate"]), expected["effective_odds"])


@pytest.mark.parametrize("case", of("matchbook_volume"), ids=label)
def test_matchbook_volume_scheme(case: Any) -> None:
    row = numbers(case)
    fee = matchbook_volume(case["input"]["side"], row["stake"], row["odds"], row["rate"])
    assert fee.if_win == D(case["expected"]["fee_if_win"])
    assert fee.if_lose == D(case["expected"]["fee_if_lose"])


@pytest.mark.parametrize("case", of("4casters"), ids=label)
def test_4casters_takers_pay_on_the_smaller_of_risk_and_win(case: Any) -> None:
    row, expected = numbers(case), case["expected"]
    wager = fourcasters(row["risk"], from_american(int(case["input"]["american_odds"])), row["rate"])
    assert near(wager.gross_win, expected["win_before_commission"], "0.0000005")
    assert near(wager.fee, expected["fee"], "0.0000005")
    assert near(wager.risk, expected["risk_with_commission"], "0.0005")
    assert near(wager.win, expected["win_net"], "0.0005")


def test_4casters_makers_pay_nothing() -> None:
    wager = fourcasters(D(50), D(2), D("0.01"), "maker")
    assert (wager.fee, wager.risk, wager.win) == (D(0), D(50), D(50))


@pytest.mark.parametrize("case", of("sx_bet", "sx_bet_parlay"), ids=label)
def test_sx_charges_parlays_only(case: Any) -> None:
    parlay = case["venue"] == "sx_bet_parlay"
    assert sx_fee(D(case["input"].get("profit", "100")), parlay=parlay) == D(case["expected"]["fee"])


@pytest.mark.parametrize("case", of("novig"), ids=label)
def test_novig_makers_receive_their_credit_of_the_taker_fee(case: Any) -> None:
    row, expected = numbers(case), case["expected"]
    rest = (row["contracts"], row["price"], row["coefficient"])
    assert novig_fee(*rest, "taker") == D(expected["taker_fee"])
    assert novig_fee(*rest, "maker", row["maker_credit"]) == D(expected["maker_fee"])
    assert row["contracts"] * row["price"] * row["contract_value"] == D(expected["cost"])


@pytest.mark.parametrize("case", of("prophetx"), ids=label)
def test_prophetx_charges_the_net_gain_of_a_market(case: Any) -> None:
    row = numbers(case)
    assert market_commission(row["net_market_gain"], row["rate"]) == D(case["expected"]["fee"])


@pytest.mark.parametrize("case", of("predict_fun"), ids=label)
def test_predict_fun_takes_the_fee_from_what_the_taker_receives(case: Any) -> None:
    row, expected = numbers(case), case["expected"]
    fee = predict_fun(row["shares"], row["price"], row["rate"])
    assert fee.cash == D(expected["fee_usd"])
    assert near(fee.shares, expected["fee_shares_equivalent"])
    assert predict_fun(row["shares"], row["price"], row["rate"], "maker").cash == 0


@pytest.mark.parametrize("case", of("quote"), ids=label)
def test_quotes_of_the_vectors(case: Any) -> None:
    words, expected = case["input"], case["expected"]
    fee, grid, edge = FeeSchedule("quadratic", D(words["maker_fee_rate"])), uniform(D(words["tick"])), D(words["edge"])
    if "ask" in expected:
        odds = D(words["hedge_odds"])
        assert ask_price(odds, edge, fee, grid) == D(expected["ask"])
        assert near(hedge_cost([odds]) + edge, expected["floor_before_fee"])
    else:
        others = [D(price) for price in words["hedge_odds_other_outcomes"]]
        assert bid_price(others, edge, fee, grid) == D(expected["bid"])
        assert near(1 - hedge_cost(others) - edge, expected["ceiling_before_fee"])


def test_marginal_commission_is_the_difference_it_makes() -> None:
    assert marginal_commission(D(-100), D(150), D("0.05")) == D("2.5")
    assert marginal_commission(D(100), D(-150), D("0.05")) == -5
    assert marginal_commission(D(-200), D(150), D("0.05")) == 0


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("free", "0"),
        ("quadratic", "0.0105"),
        ("net_winnings", "0.035"),
        ("risk_or_win", "0.015"),
        ("min_side", "0.015"),
        ("premium", "0.015"),
    ],
)
def test_each_curve_per_contract(kind: Any, expected: str) -> None:
    assert FeeSchedule(kind, D("0.05")).per_contract(D("0.3")) == D(expected)
    assert FeeSchedule(kind, D(0), D("0.05")).per_contract(D("0.3"), "maker") == 0
    assert FeeSchedule(kind, D(0), D("0.05")).per_contract(D("0.3"), "taker") == D(expected)


def test_an_exponent_bends_the_curve() -> None:
    fee = FeeSchedule("quadratic", taker=D("0.25"), exponent=D(2))
    assert fee.per_contract(D("0.5"), "taker") == D("0.015625")


def test_a_rebate_is_reported_but_never_priced_with() -> None:
    fee = FeeSchedule("premium", D("-0.0020"), D("0.0030"))
    assert fee.per_contract(D("0.5")) == D("-0.001")
    assert fee.break_even(D("0.5")) == 0
    assert fee.break_even(D("0.5"), D(100)) == 0


def test_a_rounded_fee_bites_a_small_order() -> None:
    fee = FeeSchedule("quadratic", D("0.0175"), D("0.07"), step=D("0.01"))
    assert fee.of_order(D("0.5"), D(1)) == D("0.01")
    assert fee.of_order(D("0.5"), D(100)) == D("0.44")
    assert fee.break_even(D("0.5"), D(1)) == D("0.01")
    assert fee.break_even(D("0.5"), D(100)) == D("0.0044")
    assert fee.break_even(D("0.5")) == D("0.004375")


@exactly
@given(PRICES, SIZES, st.sampled_from(["free", "quadratic", "net_winnings", "risk_or_win", "premium", "min_side"]))
def test_taker_fees_are_never_negative_and_rounding_never_helps(price: D, size: D, kind: Any) -> None:
    smooth = FeeSchedule(kind, D("0.01"), D("0.05"))
    rounded = FeeSchedule(kind, D("0.01"), D("0.05"), step=D("0.01"))
    assert 0 <= smooth.of_order(price, size, "taker") <= rounded.of_order(price, size, "taker")
    assert rounded.of_order(price, size, "taker") - smooth.of_order(price, size, "taker") < D("0.01")

"""Grading and settlement money against the golden vectors and their laws (pricing sheet 5.5 and invariant 7.7)."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.grading import (
    DeadHeat,
    Pick,
    Score,
    Settlement,
    Ungradable,
    after_bet,
    agrees,
    booked,
    components,
    contract_profit,
    contract_value,
    from_feed,
    full_match_line,
    grade,
    mirrored,
    parse_line,
    profit,
    returned,
    shown_as,
)
from overround.domain.numbers import BadNumber
from overround.domain.venue_fees import market_commission, net_winnings_commission
from tests.domain.vectors import D, cases, exactly, label, near

ALL = cases("settlement")
MARKETS = [case for case in ALL if "bets_in_one_market" in case]
DEAD_HEATS = [case for case in ALL if "dead_heat" in case]
VALUED = [case for case in ALL if "settlement_value" in case.get("expected", {})]
SCORED = [case for case in ALL if case not in MARKETS and case not in DEAD_HEATS and case not in VALUED]
SCORES = st.builds(Score, st.integers(0, 8), st.integers(0, 8))
QUARTERS = st.integers(-14, 14).map(lambda n: D(n) / 4)
ODDS = st.decimals(D("1.01"), D(20), places=2)
STAKES = st.decimals(D("0.01"), D(1000), places=2)
RESULTS = st.sampled_from([word for word in Settlement if word is not Settlement.UNDECIDED])


def pick_of(bet: Any) -> Pick:
    line = D(bet["line"]) if "line" in bet else None
    return Pick(bet["market"], bet["selection"], line, bet.get("team"), tuple(bet.get("listed", ())))


def score_of(row: Any) -> Score | None:
    return None if row is None else Score(row["home"], row["away"])


def held(bet: Any, settlement: Settlement) -> Settlement:
    return settlement if bet["side"] in ("back", "buy") else mirrored(settlement)


def money(bet: Any, settlement: Settlement) -> D:
    if bet["side"] in ("back", "lay"):
        return profit(held(bet, settlement), bet["side"], D(bet["stake"]), D(bet["odds"]))
    price = D(bet["price"])
    return contract_profit(bet["side"], D(bet["quantity"]), price, contract_value(settlement, price))


def test_every_case_of_the_vectors_is_in_one_group() -> None:
    assert len(MARKETS) + len(DEAD_HEATS) + len(VALUED) + len(SCORED) == len(ALL) == 142


@pytest.mark.parametrize("case", SCORED, ids=label)
def test_score_to_status_to_money(case: Any) -> None:
    bet, expected = case["bet"], case["expected"]
    settlement = grade(pick_of(bet), score_of(case["score"]))
    assert held(bet, settlement) == expected["status"]
    assert money(bet, settlement) == D(expected["pnl"])
    if "returned" in expected:
        assert returned(settlement, D(bet["stake"]), D(bet["odds"])) == D(expected["returned"])
    if "liability" in expected:
        assert -profit(Settlement.LOST, "lay", D(bet["stake"]), D(bet["odds"])) == D(expected["liability"])


@pytest.mark.parametrize("case", [case for case in SCORED if "selection_components" in case["expected"]], ids=label)
def test_a_quarter_line_is_two_half_stakes_on_its_neighbours(case: Any) -> None:
    words = case["expected"]["selection_components"]
    if isinstance(words, str):
        return
    line = D(case["bet"]["line"])
    score = score_of(case["score"])
    halves = sorted(
        grade(Pick(case["bet"]["market"], case["bet"]["selection"], line + shift, case["bet"].get("team")), score)
        for shift in (D("-0.25"), D("0.25"))
    )
    assert halves == sorted(from_feed(word.upper()) for word in words)


@pytest.mark.parametrize("case", [case for case in SCORED if "if_full_match_rule" in case], ids=label)
def test_in_play_handicaps_settle_on_the_goals_after_the_bet(case: Any) -> None:
    final, at_bet = score_of(case["final_score"]), score_of(case["score_at_bet"])
    assert final is not None
    assert at_bet is not None
    assert after_bet(final, at_bet) == score_of(case["score"])
    pick = pick_of(case["bet"])
    full = grade(pick, final)
    assert full == case["if_full_match_rule"]["status"]
    assert money(case["bet"], full) == D(case["if_full_match_rule"]["pnl"])
    side: Literal["home", "away"] = "home" if pick.selection == "home" else "away"
    assert pick.line is not None
    converted = Pick(pick.market, pick.selection, full_match_line(pick.line, side, at_bet))
    assert grade(converted, final) == case["expected"]["status"]


@pytest.mark.parametrize("case", VALUED, ids=label)
def test_contracts_settle_at_the_venues_value(case: Any) -> None:
    bet, expected = case["bet"], case["expected"]
    value = D(expected["settlement_value"])
    assert contract_profit(bet["side"], D(bet["quantity"]), D(bet["price"]), value) == D(expected["pnl"])
    if expected["status"] is not None:
        assert shown_as(D(expected["pnl"])) == expected["status"]


@pytest.mark.parametrize("case", DEAD_HEATS, ids=label)
def test_dead_heats_reduce_the_stake(case: Any) -> None:
    bet, expected = case["bet"], case["expected"]
    heat = DeadHeat(case["dead_heat"]["expected_winners_sharing"], case["dead_heat"]["actual_tied"])
    stake, odds = D(bet["stake"]), D(bet["odds"])
    assert near(heat.profit(bet["side"], stake, odds), expected["pnl"])
    assert near(heat.reduced(stake), expected["reduced_stake"])
    if expected["returned"] is not None:
        assert near(stake + heat.profit("back", stake, odds), expected["returned"])


@pytest.mark.parametrize("case", MARKETS, ids=label)
def test_commission_is_charged_once_on_the_net_of_a_market(case: Any) -> None:
    net, rate = D(0), D(case["commission_rate"])
    for bet in case["bets_in_one_market"]:
        happened = bet["selection"] == case["winner"]
        won = happened == (bet["side"] == "back")
        amount = profit(Settlement.WON if won else Settlement.LOST, bet["side"], D(bet["stake"]), D(bet["odds"]))
        assert booked(amount) == D(bet["gross_pnl"])
        net += booked(amount)
    expected = case["expected"]
    assert net == D(expected["gross_market_pnl"])
    assert net_winnings_commission(net, rate) == D(expected["commission_exact"])
    assert market_commission(net, rate) == D(expected["commission"])
    assert net - market_commission(net, rate) == D(expected["net"])


@exactly
@given(RESULTS, STAKES, ODDS)
def test_back_and_lay_of_one_bet_sum_to_zero_in_every_status(settlement: Settlement, stake: D, odds: D) -> None:
    assert profit(settlement, "back", stake, odds) + profit(mirrored(settlement), "lay", stake, odds) == 0


@exactly
@given(SCORES, QUARTERS, st.sampled_from(["home", "away"]), STAKES, ODDS)
def test_a_quarter_line_pays_the_mean_of_its_neighbours(score: Score, line: D, side: str, stake: D, odds: D) -> None:
    paid = profit(grade(Pick("asian_handicap", side, line), score), "back", stake, odds)
    if line % D("0.5") == 0:
        return
    parts = [
        profit(grade(Pick("asian_handicap", side, line + shift), score), "back", stake, odds)
        for shift in (D("-0.25"), D("0.25"))
    ]
    assert paid == sum(parts, D(0)) / 2


@exactly
@given(SCORES, QUARTERS)
def test_the_two_sides_of_a_handicap_mirror(score: Score, line: D) -> None:
    home, away = Pick("asian_handicap", "home", line), Pick("asian_handicap", "away", -line)
    assert grade(away, score) is mirrored(grade(home, score))


@exactly
@given(SCORES, QUARTERS)
def test_over_and_under_mirror(score: Score, line: D) -> None:
    over, under = Pick("total", "over", line), Pick("total", "under", line)
    assert grade(under, score) is mirrored(grade(over, score))


@exactly
@given(SCORES)
def test_draw_no_bet_is_the_level_handicap(score: Score) -> None:
    for side in ("home", "away"):
        assert grade(Pick("draw_no_bet", side), score) is grade(Pick("asian_handicap", side, D(0)), score)


@exactly
@given(SCORES)
def test_exactly_one_outcome_of_a_partition_wins(score: Score) -> None:
    listed = tuple(f"{home}-{away}" for home in range(4) for away in range(4))
    partitions = [
        [Pick("1x2", word) for word in ("home", "draw", "away")],
        [Pick("european_handicap", word, D(-1)) for word in ("home", "draw", "away")],
        [Pick("btts", word) for word in ("yes", "no")],
        [Pick("total", word, D("2.5")) for word in ("over", "under")],
        [Pick("correct_score", word, listed=listed) for word in (*listed, "any_other")],
    ]
    for partition in partitions:
        results = [grade(pick, score) for pick in partition]
        assert results.count(Settlement.WON) == 1
        assert results.count(Settlement.LOST) == len(results) - 1


@exactly
@given(SCORES)
def test_two_of_three_double_chances_win(score: Score) -> None:
    results = [grade(Pick("double_chance", word), score) for word in ("1x", "x2", "12")]
    assert results.count(Settlement.WON) == 2


TABLE = {
    "-1.25": "WON HALF_LOST LOST LOST LOST",
    "-1": "WON VOID LOST LOST LOST",
    "-0.75": "WON HALF_WON LOST LOST LOST",
    "-0.5": "WON WON LOST LOST LOST",
    "-0.25": "WON WON HALF_LOST LOST LOST",
    "0": "WON WON VOID LOST LOST",
    "0.25": "WON WON HALF_WON LOST LOST",
    "0.5": "WON WON WON LOST LOST",
    "0.75": "WON WON WON HALF_LOST LOST",
    "1": "WON WON WON VOID LOST",
    "1.25": "WON WON WON HALF_WON LOST",
}


@pytest.mark.parametrize("line", TABLE)
def test_the_handicap_table_of_the_sheet(line: str) -> None:
    scores = [Score(2, 0), Score(1, 0), Score(0, 0), Score(0, 1), Score(0, 2)]
    assert [grade(Pick("asian_handicap", "home", D(line)), score) for score in scores] == TABLE[line].split()


@pytest.mark.parametrize(
    ("word", "settlement"),
    [
        ("WIN", "WON"),
        ("LOSE", "LOST"),
        ("PUSH", "VOID"),
        ("CANCELLED", "VOID"),
        ("HALFWIN", "HALF_WON"),
        ("HALFLOSS", "HALF_LOST"),
        ("UNDECIDED", "UNDECIDED"),
    ],
)
def test_the_feeds_words(word: str, settlement: str) -> None:
    assert from_feed(word) == settlement


@pytest.mark.parametrize("word", ["win", "", "HALF_WIN", "RESETTLED"])
def test_a_word_the_feed_never_used_is_refused(word: str) -> None:
    with pytest.raises(Ungradable):
        from_feed(word)


def test_an_undecided_bet_has_no_profit() -> None:
    for side in ("back", "lay"):
        with pytest.raises(Ungradable):
            profit(Settlement.UNDECIDED, "back" if side == "back" else "lay", D(10), D(2))


@pytest.mark.parametrize("settlement", [Settlement.HALF_WON, Settlement.HALF_LOST, Settlement.UNDECIDED])
def test_a_fungible_token_has_no_half_result(settlement: Settlement) -> None:
    with pytest.raises(Ungradable):
        contract_value(settlement, D("0.5"))


@pytest.mark.parametrize(
    "pick",
    [
        Pick("next_goal", "home"),
        Pick("1x2", "over"),
        Pick("moneyline_2way", "draw"),
        Pick("double_chance", "x"),
        Pick("total", "over"),
        Pick("total", "home", D("2.5")),
        Pick("total", "over", D("2.3")),
        Pick("asian_handicap", "draw", D(0)),
        Pick("asian_handicap", "home"),
        Pick("team_total", "over", D("1.5")),
        Pick("btts", "both"),
        Pick("correct_score", "any_other"),
    ],
    ids=str,
)
def test_what_cannot_be_graded_is_refused_not_guessed(pick: Pick) -> None:
    with pytest.raises(Ungradable):
        grade(pick, Score(1, 0))


def test_an_abandoned_match_is_void_whatever_was_picked() -> None:
    assert grade(Pick("1x2", "home"), None) is Settlement.VOID


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("-0.75", "-0.75"),
        ("0, -0.5", "-0.25"),
        ("-0.5/1", "-0.75"),
        ("0/0.5", "0.25"),
        ("2.5, 3", "2.75"),
        ("+0.5", "0.5"),
        ("-1", "-1"),
        ("-0.5, -1", "-0.75"),
        ("-0/0.5", "-0.25"),
    ],
)
def test_every_notation_of_a_line(text: str, line: str) -> None:
    assert parse_line(text) == D(line)


@pytest.mark.parametrize("text", ["0.3", "1, 3", "1/1.25", "a", "", "1,1.5,2", "NaN"])
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(BadNumber):
        parse_line(text)


def test_full_match_lines_move_only_by_the_score_difference() -> None:
    assert full_match_line(D("-0.25"), "home", Score(1, 0)) == D("-1.25")
    assert full_match_line(D("0.25"), "away", Score(1, 0)) == D("1.25")
    assert full_match_line(D("-0.25"), "home", Score(2, 2)) == D("-0.25")


@exactly
@given(QUARTERS)
def test_every_quarter_has_exactly_one_settlement(margin: D) -> None:
    expected = {
        margin >= D("0.5"): Settlement.WON,
        margin == D("0.25"): Settlement.HALF_WON,
        margin == 0: Settlement.VOID,
        margin == D("-0.25"): Settlement.HALF_LOST,
        margin <= D("-0.5"): Settlement.LOST,
    }[True]
    assert components(margin) is expected


def test_a_dead_heat_is_shown_by_the_sign_of_its_profit() -> None:
    assert shown_as(D("6.67")) is Settlement.WON
    assert shown_as(D("-6.67")) is Settlement.LOST
    assert shown_as(D(0)) is Settlement.VOID


def test_a_dead_heat_without_a_tie_is_an_ordinary_win() -> None:
    assert DeadHeat(1, 1).profit("back", D(20), D(4)) == profit(Settlement.WON, "back", D(20), D(4))


def test_half_stakes_may_differ_by_a_cent_between_books() -> None:
    assert agrees(D("5.005"), D("5.01"))
    assert agrees(D("5.005"), D("5.00"))
    assert not agrees(D("5.005"), D("5.02"))
    assert booked(D("0.005")) == D("0.01")

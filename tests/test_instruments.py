"""Is this venue contract the feed's outcome? Proved by labels and prices, or refused with its reason (sheet 6.3)."""

from decimal import Decimal

import pytest

from overround.domain.markets import MarketBook
from overround.exchanges.base import VenueContract, VenueMarket
from overround.instruments import Proof, normalise, prove
from tests.domain.desk import book, instrument, price
from tests.domain.vectors import D

NAMES = {111: "Boston Celtics", 112: "Denver Nuggets"}
BAND = D("0.1")


def contract(label: str, bid: str | None = "0.50", ask: str | None = "0.52") -> VenueContract:
    return VenueContract(f"K-{label}", label, None if bid is None else D(bid), None if ask is None else D(ask))


def market(*contracts: VenueContract, opened: bool = True, outcomes: tuple[int, ...] = (111, 112)) -> VenueMarket:
    chosen = contracts or (contract("Boston Celtics"), contract("Denver Nuggets", "0.47", "0.49"))
    return VenueMarket(
        "KXNBA", "Celtics v Nuggets", tuple(NAMES.values()), None, opened,
        dict(zip(outcomes, chosen, strict=False)), {outcome: instrument(outcome) for outcome in outcomes},
    )  # fmt: skip


def proof(*contracts: VenueContract, of: MarketBook | None = None, band: Decimal = BAND) -> Proof:
    return prove(NAMES, market(*contracts), of or book(), band)


def test_labels_and_prices_that_agree_prove_a_mapping() -> None:
    assert proof() == Proof(True, "labels agree, 2 price(s) within 0.1")
    assert proof(contract("BOSTON CELTICS"), contract("Denver Nuggets F.C.", "0.47", "0.49")).proved


def test_swapped_teams_are_refused() -> None:
    refused = proof(contract("Denver Nuggets"), contract("Boston Celtics"))
    assert refused == Proof(False, "the venue calls outcome 111 ('Boston Celtics') 'Denver Nuggets'")


def test_a_price_out_of_band_is_refused_even_under_the_right_labels() -> None:
    favourite = book(price(111, "1.30"), price(112, "3.60"))
    refused = proof(
        contract("Boston Celtics", "0.27", "0.29"), contract("Denver Nuggets", "0.71", "0.73"), of=favourite
    )
    assert not refused.proved
    assert refused.reason.startswith("outcome 111: the venue trades at 0.28, the bookmaker's fair value is 0.7")


def test_a_market_that_is_not_open_is_refused() -> None:
    assert prove(NAMES, market(opened=False), book(), BAND) == Proof(False, "the venue's market is not open")


def test_a_missing_contract_is_refused() -> None:
    refused = prove(NAMES, market(contract("Boston Celtics"), outcomes=(111,)), book(), BAND)
    assert refused == Proof(False, "the venue has no contract for outcome 112")


@pytest.mark.parametrize(("bid", "ask"), [(None, None), ("0.50", None), (None, "0.52"), ("0", "0")])
def test_without_any_price_nothing_is_proved(bid: str | None, ask: str | None) -> None:
    refused = proof(contract("Boston Celtics", bid, ask), contract("Denver Nuggets", bid, ask))
    assert refused == Proof(False, "the venue shows no price to check the mapping against")


def test_one_liquid_side_is_enough() -> None:
    assert proof(contract("Boston Celtics"), contract("Denver Nuggets", None, None)).proved


@pytest.mark.parametrize(
    ("of", "code"),
    [
        (book(price(111, "1.90"), price(112, "1.95", active=False)), "INCOMPLETE_MARKET"),
        (book(price(111, "1.90")), "INCOMPLETE_MARKET"),
        (book(price(111, "1.90"), price(112, "1")), "INVALID_ODDS"),
        (book(price(111, "2.60"), price(112, "2.40")), "SUSPECT_BOOK"),
        (book(price(111, "1.50"), price(112, "1.50")), "SUSPECT_BOOK"),
    ],
)
def test_a_bad_book_proves_nothing(of: MarketBook, code: str) -> None:
    refused = proof(of=of)
    assert not refused.proved
    assert code in refused.reason


def test_the_draw_is_known_by_all_its_names() -> None:
    names = {101: "Arsenal", 102: "Draw", 103: "Chelsea"}
    of = book(price(101, "2.60"), price(102, "3.40"), price(103, "2.80"))
    for draw in ("Draw", "Tie", "The Draw", "X"):
        labels = (
            contract("Arsenal", "0.36", "0.38"),
            contract(draw, "0.28", "0.30"),
            contract("Chelsea", "0.34", "0.36"),
        )
        assert prove(names, market(*labels, outcomes=(101, 102, 103)), of, BAND).proved
    swapped = (
        contract("Draw", "0.36", "0.38"),
        contract("Arsenal", "0.28", "0.30"),
        contract("Chelsea", "0.34", "0.36"),
    )
    assert not prove(names, market(*swapped, outcomes=(101, 102, 103)), of, BAND).proved


def test_place_markets_are_compared_with_place_chances() -> None:
    runners = {at: f"{'abcde'[at]}{'vwxyz'[at] * 6} Runner" for at in range(5)}
    of = book(*(price(at, "1.60") for at in runners), winners=3)
    placed = [contract(name, "0.59", "0.61") for name in runners.values()]
    assert prove(runners, market(*placed, outcomes=tuple(runners)), of, BAND).proved
    as_winners = [contract(name, "0.19", "0.21") for name in runners.values()]
    assert not prove(runners, market(*as_winners, outcomes=tuple(runners)), of, BAND).proved


def test_a_non_runner_of_a_large_field_is_left_out_of_the_comparison() -> None:
    runners = {at: f"{'abcde'[at]}{'vwxyz'[at] * 6} Runner" for at in range(5)}
    of = book(*(price(at, "3.9", active=at != 4) for at in runners))
    shown = [contract(name, "0.24", "0.26") for at, name in runners.items()]
    assert prove(runners, market(*shown, outcomes=tuple(runners)), of, BAND).proved


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Manchester United", "Manchester City"),
        ("Inter", "Inter Miami"),
        ("Arsenal", "Arsenal Women"),
        ("Real Madrid", "Real Madrid Castilla"),
        ("Los Angeles Lakers", "Los Angeles Clippers"),
        ("Sporting CP", "Sporting Gijon"),
        ("England U21", "England U20"),
        ("Germany Women's Team", "Germany Women's Team II"),
        ("Спартак", "Зенит"),
        ("★", "☆"),
    ],
)
def test_names_that_only_look_alike_are_refused(name: str, label: str) -> None:
    names = {111: name, 112: "Somebody Else"}
    labels = market(contract(label), contract("Somebody Else", "0.47", "0.49"))
    refused = prove(names, labels, book(), BAND)
    assert refused == Proof(False, f"the venue calls outcome 111 ({name!r}) {label!r}")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Atlético Madrid", "Atletico Madrid"),
        ("Brøndby IF", "Brondby IF"),
        ("FC Bayern München", "Bayern Munchen"),
        ("Спартак", "СПАРТАК"),
        ("St. Louis Blues", "St Louis Blues"),
        ("Natus Vincere", "Natus Vincere Esports"),
    ],
)
def test_the_same_name_written_differently_is_recognised(name: str, label: str) -> None:
    names = {111: name, 112: "Somebody Else"}
    assert prove(names, market(contract(label), contract("Somebody Else", "0.47", "0.49")), book(), BAND).proved


def test_two_participants_that_cannot_be_told_apart_prove_nothing() -> None:
    twins = {111: "Team Falcon", 112: "Team Falcons"}
    assert not prove(twins, market(contract("Team Falcon"), contract("Team Falcons")), book(), BAND).proved


def test_a_name_of_nothing_but_club_words_keeps_them() -> None:
    assert normalise("The AC") == "the ac"
    assert normalise("FC Köln") == "koln"
    assert normalise("***") == ""

"""Is this venue contract really the feed's outcome? A market is quoted only when that is proved.

Two independent words must agree: the venue's own metadata (labels against participants) and its prices (a sanity band
around the bookmaker's fair value). Anything else is listed with its reason and not quoted (pricing sheet, 6.3 and 6.4).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from rapidfuzz import fuzz

from overround.domain.books import BadBook, check_book
from overround.domain.devig import Undefined, fair_values
from overround.domain.markets import MarketBook
from overround.domain.numbers import ZERO
from overround.domain.quotes import SMALL_MARKET
from overround.exchanges.base import VenueContract, VenueMarket

LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", ".": "", "'": "", "’": ""}
)
"""Letters that Unicode does not take apart into a base letter and a mark."""
OTHER_TEAM = frozenset({"women", "womens", "w", "ladies", "ii", "iii", "b", "reserves", "youth", "academy"})
"""Words that make another team of the same club; so does any word with a digit (U21, 04, 2)."""
CLUB_WORDS = frozenset({"fc", "cf", "sc", "afc", "bc", "ac", "cd", "the", "esports"})
DRAWS = frozenset({"draw", "tie", "x", "the draw"})
SAME = 88
CLEARLY = 12


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the mapping stands; ``reason`` says why not, or what it rests on."""

    proved: bool
    reason: str


def normalise(name: str) -> str:
    """Lower-case words without accents, punctuation and club suffixes; empty for a name without letters or digits."""
    apart = unicodedata.normalize("NFKD", name.lower().translate(LETTERS))  # "F.C." is "fc"
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    words = "".join(letter if letter.isalnum() else " " for letter in plain).split()
    return " ".join(word for word in words if word not in CLUB_WORDS) or " ".join(words)


def prove(names: Mapping[int, str], market: VenueMarket, book: MarketBook, band: Decimal) -> Proof:
    """Check a venue market against the feed's prices and names; ``names`` is outcome id to participant or side."""
    if not market.open:
        return Proof(False, "the venue's market is not open")
    missing = sorted(names.keys() - market.contracts.keys())
    if missing:
        return Proof(False, f"the venue has no contract for outcome {missing[0]}")
    for outcome, contract in market.contracts.items():
        if outcome in names and (fault := _label_fault(outcome, contract, names)):
            return Proof(False, fault)
    return _priced(market, book, band)


def _label_fault(outcome: int, contract: VenueContract, names: Mapping[int, str]) -> str:
    """Empty when the venue's label means this outcome and clearly no other."""
    scores = {other: _alike(contract.label, name) for other, name in names.items()}
    best_other = max((score for other, score in scores.items() if other != outcome), default=0.0)
    if scores[outcome] >= SAME and scores[outcome] >= best_other + CLEARLY:
        return ""
    return f"the venue calls outcome {outcome} ({names[outcome]!r}) {contract.label!r}"


def _alike(label: str, name: str) -> float:
    left, right = normalise(label), normalise(name)
    if left in DRAWS or right in DRAWS:
        return 100.0 if left in DRAWS and right in DRAWS else 0.0
    if not left or not right or _which_team(left) != _which_team(right):
        return 0.0
    return 100.0 if left == right else float(fuzz.ratio(left, right))


def _which_team(name: str) -> frozenset[str]:
    return frozenset(word for word in name.split() if word in OTHER_TEAM or any(map(str.isdigit, word)))


def _priced(market: VenueMarket, book: MarketBook, band: Decimal) -> Proof:
    book = _without_non_runners(book)
    try:
        fair = fair_values(check_book(book, len(book.outcomes)), winners=book.winners).probabilities
    except BadBook as error:
        return Proof(False, f"the bookmaker's book is no yardstick: {error}")
    except Undefined as error:
        return Proof(False, f"the bookmaker's book has no fair values: {error}")
    checked = 0
    for item, probability in zip(book.outcomes, fair, strict=True):
        mid = _mid(market.contracts.get(item.outcome_id))
        if mid is None:
            continue
        if abs(mid - probability) > band:
            reason = f"the venue trades at {mid}, the bookmaker's fair value is {probability:.3f}"
            return Proof(False, f"outcome {item.outcome_id}: {reason}")
        checked += 1
    if not checked:
        return Proof(False, "the venue shows no price to check the mapping against")
    return Proof(True, f"labels agree, {checked} price(s) within {band}")


def _without_non_runners(book: MarketBook) -> MarketBook:
    if len(book.outcomes) <= SMALL_MARKET:
        return book
    return replace(book, outcomes=tuple(item for item in book.outcomes if item.active))


def _mid(contract: VenueContract | None) -> Decimal | None:
    if contract is None or contract.best_bid is None or contract.best_ask is None:
        return None
    if contract.best_ask <= ZERO:
        return None
    return (contract.best_bid + contract.best_ask) / 2

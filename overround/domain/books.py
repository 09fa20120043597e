"""Is this book fit to be priced from? (pricing sheet, section 1.1).

A suspended outcome makes the whole market unpriceable: survivors are never renormalised.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from overround.domain.markets import MarketBook
from overround.domain.odds import InvalidOdds, booksum, decimal_odds, to_decimal

Code = Literal["OUTCOME_COUNT_MISMATCH", "INCOMPLETE_MARKET", "INVALID_ODDS", "SUSPECT_BOOK", "LINE_MISMATCH"]
Band = tuple[Decimal, Decimal]

_FLOOR = Decimal("0.97")
_BANDS: dict[int, Band] = {2: (_FLOOR, Decimal("1.15")), 3: (_FLOOR, Decimal("1.20"))}
_MANY: Band = (_FLOOR, Decimal("1.60"))


class BadBook(ValueError):
    """The book may not be priced from. ``code`` is the machine code of sheet 1.1."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


def band_of(outcomes: int) -> Band:
    """The plausible booksum per winner of a market with that many outcomes."""
    return _BANDS.get(outcomes, _MANY)


def _readable(price: str | Decimal) -> Decimal:
    try:
        return decimal_odds(price)
    except InvalidOdds as error:
        raise BadBook("INVALID_ODDS", str(error)) from error


def check_odds(
    odds: Sequence[str | Decimal | None], outcomes: int, winners: int = 1, band: Band | None = None
) -> tuple[Decimal, ...]:
    """The usable odds of a market of ``outcomes`` outcomes; None marks a missing or suspended price.

    ``band`` bounds the booksum per winner. Raises ``BadBook``.
    """
    if len(odds) > outcomes:
        raise BadBook("OUTCOME_COUNT_MISMATCH", f"{len(odds)} prices for {outcomes} outcomes")
    if len(odds) < outcomes or len(odds) < 2 or any(price is None for price in odds):
        raise BadBook("INCOMPLETE_MARKET", f"an outcome of {outcomes} has no open price")
    prices = tuple(_readable(price) for price in odds if price is not None)
    total = booksum(prices) / winners
    low, high = band or band_of(outcomes)
    if not low <= total <= high:
        raise BadBook("SUSPECT_BOOK", f"booksum per winner {to_decimal(total):.4f} is outside [{low}, {high}]")
    return prices


def check_book(book: MarketBook, outcomes: int, max_lag_ms: int | None = None) -> tuple[Decimal, ...]:
    """The usable odds of ``book``: every outcome active and none left behind while its siblings moved.

    ``max_lag_ms``: how far a price's ``changed_at`` may trail the newest of its siblings; None does not ask.
    """
    newest = max((price.changed_at for price in book.outcomes), default=0)
    odds = [
        price.price if price.active and (max_lag_ms is None or newest - price.changed_at <= max_lag_ms) else None
        for price in book.outcomes
    ]
    return check_odds(odds, outcomes, book.winners)


def check_lines(first: Decimal, second: Decimal, kind: Literal["handicap", "total"]) -> None:
    """Both sides are of one line: equal for totals, each other's negative for handicaps (each from its own side)."""
    if (first + second if kind == "handicap" else first - second) != 0:
        raise BadBook("LINE_MISMATCH", f"{kind} sides at {first} and {second}")

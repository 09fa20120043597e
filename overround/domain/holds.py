"""Outcomes in which a cancelled order is not replaced at once (docs/trading.md, "Cancelling")."""

from collections.abc import Collection, Iterable
from decimal import Decimal

from overround.domain.control import Hold
from overround.domain.markets import MarketBook

HOLD_SECONDS = 60


def hold(holds: Iterable[Hold], outcomes: Collection[int], book: MarketBook | None, now: int) -> tuple[Hold, ...]:
    """``holds`` with each of ``outcomes`` held from ``now`` (epoch ms) on, at the odds it has in ``book``."""
    kept = [item for item in holds if item.outcome_id not in outcomes]
    until = now + HOLD_SECONDS * 1000
    return (*kept, *(Hold(outcome, _odds(book, outcome), until) for outcome in sorted(outcomes)))


def in_force(holds: Iterable[Hold], book: MarketBook | None, now: int) -> tuple[Hold, ...]:
    """The holds that are not over: their time has not passed and the odds have not moved, as far as both are known."""
    return tuple(item for item in holds if item.until > now and not _moved(item, book))


def _moved(item: Hold, book: MarketBook | None) -> bool:
    odds = _odds(book, item.outcome_id)
    return None not in (odds, item.odds) and odds != item.odds


def _odds(book: MarketBook | None, outcome_id: int) -> Decimal | None:
    prices = book.outcomes if book is not None else ()
    return next((item.price for item in prices if item.outcome_id == outcome_id), None)

"""From bookmaker odds to desired quotes: the one pure function that streamers and workflows both run.

The engine offers the exchange the other side of outcome ``o`` at ``c <= 1 - 1/d - margin`` net of fees, rounded down
to the venue's grid (design, section 2; pricing sheet, sections 2.2 and 4.8).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from overround.domain.config import TradingConfig
from overround.domain.markets import Instrument, MarketBook, OutcomePrice
from overround.domain.numbers import ONE, ZERO, round_down
from overround.domain.pricing import buy_price, hedge_cost

SMALL_MARKET = 3
"""Up to this many outcomes one without an open price spoils the market; in larger ones it is a non-runner."""
LEAST_BOOKSUM = Decimal("0.97")
"""Per winner; below it a price is missing or was left behind (pricing sheet, section 1.1)."""


@dataclass(frozen=True, slots=True)
class Desired:
    """A quote that should rest: ``size`` contracts at ``price`` on ``outcome_id``, level 0 innermost."""

    outcome_id: int
    level: int
    price: Decimal
    size: Decimal
    odds: Decimal
    limit: Decimal | None
    priced_at: int


def desired_quotes(book: MarketBook, instruments: Sequence[Instrument], config: TradingConfig) -> tuple[Desired, ...]:
    """Every quote that may rest on these instruments now; empty when the book must not be quoted from."""
    if not config.enabled or unquotable(book):
        return ()
    prices = {item.outcome_id: item for item in book.outcomes}
    allowed = frozenset(config.outcomes)
    return tuple(
        quote
        for instrument in instruments
        if instrument.key == book.key and instrument.outcome_id in allowed and instrument.outcome_id in prices
        for quote in _levels(prices[instrument.outcome_id], instrument, config)
    )


def unquotable(book: MarketBook) -> str | None:
    """Why nothing may be quoted from a book; None when it may (pricing sheet, section 1.1 and invariant 7.10)."""
    if book.pull is not None:
        return book.pull
    usable = [item.price for item in book.outcomes if _usable(item)]
    if len(usable) < 2 or (len(book.outcomes) <= SMALL_MARKET and len(usable) < len(book.outcomes)):
        return "an outcome has no open price"
    if hedge_cost(usable) < LEAST_BOOKSUM * book.winners:
        return "the prices add up to less than a whole book"
    return None


def _usable(item: OutcomePrice) -> bool:
    return item.active and item.price.is_finite() and item.price > ONE


def _levels(price: OutcomePrice, instrument: Instrument, config: TradingConfig) -> Iterable[Desired]:
    size = _size(price, instrument, config)
    if not _usable(price) or size <= ZERO or size < instrument.min_size:
        return
    best = buy_price(price.price, config.margin, instrument.fee, instrument.grid, size)
    for level in range(config.levels):
        if best is None:
            return
        if config.min_price <= best <= config.max_price and best * size >= instrument.min_notional:
            yield Desired(price.outcome_id, level, best, size, price.price, price.limit, price.changed_at)
        best = instrument.grid.step_down(best, config.level_ticks)


def _size(price: OutcomePrice, instrument: Instrument, config: TradingConfig) -> Decimal:
    """Display size per level: the configured one, inside the hedge capacity (limit times odds) shared by all levels."""
    wanted = config.size
    if price.limit is not None:
        wanted = min(wanted, price.limit * price.price * config.hedge_share / config.levels)
    return max(ZERO, round_down(wanted, instrument.size_step))

"""What is traded: feed markets and their prices, and the venue contracts that express the other side of an outcome.

The unit of quoting is a bookmaker outcome ``o``. A ``Instrument`` is the contract on one exchange that pays 1 when
``o`` does *not* happen: the engine buys it at a probability price ``c`` and backs ``o`` at the bookmaker (design,
section 2).
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from overround.domain.fees import FeeSchedule
from overround.domain.grid import PriceGrid

Position = Literal["yes", "no"]


@dataclass(frozen=True, slots=True)
class MarketKey:
    """One feed market of one fixture: ids of the odds feed (oddspapi sheet, section 4.1)."""

    fixture_id: str
    market_id: int


@dataclass(frozen=True, slots=True)
class OutcomePrice:
    """A bookmaker's price of one outcome.

    ``price`` is decimal odds, ``limit`` the largest stake accepted in the bookmaker's currency, None when not
    published. ``changed_at`` is epoch milliseconds on the feed's clock.
    """

    outcome_id: int
    price: Decimal
    limit: Decimal | None
    active: bool
    changed_at: int


@dataclass(frozen=True, slots=True)
class MarketBook:
    """The prices of every outcome of one market at one bookmaker, as quoted from.

    ``winners`` is how many outcomes win (1 for a partition, 3 for a three-place market). ``pull`` names why nothing may
    be quoted (suspended, stale bookmaker, dead feed, finished); None when the book may be used.
    """

    key: MarketKey
    bookmaker: str
    outcomes: tuple[OutcomePrice, ...]
    live: bool
    received_at: int
    winners: int = 1
    pull: str | None = None


@dataclass(frozen=True, slots=True)
class Instrument:
    """A venue contract that pays 1 when ``outcome_id`` does not happen.

    ``position`` says how the venue expresses it: ``"yes"`` buys ``contract`` itself (an opposite token), ``"no"``
    sells, asks or lays ``contract`` (the adapter turns our price ``c`` into the venue's own price). ``grid``,
    ``min_size`` and ``size_step`` are in our terms: probability prices of the bought contract, contracts paying 1
    each. ``venue_market`` is the venue's market, event or condition id used for cancels and settlement; ``details``
    carries whatever else the adapter needs to build an order (neg-risk flag, tick size, shard).
    """

    exchange: str
    key: MarketKey
    outcome_id: int
    venue_market: str
    contract: str
    position: Position
    grid: PriceGrid
    fee: FeeSchedule
    min_size: Decimal
    size_step: Decimal
    min_notional: Decimal = Decimal(0)
    details: dict[str, str] = field(default_factory=dict)

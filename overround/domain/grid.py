"""Price grids: the legal prices of a venue and directed rounding onto them (pricing sheet, section 2.5)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class Band:
    """Prices from ``start`` to ``end`` (both included) in multiples of ``step`` counted from ``start``."""

    start: Decimal
    end: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """The legal prices of one instrument, always seen as probability prices of the contract bought.

    ``probability``: ``bands`` are probability prices. ``lay_odds``: ``bands`` are decimal odds at which the complementary
    outcome is laid; our price is ``1 - 1/odds``. ``back_odds``: decimal odds at which the contract itself is backed; our
    price is ``1/odds``. ``american``: ``ladder`` holds American odds of the contract itself. ``listed``: ``ladder`` holds
    the probability prices themselves. Prices 0 and 1 are never legal.
    """

    kind: Literal["probability", "lay_odds", "back_odds", "american", "listed"]
    bands: tuple[Band, ...] = ()
    ladder: tuple[Decimal, ...] = ()

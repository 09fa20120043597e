"""Venue fee schedules (pricing sheet, sections 2.2 to 2.4)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What one venue charges per contract on one instrument, read from the venue, never assumed.

    ``kind`` names the curve, ``maker`` and ``taker`` its coefficients, ``exponent`` the power of ``p(1-p)`` where used.
    """

    kind: Literal["free", "quadratic", "net_winnings", "risk_or_win", "premium", "min_side"]
    maker: Decimal = Decimal(0)
    taker: Decimal = Decimal(0)
    exponent: Decimal = Decimal(1)

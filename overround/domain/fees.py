"""Venue fee schedules as the pricer sees them (pricing sheet, sections 2.2 to 2.4).

The exact order-level rounding of each venue is in ``overround.domain.venue_fees``.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from overround.domain.numbers import CONTEXT, ONE, ZERO, divide, round_up

Role = Literal["maker", "taker"]


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What one venue charges per contract on one instrument, read from the venue, never assumed.

    ``kind`` names the curve, ``maker`` and ``taker`` its coefficients, ``exponent`` the power of ``p(1-p)`` where used.
    ``step`` is the unit the fee of a whole order is rounded up to, 0 for none. A negative coefficient is a rebate.

    ``quadratic``: ``k*(p(1-p))^exponent``. ``net_winnings``: ``k*(1-p)``, due only if the contract wins, hence an upper
    bound. ``risk_or_win`` and ``min_side``: ``k*min(p, 1-p)`` win or lose. ``premium``: ``k*p``.
    """

    kind: Literal["free", "quadratic", "net_winnings", "risk_or_win", "premium", "min_side"]
    maker: Decimal = Decimal(0)
    taker: Decimal = Decimal(0)
    exponent: Decimal = Decimal(1)
    step: Decimal = Decimal(0)

    def rate(self, role: Role) -> Decimal:
        """The coefficient of our role: ``maker`` rests, ``taker`` crosses."""
        return self.maker if role == "maker" else self.taker

    def per_contract(self, price: Decimal, role: Role = "maker") -> Decimal:
        """Unrounded fee in account currency for one contract bought at ``price``; negative for a rebate."""
        rate = self.rate(role)
        if rate == ZERO or self.kind == "free":
            return ZERO
        return CONTEXT.multiply(rate, self._curve(price))

    def _curve(self, price: Decimal) -> Decimal:
        match self.kind:
            case "quadratic":
                spread = CONTEXT.multiply(price, ONE - price)
                return spread if self.exponent == ONE else CONTEXT.power(spread, self.exponent)
            case "net_winnings":
                return ONE - price
            case "premium":
                return price
            case _:
                return min(price, ONE - price)

    def of_order(self, price: Decimal, size: Decimal, role: Role = "maker") -> Decimal:
        """Fee of ``size`` contracts filled at ``price`` as one order: paid fees round up to ``step``, rebates too."""
        fee = CONTEXT.multiply(self.per_contract(price, role), size)
        return round_up(fee, self.step) if self.step > ZERO else fee

    def break_even(self, price: Decimal, size: Decimal | None = None, role: Role = "maker") -> Decimal:
        """Fee per contract to price with: rounded as an order of ``size`` is; a rebate never helps (sheet 2.4)."""
        if size is None:
            return max(ZERO, self.per_contract(price, role))
        return max(ZERO, divide(self.of_order(price, size, role), size))

    @property
    def monotone(self) -> bool:
        """Whether price plus unrounded fee surely rises with the price."""
        return self.exponent >= ONE and max(abs(self.maker), abs(self.taker)) < ONE

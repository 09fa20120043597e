"""Order amounts and taker fees, in exact decimals (polymarket sheet, sections 5.2 and 10)."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from overround.domain.numbers import ONE, ZERO, round_down, round_half_up, round_up

BASE_UNITS = 1_000_000
SIZE_STEP = Decimal("0.01")
FEE_STEP = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class Rounding:
    """Decimal places of a tick size: of the price and of the amount (sizes always have two)."""

    price: int
    amount: int


ROUNDINGS = {
    Decimal("0.1"): Rounding(1, 3),
    Decimal("0.01"): Rounding(2, 4),
    Decimal("0.005"): Rounding(3, 5),
    Decimal("0.0025"): Rounding(4, 6),
    Decimal("0.001"): Rounding(3, 5),
    Decimal("0.0001"): Rounding(4, 6),
}


def base_units(tokens: Decimal) -> int:
    """Tokens or pUSD as an integer of 6 decimals; the value must not have more."""
    return int((tokens * BASE_UNITS).to_integral_exact(ROUND_FLOOR))


def tokens(units: int | str | Decimal) -> Decimal:
    """Base units as tokens or pUSD."""
    return Decimal(units) / BASE_UNITS


def _step(places: int) -> Decimal:
    return Decimal(1).scaleb(-places)


def _amount(value: Decimal, places: int) -> Decimal:
    return round_down(round_up(value, _step(places + 4)), _step(places))


def limit_amounts(side: str, tick: Decimal, price: Decimal, size: Decimal) -> tuple[int, int]:
    """Maker and taker amount of a limit order, in base units (section 5.2)."""
    shares = round_down(size, SIZE_STEP)
    money = _amount(shares * price, ROUNDINGS[tick].amount)
    pair = base_units(money), base_units(shares)
    return pair if side == "BUY" else (pair[1], pair[0])


def market_amounts(side: str, tick: Decimal, price: Decimal, amount: Decimal) -> tuple[int, int]:
    """Maker and taker amount of a FOK or FAK order: ``amount`` is pUSD to spend, or shares to sell (section 5.2)."""
    rounding = ROUNDINGS[tick]
    worst = round_down(price, _step(rounding.price))
    given = round_down(amount, SIZE_STEP)
    got = given / worst if side == "BUY" else given * worst
    return base_units(given), base_units(_amount(got, rounding.amount))


def on_tick(price: Decimal, tick: Decimal) -> bool:
    """True when ``price`` is a multiple of the tick inside ``[tick, 1 - tick]``."""
    return tick <= price <= ONE - tick and price % tick == ZERO


def taker_fee(shares: Decimal, price: Decimal, rate: Decimal, exponent: Decimal) -> Decimal:
    """pUSD charged to the taker, to 5 decimals (section 10). Makers pay nothing."""
    return round_half_up(shares * rate * (price * (ONE - price)) ** exponent, FEE_STEP)


def fit_spend(
    amount: Decimal, price: Decimal, max_spend: Decimal, rate: Decimal, exponent: Decimal, builder_rate: Decimal = ZERO
) -> Decimal:
    """The market-BUY amount whose total with fees stays inside ``max_spend`` (vector ``market-buy-fee-adjust``)."""
    per_unit = rate * (price * (ONE - price)) ** exponent / price
    total = amount * (ONE + per_unit + builder_rate)
    return amount if max_spend > total else max_spend / (ONE + per_unit + builder_rate)

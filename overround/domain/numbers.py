"""Exact numbers: money, prices, odds and sizes are ``Decimal`` built from strings.

Source: pricing-and-hedging sheet, section 0.1. Every rounding names its direction; division happens last, in a
34-digit context; anything that is not a finite number is refused, never repaired.
"""

from decimal import Context, Decimal, InvalidOperation

CONTEXT = Context(prec=34)
ZERO = Decimal(0)
ONE = Decimal(1)
CENT = Decimal("0.01")
MAGNITUDE = 60
"""Powers of ten beyond which nothing here is an amount: arithmetic on larger exponents costs memory and time."""


class BadNumber(ValueError):
    """A value that must be an exact finite number is not one."""


def exact(value: str | int | Decimal) -> Decimal:
    """The finite Decimal written in ``value``; floats, NaN, infinities, anything beyond 10**60 or below 10**-60 and
    anything unreadable raise ``BadNumber``."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadNumber(f"expected a decimal string, got {value!r}")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise BadNumber(f"not a number: {value!r}") from error
    if not number.is_finite():
        raise BadNumber(f"not a finite number: {value!r}")
    if abs(number.adjusted()) > MAGNITUDE:
        raise BadNumber(f"not an amount: {value!r:.40}")
    return number


def divide(numerator: Decimal, denominator: Decimal) -> Decimal:
    """``numerator / denominator`` to 34 significant digits."""
    return CONTEXT.divide(numerator, denominator)


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` that is at most ``value``, exact however many digits ``value`` has."""
    whole = CONTEXT.divide_int(value, step)
    return (whole - 1 if whole * step > value else whole) * step


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of ``step`` that is at least ``value``, exact however many digits ``value`` has."""
    whole = CONTEXT.divide_int(value, step)
    return (whole + 1 if whole * step < value else whole) * step


def round_half_up(value: Decimal, step: Decimal) -> Decimal:
    """The nearest multiple of ``step``; a tie moves away from zero."""
    size = value.copy_abs()
    low = round_down(size, step)
    nearest = low + step if size >= low + step / 2 else low
    return -nearest if value < ZERO else nearest

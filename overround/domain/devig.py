"""Margin removal: fair probabilities of a complete market from its decimal odds (pricing sheet, section 1).

Every probability is a ``Decimal`` accurate to at least 24 digits. A fair value is not a price: it becomes one only
after a single directed rounding (sheet 0.1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from overround.domain.numbers import ONE, ZERO
from overround.domain.odds import booksum, to_decimal

_SOLVER = Context(prec=34)
_WIDTH = Decimal("1e-30")
RESIDUE = Decimal("1e-24")
_HALF = Decimal("0.5")


class Method(StrEnum):
    """The margin removal methods of sheet 1.2."""

    MULTIPLICATIVE = "multiplicative"
    ADDITIVE = "additive"
    POWER = "power"
    SHIN = "shin"
    ODDS_RATIO = "odds_ratio"
    GOTO_CONVERSION = "goto_conversion"


class Undefined(ValueError):
    """The method has no valid answer for this book: a non-positive probability, or a margin it is not made for."""

    code = "METHOD_UNDEFINED"


@dataclass(frozen=True, slots=True)
class Fair:
    """Fair probabilities in the order of the odds, and how they were found.

    ``parameter`` is the solved ``k``, ``z``, ``c`` or step of the method, None where it has none. ``margin`` is
    ``S - 1``, ``hold`` the bookmaker's share of turnover ``1 - 1/S`` (both per winner).
    """

    method: Method
    requested: Method
    probabilities: tuple[Decimal, ...]
    parameter: Decimal | None
    booksum: Decimal
    margin: Decimal
    hold: Decimal


Solved = tuple[tuple[Decimal, ...], Decimal | None]
_Slope = Callable[[Decimal], tuple[Decimal, Decimal]]


def _root(curve: _Slope, low: Decimal, high: Decimal, start: Decimal) -> Decimal:
    """The zero of a decreasing ``curve`` (value, slope) inside ``[low, high]``: Newton kept inside its bracket."""
    at = start
    for _ in range(200):
        value, slope = curve(at)
        if value == ZERO:
            return at
        low, high = (at, high) if value > ZERO else (low, at)
        following = at - value / slope if slope else low
        if not low <= following <= high:
            following = (low + high) * _HALF
        if abs(following - at) <= _WIDTH * max(ONE, abs(at)):
            return following
        at = following
    raise Undefined("the solver did not converge")


def _multiplicative(raw: tuple[Decimal, ...], total: Decimal) -> Solved:
    return tuple(p / total for p in raw), None


def _additive(raw: tuple[Decimal, ...], total: Decimal) -> Solved:
    share = (total - ONE) / len(raw)
    return tuple(p - share for p in raw), None


def _power(raw: tuple[Decimal, ...], total: Decimal) -> Solved:
    logs = [p.ln() for p in raw]

    def curve(k: Decimal) -> tuple[Decimal, Decimal]:
        terms = [(k * log).exp() for log in logs]
        return sum(terms, ZERO) - ONE, sum((t * log for t, log in zip(terms, logs, strict=True)), ZERO)

    top = Decimal(len(raw)).ln() / -max(logs)
    k = _root(curve, *((ONE, top) if total > ONE else (ZERO, ONE)), ONE)
    return tuple((k * log).exp() for log in logs), k


def _shin(raw: tuple[Decimal, ...], total: Decimal) -> Solved:
    if total < ONE:
        raise Undefined("shin is undefined for a booksum below 1")
    weights = [p * p / total for p in raw]

    def curve(z: Decimal) -> tuple[Decimal, Decimal]:
        value, slope = -ONE, ZERO
        for g in weights:
            root = (z * z + 4 * (1 - z) * g).sqrt()
            value += 2 * g / (root + z)
            slope -= 2 * g * ((z - 2 * g) / root + 1) / (root + z) ** 2
        return value, slope

    z = _root(curve, ZERO, ONE, ZERO)
    return tuple(2 * g / ((z * z + 4 * (1 - z) * g).sqrt() + z) for g in weights), z


def _odds_ratio(raw: tuple[Decimal, ...], total: Decimal) -> Solved:
    def curve(c: Decimal) -> tuple[Decimal, Decimal]:
        value, slope = -ONE, ZERO
        for p in raw:
            below = c + p - c * p
            value += p / below
            slope -= p * (ONE - p) / (below * below)
        return value, slope

    top = sum((p / (ONE - p) for p in raw), ZERO)
    c = _root(curve, *((ONE, top) if total > ONE else (ZERO, ONE)), ONE)
    return tuple(p / (c + p - c * p) for p in raw), c


def _goto_conversion(raw: tuple[Decimal, ...], total: Decimal) -> Solved:
    if total < ONE:
        raise Undefined("goto_conversion is undefined for a booksum below 1")
    errors = [(ONE - p).sqrt() for p in raw]
    step = (total - ONE) / sum(errors)
    return tuple(p - step * e for p, e in zip(raw, errors, strict=True)), step


_SOLVERS: dict[Method, Callable[[tuple[Decimal, ...], Decimal], Solved]] = {
    Method.MULTIPLICATIVE: _multiplicative,
    Method.ADDITIVE: _additive,
    Method.POWER: _power,
    Method.SHIN: _shin,
    Method.ODDS_RATIO: _odds_ratio,
    Method.GOTO_CONVERSION: _goto_conversion,
}
_NEUTRAL: dict[Method, Decimal | None] = {
    Method.POWER: ONE,
    Method.ODDS_RATIO: ONE,
    Method.SHIN: ZERO,
    Method.GOTO_CONVERSION: ZERO,
}


def _checked(probabilities: tuple[Decimal, ...], method: Method, winners: int) -> None:
    if any(not ZERO < p < ONE for p in probabilities):
        raise Undefined(f"{method} gives a probability outside (0, 1)")
    if abs(sum(probabilities, ZERO) - winners) > RESIDUE:
        raise Undefined(f"{method} left a residue: the solve failed")


def _answer(method: Method, solved: Solved, total: Decimal, winners: int = 1) -> Fair:
    probabilities, parameter = solved
    _checked(probabilities, method, winners)
    per_winner = total / winners
    return Fair(method, method, probabilities, parameter, total, per_winner - ONE, ONE - ONE / per_winner)


@lru_cache(maxsize=4096)
def devig(odds: tuple[Decimal, ...], method: Method) -> Fair:
    """Fair probabilities of the partition priced ``odds`` by exactly ``method``; ``Undefined`` instead of a fallback.

    The odds are taken as valid (``overround.domain.books`` checks them). Answers are cached per tuple of odds.
    """
    exact_sum: Fraction = booksum(odds)
    with localcontext(_SOLVER):
        raw = tuple(ONE / price for price in odds)
        total = to_decimal(exact_sum)
        if exact_sum == 1:
            return _answer(method, (raw, _NEUTRAL.get(method)), total)
        return _answer(method, _SOLVERS[method](raw, total), total)


@lru_cache(maxsize=4096)
def places(odds: tuple[Decimal, ...], winners: int) -> Fair:
    """Probabilities of being among ``winners``: odds scaled to a sum of ``winners``, the only method defined."""
    with localcontext(_SOLVER):
        total = to_decimal(booksum(odds))
        scaled = tuple(winners / (price * total) for price in odds)
        return _answer(Method.MULTIPLICATIVE, (scaled, None), total, winners)


def _priced(odds: Sequence[Decimal], winners: int) -> tuple[Decimal, ...]:
    if any(not price.is_finite() or price <= ONE for price in odds):
        raise Undefined("a price at or below 1 is not of an open market")
    if not 0 < winners < len(odds):
        raise Undefined(f"{len(odds)} outcomes cannot have {winners} winners")
    return tuple(odds)


def chain(method: Method) -> tuple[Method, ...]:
    """What is tried, in order (sheet 1.4)."""
    return tuple(dict.fromkeys((method, Method.POWER, Method.MULTIPLICATIVE)))


def fair_values(odds: Sequence[Decimal], method: Method | str = Method.POWER, winners: int = 1) -> Fair:
    """Fair probabilities with the fallback chain; ``method`` of the answer is the one really used.

    ``winners`` above 1 (place markets) always scales multiplicatively. Raises ``Undefined`` when nothing is valid.
    """
    requested, prices = Method(method), _priced(odds, winners)
    if winners > 1:
        return replace(places(prices, winners), requested=requested)
    for candidate in chain(requested):
        try:
            return replace(devig(prices, candidate), requested=requested)
        except Undefined:
            continue
    raise Undefined("no method gives valid probabilities for this book")


@dataclass(frozen=True, slots=True)
class Steady:
    """Hysteresis of one market: which method its fair values use now, and for how long another would do (sheet 1.4)."""

    using: Method | None = None
    calm: int = 0


def steady_values(odds: Sequence[Decimal], method: Method, memory: Steady, patience: int = 5) -> tuple[Fair, Steady]:
    """Like ``fair_values``, but a fallback is left only after ``patience`` consecutive updates that allow ``method``.

    A method flip looks like a price move and would cause needless cancels.
    """
    fair = fair_values(odds, method)
    if memory.using in (None, fair.method) or fair.method is not method:
        return fair, Steady(fair.method)
    calm = memory.calm + 1
    if calm >= patience:
        return fair, Steady(fair.method)
    held = fair_values(odds, memory.using or method)
    return replace(held, requested=method), Steady(memory.using, calm)

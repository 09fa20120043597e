"""Price grids: the legal prices of a venue and directed rounding onto them (pricing sheet, section 2.5).

Every legal price has an ordinal, counted upwards from the cheapest; rounding, steps and distances are integer
arithmetic on ordinals, and no list of all prices is ever built for banded grids.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from overround.domain.numbers import CONTEXT, ONE, ZERO, BadNumber, divide
from overround.domain.odds import american_fraction, to_decimal

Kind = Literal["probability", "lay_odds", "back_odds", "american", "listed"]


@dataclass(frozen=True, slots=True)
class Band:
    """Prices from ``start`` to ``end`` (both included) in multiples of ``step`` counted from ``start``."""

    start: Decimal
    end: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """The legal prices of one instrument, always seen as probability prices of the contract bought.

    ``probability``: ``bands`` are probability prices. ``lay_odds``: ``bands`` are decimal odds at which the
    complementary outcome is laid; our price is ``1 - 1/odds``. ``back_odds``: decimal odds at which the contract itself
    is backed; our price is ``1/odds``. ``american``: ``ladder`` holds American odds of the contract itself. ``listed``:
    ``ladder`` holds the probability prices themselves. Prices 0 and 1 are never legal. From odds they carry 34 digits.
    """

    kind: Kind
    bands: tuple[Band, ...] = ()
    ladder: tuple[Decimal, ...] = ()

    @property
    def count(self) -> int:
        """How many legal prices there are."""
        return _axis(self).count

    def price_at(self, ordinal: int) -> Decimal | None:
        """The legal price with that ordinal, 0 being the cheapest; None outside the grid."""
        axis = _axis(self)
        return axis.price(ordinal) if 0 <= ordinal < axis.count else None

    def ordinal(self, price: Decimal) -> int:
        """The ordinal of a legal price; raises ``BadNumber`` off the grid."""
        at = _axis(self).at_most(price)
        if at < 0 or _axis(self).price(at) != price:
            raise BadNumber(f"{price} is not on the price grid")
        return at

    def contains(self, price: Decimal) -> bool:
        """Whether ``price`` is legal."""
        at = _axis(self).at_most(price)
        return at >= 0 and _axis(self).price(at) == price

    def floor(self, limit: Decimal) -> Decimal | None:
        """The largest legal price that is at most ``limit``."""
        return self.price_at(_axis(self).at_most(limit))

    def ceil(self, limit: Decimal) -> Decimal | None:
        """The smallest legal price that is at least ``limit``."""
        at = _axis(self).at_most(limit)
        return self.price_at(at if at >= 0 and _axis(self).price(at) == limit else at + 1)

    def step_down(self, price: Decimal, n: int = 1) -> Decimal | None:
        """``n`` legal prices below a legal ``price``; None past the cheapest."""
        return self.price_at(self.ordinal(price) - n)

    def step_up(self, price: Decimal, n: int = 1) -> Decimal | None:
        """``n`` legal prices above a legal ``price``; None past the dearest."""
        return self.price_at(self.ordinal(price) + n)

    def ticks_between(self, a: Decimal, b: Decimal) -> int:
        """Grid steps from legal ``a`` up to legal ``b``; negative when ``b`` is the cheaper."""
        return self.ordinal(b) - self.ordinal(a)

    def odds_of(self, price: Decimal) -> Decimal:
        """The exact ladder odds behind a legal ``price``: lay, back or American odds; for other grids ``1/price``."""
        return _axis(self).odds(self.ordinal(price))


class _Steps:
    """The ordinals of banded values: bands sorted upwards, a shared end point counted once."""

    def __init__(self, bands: Iterable[Band], low: Decimal, high: Decimal) -> None:
        self.starts: list[Decimal] = []
        self.steps: list[Decimal] = []
        self.offsets: list[int] = []
        self.count = 0
        last: Decimal | None = None
        for band in sorted(bands, key=lambda band: band.start):
            last = self._add(band, last, low, high)

    def _add(self, band: Band, last: Decimal | None, low: Decimal, high: Decimal) -> Decimal | None:
        if band.step <= ZERO or band.end < band.start:
            raise BadNumber(f"not a price band: {band}")
        if last is not None and band.start < last:
            raise BadNumber(f"price bands overlap at {band.start}")
        start = band.start + band.step if band.start <= low or band.start == last else band.start
        size = int((band.end - start) // band.step) + 1 if band.end >= start else 0
        if size > 0 and start + (size - 1) * band.step >= high:
            size -= 1
        if size <= 0:
            return last
        self.starts.append(start)
        self.steps.append(band.step)
        self.offsets.append(self.count)
        self.count += size
        return start + (size - 1) * band.step

    def value(self, ordinal: int) -> Decimal:
        band = bisect_left(self.offsets, ordinal + 1) - 1
        return self.starts[band] + (ordinal - self.offsets[band]) * self.steps[band]

    def at_most(self, value: Decimal) -> int:
        """The ordinal of the largest value that is at most ``value``, -1 when all are above."""
        for band in range(len(self.starts) - 1, -1, -1):
            if self.starts[band] <= value:
                end = self.offsets[band + 1] if band + 1 < len(self.offsets) else self.count
                at = min(self.offsets[band] + int((value - self.starts[band]) // self.steps[band]), end - 1)
                # The difference may have been rounded up to a whole step.
                return at - 1 if self.value(at) > value else at
        return -1


class _Prices:
    """A grid whose bands are probability prices."""

    def __init__(self, bands: Iterable[Band]) -> None:
        self._steps = _Steps(bands, ZERO, ONE)
        self.count = self._steps.count
        self.price = self._steps.value

    def at_most(self, limit: Decimal) -> int:
        return self._steps.at_most(min(limit, ONE))

    def odds(self, ordinal: int) -> Decimal:
        return divide(ONE, self.price(ordinal))


class _Odds:
    """A grid whose bands are decimal odds: laid (price rises with the odds) or backed (price falls with them)."""

    def __init__(self, bands: Iterable[Band], lay: bool) -> None:
        self._steps = _Steps(bands, ONE, Decimal("Infinity"))
        self.count = self._steps.count
        self._lay = lay

    def odds(self, ordinal: int) -> Decimal:
        return self._steps.value(ordinal if self._lay else self.count - 1 - ordinal)

    def price(self, ordinal: int) -> Decimal:
        implied = divide(ONE, self.odds(ordinal))
        return CONTEXT.subtract(ONE, implied) if self._lay else implied

    def at_most(self, limit: Decimal) -> int:
        if limit <= ZERO or limit >= ONE:
            return -1 if limit <= ZERO else self.count - 1
        near = divide(ONE, CONTEXT.subtract(ONE, limit) if self._lay else limit)
        at = self._steps.at_most(near)
        at = at if self._lay else self.count - 1 - at
        # ``near`` is rounded in its 34th digit: the answer is settled by comparing prices.
        at = min(at + 1, self.count - 1)
        while at >= 0 and self.price(at) > limit:
            at -= 1
        return at


class _Ladder:
    """An explicit list of prices, each with the odds it was written as."""

    def __init__(self, rungs: Iterable[tuple[Decimal, Decimal]]) -> None:
        known = dict(sorted(rungs))
        self._prices = tuple(known)
        self._odds = tuple(known.values())
        self.count = len(self._prices)

    def price(self, ordinal: int) -> Decimal:
        return self._prices[ordinal]

    def odds(self, ordinal: int) -> Decimal:
        return self._odds[ordinal]

    def at_most(self, limit: Decimal) -> int:
        at = bisect_left(self._prices, limit)
        return at if at < self.count and self._prices[at] == limit else at - 1


def _american_rung(american: Decimal) -> tuple[Decimal, Decimal]:
    whole = int(american)
    if whole != american:
        raise BadNumber(f"American odds are integers, got {american}")
    return to_decimal(1 / american_fraction(whole)), Decimal(100 if whole == -100 else whole)


@lru_cache(maxsize=1024)
def _axis(grid: PriceGrid) -> "_Prices | _Odds | _Ladder":
    if grid.kind == "probability":
        return _Prices(grid.bands)
    if grid.kind == "american":
        return _Ladder(_american_rung(rung) for rung in grid.ladder)
    if grid.kind == "listed":
        return _Ladder((price, to_decimal(1 / Fraction(price))) for price in grid.ladder if ZERO < price < ONE)
    return _Odds(grid.bands, grid.kind == "lay_odds")


def uniform(tick: Decimal) -> PriceGrid:
    """Every multiple of ``tick`` strictly between 0 and 1."""
    return PriceGrid("probability", (Band(ZERO, ONE, tick),))


def cents() -> PriceGrid:
    """0.01 to 0.99 in cents (Kalshi ``linear_cent``, Polymarket tick 0.01)."""
    return uniform(Decimal("0.01"))


def ranges(bands: Iterable[tuple[Decimal, Decimal, Decimal]]) -> PriceGrid:
    """A probability grid from ``(start, end, step)`` rows, such as Kalshi's ``price_ranges``."""
    return PriceGrid("probability", tuple(Band(*band) for band in bands))


BETFAIR_BANDS = tuple(
    Band(Decimal(start), Decimal(end), Decimal(step))
    for start, end, step in (
        ("1.01", "2", "0.01"),
        ("2", "3", "0.02"),
        ("3", "4", "0.05"),
        ("4", "6", "0.1"),
        ("6", "10", "0.2"),
        ("10", "20", "0.5"),
        ("20", "30", "1"),
        ("30", "50", "2"),
        ("50", "100", "5"),
        ("100", "1000", "10"),
    )
)
_FINEST = (Band(Decimal("1.01"), Decimal(1000), Decimal("0.01")),)


def betfair_ladder(kind: Literal["lay_odds", "back_odds"] = "lay_odds") -> PriceGrid:
    """The classic ladder of 350 decimal odds (Betfair odds markets, Matchbook)."""
    return PriceGrid(kind, BETFAIR_BANDS)


def betfair_finest(kind: Literal["lay_odds", "back_odds"] = "lay_odds") -> PriceGrid:
    """0.01 steps from 1.01 to 1000 (Betfair line and handicap markets)."""
    return PriceGrid(kind, _FINEST)


def american_ladder(odds: Iterable[int]) -> PriceGrid:
    """A grid of American odds of the contract itself."""
    return PriceGrid("american", ladder=tuple(Decimal(rung) for rung in odds))


def listed(prices: Iterable[Decimal]) -> PriceGrid:
    """A grid of explicit probability prices (Smarkets, Novig)."""
    return PriceGrid("listed", ladder=tuple(prices))


def _mirror_band(band: Band) -> Band:
    last = band.start + (band.end - band.start) // band.step * band.step
    return Band(ONE - last, ONE - band.start, band.step)


def mirrored(grid: PriceGrid) -> PriceGrid:
    """The grid of the complement: ``1 - p`` is legal exactly when ``p`` is (sheet 2.6)."""
    if grid.kind == "probability":
        return PriceGrid("probability", tuple(_mirror_band(band) for band in reversed(grid.bands)))
    if grid.kind == "american":
        return PriceGrid("american", ladder=tuple(-rung for rung in reversed(grid.ladder)))
    if grid.kind == "listed":
        return PriceGrid("listed", ladder=tuple(ONE - price for price in reversed(grid.ladder)))
    return PriceGrid("back_odds" if grid.kind == "lay_odds" else "lay_odds", grid.bands)

"""How the simulated bookmaker makes prices: a margin on fair chances, whole price steps, and limits that move."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from random import Random

from overround.paper.world import PaperMarket

LONGEST, SHORTEST = Decimal(501), Decimal("1.005")


def offered(chance: float, margin: float) -> Decimal | None:
    """Decimal odds for a chance with a proportional margin, in steps of 0.01 (0.001 below 1.2); None when too short."""
    if chance * (1.0 + margin) * float(LONGEST) <= 1.0:
        return LONGEST
    fair = Decimal(str(round(1.0 / (chance * (1.0 + margin)), 6)))
    step = Decimal("0.001") if fair < Decimal("1.2") else Decimal("0.01")
    price = min(LONGEST, fair.quantize(step, ROUND_DOWN))
    return price if price >= SHORTEST else None


def reprice(market: PaperMarket, chances: Sequence[float], margin: float, now_ms: int) -> bool:
    """Put new prices on a market; whether any moved. A chance too high or too low to offer is made inactive."""
    moved = False
    for outcome, chance in zip(market.outcomes, chances, strict=True):
        price = offered(chance, margin)
        active = price is not None and price < LONGEST
        price = price or outcome.price or SHORTEST
        if (price, active) != (outcome.price, outcome.active):
            outcome.price, outcome.active, outcome.changed_at = price, active, now_ms
            moved = True
    return moved


def move_limits(market: PaperMarket, base: Decimal, rng: Random) -> None:
    """Stake limits wander between a third of and four thirds of ``base``, in tens."""
    for outcome in market.outcomes:
        share = Decimal(str(round(rng.uniform(0.35, 1.35), 3)))
        outcome.limit = max(Decimal(10), (base * share / 10).quantize(Decimal(1)) * 10)

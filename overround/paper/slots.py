"""The simulator's places for fixtures, as they are saved."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, Literal

from overround.paper.pricing_model import MatchState, probabilities
from overround.paper.sports import SPORTS, Sport

IN_PLAY_SHARE = Decimal("0.4")
"""How much of its pregame stake limit the bookmaker takes in play."""


@dataclass(slots=True)
class Slot:
    """One place for a fixture, and everything about the match in it. Times are simulated seconds; ``draws`` counts the
    random numbers used so far, so that a restart goes on with the next."""

    number: int
    fixture_id: str
    kick_off: float
    length: float
    base_limit: int
    abandoned_at: float | None
    state: MatchState
    stage: Literal["pregame", "live", "over"] = "pregame"
    draws: int = 0
    next_play: float = 0.0
    next_move: float = 0.0
    next_clock: float = 0.0
    suspended_until: float | None = None
    stale_until: float | None = None
    halted: bool = False
    ended: float = 0.0
    graded: bool = False
    resolved: list[str] = field(default_factory=list)
    last_fair: dict[str, float] = field(default_factory=dict)

    @property
    def sport(self) -> Sport:
        return SPORTS[self.number % len(SPORTS)]

    @property
    def limit(self) -> Decimal:
        """The stake limit around which the bookmaker's limits wander now."""
        return Decimal(self.base_limit) * (IN_PLAY_SHARE if self.stage == "live" else Decimal(1))

    def chances(self) -> dict[int, float]:
        """Outcome id to fair chance."""
        chances = probabilities(self.sport, self.state)
        return {outcome_id: chance for (outcome_id, _), chance in zip(self.sport.outcomes, chances, strict=True)}

    def random(self, seed: int) -> Random:
        self.draws += 1
        return Random(f"{seed}/{self.number}/{self.draws}")


def dump_slot(slot: Slot) -> dict[str, Any]:
    return asdict(slot)


def load_slot(body: Mapping[str, Any]) -> Slot:
    """The inverse of ``dump_slot`` after a trip through JSON."""
    state = dict(body["state"])
    state["score"] = tuple(state["score"])
    state["units"] = [tuple(unit) for unit in state["units"]]
    return Slot(**{**body, "state": MatchState(**state)})

"""What a ``SettlementWorkflow`` exchanges with its activities and operators."""

from dataclasses import dataclass
from typing import Literal

from overround.domain.messages import FixtureStatus
from overround.domain.results import Booked


@dataclass(frozen=True, slots=True)
class SettlementStart:
    """A fixture to follow to its results."""

    fixture_id: str
    status: FixtureStatus


@dataclass(frozen=True, slots=True)
class Decision:
    """An operator's word on a dispute: ``book`` what was paid, or ``look`` again."""

    choice: Literal["book", "look"]
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Closing:
    """What is still alive in a fixture that is over; ``untold_orders`` traded more than the trades known of them."""

    open_orders: int
    open_hedges: int
    untold_orders: int = 0


@dataclass(frozen=True, slots=True)
class Book:
    """Results to book as a new revision where they differ from the last; ``decided`` is an operator's reason."""

    fixture_id: str
    workflow_id: str
    run_id: str
    booked: tuple[Booked, ...]
    decided: str = ""


@dataclass(frozen=True, slots=True)
class SettlementState:
    """Where a fixture's settlement stands, for the ledger."""

    fixture_id: str
    workflow_id: str
    state: str
    reason: str

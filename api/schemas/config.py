"""What a client chooses to trade (mm-api sheet, section 5.12)."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from api.schemas.base import Shape

SomeId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class MarketChoice(Shape):
    """An outcome the operator offers. `marketId` is null until a fixture had it on one of the exchanges."""

    outcome_id: int
    market_id: int | None
    active: bool
    open_orders: int


class MarketChoices(Shape):
    """`outcomeIds` are those chosen, null when the client chose nothing: then everything offered is traded."""

    outcome_ids: list[int] | None
    outcomes: list[MarketChoice]
    changed_by: str | None
    changed_at: datetime | None


class ChooseMarkets(Shape):
    """The outcomes to trade, all of them; null is whatever the operator offers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcomeIds": [111, 112]}, {"outcomeIds": None}]})

    outcome_ids: Annotated[list[SomeId] | None, Field(max_length=10_000)]


class TournamentChoice(Shape):
    """A tournament with a choice of its own. `tournamentId` 0 stands for all that have none."""

    tournament_id: int
    tournament_name: str | None
    sport_name: str | None
    active: bool
    open_orders: int
    changed_by: str
    changed_at: datetime


class AddTournament(Shape):
    """`tournamentId` as the odds feed numbers it; 0 is every tournament without an entry."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tournamentId": 132, "active": True}]})

    tournament_id: Annotated[int, Field(ge=0, le=2**31 - 1)]
    active: bool = True


class ChangeTournament(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    active: bool

"""Fixtures with scores (mm-api sheet, section 5.7)."""

from typing import Annotated

from fastapi import Query

from api.context import Reader
from api.errors import absent
from api.exact import ExactJSON
from api.limits import Caller
from api.parameters import Day, PageWindow, PathFixtureId
from api.routing import ABSENT, router
from api.schemas import Fixture, Page
from overround.ledger.reads import fixtures as reads

routes = router("Orders & Bets")
SportId = Annotated[int | None, Query(alias="sportId", ge=0, le=2**31 - 1)]
TournamentId = Annotated[int | None, Query(alias="tournamentId", ge=0, le=2**31 - 1)]
StatusId = Annotated[
    int | None, Query(alias="statusId", ge=0, le=3, description="0 pregame, 1 live, 2 finished, 3 cancelled.")
]
StartsFrom = Annotated[Day | None, Query(alias="fromDate", description="Starts on or after this UTC day.")]
StartsTo = Annotated[Day | None, Query(alias="toDate", description="Starts on or before this UTC day.")]


@routes.get("/fixtures", response_model=Page[Fixture])
async def list_fixtures(
    caller: Caller,
    reader: Reader,
    window: PageWindow,
    sport_id: SportId = None,
    tournament_id: TournamentId = None,
    status_id: StatusId = None,
    from_date: StartsFrom = None,
    to_date: StartsTo = None,
) -> ExactJSON:
    """Fixtures with scores, latest start first. They are the odds feed's: the same for every client."""
    filters = reads.FixtureFilters(sport_id, tournament_id, status_id, from_date, to_date)
    return ExactJSON((await reads.list_fixtures(reader, filters, window)).body())


@routes.get("/fixtures/{fixtureId}", response_model=Fixture, responses=ABSENT)
async def get_fixture(
    caller: Caller,
    reader: Reader,
    fixtureId: PathFixtureId,  # noqa: N803 - the documented name
) -> ExactJSON:
    """One fixture with its scores."""
    found = await reads.find_fixture(reader, fixtureId)
    if found is None:
        raise absent("Fixture")
    return ExactJSON(found)

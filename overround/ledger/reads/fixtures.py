"""Fixtures with scores, shaped as the feed's object (oddspapi sheet, section 4.2); times in the API's ISO form.

Fixtures are the feed's, not a client's: every client sees the same ones.
"""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.events import Row
from overround.ledger.reads.page import Item, Page, Window, listed, within
from overround.ledger.tables import fixtures

STATUS_NAMES = {0: "Pregame", 1: "Live", 2: "Finished", 3: "Cancelled"}


@dataclass(frozen=True, slots=True)
class FixtureFilters:
    """What to keep; None keeps all. Dates are inclusive UTC days of the start."""

    sport_id: int | None = None
    tournament_id: int | None = None
    status_id: int | None = None
    from_date: date | None = None
    to_date: date | None = None


def _query() -> Select[Any]:
    """Scores and clocks are read as text: the driver would turn their fractions into floats."""
    texts = (cast(fixtures.c.scores, Text).label("scores_text"), cast(fixtures.c.clock, Text).label("clock_text"))
    plain = [column for column in fixtures.c if column.name not in {"scores", "clock"}]
    return select(*plain, *texts)


def fixture_payload(row: Row) -> Item:
    """The fixture object of a row of ``fixtures`` as ``_query`` selects it."""
    status = row["status_id"]
    return {
        "fixtureId": row["fixture_id"],
        "status": {"live": status == 1, "statusId": status, "statusName": STATUS_NAMES.get(status, "Unknown")},
        "sport": {"sportId": row["sport_id"], "sportName": row["sport"]},
        "tournament": {"tournamentId": row["tournament_id"], "tournamentName": row["tournament"]},
        "startTime": row["start_time"],
        "participants": {"participant1Name": row["participant1"], "participant2Name": row["participant2"]},
        "scores": json.loads(row["scores_text"], parse_float=Decimal),
        "clock": json.loads(row["clock_text"], parse_float=Decimal),
        "updatedAt": row["updated_at"],
    }


async def list_fixtures(connection: AsyncConnection, filters: FixtureFilters, window: Window) -> Page:
    """Latest start first; the cursor's key is the start and the id."""
    kept: list[ColumnElement[bool]] = within(fixtures.c.start_time, filters.from_date, filters.to_date)
    for column, value in (
        (fixtures.c.sport_id, filters.sport_id),
        (fixtures.c.tournament_id, filters.tournament_id),
        (fixtures.c.status_id, filters.status_id),
    ):
        if value is not None:
            kept.append(column == value)
    key = (fixtures.c.start_time, fixtures.c.fixture_id)
    return await listed(connection, "fixtures", _query().where(*kept), key, window, fixture_payload)


async def find_fixture(connection: AsyncConnection, fixture_id: str) -> Item | None:
    query = _query().where(fixtures.c.fixture_id == fixture_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else fixture_payload(row)

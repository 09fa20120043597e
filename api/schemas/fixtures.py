"""Fixtures (mm-api sheet, section 5.7)."""

from datetime import datetime
from typing import Any

from api.schemas.base import Shape


class FixtureStatus(Shape):
    live: bool
    status_id: int
    status_name: str


class Sport(Shape):
    sport_id: int
    sport_name: str


class Tournament(Shape):
    tournament_id: int
    tournament_name: str


class Participants(Shape):
    participant1_name: str
    participant2_name: str


class Fixture(Shape):
    """The odds feed's fixture; ``scores`` by period."""

    fixture_id: str
    status: FixtureStatus
    sport: Sport
    tournament: Tournament
    start_time: datetime
    participants: Participants
    scores: dict[str, Any]
    clock: dict[str, Any]
    updated_at: datetime

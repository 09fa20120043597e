"""Simulated fixtures as the feed shows them: ids, names, scores by period, clocks and results."""

from collections.abc import Collection
from random import Random
from typing import Any

from overround.paper.pricing_model import MatchState
from overround.paper.sports import Sport
from overround.paper.world import OutcomeResult, PaperFixture, PaperMarket, PaperOutcome

FIRST_NATIVE = 62_000_000


def make_fixture(
    sport: Sport, number: int, rng: Random, start_time: int, busy: Collection[str] = frozenset()
) -> PaperFixture:
    """Fixture ``number`` with its one market, not yet priced, between sides that are not ``busy``; ids are built as in
    the oddspapi sheet, section 4.1."""
    tournament_id, tournament = rng.choice(sport.tournaments)
    free = [side for side in sport.sides if side not in busy]
    first, second = rng.sample(free if len(free) >= 2 else sport.sides, 2)
    outcomes = [PaperOutcome(outcome_id, name) for outcome_id, name in sport.outcomes]
    market = PaperMarket(sport.market_id, sport.market_name, sport.market_type, sport.period, outcomes)
    fixture_id = f"id{sport.sport_id:02d}{tournament_id:06d}{FIRST_NATIVE + number}"
    return PaperFixture(
        fixture_id, sport.sport_id, sport.name, tournament_id, tournament, first, second, start_time, markets=[market]
    )


def period_scores(sport: Sport, state: MatchState) -> dict[str, tuple[int, int]]:
    """Scores by the feed's period keys (oddspapi sheet, section 4.2)."""
    scores = {"result": state.score}
    if sport.period == "fulltime":
        scores["fulltime"] = state.score
    return scores | {f"p{number}": score for number, score in enumerate(state.units, 1)}


def clock_of(sport: Sport, state: MatchState) -> dict[str, Any]:
    """The match clock (oddspapi sheet, section 3.5); times are None in sports without one."""
    played = int(state.done * sport.minutes * 60)
    total, each = sport.minutes * 60, sport.minutes * 60 // sport.periods
    timed = sport.minutes > 0
    return {
        "currentPeriod": f"p{len(state.units)}",
        "currentTime": _minutes(played) if timed else None,
        "remainingTime": _minutes(total - played) if timed else None,
        "remainingTimeInPeriod": _minutes(max(0, each * len(state.units) - played)) if timed else None,
        "stopped": state.over,
    }


def results_of(fixture: PaperFixture) -> dict[int, OutcomeResult]:
    """Every outcome's result: by score, or all void when the fixture was cancelled."""
    market = fixture.markets[0]
    if fixture.status == 3:
        return {outcome.outcome_id: "CANCELLED" for outcome in market.outcomes}
    first, second = fixture.scores["result"]
    winner = "1" if first > second else "2" if second > first else "X"
    return {outcome.outcome_id: "WIN" if outcome.name == winner else "LOSE" for outcome in market.outcomes}


def summary_of(fixture: PaperFixture) -> dict[str, Any]:
    """One line of an operator's list."""
    return {
        "fixtureId": fixture.fixture_id,
        "name": f"{fixture.participant1} v {fixture.participant2}",
        "sport": fixture.sport,
        "tournamentId": fixture.tournament_id,
        "status": fixture.status,
        "score": list(fixture.scores.get("result", (0, 0))),
        "suspended": fixture.suspended,
        "stale": fixture.stale,
        "prices": {
            str(outcome.outcome_id): None if outcome.price is None else str(outcome.price)
            for market in fixture.markets
            for outcome in market.outcomes
        },
    }


def _minutes(seconds: int) -> str:
    return f"{seconds // 60:02d}:{seconds % 60:02d}"

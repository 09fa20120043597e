"""Fixtures as the feed tells them, and the instruments that express their markets on exchanges."""

from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.markets import Instrument, MarketKey
from overround.feed.messages import Fixture
from overround.ledger import tables as t
from overround.ledger.events import emit, scores_payload
from overround.ledger.orders import moment


async def save_fixture(connection: AsyncConnection, fixture: Fixture) -> None:
    """Write a fixture; changed scores are broadcast to everyone."""
    scores = scores_of(fixture)
    query = select(t.fixtures.c.scores).where(t.fixtures.c.fixture_id == fixture.fixture_id).with_for_update()
    old = (await connection.execute(query)).scalar_one_or_none()
    values: dict[str, Any] = {
        "sport_id": fixture.sport_id,
        "sport": fixture.sport,
        "tournament_id": fixture.tournament_id,
        "tournament": fixture.tournament,
        "participant1": fixture.participant1,
        "participant2": fixture.participant2,
        "start_time": moment(fixture.start_time * 1000),
        "status_id": fixture.status_id,
        "scores": scores,
        "clock": asdict(fixture.clock) if fixture.clock else {},
        "updated_at": func.now(),
    }
    statement = insert(t.fixtures).values(fixture_id=fixture.fixture_id, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["fixture_id"], set_=values))
    if old is not None and old != scores:
        await emit(
            connection,
            "scores",
            "UPDATE",
            None,
            scores_payload(fixture.fixture_id, scores),
            scores_payload(fixture.fixture_id, old),
        )


def scores_of(fixture: Fixture) -> dict[str, dict[str, object]]:
    """Scores by period in the feed's own shape (oddspapi sheet, section 3.4)."""
    return {
        name: {"period": name, "participant1Score": score.participant1, "participant2Score": score.participant2}
        for name, score in fixture.scores.items()
    }


async def save_instrument(connection: AsyncConnection, instrument: Instrument, *, proved: bool, reason: str) -> None:
    """Write one instrument and whether its mapping is proved."""
    await _save(
        connection,
        instrument.exchange,
        instrument.key,
        instrument.outcome_id,
        {
            "proved": proved,
            "reason": reason,
            "venue_market": instrument.venue_market,
            "contract": instrument.contract,
            "body": orjson.loads(orjson.dumps(asdict(instrument), default=str)),
        },
    )


async def save_unmapped(
    connection: AsyncConnection, exchange: str, key: MarketKey, outcome_id: int, reason: str
) -> None:
    """List an outcome that cannot be traded on an exchange, with the reason."""
    await _save(connection, exchange, key, outcome_id, {"proved": False, "reason": reason})


async def _save(
    connection: AsyncConnection, exchange: str, key: MarketKey, outcome_id: int, values: dict[str, Any]
) -> None:
    statement = insert(t.instruments).values(
        exchange=exchange, fixture_id=key.fixture_id, market_id=key.market_id, outcome_id=outcome_id, **values
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["exchange", "fixture_id", "market_id", "outcome_id"],
            set_={**values, "checked_at": func.now()},
        )
    )

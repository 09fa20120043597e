"""Reading the outbox so that no event is lost, and deleting what is old.

An event's number is its ``event_id``. Numbers are taken before their transactions commit, so a reader may see 8 before
7, and 7 never if it is rolled back. Who may still bring a missing number is known: a transaction that writes events
holds its lock on the table from before it takes a number until after its rows are seen. When everybody who held that
lock after 8 was seen has gone, the next look shows all that will ever be there up to 8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from overround.ledger.events import PRIVATE

AFTER = text(
    "SELECT event_id, channel, event, client, CAST(payload AS text) AS payload, CAST(old AS text) AS old "
    "FROM events_after(:place, :patience, :most)"
)
WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND relation = CAST('events' AS regclass) AND pid IS DISTINCT FROM pg_backend_pid()"
)
NEWEST = text(
    "SELECT coalesce(pg_sequence_last_value(CAST(pg_get_serial_sequence('events', 'event_id') AS regclass)), 0)"
)
PRUNED = text("SELECT coalesce(max(pruned), 0) FROM outbox")
MISSED = text(
    "SELECT event_id, channel, event, client, CAST(payload AS text) AS payload, CAST(old AS text) AS old "
    "FROM events_missed(:client, CAST(:private AS text[]), CAST(:common AS text[]), :place, :goal, :most)"
)
"""One index scan for the client's own events and one for everybody's."""
COUNT = text(
    "SELECT count(*) FROM "
    "events_missed(:client, CAST(:private AS text[]), CAST(:common AS text[]), :place, :goal, :most)"
)
MAY_PRUNE = text("SELECT pg_try_advisory_xact_lock(:lock)")
LOCK = 0x6F76_7072_756E_6501
DELETE = text(
    "WITH oldest AS (SELECT event_id, at FROM events ORDER BY event_id LIMIT :most), "
    "young AS (SELECT min(event_id) AS first FROM oldest WHERE at >= now() - CAST(:age AS interval)), "
    "gone AS (DELETE FROM events USING oldest, young WHERE events.event_id = oldest.event_id "
    "AND (young.first IS NULL OR oldest.event_id < young.first) RETURNING events.event_id), "
    "last AS (SELECT count(*) AS rows, max(event_id) AS number FROM gone), "
    "noted AS (INSERT INTO outbox (pruned) SELECT number FROM last WHERE rows > 0 "
    "ON CONFLICT (one) DO UPDATE SET pruned = greatest(outbox.pruned, excluded.pruned)) "
    "SELECT rows FROM last"
)
"""Only ever the lowest numbers: what is left begins after ``pruned``, and one snapshot shows both or neither."""
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """One event; ``payload`` and ``old`` are JSON as Postgres wrote it, so their numbers stay exact."""

    number: int
    channel: str
    event: str
    client: str | None
    payload: str
    old: str


async def after(connection: AsyncConnection, place: int, patience: timedelta, most: int = CHUNK) -> list[Stored]:
    """The next visible events behind ``place``, whoever they are for; waits up to ``patience`` for the first.

    The database waits, so that it costs this process nothing. Numbers may be missing: see the module.
    """
    rows = await connection.execute(AFTER, {"place": place, "patience": patience, "most": most})
    return [Stored(*row) for row in rows]


async def writers(connection: AsyncConnection) -> frozenset[str]:
    """The open transactions that have written events, or may be about to."""
    return frozenset((await connection.execute(WRITERS)).scalars())


async def newest(connection: AsyncConnection) -> int:
    """The highest number ever taken, 0 before the first."""
    return int((await connection.execute(NEWEST)).scalar_one())


async def pruned(connection: AsyncConnection) -> int:
    """Every event up to this number has been deleted; 0 before the first time.

    Asked after events were read from ``place`` on, an answer up to ``place`` proves that none of them was missing.
    """
    return int((await connection.execute(PRUNED)).scalar_one())


async def missed(
    connection: AsyncConnection, client: str, channels: Sequence[str], place: int, goal: int, most: int = CHUNK
) -> list[Stored]:
    """What ``client`` would have been told on ``channels`` behind ``place`` up to ``goal``, in order."""
    values = _wanted(client, channels, place, goal, most)
    return [Stored(*row) for row in await connection.execute(MISSED, values)]


async def count_missed(
    connection: AsyncConnection, client: str, channels: Sequence[str], place: int, goal: int, most: int
) -> int:
    """How many that would be, counted up to ``most``."""
    return int((await connection.execute(COUNT, _wanted(client, channels, place, goal, most))).scalar_one())


def _wanted(client: str, channels: Sequence[str], place: int, goal: int, most: int) -> dict[str, Any]:
    private = [channel for channel in channels if channel in PRIVATE]
    common = [channel for channel in channels if channel not in PRIVATE]
    return {"client": client, "private": private, "common": common, "place": place, "goal": goal, "most": most}


async def prune(engine: AsyncEngine, age: timedelta, most: int = CHUNK) -> int:
    """Delete up to ``most`` events older than ``age``, in a transaction of its own; how many there were.

    Nothing while another process is at it. ``engine`` must not commit by itself.
    """
    async with engine.begin() as connection:
        if not (await connection.execute(MAY_PRUNE, {"lock": LOCK})).scalar_one():
            return 0
        return int((await connection.execute(DELETE, {"age": age, "most": most})).scalar_one())

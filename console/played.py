"""What a playing did, counted in its ledger."""

from dataclasses import dataclass
from decimal import Decimal

import psycopg

from overround.ledger.db import normalise
from overround.ledger.progress import snapshot

UNBOOKED = """
SELECT count(DISTINCT o.fixture_id) FROM orders o LEFT JOIN fixture_settlements s USING (fixture_id)
WHERE o.filled > 0 AND s.state IS DISTINCT FROM 'BOOKED'
"""

RESIDUAL = """
SELECT (SELECT coalesce(sum(abs(residual)), 0) FROM hedges)
     + (SELECT coalesce(sum(abs(payout)), 0) FROM dust WHERE claimed_by IS NULL)
"""
"""What is open and what is pooled: dust that a later hedge claimed is covered."""


@dataclass(frozen=True, slots=True)
class Played:
    """``quotes`` orders sent; ``residual`` in contracts, over everything; ``pnl`` in account currency; ``unbooked``
    traded fixtures without booked results."""

    quotes: int
    fills: int
    hedges: int
    bets: int
    residual: Decimal
    pnl: Decimal
    settled: int
    unbooked: int


def unbooked(database_url: str) -> int:
    """Traded fixtures whose results are not booked."""
    return int(_one(database_url, UNBOOKED))


def heard(database_url: str) -> bool:
    """Whether the streamers have heard the feed: they have written down what it lists."""
    return bool(_one(database_url, "SELECT count(*) FROM fixtures"))


def summary(database_url: str) -> Played:
    """The figures of the summary."""
    now = snapshot(database_url)
    return Played(
        int(_one(database_url, "SELECT count(*) FROM orders WHERE action = 'buy'")),
        now.fills,
        now.hedges,
        now.bets,
        _one(database_url, RESIDUAL),
        now.pnl,
        now.settled,
        unbooked(database_url),
    )


def _one(database_url: str, query: str) -> Decimal:
    with psycopg.connect(normalise(database_url).replace("+psycopg", "", 1)) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return Decimal(row[0])

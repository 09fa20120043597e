"""The one line an operator watches: feed age, open orders, fills, hedges, residual, PnL."""

from dataclasses import dataclass
from decimal import Decimal

import psycopg

from overround.ledger.db import normalise
from overround.ledger.live import ORDER_OPEN

COUNTS = f"""
SELECT
  (SELECT extract(epoch FROM now() - at) FROM heartbeats WHERE name = 'feed'),
  (SELECT count(*) FROM orders WHERE {ORDER_OPEN}),
  (SELECT count(*) FROM orders WHERE {ORDER_OPEN} AND unknown),
  (SELECT count(*) FROM fills WHERE NOT failed),
  (SELECT count(*) FROM hedges),
  (SELECT count(*) FROM bets WHERE placed_stake > 0),
  (SELECT coalesce(sum(abs(h.residual)), 0) FROM hedges h JOIN orders o USING (client_order_id)
     WHERE o.settlement = 'UNDECIDED')
  + (SELECT coalesce(sum(abs(d.payout)), 0) FROM dust d JOIN orders o USING (client_order_id)
     WHERE o.settlement = 'UNDECIDED' AND d.claimed_by IS NULL),
  (SELECT coalesce(sum(profit), 0) FROM (SELECT DISTINCT ON (subject, subject_id) profit FROM settlements
     ORDER BY subject, subject_id, revision DESC) latest),
  (SELECT count(*) FROM fixture_settlements WHERE state = 'BOOKED'),
  (SELECT count(*) FROM alarms WHERE cleared_at IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts over everything traded; ``residual`` in contracts (pooled dust included), ``pnl`` the booked results in
    account currency, ``feed_age`` seconds since the feed was last heard, None before that."""

    feed_age: Decimal | None
    open_orders: int
    unknown_orders: int
    fills: int
    hedges: int
    bets: int
    residual: Decimal
    pnl: Decimal
    settled: int
    alarms: int

    def line(self) -> str:
        """The progress line of ``overround up``."""
        feed = "no feed yet" if self.feed_age is None else f"feed {self.feed_age:.1f}s"
        unknown = f" ({self.unknown_orders} unknown)" if self.unknown_orders else ""
        alarms = f" · {self.alarms} alarm(s)" if self.alarms else ""
        return (
            f"{feed} · {self.open_orders} open orders{unknown} · {self.fills} fills · {self.hedges} hedges "
            f"({self.bets} bets) · residual {self.residual:.2f} · {self.settled} settled · PnL {self.pnl:+.2f}{alarms}"
        )


def snapshot(database_url: str) -> Progress:
    """Read the counts now; raises ``psycopg.OperationalError`` when the ledger does not answer."""
    with psycopg.connect(normalise(database_url).replace("+psycopg", "", 1), connect_timeout=5) as connection:
        row = connection.execute(COUNTS).fetchone()
    assert row is not None
    return Progress(*row)

"""A million orders and what belongs to them, made by the database itself in under a minute."""

from collections.abc import Callable
from typing import Any

import psycopg

BIG = "c01:vertex"
"""The client that owns six of ten orders; nineteen others share the rest."""
CLIENTS = 20
PER_FIXTURE = 250
TABLES = ("orders", "fills", "hedges", "bets", "settlements", "fixtures")

CLIENT_ROWS = """
INSERT INTO clients (client, name, bookmaker)
  SELECT format('c%%s:vertex', lpad(n::text, 2, '0')), 'Client ' || n, 'vertex' FROM generate_series(1, %(clients)s) n;
"""
ACCOUNT_ROWS = """
INSERT INTO exchange_accounts (account_id, client, exchange, endpoints, secrets)
  SELECT exchange || '-' || client, client, exchange, '{}', ''
  FROM clients, unnest(ARRAY['kalshi', 'polymarket']) exchange
"""
BOOKMAKER_ROWS = """
INSERT INTO bookmaker_accounts (account_id, client, bookmaker, route, endpoints, secrets)
  SELECT 'vertex-' || client, client, 'vertex', 'abp', '{}', '' FROM clients
"""
FIXTURE_ROWS = """
INSERT INTO fixtures (fixture_id, sport_id, sport, tournament_id, tournament, participant1, participant2, start_time,
    status_id, scores)
  SELECT 'id' || lpad(n::text, 8, '0'), 11 + n %% 7, 'Sport ' || n %% 7, n %% 40, 'Tournament ' || n %% 40,
    'Home ' || n, 'Away ' || n, now() - interval '60 days' * (1 - n::numeric / %(fixtures)s),
    CASE WHEN n > %(fixtures)s * 0.99 THEN 1 ELSE 2 END,
    '{"p1": {"period": "p1", "participant1Score": 21, "participant2Score": 19}}'
  FROM generate_series(1, %(fixtures)s) n
"""
ORDER_ROWS = """
INSERT INTO orders (client_order_id, client, account_id, exchange, fixture_id, tournament_id, market_id, outcome_id,
    venue_market, contract, position, workflow_id, run_id, price, size, filled, remaining, status, matched_status,
    settlement, venue_order_id, odds, odds_limit, priced_at, created_at, updated_at, matched_at, payload)
  SELECT 'co-' || n, client, exchange || '-' || client, exchange, 'id' || lpad(fixture::text, 8, '0'), fixture %% 40,
    market, market + n / 3 %% 2, 'KX' || fixture, 'KX' || fixture || '-' || n %% 2, 'no',
    format('orders:%%s:%%s:%%s', client, fixture, market), 'run', 0.40 + (n %% 20) * 0.01, 100, filled,
    CASE WHEN status IN ('PLACED', 'PARTIAL', 'PENDING_PLACEMENT') THEN 100 - filled ELSE 0 END, status,
    CASE WHEN filled = 0 THEN 'NOT_MATCHED' WHEN filled = 100 THEN 'FULLY_MATCHED' ELSE 'PARTIALLY_MATCHED' END,
    CASE WHEN filled > 0 AND NOT live THEN CASE n %% 2 WHEN 0 THEN 'WON' ELSE 'LOST' END ELSE 'UNDECIDED' END,
    'v' || n, 1.80 + (n %% 40) * 0.01, 5000, made, made, made, CASE WHEN filled > 0 THEN made END,
    '{"ticker": "KX", "side": "no", "action": "buy", "count": 100, "no_price": 45}'
  FROM (
    SELECT *, CASE WHEN status = 'FILLED' THEN 100 WHEN status = 'PARTIAL' OR draw %% 100 = 11 THEN 40 ELSE 0 END filled
    FROM (
      SELECT *, CASE
          WHEN draw %% 100 < 8 THEN 'FILLED' WHEN draw %% 100 < 11 THEN 'EXPIRED' WHEN draw %% 100 < 14 THEN 'FAILED'
          WHEN live AND draw %% 100 < 18 THEN 'PLACED' WHEN live AND draw %% 100 < 19 THEN 'PARTIAL'
          WHEN live AND draw %% 1000 = 999 THEN 'PENDING_PLACEMENT' ELSE 'CANCELLED' END status
      FROM (
        SELECT n, draw, least(1 + n / %(each)s + n * 7 %% 16, %(fixtures)s) fixture, 111 + 10 * (n / 7 %% 2) market,
          CASE WHEN draw / 100 %% 10 < 6 THEN 'c01:vertex'
            ELSE format('c%%s:vertex', lpad((2 + n %% 19)::text, 2, '0')) END client,
          CASE n %% 2 WHEN 0 THEN 'kalshi' ELSE 'polymarket' END exchange,
          n > %(orders)s - greatest(%(orders)s * 0.01, 1000) live,
          now() - interval '60 days' * (1 - n::numeric / %(orders)s) AS made
        FROM (SELECT n, abs(hashint8(n)) draw FROM generate_series(1, %(orders)s) n) numbers
      ) placed
    ) told
  ) filled
"""
FILL_ROWS = """
INSERT INTO fills (account_id, venue_fill_id, client_order_id, size, price, fee, at)
  SELECT account_id, 'f' || order_id || '-' || part, client_order_id, filled / 2, price, 0.35, created_at
  FROM orders, generate_series(1, 2) part WHERE filled > 0
"""
HEDGE_ROWS = """
INSERT INTO hedges (client_order_id, client, fixture_id, market_id, outcome_id, workflow_id, run_id, target, done,
    state)
  SELECT client_order_id, client, fixture_id, market_id, outcome_id, 'hedge:' || client_order_id, 'run', filled,
    filled, 'DONE' FROM orders WHERE filled > 0
"""
BET_ROWS = """
INSERT INTO bets (request_id, client_order_id, client, account_id, bookmaker, fixture_id, market_id, outcome_id,
    workflow_id, run_id, attempt, min_price, stake, placed_price, placed_stake, payout, status, refusal,
    bookmaker_bet_id, settlement, sent_at, placed_at, of_order, of_exchange, of_day)
  SELECT md5(order_id || '/' || attempt)::uuid, client_order_id, client, 'vertex-' || client, 'vertex', fixture_id,
    market_id, outcome_id, 'hedge:' || client_order_id, 'run', attempt, odds, round(filled / odds, 2),
    CASE WHEN ok THEN odds END, CASE WHEN ok THEN round(filled / odds, 2) ELSE 0 END,
    CASE WHEN ok THEN round(filled / odds, 2) * odds ELSE 0 END, CASE WHEN ok THEN 'FILLED' ELSE 'REJECTED' END,
    CASE WHEN NOT ok THEN 'PRICE' END, 'b' || order_id,
    CASE settlement WHEN 'WON' THEN 'LOST' WHEN 'LOST' THEN 'WON' END, created_at, created_at, order_id, exchange,
    utc_day(created_at)
  FROM orders, generate_series(1, 2) attempt, LATERAL (SELECT attempt = 1 ok) accepted
  WHERE filled > 0 AND (attempt = 1 OR order_id %% 10 = 0) ORDER BY order_id
"""
RESULT_ROWS = """
INSERT INTO settlements (client, fixture_id, market_id, outcome_id, subject, subject_id, revision, status, profit,
    workflow_id, run_id, booked_at)
  SELECT client, fixture_id, market_id, outcome_id, 'order', client_order_id, 1, settlement,
    CASE settlement WHEN 'WON' THEN filled * (1 - price) ELSE -filled * price END, 'settle', 'run', created_at
  FROM orders WHERE filled > 0 AND settlement <> 'UNDECIDED'
  UNION ALL SELECT client, fixture_id, market_id, outcome_id, 'bet', request_id::text, 1, settlement,
    CASE settlement WHEN 'WON' THEN payout - placed_stake ELSE -placed_stake END, 'settle', 'run', sent_at
  FROM bets WHERE settlement IS NOT NULL AND status = 'FILLED'
"""
STEPS = (
    CLIENT_ROWS,
    ACCOUNT_ROWS,
    BOOKMAKER_ROWS,
    FIXTURE_ROWS,
    ORDER_ROWS,
    FILL_ROWS,
    HEDGE_ROWS,
    BET_ROWS,
    RESULT_ROWS,
)
INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
WHERE i.indrelid = ANY (%(tables)s::regclass[])
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""


def fill(url: str, orders: int, tell: Callable[[str], None] = lambda _: None) -> None:
    """Put ``orders`` orders of twenty clients, with fixtures, fills, hedges, bets and results, into an empty ledger.

    Triggers and foreign keys rest meanwhile (which takes a superuser) and indexes are made at the end.
    """
    sizes = {"orders": orders, "fixtures": max(20, orders // PER_FIXTURE), "each": PER_FIXTURE, "clients": CLIENTS}
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("session_replication_role = replica", "maintenance_work_mem = '256MB'", "work_mem = '128MB'",
                        "synchronous_commit = off"):  # fmt: skip
            connection.execute(f"SET {setting}".encode())
        later = _without_indexes(connection)
        for step in STEPS:
            connection.execute(step.encode(), sizes)
            tell(step.split("(", 1)[0].strip())
        for definition in later:
            connection.execute(definition.encode())
        tell("indexes")
        connection.execute("SELECT rebuild_lists()")
        tell("counters")
        connection.execute("VACUUM (ANALYZE)")
        tell("vacuum")


def _without_indexes(connection: psycopg.Connection[Any]) -> list[str]:
    """Drop what is no constraint; what makes it again."""
    found = connection.execute(INDEXES, {"tables": list(TABLES)}).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}".encode())
    return [definition for _, definition in found]

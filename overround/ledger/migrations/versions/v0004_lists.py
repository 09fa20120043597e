"""Lists and sums of a million orders: indexes in the lists' order, and counters that no writer waits for"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OPEN = "status IN ('PENDING_PLACEMENT', 'PLACED', 'PARTIAL')"
AT_RISK = "settlement = 'UNDECIDED' AND (filled > 0 OR remaining > 0)"
STANDING = "settlement IS NULL AND (placed_stake > 0 OR status IN ('SENT', 'PENDING', 'UNKNOWN'))"
ORDER_KEY = ("client", "day", "exchange", "status")
BET_KEY = ("client", "day", "exchange", "bookmaker", "status")
LINE = ("client", "fixture_id", "market_id", "outcome_id", "exchange")
RESULTS = ("undecided", "won", "lost", "void", "half_won", "half_lost")
LINE_SUMS = ("orders", "bought", "bought_cost", "matched", "fees", "realised", *RESULTS)
PROFIT_SUMS = ("matched", "fees", "realised", *RESULTS)
INTEGERS = ("market_id", "outcome_id", "orders", "bets", *RESULTS)
BIG = ("first_id", "last_id", "opened", "item_id")
DROPPED = {
    "orders_by_client": ("orders", ["client", "order_id"]),
    "orders_by_fixture": ("orders", ["client", "fixture_id", "order_id"]),
    "orders_by_day": ("orders", ["client", "created_at"]),
    "orders_open": ("orders", ["client", "fixture_id"]),
    "bets_by_client": ("bets", ["client", "bet_id"]),
    "bets_by_fixture": ("bets", ["client", "fixture_id"]),
    "hedges_by_client": ("hedges", ["client", "fixture_id"]),
    "fixtures_by_start": ("fixtures", ["start_time"]),
}

COUNT_ORDER = """
CREATE FUNCTION count_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO order_deltas VALUES (NEW.client, NEW.fixture_id, utc_day(NEW.created_at), NEW.exchange, NEW.status,
      NEW.order_id, 1, NEW.size, NEW.filled);
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO order_deltas VALUES (OLD.client, OLD.fixture_id, utc_day(OLD.created_at), OLD.exchange, OLD.status,
      OLD.order_id, -1, -OLD.size, -OLD.filled);
  ELSE
    INSERT INTO order_deltas VALUES
      (OLD.client, OLD.fixture_id, utc_day(OLD.created_at), OLD.exchange, OLD.status,
       OLD.order_id, -1, -OLD.size, -OLD.filled),
      (NEW.client, NEW.fixture_id, utc_day(NEW.created_at), NEW.exchange, NEW.status,
       NEW.order_id, 1, NEW.size, NEW.filled);
  END IF;
  IF TG_OP = 'UPDATE' AND (OLD.filled, OLD.settlement, OLD.client, OLD.exchange, OLD.fixture_id, OLD.created_at,
      OLD.market_id, OLD.outcome_id, OLD.price, OLD.action) IS NOT DISTINCT FROM (NEW.filled, NEW.settlement,
      NEW.client, NEW.exchange, NEW.fixture_id, NEW.created_at, NEW.market_id, NEW.outcome_id, NEW.price, NEW.action)
  THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' AND OLD.filled > 0 THEN
    INSERT INTO position_deltas SELECT * FROM order_line(OLD, -1);
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.filled > 0 THEN
    INSERT INTO position_deltas SELECT * FROM order_line(NEW, 1);
  END IF;
  RETURN NULL;
END $$
"""
ORDER_LINE = """
CREATE FUNCTION order_line(o orders, sign integer) RETURNS SETOF position_deltas LANGUAGE sql STABLE AS $$
  SELECT o.client, o.fixture_id, o.market_id, o.outcome_id, o.exchange, utc_day(o.created_at), o.order_id,
    o.updated_at, sign, CASE WHEN o.action = 'buy' THEN sign * o.filled ELSE 0 END,
    CASE WHEN o.action = 'buy' THEN sign * o.filled * o.price ELSE 0 END, sign * o.filled, 0::numeric, 0::numeric,
    sign * (o.settlement = 'UNDECIDED')::int, sign * (o.settlement = 'WON')::int, sign * (o.settlement = 'LOST')::int,
    sign * (o.settlement = 'VOID')::int, sign * (o.settlement = 'HALF_WON')::int,
    sign * (o.settlement = 'HALF_LOST')::int
$$
"""
FILL_LINE = """
CREATE FUNCTION fill_line(f fills, sign integer) RETURNS SETOF position_deltas LANGUAGE sql STABLE AS $$
  SELECT o.client, o.fixture_id, o.market_id, o.outcome_id, o.exchange, utc_day(o.created_at), o.order_id,
    NULL::timestamptz, 0, 0::numeric,
    CASE WHEN o.action = 'buy' THEN sign * f.size * (f.price - o.price) ELSE 0 END, 0::numeric, sign * f.fee,
    0::numeric, 0, 0, 0, 0, 0, 0
  FROM orders o WHERE o.client_order_id = f.client_order_id
$$
"""
COUNT_FILL = """
CREATE FUNCTION count_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND NOT OLD.failed THEN
    INSERT INTO position_deltas SELECT * FROM fill_line(OLD, -1);
  END IF;
  IF TG_OP <> 'DELETE' AND NOT NEW.failed THEN
    INSERT INTO position_deltas SELECT * FROM fill_line(NEW, 1);
  END IF;
  RETURN NULL;
END $$
"""
PLACE_BET = """
CREATE FUNCTION place_bet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT order_id, exchange, utc_day(created_at) INTO NEW.of_order, NEW.of_exchange, NEW.of_day
    FROM orders WHERE client_order_id = NEW.client_order_id;
  RETURN NEW;
END $$
"""
COUNT_BET = """
CREATE FUNCTION count_bet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO bet_deltas VALUES (OLD.client, OLD.fixture_id, OLD.of_day, OLD.of_exchange, OLD.bookmaker, OLD.status,
      OLD.bet_id, -1, -OLD.stake, -OLD.placed_stake);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO bet_deltas VALUES (NEW.client, NEW.fixture_id, NEW.of_day, NEW.of_exchange, NEW.bookmaker, NEW.status,
      NEW.bet_id, 1, NEW.stake, NEW.placed_stake);
  END IF;
  RETURN NULL;
END $$
"""
COUNT_RESULT = """
CREATE FUNCTION count_result() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  last settlements;
BEGIN
  SELECT * INTO last FROM settlements s WHERE s.subject = NEW.subject AND s.subject_id = NEW.subject_id
    AND s.settlement_id <> NEW.settlement_id ORDER BY s.revision DESC LIMIT 1;
  IF last.revision > NEW.revision THEN
    RETURN NULL;
  END IF;
  INSERT INTO position_deltas
    SELECT * FROM result_line(NEW.subject, NEW.subject_id, NEW.profit - coalesce(last.profit, 0));
  RETURN NULL;
END $$
"""
RESULT_LINE = """
CREATE FUNCTION result_line(subject text, key text, profit numeric) RETURNS SETOF position_deltas
LANGUAGE sql STABLE AS $$
  SELECT o.client, o.fixture_id, o.market_id, o.outcome_id, o.exchange, utc_day(o.created_at), o.order_id,
    NULL::timestamptz, 0, 0::numeric, 0::numeric, 0::numeric, 0::numeric, profit, 0, 0, 0, 0, 0, 0
  FROM orders o WHERE o.client_order_id = CASE subject WHEN 'order' THEN key
    ELSE (SELECT b.client_order_id FROM bets b WHERE b.request_id = CASE subject WHEN 'bet' THEN key::uuid END) END
$$
"""
ORDER_MOVED = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in ("status", "filled", "settlement", "size"))
TRIGGERS = (
    "CREATE TRIGGER counted_in AFTER INSERT OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION count_order()",
    f"CREATE TRIGGER counted_on AFTER UPDATE ON orders FOR EACH ROW WHEN ({ORDER_MOVED}) "
    "EXECUTE FUNCTION count_order()",
    "CREATE TRIGGER counted_anew AFTER UPDATE OF client, exchange, fixture_id, created_at, market_id, outcome_id, "
    f"price, action ON orders FOR EACH ROW WHEN (NOT ({ORDER_MOVED})) EXECUTE FUNCTION count_order()",
    "CREATE TRIGGER counted AFTER INSERT OR DELETE OR UPDATE ON fills FOR EACH ROW EXECUTE FUNCTION count_fill()",
    "CREATE TRIGGER placed BEFORE INSERT ON bets FOR EACH ROW EXECUTE FUNCTION place_bet()",
    "CREATE TRIGGER counted_in AFTER INSERT OR DELETE ON bets FOR EACH ROW EXECUTE FUNCTION count_bet()",
    "CREATE TRIGGER counted_on AFTER UPDATE ON bets FOR EACH ROW WHEN ("
    "(OLD.status, OLD.stake, OLD.placed_stake, OLD.client, OLD.fixture_id, OLD.bookmaker) IS DISTINCT FROM "
    "(NEW.status, NEW.stake, NEW.placed_stake, NEW.client, NEW.fixture_id, NEW.bookmaker)) "
    "EXECUTE FUNCTION count_bet()",
    "CREATE TRIGGER counted AFTER INSERT ON settlements FOR EACH ROW EXECUTE FUNCTION count_result()",
)
FUNCTIONS = ("count_order", "count_fill", "place_bet", "count_bet", "count_result")
NEWEST = (
    "SELECT DISTINCT ON (subject, subject_id) subject, subject_id, profit FROM settlements "
    "ORDER BY subject, subject_id, revision DESC"
)
REBUILD = f"""
CREATE FUNCTION rebuild_lists() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  LOCK TABLE orders, fills, bets, settlements IN SHARE ROW EXCLUSIVE MODE;
  DELETE FROM order_deltas; DELETE FROM bet_deltas; DELETE FROM position_deltas;
  DELETE FROM order_counts; DELETE FROM bet_counts;
  DELETE FROM positions; DELETE FROM position_days; DELETE FROM profit_days;
  INSERT INTO order_deltas SELECT client, fixture_id, utc_day(created_at), exchange, status, order_id, 1, size, filled
    FROM orders;
  INSERT INTO bet_deltas SELECT client, fixture_id, of_day, of_exchange, bookmaker, status, bet_id, 1, stake,
    placed_stake FROM bets;
  INSERT INTO position_deltas SELECT line.* FROM orders o, order_line(o, 1) line WHERE o.filled > 0;
  INSERT INTO position_deltas SELECT line.* FROM fills f, fill_line(f, 1) line WHERE NOT f.failed;
  INSERT INTO position_deltas
    SELECT line.* FROM ({NEWEST}) s, result_line(s.subject, s.subject_id, s.profit) line;
  PERFORM fold_lists();
END $$
"""


def _counts_fold(deltas: str, counts: str, key: tuple[str, ...], sums: tuple[str, ...]) -> str:
    """Deltas into counters: per fixture and kind, per kind for all fixtures together (fixture ''), and per fixture and
    day for all kinds together (exchange '')."""
    columns = ", ".join(("fixture_id", *key))
    totals = ", ".join(f"sum({name}) AS {name}" for name in sums)
    added = ", ".join(f"{name} = {counts}.{name} + excluded.{name}" for name in sums)
    kept = " OR ".join(f"sum({name}) <> 0" for name in sums)
    whole = [name if name in ("client", "day") else f"coalesce({name}, '')" for name in key]
    return f"""
  WITH gone AS (DELETE FROM {deltas} RETURNING *)
  INSERT INTO {counts} ({columns}, {", ".join(sums)}, first_id, last_id)
    SELECT coalesce(fixture_id, ''), {", ".join(whole)}, {totals}, min(item_id), max(item_id)
    FROM gone GROUP BY GROUPING SETS (({", ".join(key)}), ({columns}), (fixture_id, client, day)) HAVING {kept}
    ON CONFLICT (client, fixture_id, {", ".join(key[1:])}) DO UPDATE SET {added},
      first_id = least({counts}.first_id, excluded.first_id), last_id = greatest({counts}.last_id, excluded.last_id);
  DELETE FROM {counts} WHERE {sums[0]} = 0;"""


def _lines_fold(table: str, key: tuple[str, ...], sums: tuple[str, ...], opened: str = "", source: str = "gone") -> str:
    """Folded deltas into one of the tables of positions; a line stays where it was first ``opened``."""
    marks, taken = (", opened, updated_at", f", min({opened}), max(updated_at)") if opened else ("", "")
    newest = f", updated_at = greatest({table}.updated_at, excluded.updated_at)" if opened else ""
    keys = ", ".join(key)
    return f"""INSERT INTO {table} ({keys}, {", ".join(sums)}{marks})
      SELECT {keys}, {", ".join(f"sum({name})" for name in sums)}{taken} FROM {source} GROUP BY {keys}
      ON CONFLICT ({keys}) DO UPDATE SET
        {", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in sums)}{newest}"""


def _fold() -> str:
    line = ", ".join(LINE)
    lines = _lines_fold("positions", LINE, LINE_SUMS, "opened") + f" RETURNING {line}, opened AS place"
    days = _lines_fold("position_days", (*LINE, "day"), LINE_SUMS, "place", f"gone JOIN lines USING ({line})")
    profits = _lines_fold("profit_days", ("client", "day", "exchange"), PROFIT_SUMS)
    return f"""
CREATE FUNCTION fold_lists() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('fold_lists', 7)) THEN
    RETURN false;
  END IF;
  {_counts_fold("order_deltas", "order_counts", ORDER_KEY, ("orders", "stake", "filled"))}
  {_counts_fold("bet_deltas", "bet_counts", BET_KEY, ("bets", "stake", "placed"))}
  WITH gone AS (DELETE FROM position_deltas RETURNING *),
    lines AS ({lines}),
    days AS ({days})
    {profits};
  RETURN true;
END $$
"""


def _column(name: str) -> sa.Column[object]:
    if name == "day":
        return sa.Column(name, sa.Date(), nullable=False)
    if name == "updated_at":
        return sa.Column(name, sa.DateTime(timezone=True))
    if name in BIG:
        return sa.Column(name, sa.BigInteger(), nullable=False)
    if name in INTEGERS:
        return sa.Column(name, sa.Integer(), nullable=False)
    if name in ("client", "fixture_id", "exchange", "bookmaker", "status"):
        return sa.Column(name, sa.Text(), nullable=False)
    return sa.Column(name, sa.Numeric(), nullable=False)


def _table(name: str, columns: tuple[str, ...], key: tuple[str, ...] = ()) -> None:
    keys = [sa.PrimaryKeyConstraint(*key)] if key else []
    op.create_table(name, *(_column(column) for column in columns), *keys)
    busy = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0"
    op.execute(f"ALTER TABLE {name} SET ({busy if not key else 'fillfactor = 80'})")


def _tables() -> None:
    order, bet = ("orders", "stake", "filled"), ("bets", "stake", "placed")
    order_columns = ("client", "fixture_id", *ORDER_KEY[1:])
    bet_columns = ("client", "fixture_id", *BET_KEY[1:])
    _table("order_deltas", (*order_columns, "item_id", *order))
    _table("bet_deltas", (*bet_columns, "item_id", *bet))
    _table("position_deltas", (*LINE, "day", "opened", "updated_at", *LINE_SUMS))
    _table("order_counts", (*order_columns, "first_id", "last_id", *order), order_columns)
    _table("bet_counts", (*bet_columns, "first_id", "last_id", *bet), bet_columns)
    _table("positions", (*LINE, "opened", "updated_at", *LINE_SUMS), LINE)
    _table("position_days", (*LINE, "day", "opened", "updated_at", *LINE_SUMS), (*LINE, "day"))
    _table("profit_days", ("client", "day", "exchange", *PROFIT_SUMS), ("client", "day", "exchange"))
    op.create_index("order_counts_none", "order_counts", ["orders"], postgresql_where=sa.text("orders = 0"))
    op.create_index("bet_counts_none", "bet_counts", ["bets"], postgresql_where=sa.text("bets = 0"))
    held = ["matched", "exchange", "fixture_id"]
    op.create_index("positions_in_order", "positions", ["client", "opened"], postgresql_include=held)
    op.create_index("position_days_in_order", "position_days", ["client", "opened", "day"], postgresql_include=held)
    op.create_index("position_days_by_day", "position_days", ["client", "day", "opened"], postgresql_include=held)
    for name, rows in (("order_counts", "orders"), ("bet_counts", "bets")):
        op.create_index(
            f"{name}_fixtures",
            name,
            ["client", "day", "fixture_id"],
            postgresql_include=[rows],
            postgresql_where=sa.text("exchange = ''"),
        )


def _indexes() -> None:
    for name, (table, _) in DROPPED.items():
        op.drop_index(name, table)
    op.create_index("orders_by_client", "orders", ["client", "order_id"], postgresql_include=["created_at"])
    op.create_index("orders_by_fixture", "orders", ["fixture_id", "client", "order_id"])
    op.create_index(
        "orders_by_kind", "orders", ["client", "exchange", "status", "order_id"], postgresql_include=["created_at"]
    )
    op.create_index("orders_open", "orders", ["client", "fixture_id", "order_id"], postgresql_where=sa.text(OPEN))
    op.create_index("orders_at_risk", "orders", ["client", "fixture_id"], postgresql_where=sa.text(AT_RISK))
    op.create_index("bets_by_client", "bets", ["client", "bet_id"], postgresql_include=["of_day"])
    op.create_index("bets_by_fixture", "bets", ["fixture_id", "client", "bet_id"])
    kind = ["client", "of_exchange", "bookmaker", "status", "bet_id"]
    op.create_index("bets_by_kind", "bets", kind, postgresql_include=["of_day"])
    op.create_index("bets_by_order_id", "bets", ["of_order", "bet_id"])
    op.create_index("bets_standing", "bets", ["client", "fixture_id"], postgresql_where=sa.text(STANDING))
    op.create_index("hedges_by_fixture", "hedges", ["fixture_id", "client"])
    op.create_index("settlements_by_time", "settlements", ["client", "booked_at"])
    for name, column in (("sport", "sport_id"), ("tournament", "tournament_id"), ("status", "status_id")):
        op.create_index(f"fixtures_by_{name}", "fixtures", [column, "start_time", "fixture_id"])
    op.create_index("fixtures_by_start", "fixtures", ["start_time", "fixture_id"])


def upgrade() -> None:
    for name, kind in (("of_order", sa.BigInteger()), ("of_exchange", sa.Text()), ("of_day", sa.Date())):
        op.add_column("bets", sa.Column(name, kind))
    op.execute(
        "CREATE FUNCTION utc_day(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS "
        "$$ SELECT (at AT TIME ZONE 'UTC')::date $$"
    )
    op.execute(
        "UPDATE bets b SET of_order = o.order_id, of_exchange = o.exchange, of_day = utc_day(o.created_at) "
        "FROM orders o WHERE o.client_order_id = b.client_order_id"
    )
    for name in ("of_order", "of_exchange", "of_day"):
        op.alter_column("bets", name, nullable=False)
    _tables()
    _indexes()
    for text in (ORDER_LINE, FILL_LINE, RESULT_LINE, COUNT_ORDER, COUNT_FILL, PLACE_BET, COUNT_BET, COUNT_RESULT):
        op.execute(text)
    for text in (_fold(), REBUILD, *TRIGGERS):
        op.execute(text)
    op.execute("SELECT rebuild_lists()")


def downgrade() -> None:
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}() CASCADE")
    for name in ("rebuild_lists()", "fold_lists()", "order_line(orders, integer)", "fill_line(fills, integer)",
                 "result_line(text, text, numeric)"):  # fmt: skip
        op.execute(f"DROP FUNCTION {name}")
    for name in ("profit_days", "position_days", "positions", "bet_counts", "order_counts", "position_deltas",
                 "bet_deltas", "order_deltas"):  # fmt: skip
        op.drop_table(name)
    for name in ("orders_by_client", "orders_by_fixture", "orders_by_kind", "orders_open", "orders_at_risk"):
        op.drop_index(name, "orders")
    for name in ("bets_by_client", "bets_by_fixture", "bets_by_kind", "bets_by_order_id", "bets_standing"):
        op.drop_index(name, "bets")
    op.drop_index("hedges_by_fixture", "hedges")
    op.drop_index("settlements_by_time", "settlements")
    for name in ("sport", "tournament", "status", "start"):
        op.drop_index(f"fixtures_by_{name}", "fixtures")
    for name, (table, columns) in DROPPED.items():
        where = sa.text(OPEN) if name == "orders_open" else None
        op.create_index(name, table, columns, postgresql_where=where)
    op.execute("DROP FUNCTION utc_day(timestamptz)")
    for name in ("of_order", "of_exchange", "of_day"):
        op.drop_column("bets", name)

"""Events are numbered by ``event_id`` alone; the database waits for the next one, and remembers what was pruned"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAIT = """
CREATE FUNCTION events_after(place bigint, patience interval, most integer) RETURNS SETOF events
LANGUAGE plpgsql VOLATILE SET enable_seqscan TO off AS $$
DECLARE
    give_up timestamptz := clock_timestamp() + patience;
    pause double precision := 0.001;
BEGIN
    WHILE NOT EXISTS (SELECT FROM events WHERE event_id > place) AND clock_timestamp() < give_up LOOP
        PERFORM pg_sleep(pause);
        pause := least(0.005, pause * 1.1);
    END LOOP;
    RETURN QUERY SELECT * FROM events WHERE event_id > place ORDER BY event_id LIMIT most;
END $$
"""
WANTED = """(
    SELECT * FROM events WHERE {} AND event_id > place AND event_id <= goal ORDER BY client, event_id LIMIT most
)"""
MISSED = f"""
CREATE FUNCTION events_missed(
    of_client text, private text[], common text[], place bigint, goal bigint, most integer
) RETURNS SETOF events
LANGUAGE sql STABLE SET enable_seqscan TO off SET enable_bitmapscan TO off AS $$
    SELECT * FROM (
        {WANTED.format("client = of_client AND channel = ANY(private)")}
        UNION ALL {WANTED.format("client IS NULL AND channel = ANY(common)")}
    ) AS wanted ORDER BY event_id LIMIT most
$$
"""
TIDY = "ALTER TABLE events SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05)"
OLD_XID = "(pg_current_xact_id()::text::bigint)"


def upgrade() -> None:
    """Events that are there keep their numbers."""
    op.drop_index("events_in_order", table_name="events")
    op.drop_column("events", "xid")
    op.create_table(
        "outbox",
        sa.Column("one", sa.Boolean(), sa.CheckConstraint("one"), server_default=sa.text("true"), primary_key=True),
        sa.Column("pruned", sa.BigInteger(), nullable=False),
    )
    op.execute(TIDY)
    op.execute(WAIT)
    op.execute(MISSED)


def downgrade() -> None:
    """Back to the order of transactions; of events that are there it becomes the order of their numbers."""
    op.execute("DROP FUNCTION events_missed")
    op.execute("DROP FUNCTION events_after")
    op.execute("ALTER TABLE events RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)")
    op.drop_table("outbox")
    op.add_column("events", sa.Column("xid", sa.BigInteger(), server_default=sa.text(OLD_XID), nullable=False))
    op.create_index("events_in_order", "events", ["xid", "event_id"])

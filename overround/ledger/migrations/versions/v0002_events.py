"""Events are numbered by ``event_id`` alone; the database waits for the next one; what was pruned is remembered"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAIT = """
CREATE FUNCTION events_after(place bigint, patience double precision, most integer) RETURNS SETOF events
LANGUAGE plpgsql VOLATILE SET enable_seqscan TO off AS $$
DECLARE
    give_up timestamptz := clock_timestamp() + patience * interval '1 second';
BEGIN
    WHILE NOT EXISTS (SELECT FROM events WHERE event_id > place) AND clock_timestamp() < give_up LOOP
        PERFORM pg_sleep(0.002);
    END LOOP;
    RETURN QUERY SELECT * FROM events WHERE event_id > place ORDER BY event_id LIMIT most;
END $$
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


def downgrade() -> None:
    """Back to the order of transactions; of events that are there it becomes the order of their numbers."""
    op.execute("DROP FUNCTION events_after")
    op.execute("ALTER TABLE events RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)")
    op.drop_table("outbox")
    op.add_column("events", sa.Column("xid", sa.BigInteger(), server_default=sa.text(OLD_XID), nullable=False))
    op.create_index("events_in_order", "events", ["xid", "event_id"])

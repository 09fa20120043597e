"""What clients and operators may change"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("label", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.add_column("trading_configs", sa.Column("market_id", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.drop_constraint("config_once", "trading_configs", type_="unique")
    op.create_unique_constraint(
        "config_once", "trading_configs", ["client", "tournament_id", "market_id", "config_version"]
    )
    _create_changes()
    _create_idempotency_keys()


def _create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("change_id"),
    )
    op.create_index("changes_by_subject", "changes", ["client", "kind", "subject", "change_id"])
    op.create_index("changes_by_kind", "changes", ["kind", "change_id"])
    op.execute(
        "CREATE FUNCTION only_append() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME; END $$"
    )
    op.execute(
        "CREATE TRIGGER changes_only_append BEFORE UPDATE OR DELETE ON changes "
        "FOR EACH ROW EXECUTE FUNCTION only_append()"
    )


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.UUID(as_uuid=False), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("subject", "key"),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["claimed_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_table("changes")
    op.execute("DROP FUNCTION only_append()")
    op.execute("DELETE FROM trading_configs WHERE market_id <> 0")
    op.drop_constraint("config_once", "trading_configs", type_="unique")
    op.create_unique_constraint("config_once", "trading_configs", ["client", "tournament_id", "config_version"])
    op.drop_column("trading_configs", "market_id")
    for column in ("last_used_at", "expires_at", "label"):
        op.drop_column("api_keys", column)

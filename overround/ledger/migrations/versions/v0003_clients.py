"""What clients and operators may change"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("label", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.add_column(
        "trading_configs", sa.Column("market_id", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.drop_constraint("config_once", "trading_configs", type_="unique")
    op.create_unique_constraint(
        "config_once", "trading_configs", ["client", "tournament_id", "market_id", "config_version"]
    )


def downgrade() -> None:
    op.execute("DELETE FROM trading_configs WHERE market_id <> 0")
    op.drop_constraint("config_once", "trading_configs", type_="unique")
    op.create_unique_constraint("config_once", "trading_configs", ["client", "tournament_id", "config_version"])
    op.drop_column("trading_configs", "market_id")
    for column in ("last_used_at", "expires_at", "label"):
        op.drop_column("api_keys", column)

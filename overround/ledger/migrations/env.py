"""Alembic's entry: runs migrations in one transaction on the URL given by ``overround.ledger.migrate``."""

from alembic import context
from sqlalchemy import create_engine, pool

from overround.ledger.tables import metadata


def run() -> None:
    engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()


run()

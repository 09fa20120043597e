"""Bring a database to the newest schema (alembic; imported only where migrations run)."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from overround.ledger.db import normalise

HERE = Path(__file__).parent / "migrations"


def configuration(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("sqlalchemy.url", normalise(database_url).replace("%", "%%"))
    return config


def upgrade(database_url: str) -> None:
    """Apply every migration that is missing; harmless to repeat."""
    command.upgrade(configuration(database_url), "head")

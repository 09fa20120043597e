"""The live line, as the console shows it."""

import psycopg

from overround.ledger.progress import snapshot


def line(database_url: str) -> str:
    """A database that restarts or is migrated is said, not raised: trading goes on when it is back."""
    try:
        return snapshot(database_url).line()
    except psycopg.OperationalError:
        return "the ledger does not answer"
    except psycopg.errors.UndefinedTable:
        return "the ledger has no tables yet"

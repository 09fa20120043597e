"""What an operator reads when the ledger cannot be used: one line instead of a driver's traceback."""

import sys


def of_the_ledger(error: BaseException) -> str | None:
    """One line for an error of the ledger's driver, None for any other. Loads nothing that is not loaded."""
    psycopg = sys.modules.get("psycopg")
    cause = getattr(error, "orig", None) or error
    if psycopg is None:
        return None
    if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return "DATABASE_URL: this ledger lacks tables of this version: run 'overround migrate'"
    if isinstance(cause, psycopg.OperationalError):
        return f"DATABASE_URL: {' '.join(str(cause).split())}"
    return None

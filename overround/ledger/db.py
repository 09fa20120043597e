"""Connections to the ledger."""

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

OPTIONS = "-c max_parallel_workers_per_gather=0 -c idle_in_transaction_session_timeout=30s"
"""The ledger's statements are short: starting helpers for one takes longer than it does, and a transaction that hangs
holds back every event behind it."""


def normalise(url: str) -> str:
    """``postgres://`` and ``postgresql://`` addresses as SQLAlchemy wants them for psycopg."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def connect(url: str, *, pool: int = 10, autocommit: bool = False) -> AsyncEngine:
    """An engine with a small pool that survives a server restart (stack sheet, section 3). The connection used last is
    used next: it has the statements prepared. Its errors name no values: secrets and digests travel as parameters.

    With ``autocommit`` each statement commits by itself, unless a connection is given another isolation level once it
    is held. Never give one to an engine's ``execution_options``: who is cancelled while it is set loses the connection.
    """
    return create_async_engine(
        normalise(url),
        isolation_level="AUTOCOMMIT" if autocommit else None,
        pool_size=pool,
        max_overflow=0,
        pool_use_lifo=True,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": OPTIONS},
    )

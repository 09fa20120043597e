"""Activities write to the same ledger as the ledger's own tests."""

from tests.ledger.conftest import ledger, ledger_engine, ledger_url

__all__ = ["ledger", "ledger_engine", "ledger_url"]

"""Activities write to the same ledger as the ledger's own tests, and talk to the same Temporal as the streamers'."""

from tests.ledger.conftest import ledger, ledger_engine, ledger_url
from tests.streamers.conftest import temporal

__all__ = ["ledger", "ledger_engine", "ledger_url", "temporal"]

"""Streamers read the same ledger as the ledger's own tests, and talk to a Temporal that knows one owner."""

import pytest

from tests.ledger.conftest import ledger, ledger_engine, ledger_url
from tests.ledger.desk import OWNER
from tests.streamers.desk import FakeTemporal

__all__ = ["ledger", "ledger_engine", "ledger_url"]


@pytest.fixture
def temporal() -> FakeTemporal:
    return FakeTemporal(alive={OWNER})

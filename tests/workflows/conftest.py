"""What several workflow tests need."""

from datetime import timedelta

import pytest
from temporalio.common import RetryPolicy

from workflows import calls, order


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once: as many as ever, in no time."""
    quick = RetryPolicy(initial_interval=timedelta(milliseconds=2), maximum_interval=timedelta(milliseconds=10))
    monkeypatch.setattr(calls, "FAST_RETRY", quick)


@pytest.fixture
def short_runs(monkeypatch: pytest.MonkeyPatch) -> int:
    """Owners continue as new after this many messages instead of thousands."""
    monkeypatch.setattr(order, "MESSAGES_PER_RUN", 10)
    return 10

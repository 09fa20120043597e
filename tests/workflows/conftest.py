"""What several workflow tests need."""

import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment

from workflows import calls, order
from workflows.payloads import DATA_CONVERTER


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


@pytest.fixture
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A server of the test's own: an activity cut off by the end of one test would hold back the time of the next."""
    binary = Path(sys.executable).parent / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(binary), data_converter=DATA_CONVERTER
    ) as environment:
        yield environment

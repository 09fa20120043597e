"""One served paper venue per test."""

from collections.abc import AsyncIterator

import pytest

from tests.exchanges.kalshi.desk import Bench, open_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as opened:
        yield opened

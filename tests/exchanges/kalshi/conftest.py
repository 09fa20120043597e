"""One server for the session, a fresh paper venue per test."""

from collections.abc import AsyncIterator

import pytest

from tests.exchanges.kalshi.desk import Bench, Door, open_bench
from tests.support.serve import serve


@pytest.fixture(scope="session")
async def door() -> AsyncIterator[Door]:
    shared = Door()
    async with serve(shared) as shared.url:
        yield shared


@pytest.fixture
async def bench(door: Door) -> AsyncIterator[Bench]:
    async with open_bench(door=door) as opened:
        yield opened

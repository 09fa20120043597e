"""A fresh desk for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.paper.abp.desk import Desk, open_desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as made:
        yield made

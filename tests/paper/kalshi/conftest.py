"""A fresh desk for each test."""

import pytest

from tests.paper.kalshi.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()

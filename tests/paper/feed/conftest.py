"""A fresh feed for each test."""

import pytest

from tests.paper.feed.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()

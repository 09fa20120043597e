"""A fresh desk for each test, its traders signed in."""

import pytest

from tests.paper.polymarket.desk import Desk


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.ann.sign_in()
    await made.bob.sign_in()
    return made

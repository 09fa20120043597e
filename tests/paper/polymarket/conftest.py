"""A fresh desk for each test, its traders signed in."""

import pytest

from overround.paper.store import Store
from tests.paper.polymarket.desk import Desk

KEYS = "polymarket-key"


@pytest.fixture(scope="session")
async def signed_in() -> Desk:
    """Signing in costs more than most tests: it is done once, and every venue finds the keys in its store."""
    made = Desk()
    await made.ann.sign_in()
    await made.bob.sign_in()
    return made


@pytest.fixture
def desk(signed_in: Desk) -> Desk:
    store = Store(None)
    for name, body in signed_in.store.all(KEYS):
        store.put(KEYS, name, body)
    made = Desk(store)
    made.ann.keys, made.bob.keys = signed_in.ann.keys, signed_in.bob.keys
    return made

"""One ledger for all tests here, emptied before each: a client of two exchanges who hedges at one bookmaker."""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from overround.ledger import accounts
from overround.ledger.db import connect
from overround.venues import Account
from tests.ledger.desk import CLIENT, SECRET
from tests.support.emptied import renew
from tests.support.servers import cloned_database

if TYPE_CHECKING:
    from console.embedded.postgres import Postgres


@pytest.fixture(scope="session")
def ledger_url(postgres: "Postgres", template_database: str) -> Iterator[str]:
    with cloned_database(postgres, template_database) as url:
        yield url


@pytest.fixture(scope="session")
async def ledger_engine(ledger_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect(ledger_url, pool=24)
    yield engine
    await engine.dispose()


@pytest.fixture
async def ledger(ledger_engine: AsyncEngine) -> AsyncEngine:
    """The ledger with nothing in it but the demo client and its accounts."""
    async with ledger_engine.begin() as connection:
        await renew(connection)
        await seed(connection)
    return ledger_engine


async def seed(connection: AsyncConnection) -> None:
    await accounts.save_client(connection, CLIENT, "Demo", "vertex")
    for venue in ("kalshi", "polymarket"):
        account = Account(f"{venue}-demo", venue, CLIENT, {"rest": "https://venue.invalid"}, {"key": "s3cret"})
        await accounts.save_exchange_account(connection, account, SECRET)
    bookmaker = Account("vertex-demo", "abp", CLIENT, {"rest": "https://abp.invalid"}, {"api_key": "s3cret"})
    await accounts.save_bookmaker_account(connection, bookmaker, SECRET, bookmaker="vertex")

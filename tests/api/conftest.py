"""A running API and its database, shared by these tests and emptied before each."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from json import loads
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.app import create_app
from api.context import Timing
from overround.ledger.db import connect
from overround.ledger.keys import create_key
from overround.settings import Settings
from tests.api import rows
from tests.support.emptied import empty
from tests.support.serve import serve

if TYPE_CHECKING:
    from console.embedded.postgres import Postgres
    from tests.api.commanding import Engine, Sender

PEPPER = SecretStr("pepper-of-the-tests")
QUICK = Timing(subscribe=30.0, heartbeat=60.0, key_cache=0.0, fold=3600.0)
"""Nothing happens by itself while a test looks."""


@dataclass
class Api:
    """One API process and who may call it. ``demo`` and ``rival`` are clients with a key each.

    Statements of ``single`` commit by themselves.
    """

    url: str
    http: httpx.AsyncClient
    engine: AsyncEngine
    single: AsyncEngine
    keys: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, *, by: str = "demo", **query: Any) -> httpx.Response:
        """GET ``/api/v1`` + path with the key of ``by``."""
        return await self.http.get(f"/api/v1{path}", params=query or None, headers={"X-API-Key": self.keys[by]})

    async def body(self, path: str, *, by: str = "demo", **query: Any) -> Any:
        """The body of a successful GET, numbers as Decimals."""
        answer = await self.get(path, by=by, **query)
        assert answer.status_code == 200, answer.text
        return loads(answer.text, parse_float=Decimal)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction on the ledger."""
        async with self.engine.begin() as connection:
            yield connection


async def _seed(engine: AsyncEngine) -> dict[str, str]:
    async with engine.begin() as connection:
        for name in ("demo", "rival"):
            await rows.client(connection, name)
        await rows.client(connection, "asleep", active=False)
        keys = {name: await create_key(connection, PEPPER, "client", name) for name in ("demo", "rival", "asleep")}
        keys["operator"] = await create_key(connection, PEPPER, "operator", None)
    return keys


def settings_for(database_url: str, **changes: Any) -> Settings:
    return Settings(database_url=database_url, secret_key=PEPPER, rest_limit_per_minute=10_000).model_copy(
        update=changes
    )


@asynccontextmanager
async def running(database_url: str, *, timing: Timing = QUICK, **changes: Any) -> AsyncIterator[Api]:
    """An API process on ``database_url``; ``changes`` are settings."""
    engine, single = connect(database_url, pool=4), connect(database_url, pool=4, autocommit=True)
    try:
        async with (
            serve(create_app(settings_for(database_url, **changes), timing)) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            yield Api(url, http, engine, single)
    finally:
        await engine.dispose()
        await single.dispose()


@pytest.fixture(scope="session")
def shared_url(postgres: "Postgres", template_database: str) -> Iterator[str]:
    """One database for all tests of the API; each starts with its tables empty."""
    from tests.support.servers import cloned_database

    with cloned_database(postgres, template_database) as url:
        yield url


@pytest.fixture(scope="session")
async def process(shared_url: str) -> AsyncIterator[Api]:
    """One API process for all tests: starting one for each would be most of their time."""
    async with running(shared_url) as started:
        yield started


@pytest.fixture
def database_url(shared_url: str) -> str:
    """The database behind ``api``, for tests that start a second process on it."""
    return shared_url


async def _empty(process: Api) -> None:
    async with process.writing() as connection:
        await empty(connection)


@pytest.fixture
async def api(process: Api) -> Api:
    """The running API over empty tables, with its clients and their keys."""
    for _ in range(3):
        with suppress(OperationalError):  # a deadlock with a request the last test did not wait for
            await _empty(process)
            break
    else:
        await _empty(process)
    return Api(process.url, process.http, process.engine, process.single, await _seed(process.engine))


@pytest.fixture(scope="session")
async def commanded_url(shared_url: str, process: Api) -> AsyncIterator[tuple[str, "Engine"]]:
    """One process for all tests of commands, and the engine that carries them out."""
    from tests.api.commanding import Engine, commanded

    engine = Engine(process.engine)
    async with commanded(shared_url, engine) as url:
        yield url, engine


@pytest.fixture
async def sender(api: Api, commanded_url: tuple[str, "Engine"]) -> "Sender":
    """Clients whose commands are carried out."""
    from tests.api.commanding import Sender

    url, engine = commanded_url
    engine.reset()
    return Sender(api, url, engine)

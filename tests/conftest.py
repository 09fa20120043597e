"""Fixtures for all tests. Servers start when the first test asks for one; pure tests start nothing."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from overround.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.testing import WorkflowEnvironment

    from console.embedded.postgres import Postgres
    from console.embedded.temporal import TemporalServer

for name in [name for name in os.environ if name.startswith("OVERROUND_")]:
    del os.environ[name]
for name in ("DATABASE_URL", "TEMPORAL_ADDRESS", "ODDSPAPI_API_KEY"):
    os.environ.pop(name, None)
Settings.model_config["env_file"] = None  # what this machine is configured for is no business of the tests

settings.register_profile(
    "overround", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("overround")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Postgres"]:
    """One PostgreSQL per session."""
    from tests.support.servers import running_postgres

    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres: "Postgres") -> str:
    from tests.support.servers import make_template

    return make_template(postgres)


@pytest.fixture
def database_url(postgres: "Postgres", template_database: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    from tests.support.servers import cloned_database

    with cloned_database(postgres, template_database) as url:
        yield url


@pytest.fixture
def blank_database_url(postgres: "Postgres") -> Iterator[str]:
    """A database without any table."""
    from tests.support.servers import cloned_database

    with cloned_database(postgres, "template1") as url:
        yield url


@pytest.fixture(scope="session")
def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["TemporalServer"]:
    """One Temporal server per session, tuned as the product's."""
    from tests.support.servers import running_temporal

    with running_temporal(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture(scope="session")
async def temporal(temporal_server: "TemporalServer") -> "Client":
    """A client of the session's Temporal server, with the search attributes registered."""
    from temporalio.client import Client

    from workflows.payloads import DATA_CONVERTER

    return await Client.connect(temporal_server.address, data_converter=DATA_CONVERTER)


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator["WorkflowEnvironment"]:
    """Temporal's test server, where days pass in seconds; it knows no search attributes, lists or schedules."""
    import sys
    from pathlib import Path

    from temporalio.testing import WorkflowEnvironment

    from workflows.payloads import DATA_CONVERTER

    binary = Path(sys.executable).parent / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(binary), data_converter=DATA_CONVERTER
    ) as environment:
        yield environment


@pytest.fixture
def task_queue() -> str:
    """A task queue no other test uses."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """A stack for what a test starts."""
    with ExitStack() as stack:
        yield stack

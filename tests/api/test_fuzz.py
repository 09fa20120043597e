"""No request of any shape makes the API fail or answer other than its document says."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS

from api.app import create_app
from overround.domain.control import CancelOrders, ControlRequest
from overround.settings import Settings
from tests.api import rows
from tests.api.commanding import Sender
from tests.api.conftest import Api

EXAMPLES = 15
HELD = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
BESIDE_A_SERVER = pytest.mark.filterwarnings("ignore:Do not use the .random. module")
"""The server answers in another thread of this process; what it draws at random is not the generators' doing."""
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


async def _seed(api: Api) -> None:
    async with api.writing() as connection:
        await rows.fixture(connection)
        order = await rows.order(connection, "demo", status="PARTIAL", filled="10")
        await rows.fill(connection, order, size="10")
        await rows.bet(connection, order)
        await rows.hedge(connection, order)


def fuzz(url: str, key: str, *, operator: bool = False, examples: int = EXAMPLES) -> dict[int, int]:
    """Generated requests, good and bad, to every operation of clients or of operators, the same ones each time; how
    often each status came."""
    schema = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
    seen: dict[int, int] = {}
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if operation.path.startswith("/api/v1/operator/") == operator:
            for mode in MODES:
                _fuzz_operation(operation, mode, url, key, seen, examples)
    return seen


def _fuzz_operation(operation: Any, mode: Any, url: str, key: str, seen: dict[int, int], examples: int) -> None:
    checks = CHECKS.get_by_names(list(HELD))

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def attempt(case: Any) -> None:
        response = case.call(base_url=url, headers={"X-API-Key": key})
        case.validate_response(response, checks=checks)
        seen[response.status_code] = seen.get(response.status_code, 0) + 1

    attempt()


@BESIDE_A_SERVER
async def test_generated_requests_find_no_server_error_and_no_undocumented_answer(sender: Sender) -> None:
    await _seed(sender.api)
    seen = await asyncio.to_thread(fuzz, sender.url, sender.api.keys["demo"])
    assert set(seen) <= {200, 201, 401, 404, 409, 422}
    assert seen[200] > 50
    assert seen[422] > 50
    assert {type(argument) for argument in sender.engine.commands()} == {CancelOrders, ControlRequest}

"""``overround control``: stop quoting and let it go on, for one client or for everybody."""

import asyncio
from enum import StrEnum
from typing import Annotated
from uuid import uuid4

import typer
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError

from console import config
from console.embedded.process import StartError
from console.state import State
from overround.domain.clients import GLOBAL
from overround.domain.control import ControlRequest, GateResult
from overround.settings import Settings
from workflows import starts
from workflows.names import TRADING
from workflows.payloads import DATA_CONVERTER


class Word(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    START = "start"
    SOFT_PAUSE = "soft_pause"
    EMERGENCY = "emergency"
    CLEAR = "clear"


def control(
    command: Annotated[Word, typer.Argument(help="What to do.")],
    client: Annotated[str, typer.Option(help="Only this client, for example demo:vertex; otherwise everybody.")] = "",
    reason: Annotated[str, typer.Option(help="Why; shown by the API.")] = "",
    by: Annotated[str, typer.Option(help="Who gives the command.")] = "console",
) -> None:
    """Stop or resume quoting. The gate is shut before this returns; cancelling goes on whatever dies."""
    scope = client or GLOBAL
    result = asyncio.run(command_gate(config.load(), scope, ControlRequest(command.value, by, reason)))
    print(
        f"{scope}: {result.result}; {f'no new quotes ({result.blocked})' if result.blocked else 'quoting is allowed'}"
    )


async def command_gate(settings: Settings, scope: str, request: ControlRequest) -> GateResult:
    """Hand a command to the scope's ``ControlWorkflow``, starting it if it never ran. Raises ``StartError``."""
    address = settings.temporal_address or State(settings.state_dir).read_run().get("temporalAddress", "")
    if not address:
        raise StartError(f"nothing runs on {settings.state_dir} (OVERROUND_STATE_DIR), and TEMPORAL_ADDRESS is not set")
    try:
        client = await Client.connect(address, namespace=settings.temporal_namespace, data_converter=DATA_CONVERTER)
        return await _update(client, scope, request)
    except (RPCError, RuntimeError, WorkflowUpdateFailedError) as error:
        raise StartError(f"TEMPORAL_ADDRESS: {address} did not carry out the command: {error}") from None


async def _update(client: Client, scope: str, request: ControlRequest) -> GateResult:
    result: GateResult = await client.execute_update_with_start_workflow(
        "command",
        request,
        start_workflow_operation=starts.control(TRADING, scope),
        id=str(uuid4()),
        result_type=GateResult,
    )
    return result

"""The embedded Temporal server."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.worker import Worker

from console.embedded.namespace import RETENTION, prepare
from console.embedded.process import StartError, free_port
from console.embedded.temporal import TemporalServer, apart, healthy
from tests.console.naps import Nap
from tests.support.up import until
from workflows.attributes import attributes


def killed(server: TemporalServer) -> None:
    if server.process is not None:
        server.process.kill()


async def test_a_short_timer_fires_at_once(temporal: Client, task_queue: str) -> None:
    """With the server's defaults this takes a second: a misspelt key in the list shows here."""
    async with Worker(temporal, task_queue=task_queue, workflows=[Nap]):
        slept = [
            await temporal.execute_workflow(Nap.run, id=f"{task_queue}-{i}", task_queue=task_queue) for i in range(3)
        ]
    assert min(slept) < 0.3


async def test_workflows_survive_kill_nine_of_the_server(tmp_path: Path, cleanup: ExitStack) -> None:
    server = TemporalServer(tmp_path, ui_port=None)
    cleanup.callback(killed, server)
    client = await Client.connect(server.start())
    handle = await client.start_workflow(Nap.run, id="survivor", task_queue="naps")
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    until(lambda: server.process is not None and not server.process.alive())
    server.process.launch()
    server.process.wait_ready()
    async with Worker(client, task_queue="naps", workflows=[Nap]):
        assert await handle.result() >= 0.1


async def test_search_attributes_are_registered_once_and_usable_at_once(tmp_path: Path, cleanup: ExitStack) -> None:
    server = TemporalServer(tmp_path, ui_port=None)
    cleanup.callback(killed, server)
    address = server.start()
    for _ in range(2):
        await prepare(address, "default", {"Colour": "Keyword", "Tags": "KeywordList"}, ours=True)
    client = await Client.connect(address)
    key = SearchAttributeKey.for_keyword("Colour")
    attributes = TypedSearchAttributes([SearchAttributePair(key, "red")])
    await client.start_workflow(Nap.run, id="red", task_queue="naps", search_attributes=attributes)
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION
    with pytest.raises(StartError, match="search attribute Colour exists with another type"):
        await prepare(address, "default", {"Colour": "Int"}, ours=True)


async def test_a_namespace_that_is_not_there_is_one_line(temporal_server: TemporalServer) -> None:
    with pytest.raises(StartError, match="OVERROUND_TEMPORAL_NAMESPACE nowhere"):
        await prepare(temporal_server.address, "nowhere", {"Colour": "Keyword"}, ours=False)


async def test_the_sessions_server_knows_our_search_attributes(temporal: Client, task_queue: str) -> None:
    carried = attributes(client="c1", exchange="kalshi", account="a1", fixture="f1", market="101", state="QUOTING")
    await temporal.start_workflow(Nap.run, id=task_queue, task_queue=task_queue, search_attributes=carried)
    await temporal.get_workflow_handle(task_queue).terminate()


def test_a_port_where_nobody_serves_is_not_healthy() -> None:
    assert apart(lambda: healthy(f"127.0.0.1:{free_port()}")) is False

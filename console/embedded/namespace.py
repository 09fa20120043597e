"""Prepares a Temporal namespace: search attributes and how long closed histories are kept. Harmless to repeat."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from console.embedded.process import StartError

RETENTION = timedelta(days=7)


def indexed_type(name: str) -> IndexedValueType.ValueType:
    """``Keyword``, ``KeywordList``, ``Int`` and so on, as the wire numbers them."""
    wire = "KEYWORD_LIST" if name == "KeywordList" else name.upper()
    return IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{wire}")


async def prepare(address: str, namespace: str, attributes: Mapping[str, str], *, ours: bool) -> None:
    """Register what is missing and wait until it can be used. ``ours``: also set the retention.

    Raises ``StartError`` naming the setting when the namespace is not there or an attribute has another type.
    """
    try:
        client = await Client.connect(address, namespace=namespace)
        await _register(client, attributes)
        if ours:
            await _retain(client)
    except (RPCError, RuntimeError) as error:
        raise StartError(f"TEMPORAL_ADDRESS {address}, OVERROUND_TEMPORAL_NAMESPACE {namespace}: {error}") from None


async def _register(client: Client, attributes: Mapping[str, str]) -> None:
    have = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    wanted = {name: indexed_type(kind) for name, kind in attributes.items()}
    for name, kind in wanted.items():
        if have.custom_attributes.get(name, kind) != kind:
            raise StartError(f"OVERROUND_TEMPORAL_NAMESPACE: search attribute {name} exists with another type")
    missing = {name: kind for name, kind in wanted.items() if name not in have.custom_attributes}
    if not missing:
        return
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    await client.operator_service.add_search_attributes(request)
    await _until_usable(client, next(iter(missing)))


async def _until_usable(client: Client, name: str) -> None:
    """The server's caches learn of a new attribute a moment later."""
    for _ in range(100):
        try:
            await client.count_workflows(f"{name} is null")
            return
        except RPCError:
            await asyncio.sleep(0.1)
    raise StartError(f"search attribute {name} was registered but is not usable after 10 s")


async def _retain(client: Client) -> None:
    config = NamespaceConfig()
    config.workflow_execution_retention_ttl.FromTimedelta(RETENTION)
    await client.workflow_service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))

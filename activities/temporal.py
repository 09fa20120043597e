"""The Temporal client every process uses: exact Decimals in payloads, metrics for whoever scrapes them."""

import asyncio
import contextlib

from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from overround.settings import Settings
from workflows.payloads import DATA_CONVERTER


async def connect_temporal(settings: Settings) -> Client:
    """Connect, retrying while the server starts."""
    runtime = Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address="127.0.0.1:0")))
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=DATA_CONVERTER,
                runtime=runtime,
            )
        await asyncio.sleep(0.1)
    raise RuntimeError(f"Temporal does not answer at {settings.temporal_address} (TEMPORAL_ADDRESS)")

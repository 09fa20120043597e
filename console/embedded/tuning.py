"""Temporal's dynamic configuration, in one place for the embedded server, the tests and the compose file.

The defaults are made for clusters of many shards and slow a single shard four-fold; stack sheet, section 4.1, says what
each one does. The server accepts a misspelt key in silence: a test fires a 100 ms timer to prove the list is in force.
"""

import json
from typing import Any

Value = int | str

COMMON: dict[str, Value] = {
    "history.maxInFlightUpdates": 1000,
    "history.maxTotalUpdates": 20000,
    "frontend.namespaceRPS.visibility": 100,
    "frontend.rps": 20000,
    "frontend.namespaceRPS": 20000,
    "matching.rps": 20000,
    "history.rps": 30000,
    "frontend.persistenceMaxQPS": 20000,
    "history.persistenceMaxQPS": 90000,
    "matching.persistenceMaxQPS": 30000,
}

EMBEDDED: dict[str, Value] = COMMON | {
    "history.transferProcessorMaxPollRPS": 2000,
    "history.timerProcessorMaxPollRPS": 2000,
    "history.timerProcessorMaxTimeShift": "10ms",
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
}
"""One shard on one machine."""

PRODUCTION: dict[str, Value] = COMMON | {
    "history.transferProcessorMaxPollRPS": 200,
    "history.timerProcessorMaxPollRPS": 200,
    "history.timerProcessorMaxTimeShift": "100ms",
}
"""Many shards; the time shift is at least the clock skew between hosts (stack sheet, section 8)."""


def flags(values: dict[str, Value] | None = None) -> list[str]:
    """The list as ``--dynamic-config-value`` arguments of ``temporal server start-dev``."""
    pairs = (EMBEDDED if values is None else values).items()
    return [part for key, value in pairs for part in ("--dynamic-config-value", f"{key}={json.dumps(value)}")]


def document(values: dict[str, Value] | None = None) -> dict[str, Any]:
    """The list as the server's dynamic configuration file holds it."""
    pairs = (PRODUCTION if values is None else values).items()
    return {key: [{"value": value, "constraints": {}}] for key, value in pairs}

"""Waiting for what happens in the background."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


async def until(condition: Callable[[], Any], what: str = "it", seconds: float = 20.0) -> Any:
    """The first truthy value of ``condition``, which may have to be awaited. Long, for busy machines: only a failure
    takes it."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not happen within {seconds:.0f} s"
        await asyncio.sleep(0.005)

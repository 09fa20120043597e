"""Payloads as JSON with exact Decimals, read by readers of our types that are built once per process.

The SDK makes a converter for every execution, and each would build readers of its own: 5 ms for a ``HedgeStart`` alone,
before the first step of a hedge.
"""

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter

_SHARED = PydanticPayloadConverter()


class SharedPayloadConverter(CompositePayloadConverter):
    """``PydanticPayloadConverter`` whose instances are one."""

    def __init__(self) -> None:
        super().__init__(*_SHARED.converters.values())


DATA_CONVERTER = DataConverter(payload_converter_class=SharedPayloadConverter)

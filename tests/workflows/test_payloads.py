"""What travels to and from workflows: exact, and read without building a reader for every execution."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from overround.domain.messages import FillSignal
from overround.domain.orders import Fill
from workflows.payloads import DATA_CONVERTER, SharedPayloadConverter

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**9, places=10)


@given(DECIMALS, DECIMALS, DECIMALS)
def test_decimals_arrive_digit_for_digit(size: Decimal, price: Decimal, fee: Decimal) -> None:
    sent = FillSignal(Fill("t1", size, price, fee, 1))
    converter = DATA_CONVERTER.payload_converter
    (arrived,) = converter.from_payloads(converter.to_payloads([sent]), [FillSignal])
    assert arrived == sent
    assert [str(value) for value in (arrived.fill.size, arrived.fill.price, arrived.fill.fee)] == [
        str(value) for value in (size, price, fee)
    ]


def test_executions_share_their_readers() -> None:
    first, second = SharedPayloadConverter(), SharedPayloadConverter()
    (payload,) = first.to_payloads([Decimal("0.10")])
    assert second.from_payload(payload, Decimal) == Decimal("0.10")
    assert all(first.converters[name] is second.converters[name] for name in first.converters)

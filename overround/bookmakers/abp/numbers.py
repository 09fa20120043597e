"""Exact JSON numbers, and the router's averaging rule. Source: bookmakers sheet, section 5."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson

from overround.domain.numbers import ZERO, divide, exact


def encode(body: object) -> bytes:
    """JSON in which every Decimal is a plain number, digit for digit."""
    return orjson.dumps(body, default=_number)


def _number(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} has no place in a request")
    return orjson.Fragment(format(exact(value), "f"))


def decode(text: str | bytes) -> Any:
    """JSON with fractions as Decimal. Raises ``ValueError`` for what is not JSON, NaN and Infinity included."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("JSON of absurd depth") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def max_next_stake(
    order_price: Decimal, fills: Iterable[tuple[Decimal, Decimal]], next_price: Decimal
) -> Decimal | None:
    """The largest stake the router may place at ``next_price`` after ``fills`` of (decimal odds, stake) while the
    stake-weighted average stays at or above ``order_price``; None when the price sets no limit. In the stake's
    currency: ``(sum(stake * price) - order_price * sum(stake)) / (order_price - next_price)``."""
    if next_price >= order_price:
        return None
    spare = sum(((price - order_price) * stake for price, stake in fills), ZERO)
    return divide(max(spare, ZERO), order_price - next_price)

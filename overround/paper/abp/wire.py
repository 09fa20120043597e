"""Numbers, times and JSON as the paper bookmaker writes them. Shares nothing with the adapter it is used to test."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from starlette.responses import Response

ZERO = Decimal(0)
CENT, MILL = Decimal("0.01"), Decimal("0.001")
DAY_MS = 86_400_000
START = datetime(1970, 1, 1, tzinfo=UTC)


def dumps(value: Any) -> str:
    """JSON text; Decimals become numbers with every digit they have."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, float):
        raise TypeError("money is never a float")
    return json.dumps(value)


def loads(text: str | bytes) -> Any:
    """JSON with every fraction as Decimal. Raises ``ValueError``, also for NaN, infinities and bottomless nesting."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def cents(value: Decimal) -> Decimal:
    """Money rounded half-up to 0.01."""
    return value.quantize(CENT, ROUND_HALF_UP)


def whole_cents(value: Decimal) -> Decimal:
    """A stake cut down to 0.01."""
    return value.quantize(CENT, ROUND_DOWN)


def odds(value: Decimal) -> Decimal:
    """Decimal odds cut down to 0.001."""
    return value.quantize(MILL, ROUND_DOWN)


def stamp(epoch_ms: int) -> str:
    return (START + timedelta(milliseconds=epoch_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(text: str) -> int:
    """Raises ``ValueError`` for what is not ISO-8601; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - START) // timedelta(milliseconds=1)


def next_stake_cap(floor: Decimal, fills: Iterable[tuple[Decimal, Decimal]], price: Decimal) -> Decimal | None:
    """The most that may still be staked at ``price`` with the average of all (price, stake) at or above ``floor``; None
    when ``price`` alone satisfies it. Source: bookmakers sheet, section 5, "Routing"."""
    if price >= floor:
        return None
    done = list(fills)
    earned, staked = sum((p * s for p, s in done), ZERO), sum((s for _, s in done), ZERO)
    return max(ZERO, earned - floor * staked) / (floor - price)


class Problem(Exception):
    """A request answered with an HTTP error."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(dumps(body), status, headers, "application/json")

"""The golden vectors next to these tests, and the settings of every property test here."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

#: Short, because these tests are full of exact numbers.
D = Decimal

_VECTORS = Path(__file__).parent.parent / "vectors"

#: Deterministic and bounded: the same examples on every run.
exactly = settings(
    derandomize=True, max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def load(name: str) -> Any:
    """The vector file ``name``; its numbers are decimal strings."""
    return json.loads((_VECTORS / f"{name}.json").read_text(), parse_float=Decimal)


def cases(name: str) -> list[Any]:
    """The cases of a vector file."""
    return list(load(name)["cases"])


def label(case: Any) -> str:
    """A test id."""
    return str(case.get("id", "")) if isinstance(case, dict) else str(case)


def near(ours: Decimal, printed: str | Decimal, tolerance: str = "0.0000000000006") -> bool:
    """Whether a number agrees with one printed to 12 places."""
    return abs(ours - Decimal(printed)) <= Decimal(tolerance)

"""JSON with exact numbers: a ``Decimal`` becomes a JSON number digit for digit, never through binary float."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson


def number(value: Decimal) -> str:
    """Plain digits of a finite ``value``, without an exponent and without zeros that carry no information."""
    digits = format(value, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits in {"-0", ""} else digits


def instant(value: datetime) -> str:
    """``value`` in the client API's form: ISO 8601, UTC, ``Z`` (mm-api sheet, section 1)."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError("a number in JSON must be finite")
        return orjson.Fragment(number(value))
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def dumps(value: Any) -> bytes:
    """``value`` as compact JSON; raises ``TypeError`` for what has no exact form. A float is a bug and is refused."""
    _refuse_floats(value)
    return orjson.dumps(value, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("binary floats are not exact: use Decimal")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)

"""How this venue writes numbers and times, and how it says no (kalshi sheet, sections 4 and 7)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from starlette.responses import Response

CENTICENT, MICRO, HUNDREDTH = Decimal("0.0001"), Decimal("0.000001"), Decimal("0.01")


class ApiError(Exception):
    """A refusal as the client sees it: HTTP status, a word, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def body(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "service": "paper"}


def dollars(value: Decimal) -> str:
    """Four decimals, six where four would lose something."""
    four = value.quantize(CENTICENT)
    return str(four if four == value else value.quantize(MICRO))


def count(value: Decimal) -> str:
    return str(value.quantize(HUNDREDTH))


def cents(value: Decimal) -> int:
    """Whole cents, rounded down."""
    return int((value * 100).to_integral_value(rounding="ROUND_FLOOR"))


def iso(epoch_ms: int) -> str:
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{epoch_ms % 1000:03d}Z"


def reply(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def refusal(error: ApiError) -> Response:
    return reply({"error": "too many requests"} if error.status == 429 else error.body(), error.status)

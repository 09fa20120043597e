"""Answers whose numbers are exact."""

from typing import Any

from fastapi.responses import JSONResponse

from overround.ledger.encoding import dumps


class ExactJSON(JSONResponse):
    """JSON in which a ``Decimal`` is a number, digit for digit."""

    def render(self, content: Any) -> bytes:
        return dumps(content)

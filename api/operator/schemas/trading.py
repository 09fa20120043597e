"""Trading parameters of a scope, under the names of docs/trading.md in camelCase."""

from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt, create_model

from api.schemas.base import Number, Shape
from overround.domain.config import TradingConfig

OutcomeId = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
Outcomes = Annotated[list[OutcomeId], Field(max_length=500)]
Precise = Annotated[Number, Field(decimal_places=12)]


def _kind(default: Any) -> Any:
    match default:
        case bool():
            return StrictBool
        case int():
            return StrictInt
        case Decimal():
            return Precise
    return Outcomes


KINDS: dict[str, Any] = {item.name: _kind(item.default) for item in fields(TradingConfig) if item.name != "version"}
Parameters = create_model("Parameters", __base__=Shape, **KINDS)
"""Every parameter; prices and margins are currency per contract, sizes contracts, times seconds."""


class _Given(Shape):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcomes": [111, 112], "margin": 0.02, "size": 20, "maxMarketLoss": 250}]}
    )


GIVEN: dict[str, Any] = {name: (kind | None, None) for name, kind in KINDS.items()}
GivenParameters = create_model("GivenParameters", __base__=_Given, **GIVEN)
"""What is left out has the value of the scope above."""


class Scope(Shape):
    """``default``: every tournament; ``market``: one market type of one tournament. The narrowest counts alone."""

    scope: Literal["default", "tournament", "market"]
    tournament_id: int | None
    market_id: int | None
    version: int
    changed_by: str | None
    changed_at: datetime | None


class ScopeParameters(Scope):
    """``own`` is false where the scope has no settings of its own: then those of the scope above are shown."""

    own: bool
    parameters: Parameters

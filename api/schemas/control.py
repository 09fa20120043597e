"""Who am I, may the engine trade, and the commands (mm-api sheet, sections 5.1, 5.5 and 5.10)."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from typing_extensions import TypeAliasType

from api.schemas.base import Number, OddsFormat, Problem, Shape
from api.schemas.orders import Order

OrderId = Annotated[int, Field(ge=1, le=2**63 - 1)]
VISIBLE = r"^[!-~]+$"

TradingState = TypeAliasType(
    "TradingState", Literal["live", "manual_paused", "manual_stopped", "soft_paused", "system_stopped", "emergency"]
)


class Me(Shape):
    client: str
    client_name: str
    active: bool


class TradingStatus(Shape):
    client: str
    client_name: str
    odds_format: OddsFormat
    status: TradingState
    trading_active: bool
    manual_paused: bool
    manual_paused_at: datetime | None
    manual_pause_reason: str | None
    manual_stopped: bool
    manual_stopped_at: datetime | None
    manual_stop_reason: str | None
    system_trading_blocked: bool
    emergency_active: bool
    system_stopped: bool
    soft_paused: bool
    system_reason: str | None
    system_duration_seconds: Number | None


Said = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\u0000-\u001f\u007f]*$")]
"""Text of a person, one line."""


class Control(Shape):
    """Why; shown by `GET /trading/status`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "maintenance of our wallets"}]})

    reason: Said = ""


class TradingAnswer(TradingStatus):
    """The trading status after the command, and what the command did: `paused`, `resumed`, `stopped` or `started`, with
    `already_` before it when it was so."""

    result: Literal[
        "paused",
        "already_paused",
        "resumed",
        "already_resumed",
        "stopped",
        "already_stopped",
        "started",
        "already_started",
    ]


class Cancel(Shape):
    """Why; kept with who asked."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "wrong line"}]})

    reason: Said = ""


class CancelMany(Shape):
    """Exactly one way to say which: `orderIds`; `fixtureId`, `exchange` or both; or `all`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"orderIds": [123, 124]},
                {"fixtureId": "id1000000861624412", "exchange": "polymarket"},
                {"all": True, "reason": "end of the day"},
            ],
            "not": {
                "anyOf": [
                    {"not": {"anyOf": [{"required": [way]} for way in ("orderIds", "fixtureId", "exchange", "all")]}},
                    {"required": ["orderIds", "fixtureId"]},
                    {"required": ["orderIds", "exchange"]},
                    {"required": ["orderIds", "all"]},
                    {"required": ["fixtureId", "all"]},
                    {"required": ["exchange", "all"]},
                ]
            },
        }
    )

    order_ids: Annotated[list[OrderId] | None, Field(min_length=1, max_length=1000)] = None
    fixture_id: Annotated[str | None, Field(pattern=VISIBLE, max_length=200)] = None
    exchange: Annotated[str | None, Field(pattern=VISIBLE, max_length=100)] = None
    all: Literal[True] | None = None
    reason: Said = ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.order_ids is not None, bool(self.fixture_id or self.exchange), bool(self.all))
        if sum(ways) != 1:
            raise ValueError("say which orders in one way: orderIds; fixtureId, exchange or both; or all")
        return self


class Cancelled(Shape):
    """Every order that was asked for, as it is now: also one that filled before the cancel arrived."""

    orders: list[Order]


class NotCancelled(Shape):
    order_id: int
    code: Literal["not_found", "conflict", "unconfirmed"]
    reason: str


class PartialFailure(Problem):
    """`failed` names each order that may still rest or could not be cancelled, `orders` are all that exist, as they are
    now."""

    failed: list[NotCancelled]
    orders: list[Order]

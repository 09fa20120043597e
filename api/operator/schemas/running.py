"""What runs and what waits for a person."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict

from api.operator.parameters import Line
from api.schemas import TradingStatus
from api.schemas.base import Number, Shape


class Change(Shape):
    """``detail`` holds what was (`old`) and what is (`new`), or what was commanded; never a credential."""

    change_id: int
    client: str | None
    kind: str
    subject: str
    changed_by: str
    changed_at: datetime
    detail: Any


class Why(Shape):
    """The reason is kept, and shown to those it concerns."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the feed is wrong"}]})
    reason: Line | None = None


class System(Shape):
    """What concerns everybody. ``status`` is the gravest flag that is set."""

    status: Literal["live", "soft_paused", "system_stopped", "emergency"]
    emergency_active: bool
    system_stopped: bool
    soft_paused: bool
    system_reason: str | None
    system_duration_seconds: Number | None


class SystemResult(System):
    """``result`` says what happened, e.g. `stopped` or `already_stopped`."""

    result: str


class ClientResult(TradingStatus):
    """``result`` says what happened, e.g. `paused` or `already_paused`."""

    result: str


class Alarm(Shape):
    alarm_id: int
    kind: str
    subject: str
    message: str
    client: str | None
    raised_at: datetime
    cleared_at: datetime | None


class Residual(Shape):
    """A fill that is not hedged. Sizes are contracts; ``workflowUrl`` is its page, if a UI is configured."""

    client_order_id: str
    client: str
    account_id: str
    exchange: str
    fixture_id: str
    market_id: int
    outcome_id: int
    state: Literal["OPEN", "UNKNOWN"]
    reason: str
    filled: Number
    covered: Number
    in_flight: Number
    residual: Number
    price: Number
    opened_at: datetime
    age_seconds: Number
    workflow_id: str
    workflow_url: str | None


class Retried(Shape):
    """``result`` is `signalled`: the hedge tries now instead of at its next turn."""

    client_order_id: str
    result: Literal["signalled"]


class Dispute(Shape):
    """A settlement that waits for a decision; ``reason`` lists what disagrees."""

    fixture_id: str
    fixture: str | None
    clients: list[str]
    reason: str
    since: datetime
    workflow_id: str
    workflow_url: str | None


class Verdict(Shape):
    """`book` what venue and bookmaker paid, or `look` at all results again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"choice": "book", "reason": "the league changed the result"}]}
    )
    choice: Literal["book", "look"]
    reason: Line


class Decided(Shape):
    fixture_id: str
    result: str


class Reconciling(Shape):
    """``result`` is `triggered`; ``workflowUrl`` is where its runs are seen."""

    account_id: str
    result: Literal["triggered"]
    workflow_id: str


class Part(Shape):
    """``alive`` is false after six silent seconds; ``detail`` is what the part says of itself."""

    name: str
    alive: bool
    at: datetime | None
    age_seconds: Number | None
    detail: dict[str, Any]


class VenueState(Shape):
    account_id: str
    kind: Literal["exchange", "bookmaker"]
    venue: str
    client: str
    status: str
    status_reason: str
    balance_age_seconds: Number | None


class SystemHealth(Shape):
    """``healthy`` when every part is alive, the workflow service answers and no active account is unwell."""

    healthy: bool
    workflow_service: Literal["answers", "silent", "not configured"]
    parts: list[Part]
    venues: list[VenueState]
    open_alarms: int
    open_residuals: int
    disputes: int

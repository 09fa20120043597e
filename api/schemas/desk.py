"""What a trading desk watches: signs of life, naked fills, profit over time, and who owns an order."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.base import Number, Shape

SignOfLife = Literal["live", "silent", "never"]


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class FeedHealth(Shape):
    """The odds feed: ``silent`` when nothing was heard for six seconds, ``never`` before its first sign of life."""

    status: SignOfLife
    age_seconds: Number | None
    fixtures: int | None


class EnginePart(Shape):
    name: Literal["streamers", "trading", "hedging"]
    status: SignOfLife
    age_seconds: Number | None


class Venue(Shape):
    """An account of the client, where it trades (exchange) or hedges (bookmaker); ``connected`` when all is well."""

    kind: Literal["exchange", "bookmaker"]
    venue: str
    account_id: str
    active: bool
    status: str
    status_reason: str


class Health(Shape):
    model_config = _example(
        {
            "feed": {"status": "live", "ageSeconds": 0.4, "fixtures": 57},
            "engine": [{"name": "trading", "status": "live", "ageSeconds": 0.8}],
            "venues": [
                {
                    "kind": "exchange",
                    "venue": "kalshi",
                    "accountId": "kalshi-1",
                    "active": True,
                    "status": "connected",
                    "statusReason": "",
                }
            ],
        }
    )
    feed: FeedHealth
    engine: list[EnginePart]
    venues: list[Venue]


class NakedFill(Shape):
    """One order's fills that no accepted bet covers, in contracts: ``naked`` = matched - hedged - pooled. What is
    ``inFlight`` is part of it until the bookmaker has answered. Negative when hedged too much."""

    order_id: int
    fixture_id: str
    market_id: int
    outcome_id: int
    exchange: str
    matched_stake: Number
    hedged_payout: Number
    in_flight: Number
    pooled: Number
    naked: Number
    state: Literal["HEDGING", "UNKNOWN", "OPEN"]
    reason: str
    since: datetime
    age_seconds: Number


class Exposure(Shape):
    """Sums over all of the client's ``orders`` with naked fills; ``items`` are the oldest 200 of them."""

    model_config = _example({"orders": 0, "naked": 0, "inFlight": 0, "oldestSeconds": None, "items": []})
    orders: int
    naked: Number
    in_flight: Number
    oldest_seconds: Number | None
    items: list[NakedFill]


class ProfitPoint(Shape):
    """``change`` was booked in this step, ``realizedPnl`` since the window began; ``at`` is the step's last booking."""

    at: datetime
    change: Number
    realized_pnl: Number


class ProfitSeries(Shape):
    model_config = _example(
        {
            "from": "2026-02-14T12:00:00Z",
            "to": "2026-02-15T12:00:00Z",
            "stepSeconds": 600,
            "realizedPnl": 2.36,
            "points": [{"at": "2026-02-15T11:58:03Z", "change": 2.36, "realizedPnl": 2.36}],
        }
    )
    from_: datetime = Field(alias="from")
    to: datetime
    step_seconds: int
    realized_pnl: Number
    points: list[ProfitPoint]


class Workflow(Shape):
    """``url`` is its page in the Temporal UI; null when the API was not told where that is."""

    kind: Literal["order", "hedge", "settlement"]
    workflow_id: str
    run_id: str | None
    url: str | None


class OrderWorkflows(Shape):
    order_id: int
    items: list[Workflow]

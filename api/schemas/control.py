"""Who am I, and may the engine trade (mm-api sheet, sections 5.1 and 5.10)."""

from datetime import datetime
from typing import Literal

from api.schemas.base import Number, Shape

TradingState = Literal["live", "manual_paused", "manual_stopped", "soft_paused", "system_stopped", "emergency"]


class Me(Shape):
    client: str
    client_name: str
    active: bool


class TradingStatus(Shape):
    client: str
    client_name: str
    odds_format: Literal["american", "decimal", "hong_kong", "fractional"]
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

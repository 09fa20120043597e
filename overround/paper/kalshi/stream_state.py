"""What one socket is subscribed to (kalshi sheet, section 12)."""

from dataclasses import dataclass, field
from typing import Any

PRIVATE = frozenset({"fill", "user_orders", "market_positions", "order_group_updates"})
PUBLIC = frozenset({"orderbook_delta", "ticker", "trade", "market_lifecycle_v2"})
NUMBERED = frozenset({"orderbook_delta", "order_group_updates"})
"""Channels whose messages carry a sequence number."""


class CommandError(Exception):
    """A command the socket refuses, with the venue's error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Subscription:
    """One channel of one socket; ``tickers`` None means every market."""

    sid: int
    channel: str
    tickers: set[str] | None
    seq: int = 0

    def wants(self, ticker: str | None) -> bool:
        return self.tickers is None or ticker is None or ticker in self.tickers

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq


@dataclass(slots=True)
class Subscriptions:
    """All subscriptions of one socket."""

    by_sid: dict[int, Subscription] = field(default_factory=dict)
    _last: int = 0

    def of(self, channel: str) -> list[Subscription]:
        return [item for item in self.by_sid.values() if item.channel == channel]

    def get(self, sid: Any) -> Subscription:
        if sid not in self.by_sid:
            raise CommandError(7, "Unknown subscription ID")
        return self.by_sid[sid]

    def add(self, channel: str, tickers: set[str] | None) -> Subscription:
        if self.of(channel):
            raise CommandError(6, "Already subscribed")
        self._last += 1
        self.by_sid[self._last] = Subscription(self._last, channel, tickers)
        return self.by_sid[self._last]

    def remove(self, sid: Any) -> Subscription:
        found = self.get(sid)
        del self.by_sid[sid]
        return found


def channels_of(params: dict[str, Any]) -> list[str]:
    channels = params.get("channels")
    if not isinstance(channels, list) or not channels:
        raise CommandError(3, "Channels required")
    if unknown := [name for name in channels if name not in PRIVATE | PUBLIC]:
        raise CommandError(8, f"Unknown channel name {unknown[0]}")
    return channels


def tickers_of(params: dict[str, Any]) -> set[str] | None:
    """The markets named, None for all."""
    many, one = params.get("market_tickers"), params.get("market_ticker")
    if many is None and one is None:
        return None
    if many is not None and (not isinstance(many, list) or not many):
        raise CommandError(11, "Invalid parameter market_tickers")
    return set(many or []) | ({one} if one else set())


def sids_of(params: dict[str, Any]) -> list[int]:
    sids = params.get("sids", [params["sid"]] if "sid" in params else None)
    if not isinstance(sids, list) or not sids:
        raise CommandError(4, "Subscription IDs required")
    return sids

"""Kalshi, trade-api v2 (kalshi sheet)."""

from overround.exchanges.kalshi.adapter import Kalshi

__all__ = ["Kalshi"]

"""A Kalshi that runs here: trade-api v2 over REST and WebSocket on the shared paper engine (kalshi sheet)."""

from overround.paper.kalshi.venue import PaperKalshi

__all__ = ["PaperKalshi"]

"""A Polymarket that runs here: CLOB, Gamma, Data API and both WebSockets on the shared engine."""

from overround.paper.polymarket.accounts import Trader
from overround.paper.polymarket.venue import PaperPolymarket

__all__ = ["PaperPolymarket", "Trader"]

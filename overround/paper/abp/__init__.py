"""The paper bookmaker: 55-Tech ABP's router and the bookmakers behind it."""

from overround.paper.abp.offers import Rules
from overround.paper.abp.server import PaperAbp

__all__ = ["PaperAbp", "Rules"]

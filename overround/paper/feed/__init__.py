"""The paper odds feed: the OddsPapi v5 wire served from the paper world (oddspapi sheet)."""

from overround.paper.feed.server import PaperFeed

__all__ = ["PaperFeed"]

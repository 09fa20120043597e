"""A paper world with the feed served from it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from overround.feed.feed import Feed
from overround.feed.stream import FeedStream, Pace
from overround.paper.feed import PaperFeed
from overround.paper.store import Store
from overround.paper.world import World
from tests.feed.worlds import KEY, QUICK
from tests.support.serve import serve


@dataclass
class Served:
    """The paper feed on its port."""

    world: World
    paper: PaperFeed
    url: str

    @property
    def rest_url(self) -> str:
        return f"{self.url}/en"

    @property
    def ws_url(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/ws"

    def stream(self, pace: Pace = QUICK, **options: Any) -> FeedStream:
        return FeedStream(self.ws_url, SecretStr(KEY), pace=pace, **options)

    @asynccontextmanager
    async def feed(self, pace: Pace = QUICK, **options: Any) -> AsyncIterator[Feed]:
        """A client whose initial snapshot is in."""
        async with Feed(SecretStr(KEY), self.rest_url, self.ws_url, pace=pace, **options) as feed:
            await feed.ready(10)
            yield feed


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    world = World(Store(None))
    paper = PaperFeed(world, {KEY})
    async with serve(paper.app) as url:
        yield Served(world, paper, url)

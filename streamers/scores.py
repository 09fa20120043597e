"""The score streamer: fixtures and scores into the ledger, and a settlement for every fixture that ends."""

from collections.abc import Iterable

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from overround.domain.messages import FixtureStatus
from overround.domain.settling import SettlementStart
from overround.feed.feed import Feed
from overround.feed.messages import Fixture
from overround.ledger import tables as t
from overround.ledger.fixtures import save_fixture
from workflows import starts
from workflows.names import TRADING


class ScoreStreamer:
    """Writes what the feed says of fixtures; starts one settlement per fixture that is over and was traded."""

    def __init__(self, feed: Feed, client: Client, database: AsyncEngine, *, queue: str = TRADING) -> None:
        self._feed = feed
        self._client = client
        self._database = database
        self._queue = queue
        self._over: dict[str, Fixture] = {}
        """Kept here: the feed forgets a fixture some time after its end, whatever is still to be done with it."""

    async def changed(self, fixture_ids: Iterable[str]) -> None:
        """Save fixtures whose state or score moved."""
        for fixture_id in fixture_ids:
            fixture = self._feed.state.fixture(fixture_id)
            if fixture is None:
                continue
            async with self._database.begin() as connection:
                await save_fixture(connection, fixture)
            if fixture.over:
                self._over[fixture_id] = fixture

    async def settle(self) -> None:
        """Start the settlement of every fixture that is over and had orders. Repeating is harmless."""
        for fixture_id, fixture in list(self._over.items()):
            if await self._traded(fixture_id):
                await self._start(fixture)
            self._over.pop(fixture_id, None)

    async def recover(self) -> None:
        """After a restart: fixtures that ended while nobody listened and are not booked yet."""
        query = (
            select(t.orders.c.fixture_id)
            .where(~exists().where(t.fixture_settlements.c.fixture_id == t.orders.c.fixture_id))
            .distinct()
        )
        async with self._database.connect() as connection:
            waiting = [row.fixture_id for row in await connection.execute(query)]
        unknown = [item for item in waiting if self._feed.state.fixture(item) is None]
        for fixture in await self._feed.rest.fixtures(fixture_ids=unknown) if unknown else []:
            if fixture.over:
                async with self._database.begin() as connection:
                    await save_fixture(connection, fixture)
                await self._start(fixture)

    async def _traded(self, fixture_id: str) -> bool:
        query = select(exists().where(t.orders.c.fixture_id == fixture_id))
        async with self._database.connect() as connection:
            return bool((await connection.execute(query)).scalar_one())

    async def _start(self, fixture: Fixture) -> None:
        scores = {name: (score.participant1, score.participant2) for name, score in fixture.scores.items()}
        status = FixtureStatus(fixture.fixture_id, fixture.status_id, scores)
        title = f"{fixture.participant1} v {fixture.participant2}"
        start = SettlementStart(fixture.fixture_id, status)
        await starts.settle(self._client, self._queue, start, title, fixture.sport)

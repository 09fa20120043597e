"""The score streamer: what the feed says of fixtures is written, and every traded fixture that ends is settled."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from overround.domain.messages import FixtureStatus
from overround.domain.settling import SettlementStart
from overround.feed.messages import Fixture, Score
from streamers.scores import ScoreStreamer
from tests.domain.desk import KEY
from tests.ledger.desk import claim, owner, rows, spec, write
from tests.streamers.desk import FakeTemporal

LIVE = Fixture(
    KEY.fixture_id, 1, 11, "Basketball", 132, "NBA", 1_800_000_000, "Celtics", "Nuggets",
    {"result": Score("result", 101, 99, None)},
)  # fmt: skip
OVER = replace(LIVE, status_id=2)


class Feed:
    """Fixtures held, and those only the REST side still knows."""

    def __init__(self, *held: Fixture) -> None:
        self.held = {item.fixture_id: item for item in held}
        self.listed: list[Fixture] = []
        self.state = SimpleNamespace(fixture=self.held.get)
        self.rest = SimpleNamespace(fixtures=self._fixtures)

    async def _fixtures(self, fixture_ids: list[str]) -> list[Fixture]:
        return [item for item in self.listed if item.fixture_id in fixture_ids]


class Temporal(FakeTemporal):
    """Remembers what was started with which argument."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[str, Any]] = []

    async def start_workflow(self, name: str, argument: Any, **options: Any) -> None:
        await super().start_workflow(name, argument, **options)
        self.started.append((options["id"], argument))


@pytest.fixture
def temporal() -> Temporal:
    return Temporal()


def streamer(feed: Feed, temporal: Temporal, ledger: AsyncEngine) -> ScoreStreamer:
    return ScoreStreamer(feed, temporal, ledger)  # type: ignore[arg-type]


async def ended(ledger: AsyncEngine, temporal: Temporal, fixture: Fixture = OVER) -> ScoreStreamer:
    made = streamer(Feed(fixture), temporal, ledger)
    await made.changed([fixture.fixture_id, "id-unknown"])
    await made.settle()
    return made


async def test_a_traded_fixture_that_ends_is_settled_once(ledger: AsyncEngine, temporal: Temporal) -> None:
    await claim(ledger, spec("c1"))
    made = await ended(ledger, temporal)
    await made.settle()
    status = FixtureStatus(KEY.fixture_id, 2, {"result": (101, 99)})
    assert temporal.started == [(f"settlement:{KEY.fixture_id}", SettlementStart(KEY.fixture_id, status))]
    (row,) = await rows(ledger, "SELECT status_id FROM fixtures")
    assert row.status_id == 2


@pytest.mark.parametrize("fixture", [LIVE, replace(LIVE, status_id=0)])
async def test_a_fixture_that_goes_on_is_only_written_down(
    ledger: AsyncEngine, temporal: Temporal, fixture: Fixture
) -> None:
    await claim(ledger, spec("c1"))
    await ended(ledger, temporal, fixture)
    assert temporal.started == []
    assert len(await rows(ledger, "SELECT 1 FROM fixtures")) == 1


async def test_a_fixture_nobody_traded_needs_no_settlement(ledger: AsyncEngine, temporal: Temporal) -> None:
    await ended(ledger, temporal)
    assert temporal.started == []


async def test_a_cancelled_fixture_is_settled_too(ledger: AsyncEngine, temporal: Temporal) -> None:
    await claim(ledger, spec("c1"))
    await ended(ledger, temporal, replace(LIVE, status_id=3))
    assert temporal.started[0][1].status.status_id == 3


async def test_a_settlement_under_way_is_left_alone(ledger: AsyncEngine, temporal: Temporal) -> None:
    await claim(ledger, spec("c1"))
    temporal.failures = [WorkflowAlreadyStartedError("settlement", "SettlementWorkflow")]
    await (await ended(ledger, temporal)).settle()
    assert temporal.started == []


async def test_a_settlement_that_could_not_be_started_is_not_forgotten(ledger: AsyncEngine, temporal: Temporal) -> None:
    await claim(ledger, spec("c1"))
    made = streamer(Feed(OVER), temporal, ledger)
    await made.changed([KEY.fixture_id])
    temporal.failures = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")]
    with pytest.raises(RPCError):
        await made.settle()
    await made.settle()
    assert len(temporal.started) == 1


async def test_what_ended_while_nobody_listened_is_settled_after_a_restart(
    ledger: AsyncEngine, temporal: Temporal
) -> None:
    await claim(ledger, spec("c1"))
    feed = Feed()
    feed.listed = [OVER]
    await streamer(feed, temporal, ledger).recover()
    assert [name for name, _ in temporal.started] == [f"settlement:{KEY.fixture_id}"]
    await write(
        ledger,
        "INSERT INTO fixture_settlements (fixture_id, workflow_id, state) VALUES (:f, 's', 'BOOKED')",
        f=KEY.fixture_id,
    )
    await streamer(feed, temporal, ledger).recover()
    assert len(temporal.started) == 1


async def test_what_still_runs_is_not_settled_by_a_restart(ledger: AsyncEngine, temporal: Temporal) -> None:
    await claim(ledger, spec("c1"))
    feed = Feed()
    feed.listed = [LIVE]
    await streamer(feed, temporal, ledger).recover()
    await streamer(Feed(LIVE), temporal, ledger).recover()
    assert temporal.started == []


async def test_a_fixture_the_feed_forgot_while_nothing_could_be_started_is_settled_all_the_same(
    ledger: AsyncEngine, temporal: Temporal
) -> None:
    await claim(ledger, spec("c1"))
    feed = Feed(OVER)
    made = streamer(feed, temporal, ledger)
    await made.changed([KEY.fixture_id])
    temporal.failures = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")]
    with pytest.raises(RPCError):
        await made.settle()
    feed.held.clear()
    await made.settle()
    assert [name for name, _ in temporal.started] == [f"settlement:{KEY.fixture_id}"]


async def test_one_fixture_that_cannot_be_settled_now_is_asked_again_with_those_behind_it(
    ledger: AsyncEngine, temporal: Temporal
) -> None:
    other = replace(OVER, fixture_id="id-other")
    await claim(ledger, spec("c1"))
    await claim(ledger, spec("c2"), of=owner(fixture="id-other"))
    made = streamer(Feed(OVER, other), temporal, ledger)
    await made.changed([KEY.fixture_id, "id-other"])
    temporal.failures = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")]
    with pytest.raises(RPCError):
        await made.settle()
    await made.settle()
    await made.settle()
    assert sorted(name for name, _ in temporal.started) == ["settlement:id-other", f"settlement:{KEY.fixture_id}"]


async def test_a_settlement_starts_from_the_newest_score(ledger: AsyncEngine, temporal: Temporal) -> None:
    await claim(ledger, spec("c1"))
    feed = Feed(OVER)
    made = streamer(feed, temporal, ledger)
    await made.changed([KEY.fixture_id])
    feed.held[KEY.fixture_id] = replace(OVER, scores={"result": Score("result", 102, 101, None)})
    await made.changed([KEY.fixture_id])
    await made.settle()
    assert temporal.started[0][1].status.scores == {"result": (102, 101)}

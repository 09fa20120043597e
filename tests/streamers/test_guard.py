"""The guard: nothing rests where nobody is left to own or to hedge it."""

import time

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.venues import TimedOut
from streamers.guard import Guard
from streamers.odds import Trader
from tests.ledger.desk import CLIENT, rows, write
from tests.streamers.desk import FakeExchange, FakeSessions

TRADERS = [Trader(f"{venue}-demo", CLIENT, venue, "vertex") for venue in ("kalshi", "polymarket")]


@pytest.fixture
def venues() -> dict[str, FakeExchange]:
    return {"kalshi": FakeExchange(), "polymarket": FakeExchange()}


@pytest.fixture
def said() -> list[str | None]:
    """What the guard made of each look: why nothing may be quoted, or None."""
    return []


@pytest.fixture
def young(ledger: AsyncEngine, venues: dict[str, FakeExchange], said: list[str | None]) -> Guard:
    """A guard that has just begun."""
    return Guard(ledger, FakeSessions(**venues), said.append)  # type: ignore[arg-type]


@pytest.fixture
def guard(young: Guard, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """A guard that has been watching for a minute."""
    monkeypatch.setattr(young, "_since", time.monotonic() - 60)
    return young


async def silent(ledger: AsyncEngine, seconds: float, role: str = "trading") -> None:
    """One role has said nothing for so long; the other speaks."""
    await write(ledger, "DELETE FROM heartbeats")
    await write(ledger, "INSERT INTO heartbeats (name, at) VALUES ('trading', now()), ('hedging', now())")
    change = "UPDATE heartbeats SET at = now() - make_interval(secs => :s) WHERE name = :role"
    await write(ledger, change, s=seconds, role=role)


async def alarms(ledger: AsyncEngine) -> list[tuple[str, bool]]:
    found = await rows(ledger, "SELECT kind, cleared_at IS NULL AS open FROM alarms ORDER BY alarm_id")
    return [(row.kind, row.open) for row in found]


def cancelled(venues: dict[str, FakeExchange]) -> list[int]:
    return [venue.cancelled for venue in venues.values()]


@pytest.mark.parametrize("role", ["trading", "hedging"])
async def test_a_silent_worker_has_everything_cancelled_once_and_is_alarmed(
    role: str, guard: Guard, ledger: AsyncEngine, venues: dict[str, FakeExchange], said: list[str | None]
) -> None:
    await silent(ledger, 7, role)
    for _ in range(3):
        await guard.watch(TRADERS)
    assert cancelled(venues) == [1, 1]
    assert await alarms(ledger) == [("worker", True)]
    assert set(said) == {f"the {role} worker has said nothing for 7 s"}, "what was cancelled is not quoted again"


@pytest.mark.parametrize("role", ["trading", "hedging"])
async def test_a_worker_that_never_began_is_a_dead_one(
    role: str, guard: Guard, ledger: AsyncEngine, venues: dict[str, FakeExchange], said: list[str | None]
) -> None:
    """Quotes of a living trading worker would fill with nobody to hedge them."""
    await silent(ledger, 0)
    await write(ledger, "DELETE FROM heartbeats WHERE name = :role", role=role)
    await guard.watch(TRADERS)
    assert cancelled(venues) == [1, 1]
    assert said == [f"the {role} worker has said nothing for 60 s"]


async def test_a_living_worker_is_left_alone(
    guard: Guard, ledger: AsyncEngine, venues: dict[str, FakeExchange], said: list[str | None]
) -> None:
    await silent(ledger, 2)
    await guard.watch(TRADERS)
    assert cancelled(venues) == [0, 0]
    assert await alarms(ledger) == []
    assert said == [None]


async def test_a_worker_that_came_back_and_died_again_is_pulled_again(
    guard: Guard, ledger: AsyncEngine, venues: dict[str, FakeExchange], said: list[str | None]
) -> None:
    for seconds in (7, 0, 7):
        await silent(ledger, seconds)
        await guard.watch(TRADERS)
    assert cancelled(venues) == [2, 2]
    assert [reason is None for reason in said] == [False, True, False]
    assert await alarms(ledger) == [("worker", False), ("worker", True)]


@pytest.mark.parametrize("error", [TimedOut("kalshi", "not answered in time"), RuntimeError("closed")])
async def test_a_venue_that_did_not_answer_is_asked_until_it_did(
    guard: Guard, ledger: AsyncEngine, venues: dict[str, FakeExchange], error: Exception
) -> None:
    venues["kalshi"].failures = [error, error]
    await silent(ledger, 7)
    await guard.watch(TRADERS)
    assert cancelled(venues) == [0, 1], "one venue's trouble is not the other's"
    for _ in range(3):
        await guard.watch(TRADERS)
    assert cancelled(venues) == [1, 1]


async def test_a_session_that_cannot_be_opened_stops_no_other(
    guard: Guard, ledger: AsyncEngine, venues: dict[str, FakeExchange]
) -> None:
    await silent(ledger, 7)
    await guard.watch([Trader("novig-demo", CLIENT, "novig", "vertex"), *TRADERS])
    assert cancelled(venues) == [1, 1]


async def test_a_guard_that_just_began_waits_before_it_judges(
    young: Guard, ledger: AsyncEngine, venues: dict[str, FakeExchange], said: list[str | None]
) -> None:
    await young.watch(TRADERS)
    await silent(ledger, 600)
    await young.watch(TRADERS)
    assert cancelled(venues) == [0, 0]
    assert not any(said)


async def test_an_alarm_of_an_earlier_process_ends_when_the_worker_lives_and_not_before(
    young: Guard, ledger: AsyncEngine
) -> None:
    await write(ledger, "INSERT INTO alarms (kind, subject, message) VALUES ('worker', 'worker', 'nobody hedges')")
    await silent(ledger, 600)
    await young.watch(TRADERS)
    assert await alarms(ledger) == [("worker", True)], "still nobody there"
    await silent(ledger, 0)
    await young.watch(TRADERS)
    assert await alarms(ledger) == [("worker", False)]


async def test_a_worker_that_was_silent_for_a_moment_is_not_held_to_have_been_pulled(
    guard: Guard, ledger: AsyncEngine, venues: dict[str, FakeExchange]
) -> None:
    """A venue that refused during the silence is not asked again once the worker is back."""
    venues["kalshi"].failures = [TimedOut("kalshi", "late")]
    await silent(ledger, 7)
    await guard.watch(TRADERS)
    await silent(ledger, 0)
    for _ in range(3):
        await guard.watch(TRADERS)
    assert cancelled(venues) == [0, 1]


async def test_without_any_account_there_is_nothing_to_pull(guard: Guard, ledger: AsyncEngine) -> None:
    await silent(ledger, 7)
    await guard.watch([])
    assert await alarms(ledger) == [("worker", True)]

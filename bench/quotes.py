"""Odds frame in -> venue request out, fill at the venue -> bet request out, and the floor of both at the same rates."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.desk import OUTCOMES, Move
from bench.processes import Usage
from bench.rig import NotInTime, Rig
from bench.wires import Arrivals, Tap
from workflows.names import TRADING, hedging

SETTLE, LATEST = 1.5, 10.0
"""Seconds after the last event in which an answer still counts: of a move, and of a fill."""


@dataclass(slots=True)
class Floors:
    """Milliseconds from a signal (or signal-with-start) to the body of its local activity."""

    signal: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Moved:
    """What came of a series of moves. Latencies in milliseconds; ``first`` is the first request a move caused,
    ``quoted`` the new quote resting, ``expected`` how many requotes the moves called for."""

    moves: list[Move]
    first: list[float]
    quoted: list[float]
    expected: int
    seconds: float
    before: dict[str, Usage]
    after: dict[str, Usage]

    @property
    def unanswered(self) -> int:
        """Requotes of which no request came before the market moved again."""
        return self.expected - len(self.first)

    @property
    def requotes(self) -> int:
        """Market requotes done: one per move and exchange account."""
        return len(self.quoted)


async def paced(rate: float, seconds: float) -> AsyncIterator[int]:
    """Numbers from 0 at ``rate`` a second; late ones catch up, none is left out."""
    start = time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
        yield number


async def floors(rig: Rig, seconds: float, rate: float, fills: float) -> Floors:
    """The Temporal path doing nothing: as many owners told as ``rate`` moves a second tell, ``fills`` new hedges."""
    ids = [f"floor:{number}" for number in range(rig.desk.owners)]
    for workflow_id in ids:
        await rig.start_floor(workflow_id)
    sent: dict[str, float] = {}
    begun: dict[str, float] = {}
    async with asyncio.TaskGroup() as tasks:
        each = rig.desk.owners // len(rig.desk.fixtures)
        tasks.create_task(_floor_signals(rig, tasks, ids, sent, seconds, rate, each))
        tasks.create_task(_floor_starts(rig, tasks, begun, seconds, fills))
    await asyncio.sleep(SETTLE)
    done = rig.marks()
    found = Floors([(done[m] - at) * 1000 for m, at in sent.items() if m in done],
                   [(done[m] - at) * 1000 for m, at in begun.items() if m in done])  # fmt: skip
    await asyncio.gather(*(rig.client.get_workflow_handle(i).terminate("measured") for i in ids))
    return found


async def _floor_signals(
    rig: Rig,
    tasks: asyncio.TaskGroup,
    ids: Sequence[str],
    sent: dict[str, float],
    seconds: float,
    rate: float,
    each: int,
) -> None:
    async def one(workflow_id: str) -> None:
        at = time.monotonic()
        sent[await rig.touch(workflow_id)] = at

    async for number in paced(rate, seconds):
        for place in range(each):
            tasks.create_task(one(ids[(number * each + place) % len(ids)]))


async def _floor_starts(
    rig: Rig, tasks: asyncio.TaskGroup, begun: dict[str, float], seconds: float, rate: float
) -> None:
    async def one() -> None:
        at = time.monotonic()
        begun[await rig.start_floor(f"floor:start:{at}", hedging(TRADING))] = at

    async for _ in paced(rate, seconds):
        tasks.create_task(one())


async def moves(rig: Rig, seconds: float, rate: float) -> Moved:
    """Move the markets in turn, ``rate`` moves a second, and time what the venues see."""
    before, started = rig.usage(), time.monotonic()
    fixtures = rig.desk.fixtures
    made = [rig.desk.move(fixtures[number % len(fixtures)]) async for number in paced(rate, seconds)]
    took = time.monotonic() - started
    await asyncio.sleep(SETTLE)
    first = answered(rig.desk.taps, rig.desk.venues, made)
    quoted = [(at - move.at) * 1000 for move in made for at in move.quoted.values()]
    expected = sum(len(rig.desk.venues(move.fixture_id)) for move in made)
    return Moved(made, first, quoted, expected, took, before, rig.usage())


def answered(taps: Mapping[str, Tap], venues: Callable[[str], Sequence[str]], made: Sequence[Move]) -> list[float]:
    """Milliseconds from each move to the first request about its market, at each venue that sent one in time."""
    found: list[float] = []
    ends: dict[str, float] = {}
    for move in reversed(made):
        end = ends.get(move.fixture_id, float("inf"))
        for venue in venues(move.fixture_id):
            at = taps[venue].arrivals.first_after(venue, move.fixture_id, move.at)
            if at is not None and at < end:
                found.append((at - move.at) * 1000)
        ends[move.fixture_id] = move.at
    return found


async def fills(rig: Rig, seconds: float, rate: float, moves_rate: float) -> tuple[list[float], int]:
    """Fills at ``rate`` a second while the markets move; milliseconds to each one's bet request, and how many fills."""
    moving = asyncio.create_task(moves(rig, seconds + SETTLE, moves_rate))
    desk = rig.desk
    spots = itertools.cycle([(f, v, o) for o in OUTCOMES for f in desk.fixtures for v in desk.venues(f.fixture_id)])
    made: list[tuple[str, float]] = []
    async for _ in paced(rate, seconds):
        for fixture, venue, outcome in itertools.islice(spots, 5):
            at = time.monotonic()
            if rig.desk.take(venue, fixture, outcome, "5"):
                made.append((fixture.fixture_id, at))
                break
    await moving
    arrivals = rig.desk.taps["abp"].arrivals
    with contextlib.suppress(NotInTime):  # a late bet counts as late, not as none
        await rig.until(lambda: len(hedged(arrivals, made)) == len(made), "a bet for every fill", LATEST)
    return hedged(arrivals, made), len(made)


async def busy_floor(rig: Rig, seconds: float, rate: float, moves_rate: float) -> list[float]:
    """The floor of a new hedge on a machine that is busy with moves: milliseconds from signal-with-start to the body of
    the local activity."""
    moving = asyncio.create_task(moves(rig, seconds + SETTLE, moves_rate))
    begun: dict[str, float] = {}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_floor_starts(rig, tasks, begun, seconds, rate))
    await moving
    done = rig.marks()
    return [(done[mark] - at) * 1000 for mark, at in begun.items() if mark in done]


def hedged(arrivals: Arrivals, made: Sequence[tuple[str, float]]) -> list[float]:
    """Milliseconds from each fill (fixture, monotonic time) to the first bet request about its fixture."""
    found = [(arrivals.first_after("abp", fixture_id, at), at) for fixture_id, at in made]
    return [(bet - at) * 1000 for bet, at in found if bet is not None]

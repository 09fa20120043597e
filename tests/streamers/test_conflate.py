"""Conflation: the newest wins, one at a time, at a sustained rate, and nothing is ever left unsaid."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from streamers import conflate
from streamers.conflate import Conflator
from tests.support.waiting import until

INTERVAL = 0.06


@dataclass
class Line:
    """A receiver that takes ``seconds`` per message, and fails as often as told."""

    seconds: float = 0.0
    failures: int = 0
    heard: list[tuple[str, int, float]] = field(default_factory=list)
    busy: dict[str, int] = field(default_factory=dict)
    most: int = 0

    async def send(self, key: str, value: int) -> None:
        self.busy[key] = self.busy.get(key, 0) + 1
        self.most = max(self.most, self.busy[key])
        await asyncio.sleep(self.seconds)
        self.busy[key] -= 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody there")
        self.heard.append((key, value, time.monotonic()))

    def values(self, key: str = "m") -> list[int]:
        return [value for name, value, _ in self.heard if name == key]

    async def hears(self, value: int, key: str = "m") -> None:
        await until(lambda: value in self.values(key))


@pytest.fixture
async def line() -> Line:
    return Line()


@pytest.fixture
async def conflator(line: Line) -> AsyncIterator[Conflator[str, int]]:
    made: Conflator[str, int] = Conflator(line.send, interval=INTERVAL)
    yield made
    await made.close()


async def test_the_first_leaves_at_once(line: Line, conflator: Conflator[str, int]) -> None:
    started = time.monotonic()
    conflator.offer("m", 1)
    await line.hears(1)
    assert line.heard[0][2] - started < INTERVAL


async def test_the_newest_replaces_what_waits(line: Line, conflator: Conflator[str, int]) -> None:
    for value in range(1, 6):
        conflator.offer("m", value)
    await line.hears(5)
    assert line.values() == [5]
    assert conflator.replaced == 4


async def test_one_is_in_flight_and_the_newest_follows(line: Line, conflator: Conflator[str, int]) -> None:
    line.seconds = 0.03
    conflator.offer("m", 1)
    await asyncio.sleep(0.01)
    for value in (2, 3, 4):
        conflator.offer("m", value)
    await line.hears(4)
    assert (line.values(), line.most) == ([1, 4], 1)


async def test_the_rate_is_kept(line: Line, conflator: Conflator[str, int]) -> None:
    for value in range(60):
        conflator.offer("m", value)
        await asyncio.sleep(0.005)
    await line.hears(59)
    times = [at for _, _, at in line.heard]
    assert all(later - earlier >= INTERVAL * 0.9 for earlier, later in pairwise(times))
    assert 3 <= len(times) <= 12


async def test_a_pull_does_not_wait_for_the_rate(line: Line, conflator: Conflator[str, int]) -> None:
    conflator.offer("m", 1)
    await line.hears(1)
    conflator.offer("m", 2)
    await asyncio.sleep(0.005)
    conflator.offer("m", 3, urgent=True)
    await line.hears(3)
    assert line.values() == [1, 3]
    assert line.heard[1][2] - line.heard[0][2] < INTERVAL * 0.8


async def test_what_replaces_a_waiting_pull_is_as_urgent(line: Line, conflator: Conflator[str, int]) -> None:
    conflator.offer("m", 1)
    await line.hears(1)
    conflator.offer("m", 2, urgent=True)
    conflator.offer("m", 3)
    await line.hears(3)
    assert line.heard[1][2] - line.heard[0][2] < INTERVAL * 0.8


async def test_markets_do_not_wait_for_each_other(line: Line, conflator: Conflator[str, int]) -> None:
    line.seconds = 0.04
    started = time.monotonic()
    for at in range(20):
        conflator.offer(f"m{at}", at)
    for at in range(20):
        await line.hears(at, f"m{at}")
    assert time.monotonic() - started < 0.5


async def test_what_could_not_be_sent_is_tried_again_with_whatever_is_newest(
    line: Line, conflator: Conflator[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conflate, "RETRY_SECONDS", 0.02)
    line.failures = 2
    conflator.offer("m", 1)
    await asyncio.sleep(0.005)
    conflator.offer("m", 2)
    await line.hears(2)
    assert line.values() == [2]
    line.failures = 3
    conflator.offer("m", 3)
    await line.hears(3)


async def test_a_pull_that_failed_stays_urgent(
    line: Line, conflator: Conflator[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conflate, "RETRY_SECONDS", 0.0)
    conflator.offer("m", 1)
    await line.hears(1)
    line.failures = 1
    conflator.offer("m", 2, urgent=True)
    await line.hears(2)
    assert line.heard[1][2] - line.heard[0][2] < INTERVAL * 0.8


async def test_after_closing_nothing_is_sent(line: Line, conflator: Conflator[str, int]) -> None:
    line.seconds = 0.05
    conflator.offer("m", 1)
    await asyncio.sleep(0.005)
    await conflator.close()
    await asyncio.sleep(0.06)
    assert line.values() == []


async def test_markets_that_are_over_are_forgotten(line: Line, conflator: Conflator[str, int]) -> None:
    """A feed of years has millions of them."""
    for number in range(200):
        conflator.offer(f"m{number}", 1)
    await line.hears(1, "m199")
    await asyncio.sleep(2 * INTERVAL)
    conflator.offer("later", 1)
    await line.hears(1, "later")
    await until(lambda: not conflator._tasks)
    assert (list(conflator._sent_at), list(conflator._woken), list(conflator._waiting)) == (["later"], [], [])

"""How much the engine carries: requotes a second, CPU per requote, memory per open order."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from bench.figures import percentile
from bench.processes import Usage
from bench.quotes import Moved, moves
from bench.rig import SETTINGS, NotInTime, Rig
from overround.ledger import configs
from overround.ledger.db import connect
from overround.ledger.seed import CLIENT

ENGINE = ("trading", "hedging", "streamers", "temporal", "postgres")
SLOWEST = 1000.0
"""p99 in milliseconds past which a rate is not sustained."""
ANSWERED = 0.95
"""Share of requotes that must come before the market moves again."""
LEVELS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """One rate of the ramp: moves a second asked for, requotes a second done, their p50 and p99 in milliseconds."""

    rate: float
    requotes: float
    p50: float
    p99: float
    answered: float

    @property
    def sustained(self) -> bool:
        return self.p99 <= SLOWEST and self.answered >= ANSWERED


def step_of(rate: float, moved: Moved) -> Step:
    """The figures of one rate."""
    share = moved.requotes / moved.expected if moved.expected else 0.0
    p50, p99 = percentile(moved.quoted, 0.5), percentile(moved.quoted, 0.99)
    return Step(rate, moved.requotes / moved.seconds, p50, p99, share)


async def ramp(rig: Rig, rates: tuple[float, ...], seconds: float) -> list[Step]:
    """Faster and faster until a rate is not sustained."""
    steps: list[Step] = []
    for rate in rates:
        steps.append(step_of(rate, await moves(rig, seconds, rate)))
        if not steps[-1].sustained:
            break
        with contextlib.suppress(NotInTime):
            await rig.quoting(seconds=3)
    return steps


def knee(steps: list[Step]) -> Step | None:
    """The fastest sustained step."""
    return max((step for step in steps if step.sustained), key=lambda step: step.requotes, default=None)


def cpu_per_requote(moved: Moved) -> dict[str, float]:
    """CPU milliseconds of each part per market requote; parts that were not there throughout are left out."""
    names = [name for name in ENGINE if name in moved.before and name in moved.after]
    spent = {name: moved.after[name].cpu_ms - moved.before[name].cpu_ms for name in names}
    return {name: value / max(1, moved.requotes) for name, value in spent.items()}


def memory_kib(used: dict[str, Usage]) -> int:
    return sum(used[name].memory_kib for name in ENGINE if name in used)


async def memory_per_order(rig: Rig) -> tuple[float, int, dict[str, Usage]]:
    """KiB of all parts per open order more, how many more, and the parts' use when all rest."""
    few = rig.desk.orders
    await rig.quoting()
    before = memory_kib(rig.usage())
    await configure(rig, {"levels": LEVELS})
    await rig.quoting(LEVELS, 30)
    await asyncio.sleep(1.0)
    used = rig.usage()
    await configure(rig, {})
    await rig.quoting()
    more = few * (LEVELS - 1)
    return (memory_kib(used) - before) / more, more, used


async def configure(rig: Rig, changes: dict[str, Any]) -> None:
    """Trade with other settings from now on, as an operator's change does."""
    database = connect(rig.postgres.url(), pool=1)
    async with database.begin() as connection:
        await configs.save(connection, CLIENT, configs.DEFAULT, {**SETTINGS, **changes}, "bench")
    await database.dispose()

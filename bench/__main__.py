"""``python -m bench [PART ...] [--json FILE]``: run the measures, print the table.

Parts: quotes, hedges, emergency, takeover, guard, sustained, memory. All of them take under four minutes. When named:
broadcast and resume, the API's socket, and lists, a million orders behind its lists, on stages of their own.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import api_lists, kills, load, quotes, ws
from bench.figures import Report, figure, markdown, percentile, single, table
from bench.rig import NotInTime, Rig, new_folder, opened, remove


@dataclass(slots=True)
class Plan:
    """How long and how fast. ``moves`` and ``fills`` are per second, times seconds."""

    parts: Sequence[str]
    moves: float = 20.0
    fills: float = 3.0
    seconds: float = 30.0
    fixtures: int = 20
    both: bool = False
    repeats: int = 3


@dataclass(slots=True)
class Run:
    """One run on an open rig."""

    rig: Rig
    plan: Plan
    report: Report
    floors: quotes.Floors = field(default_factory=quotes.Floors)
    began: float = field(default_factory=time.monotonic)

    async def all(self) -> None:
        """Every part that was asked for, in an order that disturbs the others least."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "quotes": self._quotes,
            "hedges": self._hedges,
            "emergency": self._emergency,
            "memory": self._memory,
            "sustained": self._sustained,
            "takeover": self._takeover,
            "guard": self._guard,
        }
        for name, part in parts.items():
            if name not in self.plan.parts:
                continue
            if time.monotonic() - self.began > LIMIT:
                self.report.notes.append(f"{name}: left out, the run had taken more than {LIMIT:.0f} s")
                continue
            await self._attempt(name, part)
        self.report.notes.append(f"this process's own loop was late by p99 {percentile(self.rig.lags, 0.99):.1f} ms")

    async def _attempt(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        began = time.monotonic()
        try:
            await part()
        except NotInTime as error:
            self.report.notes.append(f"{name}: {error}")
        print(f"  {name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    async def _floor(self) -> None:
        """A quarter of the time before and after what it stands beside, so that a busier machine shows in both."""
        found = await quotes.floors(self.rig, self.plan.seconds / 4, self.plan.moves, self.plan.fills)
        self.floors.signal += found.signal
        self.floors.start += found.start

    async def _quotes(self) -> None:
        plan = self.plan
        await quotes.moves(self.rig, 2.0, plan.moves)  # connections, caches and statements are warm from here on
        await self._floor()
        moved = await quotes.moves(self.rig, plan.seconds, plan.moves)
        await self._floor()
        note = f"{plan.moves:g} moves/s, {moved.expected} requotes wanted, {moved.unanswered} not asked for in time"
        self.report.add(
            figure("odds frame -> venue request", "ms", moved.first, self.floors.signal, aim="1.5x", note=note),
            figure("odds frame -> new quote rests", "ms", moved.quoted, self.floors.signal, note="cancel, then place"),
        )
        cost = load.cpu_per_requote(moved)
        parts = ", ".join(f"{name} {value:.1f}" for name, value in cost.items())
        self.report.add(single("CPU per market requote", "ms", sum(cost.values()), note=parts))

    async def _hedges(self) -> None:
        plan = self.plan
        if not self.floors.start:
            await self._floor()
        found, made = await quotes.fills(self.rig, plan.seconds * 2 / 3, plan.fills, plan.moves)
        rates = f"{plan.fills:g} fills/s while {plan.moves:g} moves/s go on"
        note = f"{rates}; {made} fills, {made - len(found)} without a bet"
        self.report.add(figure("fill -> bet request", "ms", found, self.floors.start, aim="2x", note=note))
        busy = await quotes.busy_floor(self.rig, plan.seconds / 3, plan.fills, plan.moves)
        note = f"{rates}, beside the floor while the same moves go on"
        self.report.add(figure("fill -> bet request, busy floor", "ms", found, busy, note=note))

    async def _emergency(self) -> None:
        floor = [await kills.emergency_floor(self.rig) for _ in range(self.plan.repeats)]
        found = [await kills.emergency(self.rig) for _ in range(self.plan.repeats)]
        note = f"{self.rig.desk.orders} orders of {self.rig.desk.owners} owners"
        self.report.add(figure("emergency -> no open order", "ms", found, floor, note=note))

    async def _memory(self) -> None:
        each, more, used = await load.memory_per_order(self.rig)
        parts = ", ".join(f"{name} {item.memory_kib // 1024} MiB" for name, item in used.items())
        self.report.add(single("memory per open order", "KiB", each, note=f"{more} more orders; then {parts}"))

    async def _sustained(self) -> None:
        rates = tuple(self.plan.moves * factor for factor in (0.25, 0.5, 1.0, 1.5, 2.0, 3.0))
        steps = await load.ramp(self.rig, rates, max(3.0, self.plan.seconds / 6))
        best = load.knee(steps)
        words = "; ".join(f"{s.requotes:.0f}/s p50 {s.p50:.0f} p99 {s.p99:.0f} ({s.answered:.0%})" for s in steps)
        value = best.requotes if best else 0.0
        self.report.add(single("sustained market requotes", "1/s", value, note=words))

    async def _takeover(self) -> None:
        standby, alone = kills.Takeover(self.rig), kills.Takeover(self.rig)
        for _ in range(self.plan.repeats):
            await standby.with_standby()
        await alone.with_restart()
        for kind, found in (("a second worker runs", standby), ("restarted alone", alone)):
            self.report.add(
                figure(f"worker killed -> bet, {kind}, new hedge", "ms", found.fresh, found.floor),
                figure(f"worker killed -> bet, {kind}, running hedge", "ms", found.running, found.floor),
            )

    async def _guard(self) -> None:
        found = [await kills.nobody_left(self.rig)]
        self.report.add(figure("worker killed for good -> no open order", "ms", found, note="the guard waits 6 s"))


LIMIT = 215.0
"""Seconds after which no further part begins: a whole run stays under four minutes on a slow machine too."""
ALONE = (*ws.PARTS, *api_lists.PARTS)
"""Parts on a stage of their own, measured only when named."""
PARTS = ("quotes", "hedges", "emergency", "memory", "sustained", "takeover", "guard")


def machine() -> dict[str, Any]:
    """What the figures come from. ``load`` is the one-minute load average before the run."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def measure(plan: Plan) -> Report:
    """Start everything, measure, stop everything."""
    report = Report(machine())
    if set(plan.parts) & set(ws.PARTS):
        _measure_socket(plan, report)
    if set(plan.parts) & set(api_lists.PARTS):
        _measure_lists(report)
    if set(plan.parts) & set(PARTS):
        _measure_engine(plan, report)
    return report


def _measure_socket(plan: Plan, report: Report) -> None:
    folder = new_folder()
    try:
        ws.measure(plan.parts, folder, report)
    finally:
        remove(folder)


def _measure_lists(report: Report) -> None:
    folder = new_folder()
    try:
        api_lists.measure(report, folder)
    finally:
        remove(folder)


def _measure_engine(plan: Plan, report: Report) -> None:
    folder = new_folder()
    rig = Rig(folder, both=plan.both)
    try:
        environment = rig.launch()
        asyncio.run(_measure(rig, environment, plan, report))
    finally:
        rig.stop_servers()
        remove(folder)


async def _measure(rig: Rig, environment: dict[str, str], plan: Plan, report: Report) -> None:
    async with opened(rig, environment, plan.fixtures):
        await Run(rig, plan, report).all()


def plan_of(arguments: Sequence[str]) -> tuple[Plan, argparse.Namespace]:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n", 1)[0])
    parser.add_argument(
        "part", nargs="*", help=f"what to measure: {', '.join(PARTS)} (default: all these); {', '.join(ALONE)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the quote path is measured")
    parser.add_argument("--moves", type=float, default=20.0, help="market moves a second")
    parser.add_argument("--fills", type=float, default=3.0, help="fills a second")
    parser.add_argument("--fixtures", type=int, default=20, help="markets, each with two orders")
    parser.add_argument("--both", action="store_true", help="quote every market on both exchanges, not on one in turn")
    parser.add_argument("--repeats", type=int, default=3, help="emergencies and kills")
    given = parser.parse_args(arguments)
    if unknown := set(given.part) - {*PARTS, *ALONE}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    plan = Plan(given.part or PARTS, given.moves, given.fills, given.seconds, given.fixtures, given.both, given.repeats)
    return plan, given


def main() -> int:
    """The exit code: 1 when a measure did not come about."""
    plan, given = plan_of(sys.argv[1:])
    report = measure(plan)
    print("\n".join(markdown(report.figures) if given.markdown else table(report.figures)))
    facts = ", ".join(f"{key} {value}" for key, value in report.machine.items())
    notes = [f"{item.name}: {item.note}" for item in report.figures if item.note] + report.notes
    print("\n".join(["", *notes, facts]))
    if given.json:
        given.json.write_text(json.dumps(report.plain(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the SDK may abort while the interpreter shuts down (stack sheet, section 4.2)

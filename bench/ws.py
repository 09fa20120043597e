"""The API's socket: how soon an event is at a hundred subscribers, and how soon ten thousand missed ones are.

Postgres and ``python -m api`` run as processes of their own; writers (threads) and subscribers are in this one, so that
all timestamps share a clock. A subscriber notes when bytes arrive and reads them after the measure.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from bench.figures import Report, figure, percentile, single
from bench.processes import usage
from bench.sockets import Subscriber, joined
from console.embedded import children
from console.embedded.postgres import Postgres
from console.embedded.process import Process
from overround.ledger.db import connect
from overround.ledger.keys import create_key
from overround.ledger.migrate import upgrade

PARTS = ("broadcast", "resume")
SECRET = "the bench's own throw-away secret"
CLIENT = "bench"
SUBSCRIBERS, PER_KEY = 100, 5
RATE, SECONDS, IDLE_SECONDS = 50.0, 10.0, 3.0
MISSED, REPEATS = 10_000, 5
ORDER = {
    "orderId": 1, "fixtureId": "id1100013262926199", "outcomeId": 111, "exchange": "kalshi",
    "exchangeOrderId": "0f5c1a52-6d8e-4c3e-9a55-2f1f5ad2f6f1", "exchangeOutcomeId": "KXNBAGAME-26FEB15LALBOS-LAL",
    "orderStatus": "PARTIAL", "matchedStatus": "PARTIALLY_MATCHED", "orderCents": 0.45, "orderStake": 100,
    "matchedStake": 20, "settlementStatus": "UNDECIDED", "bookmakerOutcomePrice": 1.808, "bookmakerOutcomeLimit": 5000,
    "createdAt": "2026-02-15T12:00:00Z", "matchedAt": "2026-02-15T12:00:05Z",
}  # fmt: skip
WRITE = (
    "INSERT INTO events (channel, event, client, payload, old) VALUES ('orders', 'UPDATE', %s, %s, "
    '\'{"orderStatus": "PLACED", "matchedStake": 0}\') RETURNING event_id'
)
WRITE_MANY = (
    "INSERT INTO events (channel, event, client, payload) SELECT 'orders', 'UPDATE', %s, %s FROM generate_series(1, %s)"
)


@dataclass(slots=True)
class Stage:
    """What runs. ``keys`` are of one client, five connections each."""

    postgres: Postgres
    api: Process
    port: int
    keys: list[str]

    @property
    def database(self) -> str:
        return self.postgres.url()

    def cpu(self) -> dict[str, float]:
        """CPU milliseconds of both so far."""
        roots = {"api": self.api, "postgres": self.postgres.process}
        return {name: usage(process.pid).cpu_ms for name, process in roots.items() if process is not None}


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Postgres and one API process, with the keys of a hundred subscribers."""
    postgres = Postgres(folder)
    try:
        postgres.start()
        upgrade(postgres.url())
        keys = asyncio.run(_keys(postgres.url(), SUBSCRIBERS // PER_KEY))
        env = {"DATABASE_URL": postgres.url(), "OVERROUND_SECRET_KEY": SECRET, "OVERROUND_API_PORT": "0"}
        api = Process(children.python_part("api", ["-m", "api"], folder, env))
        api.launch()
        try:
            api.wait_ready()
            yield Stage(postgres, api, int((folder / "api.ready").read_text()), keys)
        finally:
            api.stop()
    finally:
        postgres.destroy()


async def _keys(database: str, count: int) -> list[str]:
    engine = connect(database)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            f"INSERT INTO clients (client, name, bookmaker) VALUES ('{CLIENT}', 'Bench', 'vertex')"
        )
        keys = [await create_key(connection, SecretStr(SECRET), "client", CLIENT) for _ in range(count)]
    await engine.dispose()
    return keys


@dataclass(slots=True)
class Writer:
    """Threads that commit events. ``commits`` is when each number's commit was sent and when it had returned."""

    database: str
    threads: int
    rolled_back: float = 0.0
    commits: dict[int, tuple[float, float]] = field(default_factory=dict)

    async def run(self, rate: float, seconds: float) -> None:
        """``rate`` events a second over all threads."""
        jobs = [threading.Thread(target=self._write, args=(rate / self.threads, seconds)) for _ in range(self.threads)]
        for job in jobs:
            job.start()
        await asyncio.gather(*(asyncio.to_thread(job.join) for job in jobs))

    def _write(self, rate: float, seconds: float) -> None:
        chance = random.Random(threading.get_ident())
        payload = json.dumps(ORDER)
        with psycopg.connect(self.database) as connection:
            end = time.monotonic() + seconds
            while (now := time.monotonic()) < end:
                self._one(connection, payload, chance)
                time.sleep(max(0.0, chance.uniform(0.5, 1.5) / rate - (time.monotonic() - now)))

    def _one(self, connection: "psycopg.Connection[Any]", payload: str, chance: random.Random) -> None:
        row = connection.execute(WRITE, [CLIENT, payload]).fetchone()
        if self.threads > 1:
            time.sleep(chance.uniform(0, 0.005))
        if row is None or chance.random() < self.rolled_back:
            connection.rollback()
            return
        began = time.monotonic()
        connection.commit()
        self.commits[int(row[0])] = (began, time.monotonic())


@asynccontextmanager
async def audience(stage: Stage, count: int = SUBSCRIBERS) -> AsyncIterator[list[Subscriber]]:
    """``count`` live subscribers of everything."""
    async with joined(stage.port, [stage.keys[place // PER_KEY] for place in range(count)]) as subscribers:
        yield subscribers


async def broadcast(stage: Stage, report: Report) -> None:
    """One writer, then eight at once of which one transaction in ten rolls back."""
    async with audience(stage) as subscribers:
        report.add(single(f"CPU of {SUBSCRIBERS} idle subscribers", "ms/s", *await _idle(stage)))
        for writer, words in ((Writer(stage.database, 1), "1 writer"), (Writer(stage.database, 8, 0.1), "8 writers")):
            before = stage.cpu()
            await writer.run(RATE, SECONDS)
            await asyncio.sleep(0.5)
            spent = _spent(stage, before, SECONDS, "ms/s")
            sent, returned = latencies(subscribers, writer)
            earlier = f"from before the commit p50 {percentile(sent, 0.5):.1f} p99 {percentile(sent, 0.99):.1f}"
            counts = f"{len(writer.commits)} events, {missing(subscribers, writer)} not told in order"
            note = f"{RATE:g} events/s; {counts}; {earlier}; {spent}"
            report.add(figure(f"commit -> {SUBSCRIBERS} sockets, {words}", "ms", returned, aim="15 ms", note=note))


async def _idle(stage: Stage) -> tuple[float, ...]:
    await asyncio.sleep(1.0)
    before = stage.cpu()
    await asyncio.sleep(IDLE_SECONDS)
    return ((sum(stage.cpu().values()) - sum(before.values())) / IDLE_SECONDS,)


def _spent(stage: Stage, before: dict[str, float], share: float, unit: str) -> str:
    parts = ", ".join(f"{name} {(now - before[name]) / share:.0f} {unit}" for name, now in stage.cpu().items())
    return f"CPU {parts}"


def latencies(subscribers: Sequence[Subscriber], writer: Writer) -> tuple[list[float], list[float]]:
    """Milliseconds to each socket, from when the commit was sent and from when it had returned."""
    times = [(at, writer.commits[seq]) for one in subscribers for seq, at in one.heard() if seq in writer.commits]
    return [(at - began) * 1000 for at, (began, _) in times], [(at - done) * 1000 for at, (_, done) in times]


def missing(subscribers: Sequence[Subscriber], writer: Writer) -> int:
    """How many of the writer's events some subscriber was not told, told twice, or told out of order."""
    expected = sorted(writer.commits)
    heard = ([seq for seq, _ in one.heard() if seq in writer.commits] for one in subscribers)
    return sum(len(expected) for told in heard if told != expected)


async def resume(stage: Stage, report: Report) -> None:
    """Ten thousand events of the client happen while nobody listens."""
    found, spent = [], ""
    for _ in range(REPEATS):
        async with audience(stage, 1) as (subscriber,):
            start = subscriber.position
        await asyncio.to_thread(_fill, stage.database)
        before = stage.cpu()
        began = time.monotonic()
        async with joined(stage.port, stage.keys[:1], resume=start) as (subscriber,):
            ended = await asyncio.wait_for(subscriber.resumed, 30)
            found.append((ended - began) * 1000)
            spent = _spent(stage, before, 1, "ms")
            numbers = [seq for seq, _ in subscriber.heard()]
        if numbers != list(range(start + 1, start + MISSED + 1)):
            report.notes.append("resume: not every missed event came once and in order")
    report.add(
        figure(f"{MISSED} missed events, connect to caught up", "ms", found, aim="500 ms", note=f"the last: {spent}")
    )


def _fill(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(WRITE_MANY, [CLIENT, json.dumps(ORDER), MISSED])


def measure(parts: Sequence[str], folder: Path, report: Report) -> None:
    """The parts that were asked for, on a stage of their own."""
    with staged(folder) as stage:
        for name, part in (("broadcast", broadcast), ("resume", resume)):
            if name in parts:
                asyncio.run(part(stage, report))

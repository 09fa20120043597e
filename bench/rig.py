"""Everything a run needs, started and stopped: real Postgres, Temporal, worker and streamers as processes of their own,
the paper world in this one, so that all timestamps share a clock."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.client import Client

from bench import floor
from bench.desk import Desk
from bench.processes import Usage, usage
from console.embedded import children, namespace
from console.embedded.postgres import Postgres
from console.embedded.process import Process
from console.embedded.temporal import TemporalServer
from console.product import Product
from overround.paper.assembly import NAMES
from overround.paper.servers import Servers
from workflows.attributes import ATTRIBUTES
from workflows.names import TASK_TIMEOUT, TRADING
from workflows.payloads import DATA_CONVERTER

SECRET = "the bench's own throw-away secret"
SETTINGS: dict[str, Any] = {"outcomes": [111, 112], "odds_max_age_pregame": 3600, "max_fixture_loss": 100_000,
                            "max_market_loss": 100_000}  # fmt: skip


ENGINE = ("trading", "hedging", "streamers")


class NotInTime(Exception):
    """What a measure waits for did not happen; its figure is missing, the others go on."""


class Rig:
    """The running engine. A worker may be killed and started again."""

    def __init__(self, folder: Path, *, both: bool = False) -> None:
        self.folder = folder
        self.desk = Desk(folder, both=both)
        self.servers = Servers(NAMES, 0)
        self.postgres = Postgres(folder)
        self.temporal = TemporalServer(folder, ui_port=None, attributes=ATTRIBUTES)
        self.floor_file = folder / "floor.txt"
        self.processes: dict[str, Process] = {}
        self.lags: list[float] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._marks = 0
        self.client: Client

    # -- life -------------------------------------------------------------------------------------------------------

    def launch(self) -> dict[str, str]:
        """Start both servers and prepare them (synchronously, before any loop); the children's environment."""
        self.postgres.launch()
        self.temporal.launch()
        product, paper = Product(), self.desk.assembly.facts(self.servers.urls)
        self.postgres.process.wait_ready()  # type: ignore[union-attr]
        self.postgres.ensure_database()
        product.migrate(self.postgres.url())
        product.seed(self.postgres.url(), paper, SECRET, {"default": SETTINGS})
        self.temporal.process.wait_ready()  # type: ignore[union-attr]
        asyncio.run(namespace.prepare(self.temporal.address, "default", ATTRIBUTES, ours=True))
        return {
            "DATABASE_URL": self.postgres.url(),
            "TEMPORAL_ADDRESS": self.temporal.address,
            "OVERROUND_SECRET_KEY": SECRET,
            "OVERROUND_STATE_DIR": str(self.folder),
            floor.FILE: str(self.floor_file),
            **product.feed(paper),
        }

    async def open(self, environment: dict[str, str]) -> None:
        """Serve the paper world, start worker and streamers, and connect."""
        self._environment = environment
        self._tasks += await self.servers.start(self.desk.apps())
        self._tasks += [asyncio.create_task(self.desk.world.housekeeping()), asyncio.create_task(self._watch_lag())]
        self.client = await Client.connect(self.temporal.address, data_converter=DATA_CONVERTER)
        for name in ENGINE:
            self.start(name)
        for name in ENGINE:
            await self.ready(name)

    async def close(self) -> None:
        for process in self.processes.values():
            process.kill()
        await self.servers.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop_servers(self) -> None:
        if self.temporal.process is not None:
            self.temporal.process.kill()
        self.postgres.destroy()

    # -- processes --------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start ``streamers``, or a worker: ``trading``, ``hedging``, or one more of a role (``hedging standby``)."""
        arguments = ["-m", "streamers"] if name == "streamers" else ["-m", "bench.trading_worker", name.split()[0]]
        process = Process(children.python_part(name, arguments, self.folder, self._environment))
        self.processes[name] = process
        process.launch()

    async def ready(self, name: str) -> None:
        await self.until(self.processes[name].ready, f"{name} started", 60)

    def kill(self, name: str) -> float:
        """SIGKILL; when, in monotonic seconds."""
        process = self.processes.pop(name)
        at = time.monotonic()
        process.kill()
        return at

    def usage(self) -> dict[str, Usage]:
        """CPU and memory of every part by name; ``bench`` is this process with the paper venues."""
        roots = {name: process.pid for name, process in self.processes.items()}
        servers = {"postgres": self.postgres.process, "temporal": self.temporal.process}
        roots |= {name: process.pid for name, process in servers.items() if process is not None}
        return {name: usage(pid) for name, pid in roots.items()}

    async def _watch_lag(self) -> None:
        """How late this process's own loop runs, in milliseconds: it is part of every figure."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.02)
            self.lags.append((time.monotonic() - before - 0.02) * 1000)

    # -- the floor --------------------------------------------------------------------------------------------------

    async def touch(self, workflow_id: str) -> str:
        """Signal a floor workflow that runs; the mark by which ``marks`` knows it."""
        mark = self._next_mark()
        await self.client.get_workflow_handle(workflow_id).signal("touch", mark)
        return mark

    async def start_floor(self, workflow_id: str, queue: str = TRADING) -> str:
        """Signal-with-start a floor workflow, as the first fill of an order does its hedge."""
        mark = self._next_mark()
        await self.client.start_workflow(
            "FloorWorkflow", id=workflow_id, task_queue=queue, task_timeout=TASK_TIMEOUT,
            start_signal="touch", start_signal_args=[mark],
        )  # fmt: skip
        return mark

    def marks(self) -> dict[str, float]:
        """When each mark's local activity ran."""
        return floor.read_marks(self.floor_file)

    def _next_mark(self) -> str:
        self._marks += 1
        return f"m{self._marks}"

    # -- waiting ----------------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], Any], what: str, seconds: float, step: float = 0.005) -> float:
        """Wait for ``condition``; the monotonic time at which it was seen to hold. Raises ``NotInTime``."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise NotInTime(f"{what}: not within {seconds:.0f} s")
            await asyncio.sleep(step)
        return time.monotonic()

    async def quoting(self, levels: int = 1, seconds: float = 20.0) -> None:
        """Wait until every outcome is quoted, with about ``levels`` orders each."""
        orders = self.desk.orders

        def settled() -> bool:
            return self.desk.quoted() == orders and levels * orders <= self.desk.ours() < (levels + 1) * orders

        await self.until(settled, f"{levels * orders} orders rest", seconds)


@asynccontextmanager
async def opened(rig: Rig, environment: dict[str, str], fixtures: int) -> AsyncIterator[Rig]:
    """The rig with ``fixtures`` games quoted."""
    try:
        await rig.open(environment)
        rig.desk.list_fixtures(fixtures)
        await rig.quoting(seconds=60)
        yield rig
    finally:
        await rig.close()


def new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="overround-bench-"))


def remove(folder: Path) -> None:
    """Delete a run's files, unless ``OVERROUND_BENCH_KEEP`` asks for the logs."""
    if not os.environ.get("OVERROUND_BENCH_KEEP"):
        shutil.rmtree(folder, ignore_errors=True)

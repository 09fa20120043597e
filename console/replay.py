"""``overround replay FILE...``: recordings as bookmaker odds through the engine, to settlement from their own results.

Everything runs as in ``overround up``, on a state directory of its own and free ports, with the recordings in place of
the match simulator. Real servers, feeds and databases that are configured have no part in it.
"""

import os
import secrets
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from pydantic import SecretStr

from console import config
from console.bar import Bar
from console.embedded.process import StartError
from console.product import Product
from console.up import Session
from overround.settings import Settings

PULL_SECONDS = Decimal("2.0")
"""How long a pull may take, on a machine busy with everything, from the feed's word to the last cancelled order; alive
beyond it counts as a breach."""
SETTLE_SECONDS = 60.0
SILENT_SECONDS = 30.0
"""How long the paper venues may be silent before the playing is given up: a restart takes a few seconds."""
FEED_SECONDS = 10.0
FREE_PORTS = ("postgres_port", "temporal_port", "temporal_ui_port", "temporal_metrics_port", "api_port", "paper_port")
NOTHING_REAL = {"database_url": "", "temporal_address": "", "oddspapi_api_key": SecretStr("")}


def replay(
    files: Annotated[list[Path], typer.Argument(help="Betfair Exchange Stream recordings: plain, gzip or bzip2.")],
    speed: Annotated[
        float | None, typer.Option(help="Times real time; without it quiet spells are compressed.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="State directory of the playing.")] = None,
) -> None:
    """Play recordings, print what came of them. Exit code 1 when the books disagree or an order outlived a pull."""
    settings = config.load()
    if speed is not None and not speed > 0:
        raise StartError("--speed must be above 0")
    _check_files(files, speed)
    folder = state or settings.state_dir / "replay"
    own = settings.model_copy(update={"state_dir": folder, **NOTHING_REAL, **dict.fromkeys(FREE_PORTS, 0)})
    session = Replay(own, files, speed)
    session.run()
    raise typer.Exit(session.verdict)


def _check_files(files: list[Path], speed: float | None) -> None:
    """Read every recording once: one that cannot be played is refused before anything starts."""
    from overround.paper.betfair_stream import RecordingError
    from overround.paper.recording_scan import scan

    for file in files:
        if not file.is_file():
            raise StartError(f"{file}: no such file")
        try:
            scan(file, speed)
        except RecordingError as error:
            raise StartError(str(error)) from None


@dataclass(frozen=True, slots=True)
class ReplayProduct(Product):
    """The product with recorded markets: whatever the files hold is traded."""

    def seed(self, database_url: str, paper: Any, secret_key: str, trading: Any) -> str:
        outcomes = sorted({int(key) for market in _status(paper["admin"])["markets"] for key in market["names"]})
        default = {**trading.get("default", {}), "outcomes": outcomes}
        return Product.seed(self, database_url, paper, secret_key, {**trading, "default": default})


class Replay(Session):
    """One playing. ``verdict`` is the exit code once it ran."""

    def __init__(self, settings: Settings, files: list[Path], speed: float | None, bar: Bar | None = None) -> None:
        self.bar = bar or Bar()
        super().__init__(settings, ReplayProduct(), fresh=True, live=self.bar)
        os.environ["OVERROUND_PAPER_RECORDING"] = os.pathsep.join(str(file.resolve()) for file in files)
        os.environ["OVERROUND_PAPER_TOKEN"] = secrets.token_hex(8)
        os.environ["OVERROUND_PAPER_PAUSED"] = "1"
        if speed is not None:
            os.environ["OVERROUND_PAPER_SPEED"] = str(speed)
        self.files = files
        self.verdict = 1
        self._answered = time.monotonic()

    def announce(self, seconds: float) -> None:
        self.live.say(f"playing {', '.join(file.name for file in self.files)}; ready after {seconds:.1f} s")
        self.live.say(f"  Temporal UI  {self.facts['temporalUiUrl']}")

    def follow(self) -> None:
        """Play to the end, wait for the results to be booked, print the summary."""
        self._await_feed()
        self._answered = time.monotonic()
        with self.bar:
            while not self._played():
                self.supervisor.watch(0.5)
            self._await_results()
        self.verdict = self._summarise(_status(self.facts["paper"]["admin"]))

    def _await_feed(self) -> None:
        """Until the engine hears the feed: nothing of a short recording may be played to nobody."""
        from console.played import heard

        deadline = time.monotonic() + FEED_SECONDS
        while not heard(self.facts["databaseUrl"]) and time.monotonic() < deadline:
            self.supervisor.watch(0.2)

    def _played(self) -> bool:
        """Show where the playing is; whether it is at its end. Venues that have just started wait for our word."""
        try:
            now = _status(self.facts["paper"]["admin"])
            if now["paused"]:
                _ask("POST", f"{self.facts['paper']['admin']}/pause", {"paused": False})
        except StartError:
            if time.monotonic() - self._answered > SILENT_SECONDS:
                raise
            return False
        self._answered = time.monotonic()
        clock = f"{now['recordingTime'][:19].replace('T', ' ')} UTC"
        self.bar.played(now["done"], clock, self._line)
        return bool(now["finished"])

    def _line(self) -> str:
        return self.product.progress(self.facts["databaseUrl"])

    def _await_results(self) -> None:
        """Until every traded fixture is booked, or for as long as that should take."""
        from console.played import unbooked

        deadline = time.monotonic() + SETTLE_SECONDS
        while unbooked(self.facts["databaseUrl"]) and time.monotonic() < deadline:
            self.bar.played(1.0, "played; results are being booked", self._line)
            self.supervisor.watch(0.5)

    def _summarise(self, status: dict[str, Any]) -> int:
        """Print the figures; 0 when the books agree and no order outlived a pull."""
        import asyncio

        from console.check import compare
        from console.played import summary

        played = summary(self.facts["databaseUrl"])
        alive = beyond_pull(status["suspensions"])
        for market in status["markets"]:
            self.live.say(_market_line(market))
        self.live.say(
            f"quotes {played.quotes} · fills {played.fills} · hedges {played.hedges} ({played.bets} bets) · "
            f"residual {played.residual:.2f} · PnL {played.pnl:+.2f} · settled {played.settled}"
        )
        self.live.say(f"time suspended with any order alive beyond the pull time: {alive:.3f} s")
        if played.unbooked:
            self.live.say(f"{played.unbooked} traded fixture(s) without booked results")
        differs = asyncio.run(compare(self.facts["databaseUrl"], self.facts["paper"]["admin"], 15.0))
        return 1 if differs or alive > 0 or played.unbooked else 0


def beyond_pull(suspensions: dict[str, dict[str, Any]]) -> Decimal:
    """Seconds by which the longest-lived order outlived a suspension, beyond the pull time, on the wall clock."""
    longest = max((Decimal(item["longestAliveMs"]) / 1000 for item in suspensions.values()), default=Decimal(0))
    return max(Decimal(0), longest - PULL_SECONDS)


def _market_line(market: dict[str, Any]) -> str:
    won = [market["names"][key] for key, result in market["results"].items() if result == "WIN"]
    return (
        f"{market['name']} ({market['sport']}): {market['messages']} messages, {market['updates']} price changes, "
        f"suspended {market['suspended_seconds']} s of the recording; won by {', '.join(won) or 'nobody'}"
    )


def _status(admin: str) -> dict[str, Any]:
    return _ask("GET", f"{admin}/status")


def _ask(method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        answer = httpx.request(method, url, json=body, timeout=10, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise StartError(f"the paper venues do not answer at {url}: {error}") from None
    told: dict[str, Any] = answer.json()
    return told

"""``overround replay FILE...``: recordings as bookmaker odds through the engine, to settlement from their own results.

Everything runs as in ``overround up``, on a state directory of its own and free ports, with the recordings in place of the
match simulator.
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
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from console import config
from console.embedded.process import StartError
from console.product import Product
from console.up import Session
from overround.settings import Settings

PULL_SECONDS = Decimal("1.0")
"""How long a pull may take from the feed's word to the last cancelled order; alive beyond it counts as a breach."""
SETTLE_SECONDS = 60.0
FREE_PORTS = ("postgres_port", "temporal_port", "temporal_ui_port", "temporal_metrics_port", "api_port", "paper_port")


def replay(
    files: Annotated[list[Path], typer.Argument(help="Betfair Exchange Stream recordings: plain, gzip or bzip2.")],
    speed: Annotated[
        float | None, typer.Option(help="Times real time; without it quiet spells are compressed.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="State directory of the playing.")] = None,
) -> None:
    """Play recordings and print what came of them. Exit code 1 when the books do not agree or an order outlived a pull."""
    settings = config.load()
    _check_files(files)
    if speed is not None and not speed > 0:
        raise StartError("--speed must be above 0")
    folder = state or settings.state_dir / "replay"
    own = settings.model_copy(update={"state_dir": folder, **dict.fromkeys(FREE_PORTS, 0)})
    session = Replay(own, files, speed)
    session.run()
    raise typer.Exit(session.verdict)


def _check_files(files: list[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise StartError(f"{file}: no such file")


@dataclass(frozen=True, slots=True)
class ReplayProduct(Product):
    """The product with recorded markets: whatever the files hold is traded."""

    def seed(self, database_url: str, paper: Any, secret_key: str, trading: Any) -> str:
        outcomes = sorted({int(key) for market in _status(paper["admin"])["markets"] for key in market["names"]})
        default = {**trading.get("default", {}), "outcomes": outcomes}
        return Product.seed(self, database_url, paper, secret_key, {**trading, "default": default})


class Replay(Session):
    """One playing. ``verdict`` is the exit code once it ran."""

    def __init__(self, settings: Settings, files: list[Path], speed: float | None) -> None:
        super().__init__(settings, ReplayProduct(), fresh=True)
        os.environ["OVERROUND_PAPER_RECORDING"] = os.pathsep.join(str(file.resolve()) for file in files)
        os.environ["OVERROUND_PAPER_TOKEN"] = secrets.token_hex(8)
        if speed is not None:
            os.environ["OVERROUND_PAPER_SPEED"] = str(speed)
        self.files = files
        self.verdict = 1

    def announce(self, seconds: float) -> None:
        self.live.say(f"playing {', '.join(file.name for file in self.files)}; ready after {seconds:.1f} s")
        self.live.say(f"  Temporal UI  {self.facts['temporalUiUrl']}")

    def follow(self) -> None:
        """Play to the end, wait for the results to be booked, print the summary."""
        admin = self.facts["paper"]["admin"]
        columns = (
            BarColumn(40),
            TaskProgressColumn(),
            TextColumn("{task.fields[clock]}"),
            TextColumn("{task.fields[line]}"),
        )
        with Progress(*columns, auto_refresh=False) as bar:
            task = bar.add_task("", total=1.0, clock="", line="")
            while not (now := _status(admin))["finished"]:
                line = self.product.progress(self.facts["databaseUrl"])
                bar.update(task, completed=now["done"], clock=now["recordingTime"][:19], line=line, refresh=True)
                self.supervisor.watch(0.5)
            bar.update(task, completed=1.0, clock=now["recordingTime"][:19], refresh=True)
        self._await_results()
        self.verdict = self._summarise(_status(admin))

    def _await_results(self) -> None:
        """Until every traded fixture is booked, or for as long as that should take."""
        from console.played import unbooked

        deadline = time.monotonic() + SETTLE_SECONDS
        while unbooked(self.facts["databaseUrl"]) and time.monotonic() < deadline:
            self.supervisor.watch(0.5)

    def _summarise(self, status: dict[str, Any]) -> int:
        """Print the figures; 0 when the books agree and no order outlived a pull."""
        import asyncio

        from console.check import compare
        from console.played import summary

        played = summary(self.facts["databaseUrl"])
        alive = _alive(status)
        for market in status["markets"]:
            self.live.say(_market_line(market))
        self.live.say(
            f"quotes {played.quotes} · fills {played.fills} · hedges {played.hedges} ({played.bets} bets) · "
            f"residual {played.residual:.2f} · PnL {played.pnl:+.2f} · settled {played.settled}"
        )
        self.live.say(f"time suspended with any order alive beyond the pull time: {alive:.3f} s")
        differs = asyncio.run(compare(self.facts["databaseUrl"], self.facts["paper"]["admin"], 15.0))
        return 1 if differs or alive > 0 or unfinished(played) else 0


def unfinished(played: Any) -> bool:
    """Something was traded and is not settled."""
    return bool(played.unbooked)


def _alive(status: dict[str, Any]) -> Decimal:
    """Seconds by which the longest-lived order outlived a suspension, beyond the pull time; the playing's wall clock."""
    longest = max(
        (Decimal(item["longestAliveMs"]) / 1000 for item in status["suspensions"].values()), default=Decimal(0)
    )
    return max(Decimal(0), longest - PULL_SECONDS)


def _market_line(market: dict[str, Any]) -> str:
    won = [market["names"][key] for key, result in market["results"].items() if result == "WIN"]
    return (
        f"{market['name']} ({market['sport']}): {market['messages']} messages, {market['updates']} price changes, "
        f"suspended {market['suspended_seconds']} s of the recording; won by {', '.join(won) or 'nobody'}"
    )


def _status(admin: str) -> dict[str, Any]:
    try:
        answer = httpx.get(f"{admin}/status", timeout=10, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise StartError(f"the paper venues do not answer at {admin}: {error}") from None
    body: dict[str, Any] = answer.json()
    return body

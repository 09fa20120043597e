"""The whole paper world in one object: venues, accounts, source, and the apps to serve."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from overround.paper.abp import PaperAbp, Rules
from overround.paper.admin import Admin
from overround.paper.credentials import Credentials
from overround.paper.feed import PaperFeed
from overround.paper.kalshi import PaperKalshi
from overround.paper.polymarket import PaperPolymarket, Trader
from overround.paper.recording import RecordingSource
from overround.paper.simulator import Simulator, SimulatorSettings
from overround.paper.store import Store
from overround.paper.takers import TakerSettings
from overround.paper.world import World

CLIENT = "demo:vertex"
CASH = Decimal(100_000)
KALSHI_TIER = "prime"
NAMES = ("feed", "kalshi", "clob", "gamma", "data", "abp", "admin")
"""What is served, in the order of the ports."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to fill the world: recordings when any are given, else ``fixtures`` simulated matches at a time, one ending
    every ``turn`` seconds and listed ``pregame`` seconds before it begins. ``paused``: nothing moves until told to."""

    seed: int = 1
    moves_per_second: float = 10.0
    fixtures: int = 16
    turn: float = 17.5
    pregame: float = 60.0
    recordings: tuple[Path, ...] = ()
    speed: float | None = None
    token: str = ""
    paused: bool = False


class Assembly:
    """A paper world on a store. Raises ``RecordingError`` when a recording cannot be played."""

    def __init__(self, store: Store, credentials: Credentials, options: Options) -> None:
        self.credentials, self.store = credentials, store
        self.world = World(store)
        self.kalshi = PaperKalshi(
            self.world, {credentials.kalshi_key_id: (credentials.kalshi_public_key, "demo")}, tier=KALSHI_TIER
        )
        self.world.exchanges.setdefault(self.kalshi.name, self.kalshi)
        self.world.engine.fund(self.kalshi.name, "demo", CASH)
        self.polymarket = PaperPolymarket(self.world, [Trader("demo", credentials.polymarket_address, CASH)])
        self.abp = PaperAbp(self.world, {credentials.abp_key: CLIENT}, Rules(seed=options.seed))
        self.feed = PaperFeed(self.world, [credentials.feed_key])
        self.source = self._source(options)
        self.source.paused = options.paused
        self.admin = Admin(self.world, self.source, self.abp.witness)

    def apps(self) -> dict[str, ASGIApp]:
        """The ASGI app of each name in ``NAMES``."""
        return {
            "feed": self.feed.app,
            "kalshi": self.kalshi.app,
            "clob": self.polymarket.clob,
            "gamma": self.polymarket.gamma,
            "data": self.polymarket.data,
            "abp": self.abp.app,
            "admin": self.admin.app,
        }

    def facts(self, urls: Mapping[str, str]) -> dict[str, Any]:
        """What a program needs to trade here: the feed, and accounts with endpoints and throw-away secrets."""
        feed, known = urls["feed"], self.credentials
        return {
            "pid": os.getpid(),
            "urls": dict(urls),
            "admin": urls["admin"],
            "feed": {"key": known.feed_key, "rest": f"{feed}/en", "ws": _socket(feed, "/ws")},
            "accounts": [
                _account(
                    "kalshi-demo",
                    "kalshi",
                    "exchange",
                    {"rest": f"{urls['kalshi']}/trade-api/v2", "ws": _socket(urls["kalshi"], "/trade-api/ws/v2")},
                    {"key_id": known.kalshi_key_id, "private_key_pem": known.kalshi_private_key},
                    {"tier": KALSHI_TIER},
                ),
                _account(
                    "polymarket-demo",
                    "polymarket",
                    "exchange",
                    {
                        **{name: urls[name] for name in ("clob", "gamma", "data")},
                        "user_ws": _socket(urls["clob"], "/ws/user"),
                        "market_ws": _socket(urls["clob"], "/ws/market"),
                    },
                    {"private_key": known.polymarket_private_key},
                    {"signature_type": "0"},
                ),
                _account(
                    "vertex-demo",
                    "abp",
                    "bookmaker",
                    {"rest": urls["abp"], "ws": _socket(urls["abp"], "/ws")},
                    {"api_key": known.abp_key},
                    {},
                ),
            ],
        }

    def _source(self, options: Options) -> Simulator | RecordingSource:
        takers = TakerSettings(seed=options.seed)
        if options.recordings:
            return RecordingSource(
                self.world,
                options.recordings,
                options.speed,
                moves_per_second=options.moves_per_second,
                token=options.token,
            )
        simulated = SimulatorSettings(
            seed=options.seed,
            fixtures=options.fixtures,
            moves_per_second=options.moves_per_second,
            turn=options.turn,
            pregame=options.pregame,
            takers=takers,
        )
        return Simulator(self.world, simulated)


def _socket(url: str, path: str) -> str:
    return url.replace("http", "ws", 1) + path


def _account(
    account_id: str, venue: str, kind: str, endpoints: dict[str, str], secrets: dict[str, str], options: dict[str, str]
) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "venue": venue,
        "kind": kind,
        "client": CLIENT,
        "endpoints": endpoints,
        "secrets": secrets,
        "options": options,
    }

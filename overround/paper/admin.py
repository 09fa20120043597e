"""The operator's and the checker's view of the paper world: what really happened, and misbehaviour on request.

Bound to loopback; it knows no credentials and shows none.
"""

from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Protocol

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from overround.paper.suspensions import Suspensions
from overround.paper.takers import HOUSE
from overround.paper.world import World, plain

Witness = Callable[[], dict[str, Any]]
VENUES = frozenset({"feed", "kalshi", "polymarket", "abp"})
RESERVED = frozenset({"venue", "fault", "times"})


class Source(Protocol):
    """What drives the world: the simulator or recordings."""

    paused: bool

    def step(self) -> None: ...

    def status(self) -> dict[str, Any]: ...


class Admin:
    """``app`` serves ``GET /witness``, ``GET /status``, ``POST /faults`` and ``POST /pause``."""

    def __init__(self, world: World, source: Source, bookmaker: Witness) -> None:
        self._world, self._source, self._bookmaker = world, source, bookmaker
        self._suspensions = Suspensions(world)
        self.app = Starlette(
            routes=[
                Route("/witness", self._witness),
                Route("/status", self._status),
                Route("/faults", self._faults, methods=["POST"]),
                Route("/pause", self._pause, methods=["POST"]),
            ]
        )

    def witness(self, *, house: bool = True) -> dict[str, Any]:
        """Every order, trade and wallet of every exchange, and the bookmaker's own books. Without ``house`` only what
        clients took part in."""
        engine = self._world.engine
        accounts = {account for _, account in engine.wallets if house or account not in HOUSE}
        orders = {key: order for key, order in engine.orders.items() if order.account in accounts}
        trades = [t for t in engine.trades.values() if t.maker_order in orders or t.taker_order in orders]
        exchanges: dict[str, dict[str, list[Any]]] = {
            name: {"orders": [], "trades": [], "wallets": [], "books": []} for name in self._world.exchanges
        }
        for order in orders.values():
            exchanges[order.exchange]["orders"].append(asdict(order))
        for trade in trades:
            makers = {"makerAccount": engine.orders[trade.maker_order].account}
            takers = {"takerAccount": engine.orders[trade.taker_order].account}
            exchanges[trade.exchange]["trades"].append({**asdict(trade), **makers, **takers})
        for wallet in engine.wallets.values():
            if wallet.account in accounts:
                exchanges[wallet.exchange]["wallets"].append(asdict(wallet))
        for book in engine.books.values():
            line = {"book_id": book.book_id, "open": book.open, "value": book.value}
            exchanges[book.exchange]["books"].append(line)
        results = {key: [m.results for m in fixture.markets] for key, fixture in self._world.fixtures.items()}
        return {"exchanges": exchanges, "bookmaker": self._bookmaker(), "results": results}

    async def _witness(self, request: Request) -> Response:
        return _answer(self.witness(house=request.query_params.get("house") != "false"))

    async def _status(self, _: Request) -> Response:
        engine = self._world.engine
        counts = {"orders": len(engine.orders), "trades": len(engine.trades), "fixtures": len(self._world.fixtures)}
        fired = [{"venue": venue, "fault": fault} for venue, fault in self._world.faults.fired[-100:]]
        body = {**self._source.status(), "counts": counts, "fired": fired, "suspensions": self._suspensions.report()}
        return _answer(body)

    async def _faults(self, request: Request) -> Response:
        body = await _body(request)
        venue, fault, times = body.get("venue"), body.get("fault"), body.get("times", 1)
        details = body.get("details", {})
        if not isinstance(venue, str) or venue not in VENUES or not isinstance(fault, str) or not fault:
            return _answer({"error": f"venue must be one of {', '.join(sorted(VENUES))}, fault a name"}, 400)
        if not isinstance(times, int) or isinstance(times, bool) or times < 0 or not isinstance(details, dict):
            return _answer({"error": "times must be a whole number, details an object"}, 400)
        if named := RESERVED & set(details):
            return _answer({"error": f"{', '.join(sorted(named))} cannot be a detail"}, 400)
        self._world.faults.arm(venue, fault, times, **details)
        return _answer({"venue": venue, "fault": fault, "times": times, "details": details})

    async def _pause(self, request: Request) -> Response:
        paused = (await _body(request)).get("paused", True)
        if not isinstance(paused, bool):
            return _answer({"error": "paused must be true or false"}, 400)
        self._source.step()
        self._source.paused = paused
        return _answer({"paused": paused})


async def _body(request: Request) -> dict[str, Any]:
    """A JSON object; anything else counts as an empty one, and its fields are then missing."""
    try:
        body = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _answer(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(plain(body), default=_text), status, media_type="application/json")


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} in an admin answer")

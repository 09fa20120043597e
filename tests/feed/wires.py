"""Feed objects as the sheet prints them, and servers that say exactly what a test wants."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_socket

from overround.feed.clock import Receipt
from overround.feed.events import Update, update
from overround.feed.wire import Row
from tests.feed.worlds import BASKETBALL

Json = dict[str, Any]


def odds_row(outcome_id: int = 111, price: Any = 1.91, changed_at: int = 1000, **changes: Any) -> Json:
    """A vertex row with every field the feed documents."""
    return {
        "bookmaker": "vertex",
        "outcomeId": outcome_id,
        "playerId": 0,
        "price": price,
        "active": True,
        "marketActive": True,
        "mainLine": True,
        "marketId": 111,
        "bookmakerMarketId": "m1",
        "bookmakerOutcomeId": f"o{outcome_id}",
        "bookmakerChangedAt": 900,
        "priceFractional": "",
        "priceAmerican": 0,
        "limit": 286.3,
        "betslip": None,
        "meta": None,
        "changedAt": changed_at,
    } | changes


def odds_payload(*rows: Json, fixture_id: str = BASKETBALL) -> Json:
    slugs: dict[str, Json] = {}
    for row in rows:
        key = f"{fixture_id}:{row['bookmaker']}:{row['outcomeId']}:{row['playerId']}"
        slugs.setdefault(row["bookmaker"], {})[key] = row
    return {"fixtureId": fixture_id, "odds": slugs}


def state_object(slug: str = "vertex", **changes: Any) -> Json:
    return {
        "bookmaker": slug,
        "bookmakerFixtureId": "E1",
        "fixturePath": None,
        "hasOdds": True,
        "staleOdds": False,
        "suspended": False,
        "participantsRotated": False,
        "updatedAt": "2026-10-05T12:00:00.000Z",
    } | changes


def fixture_object(status: int = 0, **changes: Any) -> Json:
    return {
        "fixtureId": BASKETBALL,
        "status": {"live": status == 1, "statusId": status, "statusName": "x"},
        "sport": {"sportId": 11, "sportName": "Basketball"},
        "tournament": {"tournamentId": 132, "tournamentName": "NBA", "categoryName": "USA"},
        "startTime": 1_788_430_000,
        "participants": {"participant1Name": "Houston Rockets", "participant2Name": "Los Angeles Lakers"},
        "scores": {},
        "clock": None,
    } | changes


def market_object(market_id: int = 111, length: int = 2, **changes: Any) -> Json:
    return {
        "marketId": market_id,
        "marketLength": length,
        "sportId": 11,
        "playerProp": False,
        "handicap": 0,
        "period": "result",
        "marketType": "moneyline",
        "marketName": "Winner",
        "outcomes": [{"outcomeId": market_id + side, "outcomeName": str(side)} for side in range(length)],
    } | changes


def envelope(channel: str, payload: Json, entry_id: str = "1000-1", ts: int = 1000) -> Json:
    return {"channel": channel, "type": "UPDATE", "payload": payload, "ts": ts, "entryId": entry_id}


def heard(channel: str, payload: Json, at: int, ts: int | None = None) -> Update:
    """An update received at ``at`` epoch ms, emitted then too unless ``ts`` says otherwise."""
    return update(Row("frame", envelope(channel, payload, ts=at if ts is None else ts)), Receipt(at / 1000, at))


def login_ok(**changes: Any) -> str:
    resume = {"serverEpoch": "e1", "resumeWindowMs": 60000, "replayChannels": ["fixtures", "scores"]}
    body = {
        "type": "login_ok",
        "connId": "c1",
        "receiveType": "json",
        "channels": ["fixtures", "scores", "odds", "bookmakers"],
        "bookmakers": None,
        "resume": resume,
    }
    return json.dumps(body | changes)


Script = Callable[[ServerConnection, Json], Awaitable[None]]


class Scripted:
    """A gateway that plays one script per connection, the last one again and again. ``logins`` are what it was sent."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts, self.url = list(scripts), ""
        self.logins: list[Json] = []

    async def handle(self, socket: ServerConnection) -> None:
        self.logins.append(json.loads(await socket.recv()))
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        await script(socket, self.logins[-1])


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[Scripted]:
    gateway = Scripted(*scripts)
    async with serve_socket(gateway.handle, "127.0.0.1", 0, compression=None) as server:
        gateway.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield gateway


async def stay(socket: ServerConnection) -> None:
    """Keep the connection until the client leaves."""
    await socket.wait_closed()


def closing(code: int, reason: str = "") -> Script:
    """Log in, then close with ``code``."""

    async def script(socket: ServerConnection, _: Json) -> None:
        await socket.send(login_ok())
        await socket.close(code, reason)

    return script


async def welcoming(socket: ServerConnection, _: Json) -> None:
    """Log in and stay."""
    await socket.send(login_ok())
    await stay(socket)


async def silent(socket: ServerConnection, _: Json) -> None:
    await stay(socket)


async def collect(events: Any, count: int, timeout: float = 5.0) -> list[Any]:
    """The next ``count`` events."""
    async with asyncio.timeout(timeout):
        return [await anext(events) for _ in range(count)]

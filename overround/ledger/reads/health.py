"""Signs of life a client may see: the feed, the engine's processes, and the venues of its own accounts."""

from decimal import Decimal

from sqlalchemy import Text, cast, func, literal, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.heartbeats import DEAD_SECONDS, PARTS
from overround.ledger.reads.page import Item
from overround.ledger.tables import bookmaker_accounts, exchange_accounts, heartbeats


async def health(connection: AsyncConnection, client: str) -> Item:
    """Feed, processes and the client's own venues; ages in seconds, None for what was never heard."""
    beats = await _beats(connection)
    feed, fixtures = beats.get("feed", (None, None))
    return {
        "feed": {**_sign(feed), "fixtures": None if fixtures is None else int(fixtures)},
        "engine": [{"name": name, **_sign(beats.get(name, (None, None))[0])} for name in PARTS],
        "venues": await _venues(connection, client),
    }


def _sign(age: Decimal | None) -> Item:
    status = "never" if age is None else "live" if age <= DEAD_SECONDS else "silent"
    return {"status": status, "ageSeconds": age}


async def _beats(connection: AsyncConnection) -> dict[str, tuple[Decimal, str | None]]:
    """Age and number of fixtures by name."""
    elapsed = func.greatest(func.extract("epoch", func.clock_timestamp() - heartbeats.c.at), 0)
    query = select(
        heartbeats.c.name,
        func.round(elapsed, 1).label("age"),
        cast(heartbeats.c.detail["fixtures"].astext, Text).label("fixtures"),
    ).where(heartbeats.c.name.in_(["feed", *PARTS]))
    return {row.name: (row.age, row.fixtures) for row in await connection.execute(query)}


async def _venues(connection: AsyncConnection, client: str) -> list[Item]:
    """Where the client trades and where it hedges: status only."""
    exchanges, bookmakers = exchange_accounts.c, bookmaker_accounts.c
    sides = [
        select(
            literal(kind).label("kind"),
            venue.label("venue"),
            *(table[name].label(name) for name in ("account_id", "active", "status", "status_reason")),
        ).where(table["client"] == client)
        for kind, venue, table in (
            ("exchange", exchanges.exchange, exchanges),
            ("bookmaker", bookmakers.bookmaker, bookmakers),
        )
    ]
    rows = await connection.execute(union_all(*sides).order_by(text("kind DESC, account_id")))
    return [
        {
            "kind": row.kind,
            "venue": row.venue,
            "accountId": row.account_id,
            "active": row.active,
            "status": row.status,
            "statusReason": row.status_reason,
        }
        for row in rows
    ]

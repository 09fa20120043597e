"""Rows put straight into the ledger, with defaults for what a test does not care about."""

import itertools
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t

NOON = datetime(2026, 2, 15, 12, 0, 0, tzinfo=UTC)
FIXTURE = "id1100013262926199"
_numbers = itertools.count(1)


async def _put(connection: AsyncConnection, table: Table, values: dict[str, Any]) -> dict[str, Any]:
    row = (await connection.execute(insert(table).values(values).returning(table))).mappings().one()
    return {str(name): value for name, value in row.items()}


async def client(connection: AsyncConnection, name: str, *, active: bool = True) -> None:
    """A client with one exchange account, ``NAME-kalshi``, and one bookmaker account, ``NAME-vertex``."""
    await _put(connection, t.clients, {"client": name, "name": name.title(), "bookmaker": "vertex", "active": active})
    account = {"client": name, "endpoints": {"rest": "https://endpoint.invalid"}, "secrets": b"planted-secret"}
    await _put(
        connection,
        t.exchange_accounts,
        account | {"account_id": f"{name}-kalshi", "exchange": "kalshi", "options": {"token": "planted-option"}},
    )
    await _put(
        connection,
        t.bookmaker_accounts,
        account | {"account_id": f"{name}-vertex", "bookmaker": "vertex", "route": "abp"},
    )


async def order(connection: AsyncConnection, owner: str, **changes: Any) -> dict[str, Any]:
    """An order of ``owner``: 100 contracts at 0.45 on Kalshi, priced from 1.808, resting."""
    number = next(_numbers)
    values = {
        "client_order_id": f"co-{number}",
        "client": owner,
        "account_id": f"{owner}-kalshi",
        "exchange": "kalshi",
        "fixture_id": FIXTURE,
        "market_id": 111,
        "outcome_id": 111,
        "venue_market": "KXNBA",
        "contract": "KXNBA-LAL",
        "position": "no",
        "workflow_id": "order-1",
        "run_id": "run-1",
        "price": "0.45",
        "size": "100",
        "remaining": "100",
        "status": "PLACED",
        "venue_order_id": f"v-{number}",
        "odds": "1.808",
        "odds_limit": "5000",
        "priced_at": NOON,
        "created_at": NOON,
        **changes,
    }
    return await _put(connection, t.orders, values)


async def fill(connection: AsyncConnection, filled: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A trade of the whole order at its price, without a fee."""
    values = {
        "account_id": filled["account_id"],
        "venue_fill_id": f"t-{next(_numbers)}",
        "client_order_id": filled["client_order_id"],
        "size": filled["size"],
        "price": filled["price"],
        "fee": "0",
        "at": NOON,
        **changes,
    }
    return await _put(connection, t.fills, values)


async def bet(connection: AsyncConnection, hedged: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An accepted bet that hedges ``hedged``: 50 at 2.00, payout 100."""
    owner = hedged["client"]
    values = {
        "request_id": str(uuid.UUID(int=next(_numbers))),
        "client_order_id": hedged["client_order_id"],
        "client": owner,
        "account_id": f"{owner}-vertex",
        "bookmaker": "vertex",
        "fixture_id": hedged["fixture_id"],
        "market_id": hedged["market_id"],
        "outcome_id": hedged["outcome_id"],
        "workflow_id": "hedge-1",
        "run_id": "run-1",
        "attempt": 1,
        "min_price": "1.9",
        "stake": "50",
        "placed_price": "2.00",
        "placed_stake": "50",
        "payout": "100",
        "status": "FILLED",
        "bookmaker_bet_id": "bk-1",
        "placed_at": NOON,
        **changes,
    }
    return await _put(connection, t.bets, values)


async def hedge(connection: AsyncConnection, hedged: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The hedge of an order, done."""
    values = {
        "client_order_id": hedged["client_order_id"],
        "client": hedged["client"],
        "fixture_id": hedged["fixture_id"],
        "market_id": hedged["market_id"],
        "outcome_id": hedged["outcome_id"],
        "workflow_id": "hedge-1",
        "run_id": "run-1",
        "target": "100",
        "done": "100",
        "state": "DONE",
        **changes,
    }
    return await _put(connection, t.hedges, values)


async def settled(connection: AsyncConnection, row: dict[str, Any], profit: str, revision: int = 1) -> None:
    """A booked result of an order's or a bet's row."""
    is_bet = "request_id" in row
    values = {
        "client": row["client"],
        "fixture_id": row["fixture_id"],
        "market_id": row["market_id"],
        "outcome_id": row["outcome_id"],
        "subject": "bet" if is_bet else "order",
        "subject_id": str(row["request_id"]) if is_bet else row["client_order_id"],
        "revision": revision,
        "status": "WON",
        "profit": profit,
        "workflow_id": "settlement-1",
        "run_id": "run-1",
    }
    await _put(connection, t.settlements, values)


async def fixture(connection: AsyncConnection, fixture_id: str = FIXTURE, **changes: Any) -> dict[str, Any]:
    """A live basketball match."""
    values = {
        "fixture_id": fixture_id,
        "sport_id": 11,
        "sport": "Basketball",
        "tournament_id": 132,
        "tournament": "NBA",
        "participant1": "Lakers",
        "participant2": "Celtics",
        "start_time": NOON,
        "status_id": 1,
        "scores": {"p1": {"period": "p1", "participant1Score": 21, "participant2Score": 19}},
        "clock": {"currentPeriod": "p2", "stopped": False},
        **changes,
    }
    return await _put(connection, t.fixtures, values)

"""The outbox behind ``WS /ws/subscribe``, and the one serialisation of each object that REST and broadcasts share.

Source of every field name: mm-api sheet, sections 5.3, 5.6, 5.10, 5.11 and 7.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.encoding import dumps

Channel = Literal["orders", "bets", "accounts", "scores", "emergency"]
Event = Literal["INSERT", "UPDATE"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
PRIVATE: frozenset[str] = frozenset({"orders", "bets", "accounts"})

BET_STATUS = {
    "SENT": "sent",
    "PENDING": "pending",
    "FILLED": "matched",
    "PARTIAL": "partial",
    "REJECTED": "rejected",
    "UNKNOWN": "unknown",
}

WRITE = text(
    "INSERT INTO events (channel, event, client, payload, old) "
    "SELECT :channel, :event, CAST(:client AS text), CAST(payload AS jsonb), CAST(old AS jsonb) "
    "FROM unnest(CAST(:payloads AS text[]), CAST(:olds AS text[])) WITH ORDINALITY AS news(payload, old, place) "
    "ORDER BY place"
)
"""One statement for any number of rows, always the same text: building and compiling one costs more than running it."""

Row = Mapping[str, Any] | RowMapping
"""A row of a ledger table by column name: ``result.mappings()`` or ``row._mapping``."""


async def emit(
    connection: AsyncConnection,
    channel: Channel,
    event: Event,
    client: str | None,
    payload: Mapping[str, Any],
    old: Mapping[str, Any] | None = None,
) -> bool:
    """Put one broadcast into the outbox, in the caller's transaction; it is seen when that commits.

    ``old`` may be the whole previous payload: only what changed is kept. ``client`` is required for the private
    channels and None for the global ones. An UPDATE that changes nothing is not written; returns whether a row was.
    """
    return await emit_all(connection, channel, event, client, [(payload, old)]) == 1


async def emit_all(
    connection: AsyncConnection,
    channel: Channel,
    event: Event,
    client: str | None,
    changes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]],
) -> int:
    """``emit`` several broadcasts, each ``(payload, old)``, in one statement; how many rows were written."""
    if (client is None) == (channel in PRIVATE):
        raise ValueError(f"channel {channel} with client {client!r}")
    told = [(payload, changed(old or {}, payload), old is not None) for payload, old in changes]
    news = [(payload, before) for payload, before, known in told if event == "INSERT" or not known or before]
    if news:
        values = {"payloads": [_text(payload) for payload, _ in news], "olds": [_text(before) for _, before in news]}
        await connection.execute(WRITE, {"channel": channel, "event": event, "client": client, **values})
    return len(news)


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The old values of the fields that differ."""
    return {key: value for key, value in old.items() if key not in new or new[key] != value}


def _text(value: Mapping[str, Any]) -> str:
    return dumps(dict(value)).decode()


def order_payload(row: Row) -> dict[str, Any]:
    """The order object (mm-api sheet, section 5.3) of a row of ``orders``; sizes in contracts paying 1."""
    return {
        "orderId": row["order_id"],
        "fixtureId": row["fixture_id"],
        "outcomeId": row["outcome_id"],
        "exchange": row["exchange"],
        "exchangeOrderId": row["venue_order_id"],
        "exchangeOutcomeId": row["contract"],
        "orderStatus": row["status"],
        "matchedStatus": row["matched_status"],
        "orderCents": row["price"],
        "orderStake": row["size"],
        "matchedStake": row["filled"],
        "settlementStatus": row["settlement"],
        "bookmakerOutcomePrice": row["odds"],
        "bookmakerOutcomeLimit": row["odds_limit"],
        "createdAt": row["created_at"],
        "matchedAt": row["matched_at"],
    }


def bet_payload(row: Row, order_id: int) -> dict[str, Any]:
    """The bet object (mm-api sheet, section 5.6) of a row of ``bets``, which hedges the order ``order_id``."""
    return {
        "betId": row["bet_id"],
        "orderId": order_id,
        "client": row["client"],
        "bookmaker": row["bookmaker"],
        "bookmakerBetId": row["bookmaker_bet_id"],
        "fixtureId": row["fixture_id"],
        "outcomeId": row["outcome_id"],
        "placedPrice": row["placed_price"],
        "placedStake": row["placed_stake"],
        "betStatus": BET_STATUS[row["status"]],
        "declineReason": row["refusal"],
        "settlementStatus": row["settlement"],
        "placedAt": row["placed_at"],
    }


def account_payload(row: Row) -> dict[str, Any]:
    """The account object of a row of ``exchange_accounts``: balances and status, nothing that could be a credential."""
    return {
        "accountId": row["account_id"],
        "exchange": row["exchange"],
        "active": row["active"],
        "status": row["status"],
        "statusReason": row["status_reason"],
        "currency": row["currency"],
        "balance": row["balance"],
        "available": row["available"],
        "balanceAt": row["balance_at"],
        "createdAt": row["created_at"],
    }


def scores_payload(fixture_id: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    """The feed's scores payload (oddspapi sheet, section 3.4); fractions, if a sport has any, keep their digits."""
    return {"fixtureId": fixture_id, "scores": json.loads(json.dumps(dict(scores)), parse_float=Decimal)}


def emergency_payload(gate: Row | None, now: datetime) -> dict[str, Any]:
    """The global state (mm-api sheet, sections 5.10 and 7) of the global row of ``gates``; no row, nothing blocks."""
    blocked = gate is not None and (gate["emergency"] or gate["stopped"] or gate["paused"] or gate["soft_paused"])
    since = gate["system_since"] if gate is not None and blocked else None
    return {
        "emergencyActive": bool(gate and gate["emergency"]),
        "systemStopped": bool(gate and gate["stopped"]),
        "softPaused": bool(gate and (gate["soft_paused"] or gate["paused"])),
        "systemReason": gate["system_reason"] if gate is not None and blocked else None,
        "systemDurationSeconds": _seconds(now - since) if since is not None else None,
    }


def _seconds(elapsed: Any) -> Decimal:
    milliseconds = int(elapsed.total_seconds() * 1000)
    return max(Decimal(0), Decimal(milliseconds).scaleb(-3))

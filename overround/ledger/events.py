"""The outbox behind ``WS /ws/subscribe``, and the one serialisation of each object that REST and broadcasts share.

Source of every field name: mm-api sheet, sections 5.3, 5.6, 5.10, 5.11 and 7.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import RowMapping, Text, cast, insert, literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.encoding import dumps
from overround.ledger.tables import events

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
    if (client is None) == (channel in PRIVATE):
        raise ValueError(f"channel {channel} with client {client!r}")
    before = changed(old or {}, payload)
    if event == "UPDATE" and old is not None and not before:
        return False
    await connection.execute(
        insert(events).values(channel=channel, event=event, client=client, payload=_jsonb(payload), old=_jsonb(before))
    )
    return True


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The old values of the fields that differ."""
    return {key: value for key, value in old.items() if key not in new or new[key] != value}


def _jsonb(value: Mapping[str, Any]) -> Any:
    return cast(literal(dumps(dict(value)).decode(), Text), JSONB)


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

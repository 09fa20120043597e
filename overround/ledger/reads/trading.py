"""May the engine trade for this client, and if not, why (mm-api sheet, section 5.10)."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.clients import GLOBAL
from overround.ledger.events import Row, emergency_payload
from overround.ledger.reads.page import Item
from overround.ledger.tables import clients, gates


def _summary(flags: Item) -> str:
    """The one word, by the sheet's precedence."""
    for flag, word in (
        ("emergencyActive", "emergency"),
        ("systemStopped", "system_stopped"),
        ("softPaused", "soft_paused"),
        ("manualStopped", "manual_stopped"),
        ("manualPaused", "manual_paused"),
    ):
        if flags[flag]:
            return word
    return "live"


def _manual(gate: Row | None) -> Item:
    if gate is None:
        gate = dict.fromkeys(("paused_at", "pause_reason", "stopped_at", "stop_reason")) | {
            "paused": False,
            "stopped": False,
        }
    return {
        "manualPaused": gate["paused"],
        "manualPausedAt": gate["paused_at"] if gate["paused"] else None,
        "manualPauseReason": gate["pause_reason"] if gate["paused"] else None,
        "manualStopped": gate["stopped"],
        "manualStoppedAt": gate["stopped_at"] if gate["stopped"] else None,
        "manualStopReason": gate["stop_reason"] if gate["stopped"] else None,
    }


async def trading_status(connection: AsyncConnection, client: str) -> Item | None:
    """All sixteen fields of the sheet; None for an unknown client."""
    who = select(clients.c.name, clients.c.odds_format, func.now().label("now")).where(clients.c.client == client)
    owner = (await connection.execute(who)).one_or_none()
    if owner is None:
        return None
    query = select(gates).where(gates.c.scope.in_([GLOBAL, client]))
    rows = {row["scope"]: row for row in (await connection.execute(query)).mappings()}
    system = emergency_payload(rows.get(GLOBAL), owner.now)
    blocked = system["emergencyActive"] or system["systemStopped"] or system["softPaused"]
    flags = _manual(rows.get(client)) | {"systemTradingBlocked": blocked} | system
    status = _summary(flags)
    return {
        "client": client,
        "clientName": owner.name,
        "oddsFormat": owner.odds_format,
        "status": status,
        "tradingActive": status == "live",
        **flags,
    }

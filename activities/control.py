"""What a ``ControlWorkflow`` may do: write the gate, and tell every owner of open orders."""

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from overround.domain.control import Command, GateChange, GateResult, Sweep
from overround.domain.messages import Gate
from overround.ledger import tables as t
from overround.ledger.events import emergency_payload, emit
from overround.ledger.gates import GLOBAL, closed_because
from overround.ledger.lookups import open_owners

FLAGS: dict[Command, tuple[str, bool]] = {
    "pause": ("paused", True),
    "resume": ("paused", False),
    "stop": ("stopped", True),
    "start": ("stopped", False),
    "soft_pause": ("soft_paused", True),
    "emergency": ("emergency", True),
}
DONE: dict[Command, str] = {
    "pause": "paused",
    "resume": "resumed",
    "stop": "stopped",
    "start": "started",
    "soft_pause": "soft_paused",
    "emergency": "emergency",
    "clear": "cleared",
}


class ControlActivities:
    """Bound to one ledger and the Temporal client it signals with."""

    def __init__(self, database: AsyncEngine, client: Client) -> None:
        self._database = database
        self._client = client

    @activity.defn(name="set_gate")
    async def set_gate(self, change: GateChange) -> GateResult:
        """Write a scope's flags; repeating a command changes nothing and says so."""
        async with self._database.begin() as connection:
            await connection.execute(insert(t.gates).values(scope=change.scope).on_conflict_do_nothing())
            query = select(t.gates).where(t.gates.c.scope == change.scope).with_for_update()
            old = (await connection.execute(query)).mappings().one()
            values = _values(change, dict(old))
            if values:
                await connection.execute(
                    update(t.gates)
                    .where(t.gates.c.scope == change.scope)
                    .values({**values, "version": t.gates.c.version + 1})
                )
                if change.scope == GLOBAL:
                    new = (await connection.execute(query)).mappings().one()
                    moment = (await connection.execute(select(func.now()))).scalar_one()
                    await emit(connection, "emergency", "UPDATE", None, emergency_payload(dict(new), moment), None)
            blocked = await closed_because(connection, change.scope)
        word = DONE[change.command]
        return GateResult(word if values else f"already_{word}", bool(values), blocked)

    @activity.defn(name="sweep_gate")
    async def sweep_gate(self, sweep: Sweep) -> int:
        """Tell every owner in scope how its client's gate stands; how many still own open orders.

        A gate that opens concerns owners without open orders too: the closed gate left them none.
        """
        client = None if sweep.scope == GLOBAL else sweep.scope
        async with self._database.connect() as connection:
            resting = await open_owners(connection, client)
            owners = await _owners(connection, client, resting if sweep.blocked else None)
            gates = {name: await closed_because(connection, name) for name in set(owners.values())}
        for workflow_id, name in owners.items():
            activity.heartbeat(workflow_id)
            try:
                await self._client.get_workflow_handle(workflow_id).signal("gate", Gate(gates[name]))
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
        return len(resting)


async def _owners(connection: AsyncConnection, client: str | None, among: list[str] | None) -> dict[str, str]:
    """Workflow id to client of order owners in fixtures not settled yet, or only of those ``among``."""
    settled = select(t.fixture_settlements.c.fixture_id).where(t.fixture_settlements.c.state == "BOOKED")
    query = select(t.orders.c.workflow_id, t.orders.c.client).where(
        t.orders.c.action == "buy", t.orders.c.fixture_id.not_in(settled)
    )
    if among is not None:
        query = select(t.orders.c.workflow_id, t.orders.c.client).where(t.orders.c.workflow_id.in_(among))
    if client is not None:
        query = query.where(t.orders.c.client == client)
    return {row.workflow_id: row.client for row in await connection.execute(query.distinct())}


def _values(change: GateChange, old: dict[str, Any]) -> dict[str, Any]:
    """The columns a command changes; empty when the state is already so."""
    if change.command == "clear":
        raised = [flag for flag in ("emergency", "soft_paused", "stopped", "paused") if old[flag]]
        return dict.fromkeys(raised, False) | ({"system_since": None, "system_reason": None} if raised else {})
    flag, value = FLAGS[change.command]
    if old[flag] == value:
        return {}
    values: dict[str, Any] = {flag: value}
    if change.scope == GLOBAL:
        return values | {
            "system_since": func.now() if value else None,
            "system_reason": change.reason if value else None,
        }
    if flag in ("paused", "stopped"):
        kind = flag.removesuffix("d") if flag == "paused" else "stop"
        values |= {f"{flag}_at": func.now() if value else None, f"{kind}_reason": change.reason if value else None}
    return values

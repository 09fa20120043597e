"""What a ``ControlWorkflow`` may do: write the gate, and tell every owner of open orders."""

import asyncio
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.signals import Signals
from overround.domain.clients import GLOBAL
from overround.domain.control import Command, Drop, DropOrders, GateChange, GateResult, Sweep
from overround.domain.messages import Gate
from overround.domain.orders import Lost
from overround.ledger import tables as t
from overround.ledger import trail
from overround.ledger.events import emergency_payload, emit
from overround.ledger.gates import closed_because
from overround.ledger.live import ORDER_OPEN
from overround.ledger.lookups import account_of, open_owners

FLAGS: dict[Command, tuple[str, bool]] = {
    "pause": ("paused", True),
    "resume": ("paused", False),
    "stop": ("stopped", True),
    "start": ("stopped", False),
    "soft_pause": ("soft_paused", True),
    "emergency": ("emergency", True),
}
AT_ONCE = 20
CANCEL = "orders.cancel"
SYSTEM = ("emergency", "soft_paused", "stopped", "paused")
MANUAL = {"paused": ("paused_at", "pause_reason"), "stopped": ("stopped_at", "stop_reason")}
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

    def __init__(self, database: AsyncEngine, client: Client, *, task_queue: str | None = None) -> None:
        self._database = database
        self._client = client
        self._signals = Signals(client, database, task_queue=task_queue)

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
                await _note(connection, change)
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

    @activity.defn(name="drop_orders")
    async def drop_orders(self, asked: DropOrders) -> int:
        """Tell the owners which orders must go; how many owners were told. Harmless to repeat."""
        async with self._database.begin() as connection:
            orders = await _named(connection, asked)
            drops = {name: Drop(ids) for name, ids in orders.items()}
            if asked.request.whole:
                everyone = await _in_markets(connection, asked)
                drops |= {name: Drop(orders.get(name, ()), everything=True) for name in everyone}
            await _note_cancel(connection, asked)
        told = list(drops.items())
        for start in range(0, len(told), AT_ONCE):
            activity.heartbeat(start)
            await asyncio.gather(*(self._tell(*item) for item in told[start : start + AT_ONCE]))
        return len(drops)

    async def _tell(self, workflow_id: str, drop: Drop) -> None:
        """An owner that has ended is started again for the orders it left open."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal("drop", drop)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            for key in drop.client_order_ids:
                async with self._database.connect() as connection:
                    account = await account_of(connection, key)
                facts = await self._signals.facts(account, None, key)
                assert facts is not None
                await self._signals.evidence(facts, [Lost("to be cancelled, but its owner had ended")])


async def _named(connection: AsyncConnection, asked: DropOrders) -> dict[str, tuple[str, ...]]:
    """Owner to the orders asked for that are the client's own and not over."""
    query = select(t.orders.c.workflow_id, t.orders.c.client_order_id).where(
        t.orders.c.client == asked.client,
        t.orders.c.order_id.in_(asked.request.order_ids),
        t.orders.c.action == "buy",
        ORDER_OPEN,
    )
    found: dict[str, tuple[str, ...]] = {}
    for row in await connection.execute(query.order_by(t.orders.c.order_id)):
        found[row.workflow_id] = (*found.get(row.workflow_id, ()), row.client_order_id)
    return found


async def _in_markets(connection: AsyncConnection, asked: DropOrders) -> list[str]:
    """Every owner of the client in what was named, also one that is just between two orders."""
    wanted, settled = (
        asked.request,
        select(t.fixture_settlements.c.fixture_id).where(t.fixture_settlements.c.state == "BOOKED"),
    )
    query = select(t.orders.c.workflow_id).where(
        t.orders.c.client == asked.client, t.orders.c.action == "buy", t.orders.c.fixture_id.not_in(settled)
    )
    for column, value in ((t.orders.c.fixture_id, wanted.fixture_id), (t.orders.c.exchange, wanted.exchange)):
        if value is not None:
            query = query.where(column == value)
    return list((await connection.execute(query.distinct())).scalars())


async def _note_cancel(connection: AsyncConnection, asked: DropOrders) -> None:
    """Write the command down, once however often it is attempted."""
    request = asked.request
    known = select(t.changes.c.change_id).where(
        t.changes.c.client == asked.client, t.changes.c.kind == CANCEL, t.changes.c.subject == asked.command_id
    )
    if (await connection.execute(known)).first() is not None:
        return
    body = {
        "reason": request.reason,
        "orderIds": list(request.order_ids),
        "fixtureId": request.fixture_id,
        "exchange": request.exchange,
        "whole": request.whole,
    }
    await trail.record(connection, request.by, CANCEL, asked.command_id, asked.client, body)


async def _note(connection: AsyncConnection, change: GateChange) -> None:
    everybody = change.scope == GLOBAL
    body = {"reason": change.reason}
    client = None if everybody else change.scope
    await trail.record(connection, change.by, f"trading.{change.command}", change.scope, client, body)


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
        raised = [flag for flag in SYSTEM if old[flag]]
        return dict.fromkeys(raised, False) | (_system(None, None) if raised else {})
    flag, value = FLAGS[change.command]
    if old[flag] == value:
        return {}
    if change.scope == GLOBAL:
        return {flag: value} | _since(flag, value, change.reason, old)
    if flag not in MANUAL:
        return {flag: value}
    at, reason = MANUAL[flag]
    return {flag: value, at: func.now() if value else None, reason: (change.reason or None) if value else None}


def _since(flag: str, value: bool, reason: str, old: dict[str, Any]) -> dict[str, Any]:
    """Since when everybody is blocked, and why: told until the last of the flags falls."""
    others = any(old[name] for name in SYSTEM if name != flag)
    if value:
        return _system(
            *(old["system_since"], reason or old["system_reason"]) if others else (func.now(), reason or None)
        )
    return {} if others else _system(None, None)


def _system(since: Any, reason: str | None) -> dict[str, Any]:
    return {"system_since": since, "system_reason": reason}

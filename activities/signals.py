"""Telling workflows what happened: the one way streams, reconciliation and repair reach them.

A fill goes to its hedge first (signal-with-start: the first fill starts it), then to the order's owner. An owner that
has finished is started again, only to take the evidence and end.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from overround.domain import ids
from overround.domain.messages import FillSignal, HedgedOrder, HedgeOdds, OrderEvidence, SaleTrade
from overround.domain.orders import Evidence, Matched, Unmatched
from overround.exchanges.base import OrderUpdate, VenueFill
from overround.ledger import configs as ledger_configs
from overround.ledger.alarms import raise_alarm
from overround.ledger.lookups import OrderFacts, confirmed, find_orders, recorded
from workflows import starts
from workflows.names import TRADING

log = structlog.get_logger(__name__)
REMEMBERED = 20_000
STRANGER_SECONDS = 15.0
CONFIGS_SECONDS = 1.0


class Signals:
    """Bound to one Temporal client and one ledger; remembers whose the orders are and which fills it has told."""

    def __init__(self, client: Client, database: AsyncEngine, *, task_queue: str | None = None) -> None:
        self._client = client
        self._database = database
        self._queue = task_queue
        self._configs = ledger_configs.Configs(-1, {})
        self._configs_at = float("-inf")
        self._facts: OrderedDict[tuple[str, str], OrderFacts] = OrderedDict()
        self._strangers: OrderedDict[str, float] = OrderedDict()
        self._told: OrderedDict[tuple[str, str, str, bool], None] = OrderedDict()

    async def fill(self, account_id: str, trade: VenueFill, odds: HedgeOdds | None = None) -> bool:
        """Tell a trade once; True when it was told, False when it was known or belongs to nobody."""
        key = _key(account_id, trade)
        if key in self._told:
            return False
        facts = await self.facts(account_id, trade.venue_order_id, trade.client_order_id)
        if facts is None:
            await self._stray(account_id, trade)
            return False
        signal = FillSignal(trade.fill, trade.failed, odds)
        evidence: Evidence = Unmatched(trade.fill.fill_id) if trade.failed else Matched(trade.fill)
        if facts.action == "buy":
            await self.hedge(facts.hedged, signal)
            await self.evidence(facts, [evidence])
        else:
            await self._unwound(facts, SaleTrade(facts.client_order_id, trade.fill, trade.failed))
        self._remember(key)
        return True

    async def untold(self, account_id: str, trades: Sequence[VenueFill]) -> list[VenueFill]:
        """The trades that somebody may not have heard of: after a restart, not the whole last hour again."""
        new = [item for item in trades if _key(account_id, item) not in self._told]
        if not new:
            return []
        async with self._database.connect() as connection:
            known = await recorded(connection, account_id, [item.fill.fill_id for item in new])
        for item in new:
            if known.get((item.fill.fill_id, item.failed)):
                self._remember(_key(account_id, item))
        return [item for item in new if _key(account_id, item) not in self._told]

    async def update(self, account_id: str, update: OrderUpdate) -> bool:
        """Tell the venue's view of an order to its owner."""
        return await self.updates(account_id, [update]) > 0

    async def updates(self, account_id: str, updates: Sequence[OrderUpdate]) -> int:
        """Tell the venue's view of several orders, one signal per owner, leaving out what the ledger shows that the
        owner knows; how many were told."""
        async with self._database.connect() as connection:
            known = await confirmed(connection, account_id, [update.seen for update in updates])
            await self._prepare(connection, account_id, updates)
        told: dict[str, tuple[OrderFacts, list[OrderEvidence]]] = {}
        for update in updates:
            if update.seen.venue_order_id in known:
                continue
            facts = await self.facts(account_id, update.venue_order_id, update.client_order_id)
            if facts is not None and facts.action == "buy":
                _, items = told.setdefault(facts.workflow_id, (facts, []))
                items.append(OrderEvidence(facts.client_order_id, update.seen))
        for facts, items in told.values():
            await self._tell_owner(facts, items)
        return sum(len(items) for _, items in told.values())

    async def hedge(self, order: HedgedOrder, signal: FillSignal) -> None:
        """Signal the order's hedge, starting it if this is its first fill."""
        await starts.tell_hedge(self._client, self._task_queue(), order, "fill", signal)

    async def _unwound(self, sale: OrderFacts, trade: SaleTrade) -> None:
        """Signal the hedge a sale belongs to; one that has ended is started again to cover what failed."""
        bought = await self.facts(sale.owner.account_id, None, ids.hedged_order(sale.workflow_id))
        if bought is not None:
            await starts.tell_hedge(self._client, self._task_queue(), bought.hedged, "unwound", trade)

    async def evidence(self, facts: OrderFacts, evidence: Sequence[Evidence]) -> None:
        """Signal the order's owner; one that has finished is started to book the evidence and end."""
        await self._tell_owner(facts, [OrderEvidence(facts.client_order_id, item) for item in evidence])

    async def _tell_owner(self, facts: OrderFacts, items: list[OrderEvidence]) -> None:
        try:
            await self._client.get_workflow_handle(facts.workflow_id).signal("evidence", items)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await starts.late_evidence(self._client, self._task_queue(), facts.owner, items)

    async def facts(
        self, account_id: str, venue_order_id: str | None, client_order_id: str | None
    ) -> OrderFacts | None:
        """The order under either id, from memory or the ledger."""
        for key in (client_order_id, venue_order_id):
            if key is not None and (account_id, key) in self._facts:
                return self._facts[(account_id, key)]
        async with self._database.connect() as connection:
            configs = await self._newest_configs(connection)
            found = await find_orders(
                connection,
                configs,
                account_id,
                venue_order_ids=[venue_order_id] if venue_order_id else [],
                client_order_ids=[client_order_id] if client_order_id else [],
            )
        for facts in found:
            self._keep(facts)
        return found[0] if found else None

    async def _prepare(self, connection: AsyncConnection, account_id: str, updates: Sequence[OrderUpdate]) -> None:
        """Look orders up before they fill: their first fill then goes straight to its hedge."""
        unheard = [item for item in updates if (account_id, item.venue_order_id) not in self._facts]
        if unheard:
            ids = [item.venue_order_id for item in unheard]
            configs = await self._newest_configs(connection)
            for facts in await find_orders(connection, configs, account_id, venue_order_ids=ids):
                self._keep(facts)

    def _keep(self, facts: OrderFacts) -> None:
        for key in (facts.client_order_id, facts.venue_order_id):
            if key is not None:
                self._facts[(facts.owner.account_id, key)] = facts
        while len(self._facts) > REMEMBERED:
            self._facts.popitem(last=False)

    async def _newest_configs(self, connection: AsyncConnection) -> ledger_configs.Configs:
        """Every client's settings, at most a second old."""
        if time.monotonic() - self._configs_at > CONFIGS_SECONDS:
            if await ledger_configs.newest(connection) != self._configs.version:
                self._configs = await ledger_configs.load(connection)
            self._configs_at = time.monotonic()
        return self._configs

    async def _stray(self, account_id: str, trade: VenueFill) -> None:
        """A trade of an order the ledger does not know. It may only have overtaken its placement's answer; one that
        stays unknown means that somebody else trades on this account."""
        key = f"{account_id}/{trade.venue_order_id}"
        first = self._strangers.setdefault(key, time.monotonic())
        while len(self._strangers) > REMEMBERED:
            self._strangers.popitem(last=False)
        if time.monotonic() - first < STRANGER_SECONDS:
            return
        log.warning("fill of an unknown order", account=account_id, order=trade.venue_order_id)
        message = (
            f"{account_id} traded {trade.fill.size} in an order the ledger does not know: "
            "does anything else use this account?"
        )
        async with self._database.begin() as connection:
            await raise_alarm(connection, "stray", key, message)

    def _task_queue(self) -> str:
        """Where executions are started: as told, else the queue of the activity that asks."""
        return self._queue or (activity.info().task_queue if activity.in_activity() else TRADING)

    def _remember(self, key: tuple[str, str, str, bool]) -> None:
        self._told[key] = None
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)


def _key(account_id: str, trade: VenueFill) -> tuple[str, str, str, bool]:
    return account_id, trade.venue_order_id, trade.fill.fill_id, trade.failed

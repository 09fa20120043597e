"""What a client itself chooses to trade, within what the operator set: outcomes, and tournaments.

The newest row of ``changes`` counts; a row that chooses nothing (``new`` is null) is a choice taken back.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.domain.config import TradingConfig
from overround.ledger import tables as t
from overround.ledger import trail
from overround.ledger.resting import open_counts

MARKETS, TOURNAMENT = "markets.choose", "tournament.choose"
EVERY = 0
"""The tournament id under which all that have no choice of their own are chosen or not."""


class OpenOrders(ValueError):
    """Orders are open in what is not to be traded any more; ``count`` of them."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} orders are open")
        self.count = count


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice that stands. ``value`` is ``{"outcomeIds": [...]}`` or ``{"active": ...}``."""

    value: dict[str, Any]
    changed_by: str
    changed_at: datetime


class Choices:
    """Every choice that stands, by client, kind and subject."""

    def __init__(self, held: dict[tuple[str, str, str], Choice]) -> None:
        self._held = held

    def markets(self, client: str) -> Choice | None:
        return self._held.get((client, MARKETS, ""))

    def tournaments(self, client: str) -> dict[int, Choice]:
        """The client's tournaments by id, ``EVERY`` among them if it was chosen."""
        mine = ((key, choice) for key, choice in self._held.items() if key[:2] == (client, TOURNAMENT))
        return {int(key[2]): choice for key, choice in sorted(mine)}

    def active(self, client: str, tournament_id: int) -> bool:
        """Does the client want the tournament traded?"""
        for subject in (tournament_id, EVERY):
            choice = self._held.get((client, TOURNAMENT, str(subject)))
            if choice is not None:
                return bool(choice.value["active"])
        return True

    def wants(self, client: str, tournament_id: int, outcome_id: int) -> bool:
        chosen = self.markets(client)
        return self.active(client, tournament_id) and (chosen is None or outcome_id in chosen.value["outcomeIds"])

    def changed(self, client: str, kind: str, subject: str, new: dict[str, Any] | None) -> "Choices":
        """As these will be after one change."""
        held = {key: choice for key, choice in self._held.items() if key != (client, kind, subject)}
        if new is not None:
            held[(client, kind, subject)] = Choice(new, "", datetime.min)
        return Choices(held)

    def value(self, client: str, kind: str, subject: str) -> dict[str, Any] | None:
        choice = self._held.get((client, kind, subject))
        return None if choice is None else choice.value

    def within(self, config: TradingConfig, client: str, tournament_id: int) -> TradingConfig:
        """The operator's settings without what the client does not want."""
        chosen, wanted = self.markets(client), self.active(client, tournament_id)
        if chosen is None and wanted:
            return config
        ids = config.outcomes if chosen is None else chosen.value["outcomeIds"]
        kept = tuple(outcome for outcome in config.outcomes if outcome in ids)
        return replace(config, outcomes=kept, enabled=config.enabled and wanted)


async def load(connection: AsyncConnection, client: str | None = None) -> Choices:
    """Every choice that stands, of one client or of all."""
    scope = (t.changes.c.client, t.changes.c.kind, t.changes.c.subject)
    query = select(t.changes).ext(distinct_on(*scope)).order_by(*scope, t.changes.c.change_id.desc())
    query = query.where(t.changes.c.kind.in_((MARKETS, TOURNAMENT)))
    if client is not None:
        query = query.where(t.changes.c.client == client)
    rows = await connection.execute(query)
    return Choices({(row.client, row.kind, row.subject): _choice(row) for row in rows if row.body["new"] is not None})


def _choice(row: Row[Any]) -> Choice:
    return Choice(row.body["new"], row.changed_by, row.changed_at)


async def newest(connection: AsyncConnection) -> int:
    """The id of the last choice; cheap enough to ask every second."""
    each = [
        select(func.coalesce(func.max(t.changes.c.change_id), 0)).where(t.changes.c.kind == kind).scalar_subquery()
        for kind in (MARKETS, TOURNAMENT)
    ]
    return int((await connection.execute(select(func.greatest(*each)))).scalar_one())


async def in_turn(connection: AsyncConnection) -> None:
    """Changes of settings and choices commit in the order of their ids: whoever saw the newest saw them all."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('settings', 7))"))


async def lock(connection: AsyncConnection, client: str) -> Choices:
    """What stands; nobody else changes it until the transaction ends."""
    await in_turn(connection)
    return await load(connection, client)


async def choose(
    connection: AsyncConnection,
    held: Choices,
    client: str,
    kind: str,
    subject: str,
    new: dict[str, Any] | None,
    by: str,
) -> None:
    """Write a change of what stands (``held``, from ``lock``) down, with what it was before.

    Raises ``OpenOrders`` when it ends trading where orders are open.
    """
    after = held.changed(client, kind, subject, new)
    counts = await open_counts(connection, client)
    left = [n for place, n in counts.items() if held.wants(client, *place) and not after.wants(client, *place)]
    if left:
        raise OpenOrders(sum(left))
    old = held.value(client, kind, subject)
    if old != new:
        await trail.record(connection, by, kind, subject, client, {"old": old, "new": new})

"""When each fixture was shut by its bookmaker, and whether any client's order stayed alive on an exchange meanwhile."""

from typing import Any

from overround.paper.engine import PaperOrder
from overround.paper.takers import HOUSE
from overround.paper.world import Changed, PaperFixture, World


class Suspensions:
    """Listens to a world from now on. Times are epoch milliseconds of the world's clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._spells: dict[str, list[tuple[int, int | None]]] = {}
        world.listen(self._hear)

    def spells(self, fixture_id: str) -> list[tuple[int, int]]:
        """Every spell in which nothing could be hedged, begin and end; one that lasts ends now."""
        now = self._world.now_ms()
        return [(begin, now if end is None else end) for begin, end in self._spells.get(fixture_id, [])]

    def report(self) -> dict[str, dict[str, Any]]:
        """Per fixture that was shut: how long, how long a client's order outlived a shutting at most, and how many were
        placed while it was shut."""
        orders: dict[str, list[PaperOrder]] = {}
        for order in self._world.engine.orders.values():
            if order.account not in HOUSE:
                orders.setdefault(order.book_id, []).append(order)
        return {fixture_id: self._line(fixture_id, orders) for fixture_id in self._spells}

    def _line(self, fixture_id: str, orders: dict[str, list[PaperOrder]]) -> dict[str, Any]:
        spells, now = self.spells(fixture_id), self._world.now_ms()
        mine = [order for book in self._books(fixture_id) for order in orders.get(book, [])]
        lives = [(order.created_at, now if order.status == "open" else order.updated_at) for order in mine]
        overlaps = [min(end, died) - max(begin, born) for begin, end in spells for born, died in lives]
        return {
            "spells": len(spells),
            "shutMs": sum(end - begin for begin, end in spells),
            "longestAliveMs": max([0, *overlaps]),
            "placedWhileShut": sum(begin < born < end for begin, end in spells for born, _ in lives),
        }

    def _books(self, fixture_id: str) -> set[str]:
        fixture = self._world.fixtures[fixture_id]
        outcomes = [outcome.outcome_id for market in fixture.markets for outcome in market.outcomes]
        found = [e.book_of(fixture_id, outcome) for e in self._world.exchanges.values() for outcome in outcomes]
        return {book[0] for book in found if book is not None}

    def _hear(self, change: Changed) -> None:
        spells = self._spells.setdefault(change.fixture.fixture_id, [])
        lasting = bool(spells) and spells[-1][1] is None
        shut = _shut(change.fixture)
        if shut and not lasting:
            spells.append((self._world.now_ms(), None))
        elif lasting and not shut:
            spells[-1] = (spells[-1][0], self._world.now_ms())


def _shut(fixture: PaperFixture) -> bool:
    return fixture.suspended or fixture.stale or fixture.status >= 2

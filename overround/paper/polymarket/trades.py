"""A trade's way to the chain: MATCHED, MINED, CONFIRMED, or RETRYING and FAILED (polymarket sheet, section 7)."""

from collections.abc import Callable

from overround.paper.records import Trade

GOOD = ("MATCHED", "MINED", "CONFIRMED")
BAD = ("MATCHED", "RETRYING", "FAILED")


class Settling:
    """Which stage each trade has reached, by its age in milliseconds."""

    def __init__(self, now_ms: Callable[[], int], mined_after: int, final_after: int) -> None:
        self._now, self._steps = now_ms, (mined_after, final_after)
        self._doomed: set[str] = set()
        self._stages: dict[str, tuple[Trade, int]] = {}

    def begin(self, trade: Trade, doomed: bool) -> None:
        self._stages[trade.trade_id] = (trade, 0)
        if doomed:
            self._doomed.add(trade.trade_id)

    def status(self, trade: Trade) -> str:
        if trade.status == "failed":
            return "FAILED"
        course = BAD if trade.trade_id in self._doomed else GOOD
        stage = self._stages.get(trade.trade_id)
        return course[stage[1]] if stage else "CONFIRMED"

    def advance(self) -> list[tuple[Trade, str]]:
        """Trades that reached a new stage, oldest first; a doomed one ends as FAILED."""
        moved: list[tuple[Trade, str]] = []
        for name, (trade, stage) in list(self._stages.items()):
            if self._now() - trade.at < self._steps[stage]:
                continue
            course = BAD if name in self._doomed else GOOD
            moved.append((trade, course[stage + 1]))
            self._stages[name] = (trade, stage + 1)
            if stage + 1 == len(course) - 1:
                del self._stages[name]
                self._doomed.discard(name)
        return moved

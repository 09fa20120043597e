"""A recording's trades as takers on the paper exchanges: who paid up there pays up here, beyond it on a thinner book.

A recorded trade at decimal odds ``P`` shows a chance of ``1/P``: at or above the middle somebody backed, below it
somebody laid. Where a recording has no traded volume, a best price that shrinks stands for a trade.
"""

from collections.abc import Mapping
from decimal import Decimal
from random import Random

from overround.paper.betfair_book import Matched, RunnerKey, StreamMarket
from overround.paper.recorded_market import RecordedMarket, stakes
from overround.paper.takers import TAPE, Takers

REACH = 0.04
"""How far beyond the recorded price a taker goes at most likely (one standard deviation), in probability."""
EVERY = 0.25
"""Wall seconds between takers of one market."""
LARGEST, SMALLEST = Decimal(200), Decimal(1)

Best = tuple[Decimal, Decimal] | None


class Tape:
    """Turns what was matched in recorded markets into orders against resting quotes."""

    def __init__(self, takers: Takers, seed: int = 1) -> None:
        self._takers = takers
        self._random = Random(f"{seed}/tape")
        self._seen: dict[str, list[Matched]] = {}
        self._best: dict[tuple[str, RunnerKey], tuple[Best, Best]] = {}
        self._next: dict[str, float] = {}

    def hear(self, stream: StreamMarket, matched: list[Matched]) -> None:
        """Remember the trades of one message."""
        seen = self._seen.setdefault(stream.market_id, [])
        seen.extend(matched if stream.tape_recorded else self._shrunk(stream))

    def play(self, market: RecordedMarket, stream: StreamMarket, now: float) -> int:
        """Send the largest trade heard since the last time to every exchange; how many orders filled something."""
        heard = self._seen.pop(stream.market_id, [])
        if not heard or now < self._next.get(stream.market_id, 0.0):
            return 0
        self._next[stream.market_id] = now + EVERY
        trade = max(heard, key=lambda matched: matched.size * matched.price)
        fair = market.fair(stream)
        outcome_id = market.ids.get(trade.runner)
        if outcome_id is None or outcome_id not in fair or trade.price <= 1:
            return 0
        return self._send(market.fixture.fixture_id, outcome_id, trade, fair)

    def _send(self, fixture_id: str, outcome_id: int, trade: Matched, fair: Mapping[int, float]) -> int:
        chance, middle = float(1 / trade.price), fair[outcome_id]
        size = min(LARGEST, max(SMALLEST, stakes(trade.size, trade.price)))
        reach, filled = abs(self._random.gauss(0.0, REACH)), 0
        for exchange in sorted(self._takers.exchanges):
            spot = self._takers.spot(exchange, fixture_id, outcome_id, chance)
            if spot is None:
                continue
            own_middle = middle if abs(spot.fair - chance) < 1e-9 else 1.0 - middle
            buy = spot.fair >= own_middle
            limit = spot.fair + (reach if buy else -reach)
            filled += bool(self._takers.take(TAPE, spot, buy=buy, limit=limit, size=size))
        return filled

    def _shrunk(self, stream: StreamMarket) -> list[Matched]:
        trades = []
        for key, book in stream.runners.items():
            now = (book.best_back(), book.best_lay())
            before = self._best.get((stream.market_id, key), (None, None))
            self._best[(stream.market_id, key)] = now
            for was, best in zip(before, now, strict=True):
                if was is not None and best is not None and was[0] == best[0] and best[1] < was[1]:
                    trades.append(Matched(key, was[0], 2 * (was[1] - best[1])))
        return trades

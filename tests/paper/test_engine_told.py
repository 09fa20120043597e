"""What the engine tells is enough to know its state: streams are made of nothing else."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import given, settings

from overround.paper.engine import (
    BookSettled,
    EngineEvent,
    OrderAmended,
    OrderEnded,
    OrderPlaced,
    OrderTraded,
    PaperOrder,
    TradeFailed,
)
from tests.paper.test_engine_properties import ACCOUNTS, Run, steps

D = Decimal


class Scribe:
    """Keeps orders and holdings from events alone, copying what was true when each was told."""

    def __init__(self, run: Run) -> None:
        self.open: dict[str, tuple[Decimal, Decimal]] = {}
        self.over: set[str] = set()
        self.net: dict[str, Decimal] = defaultdict(Decimal)
        self.settled = False
        self._sizes: dict[str, Decimal] = {}
        self._prices: dict[str, Decimal] = {}
        run.engine.listen("x", self.hear)

    def hear(self, event: EngineEvent) -> None:
        match event:
            case OrderPlaced(order):
                assert order.order_id not in self.open | dict.fromkeys(self.over)
                self._stand(order, order.size)
            case OrderAmended(order):
                assert order.order_id in self.open
                self._stand(order, order.size - order.filled)
            case OrderTraded(trade, maker, taker):
                assert trade.size > 0
                for order in (maker, taker):
                    self._take(order, trade.size)
                    self.net[order.account] += trade.size if order.is_bid else -trade.size
            case OrderEnded(order, removed):
                price, left = self.open.pop(order.order_id, (order.yes_price, D(0)))
                assert removed == max(left, D(0)), "what is told as removed is what was left"
                self.over.add(order.order_id)
            case TradeFailed(trade, maker, taker):
                for order in (maker, taker):
                    self.net[order.account] -= trade.size if order.is_bid else -trade.size
                    if order.order_id in self.open:
                        price, left = self.open[order.order_id]
                        self.open[order.order_id] = price, left + trade.size
            case BookSettled():
                self.settled = True

    def _stand(self, order: PaperOrder, left: Decimal) -> None:
        self.open[order.order_id] = order.yes_price, left

    def _take(self, order: PaperOrder, size: Decimal) -> None:
        price, left = self.open[order.order_id]
        assert size <= left, "nothing trades that is not told as open"
        if left == size:
            del self.open[order.order_id]
            self.over.add(order.order_id)
        else:
            self.open[order.order_id] = price, left - size


def positions(run: Run) -> dict[str, Decimal]:
    holding = run.engine.holding
    return {who: holding("x", who, "B", "yes") - holding("x", who, "B", "no") for who in ACCOUNTS}


@settings(max_examples=50, deadline=None)
@given(steps)
def test_orders_and_positions_kept_from_events_are_the_engines_own(plan: list[tuple[Any, ...]]) -> None:
    run = Run(nets=True)
    scribe = Scribe(run)
    for step in plan:
        run.step(step)
        standing = {o.order_id: (o.yes_price, o.remaining) for o in run.engine.orders.values() if o.status == "open"}
        assert scribe.open == standing
        assert {who: scribe.net[who] for who in ACCOUNTS} == positions(run)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_settlement_is_told_once_after_every_order_it_ends(plan: list[tuple[Any, ...]]) -> None:
    run = Run(nets=True)
    for step in plan:
        run.step(step)
    told: list[EngineEvent] = []
    run.engine.listen("x", told.append)
    for _ in range(2):
        run.engine.settle("B", D(1))
    assert [type(event) for event in told] == [OrderEnded] * (len(told) - 1) + [BookSettled]
    assert all(order.status != "open" for order in run.engine.orders.values())


@settings(max_examples=25, deadline=None)
@given(steps)
def test_nothing_is_told_before_it_is_true(plan: list[tuple[Any, ...]]) -> None:
    """At each event cash and holdings already say it, and no order has traded more than it is large."""
    run = Run(nets=True)

    def check(event: EngineEvent) -> None:
        if isinstance(event, OrderTraded):
            assert event.trade.trade_id in run.engine.trades
            assert event.maker.filled <= event.maker.size
            assert event.taker.filled <= event.taker.size
        if isinstance(event, OrderEnded):
            assert event.order.remaining == 0
            assert event.order not in run.engine.open_orders("x", event.order.account)

    run.engine.listen("x", check)
    for step in plan:
        run.step(step)

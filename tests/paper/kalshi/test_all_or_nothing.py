"""Random orders, amendments and decreases: what is refused changes nothing, what is taken keeps the rules."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.kalshi.intake import read_ticket
from overround.paper.kalshi.wire import ApiError
from tests.paper.kalshi.desk import D, Desk

MEMBERS = ("ann", "bob")
prices = st.integers(1, 19).map(lambda steps: f"0.{steps * 5:02d}")
counts = st.integers(1, 500).map(str)
kinds = st.sampled_from(
    [
        {},
        {},
        {"post_only": True},
        {"time_in_force": "immediate_or_cancel"},
        {"time_in_force": "fill_or_kill"},
        {"time_in_force": "immediate_or_cancel", "reduce_only": True},
    ]
)
creates = st.builds(
    lambda member, side, price, count, prevention, kind: ("create", member, side, price, count, prevention, kind),
    st.sampled_from(MEMBERS),
    st.sampled_from(("bid", "ask")),
    prices,
    counts,
    st.sampled_from(("maker", "taker_at_cross")),
    kinds,
)
picks = st.integers(0, 40)
amends = st.tuples(st.just("amend"), picks, prices, counts)
decreases = st.tuples(st.just("decrease"), picks, counts)
plans = st.lists(st.one_of(creates, creates, creates, amends, amends, decreases), min_size=2, max_size=25)


class Table:
    """Applies a plan to the venue's desk without a wire."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.engine, self.book = self.desk.engine, f"kalshi:{self.desk.ticker()}"
        for member in MEMBERS:
            self.engine.wallets[("kalshi", member)].cash = D(250)
        self.told: list[Any] = []
        self.engine.listen("kalshi", self.told.append)

    def step(self, step: tuple[Any, ...]) -> bool:
        """Whether it was taken."""
        try:
            getattr(self, f"_{step[0]}")(*step[1:])
        except ApiError:
            return False
        return True

    def _create(self, member: str, side: str, price: str, count: str, prevention: str, kind: dict[str, Any]) -> None:
        body = self.desk.body(side, price, count, **{"self_trade_prevention_type": prevention, **kind})
        self.desk.venue.desk.create(member, read_ticket(body, int(self.desk.clock.now)))

    def _pick(self, number: int) -> Any:
        mine = [order for order in self.engine.orders.values() if order.account in MEMBERS]
        if not mine:
            raise ApiError(404, "not_found", "no order yet")
        return mine[number % len(mine)]

    def _amend(self, number: int, price: str, count: str) -> None:
        order = self._pick(number)
        body = {"ticker": self.desk.ticker(), "side": "bid" if order.is_bid else "ask", "price": price, "count": count}
        self.desk.venue.desk.amend(order.account, order.order_id, body)

    def _decrease(self, number: int, by: str) -> None:
        order = self._pick(number)
        self.desk.venue.desk.decrease(
            order.account, order.order_id, {"reduce_by": by, "market_ticker": self.desk.ticker()}
        )

    def state(self) -> Any:
        keep = (self.engine.orders, self.engine.trades, self.engine.wallets)
        queues = [[o.order_id for o in side] for side in (self.book_of.bids, self.book_of.asks)]
        return deepcopy((keep, queues, len(self.told), len(self.desk.venue.desk.orders_of("ann"))))

    @property
    def book_of(self) -> Any:
        return self.engine.books[self.book]


@settings(max_examples=50, deadline=None)
@given(plans)
def test_refused_request_leaves_everything_as_it_was(plan: list[tuple[Any, ...]]) -> None:
    table = Table()
    for step in plan:
        before = table.state()
        if not table.step(step):
            assert table.state() == before, step


@settings(max_examples=40, deadline=None)
@given(plans)
def test_what_is_taken_keeps_the_venues_promises(plan: list[tuple[Any, ...]]) -> None:
    table = Table()
    engine = table.engine
    for step in plan:
        places = {o.order_id: o.sequence for o in engine.orders.values() if o.status == "open"}
        taken = table.step(step)
        for member in MEMBERS:
            assert engine.available("kalshi", member) >= -50, "only fees may take more than was there"
        for trade in engine.trades.values():
            assert engine.orders[trade.maker_order].account != engine.orders[trade.taker_order].account
        if taken and step[0] == "decrease":
            assert all(engine.orders[name].sequence == place for name, place in places.items())
        if taken and step[0] == "create" and step[6].get("post_only"):
            assert list(engine.orders.values())[-1].filled == 0
        if taken and step[0] == "create" and step[6].get("time_in_force") == "fill_or_kill":
            last = list(engine.orders.values())[-1]
            assert last.filled in (D(0), last.size)
        if taken and step[0] == "create" and step[6].get("reduce_only"):
            last = list(engine.orders.values())[-1]
            assert last.action == "sell"
    yes = sum((wallet.holdings.get(f"{table.book}:yes", D(0)) for wallet in engine.wallets.values()), Decimal(0))
    no = sum((wallet.holdings.get(f"{table.book}:no", D(0)) for wallet in engine.wallets.values()), Decimal(0))
    assert yes == no

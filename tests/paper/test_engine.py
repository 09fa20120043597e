"""The matching engine: priority, cover, netting, busts, settlement."""

from decimal import Decimal
from typing import Any

import pytest

from overround.paper.engine import (
    BookSettled,
    Engine,
    EngineEvent,
    OrderAmended,
    OrderEnded,
    OrderPlaced,
    OrderTraded,
    PaperOrder,
    Refusal,
    TradeFailed,
)
from overround.paper.store import Store

D = Decimal
EXCHANGE = "kalshi"


class Bench:
    """An engine with a clock that can be moved, three funded accounts and one book."""

    def __init__(self, *, nets: bool = True) -> None:
        self.now = 1_000_000
        self.store = Store(None)
        self.engine = Engine(self.store, lambda: self.now)
        self.engine.open_book("B", EXCHANGE, nets=nets)
        for account in ("ann", "bob", "cid"):
            self.engine.fund(EXCHANGE, account, D(1000))
        self.events: list[EngineEvent] = []
        self.engine.listen(EXCHANGE, self.events.append)
        self._count = 0

    def order(self, account: str, outcome: str, action: str, price: str, size: str, **more: Any) -> PaperOrder:
        self._count += 1
        fields = {"outcome": outcome, "action": action, "price": D(price), "size": D(size), "created_at": self.now}
        return PaperOrder(f"o{self._count}", EXCHANGE, "B", account, **{**fields, **more})

    def place(self, account: str, side: str, price: str, size: str, **more: Any) -> PaperOrder:
        """``side`` like ``"buy yes"``."""
        action, outcome = side.split()
        order = self.order(account, outcome, action, price, size, **more)
        self.engine.place(order)
        return order

    def cash(self, account: str) -> Decimal:
        return self.engine.wallets[(EXCHANGE, account)].cash

    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def refused(bench: Bench, code: str, *args: str, **more: Any) -> None:
    before = (dict(bench.engine.orders), bench.engine.depth("B"))
    with pytest.raises(Refusal) as refusal:
        bench.place(*args, **more)
    assert refusal.value.code == code
    assert (bench.engine.orders, bench.engine.depth("B")) == before


def test_buying_no_rests_as_an_ask_at_the_other_price(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.35", "10")
    assert bench.engine.depth("B") == ([], [(D("0.65"), D(10))])


def test_the_taker_pays_the_resting_price(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.35", "10")
    bench.place("bob", "buy yes", "0.80", "10")
    assert (bench.cash("ann"), bench.cash("bob")) == (D("996.5"), D("993.5"))


def test_better_price_then_earlier_order_is_matched_first(bench: Bench) -> None:
    late_best = [bench.place("ann", "buy yes", p, "5") for p in ("0.40", "0.41", "0.41")]
    bench.place("bob", "buy no", "0.59", "7")
    assert [o.filled for o in late_best] == [D(0), D(5), D(2)]


def test_amending_down_keeps_queue_place_and_amending_up_loses_it(bench: Bench) -> None:
    first, second = (bench.place("ann", "buy yes", "0.40", "5") for _ in range(2))
    bench.engine.amend(first.order_id, price=D("0.40"), size=D(4), expires_at=None)
    bench.place("bob", "buy no", "0.60", "1")
    bench.engine.amend(first.order_id, price=D("0.40"), size=D(9), expires_at=None)
    bench.place("bob", "buy no", "0.60", "1")
    assert (first.filled, second.filled) == (D(1), D(1))


def test_amend_is_told_before_the_trades_it_causes(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.50", "5")
    order = bench.place("bob", "buy yes", "0.40", "5")
    bench.engine.amend(order.order_id, price=D("0.55"), size=D(5), expires_at=None)
    assert bench.kinds()[-2:] == [OrderAmended, OrderTraded]


def test_amend_without_funds_changes_nothing(bench: Bench) -> None:
    order = bench.place("ann", "buy yes", "0.40", "5")
    with pytest.raises(Refusal) as refusal:
        bench.engine.amend(order.order_id, price=D("0.50"), size=D(5000), expires_at=None)
    assert (refusal.value.code, order.price, order.size) == ("funds", D("0.40"), D(5))
    assert bench.engine.depth("B") == ([(D("0.40"), D(5))], [])


def test_amend_of_a_post_only_order_may_not_cross(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.50", "5")
    order = bench.place("bob", "buy yes", "0.40", "5", post_only=True)
    with pytest.raises(Refusal, match="post-only"):
        bench.engine.amend(order.order_id, price=D("0.55"), size=D(5), expires_at=None)
    assert order.price == D("0.40")


def test_amend_in_a_halted_book_is_refused(bench: Bench) -> None:
    order = bench.place("bob", "buy yes", "0.40", "5")
    bench.engine.halt("B", cancel=False, reason="halt")
    with pytest.raises(Refusal, match="not open"):
        bench.engine.amend(order.order_id, price=D("0.45"), size=D(5), expires_at=None)


def test_amend_below_the_filled_size_ends_the_order_with_nothing_removed(bench: Bench) -> None:
    order = bench.place("ann", "buy yes", "0.40", "5")
    bench.place("bob", "buy no", "0.60", "3")
    bench.engine.amend(order.order_id, price=D("0.40"), size=D(2), expires_at=None)
    ended = bench.events[-1]
    assert isinstance(ended, OrderEnded)
    assert (ended.removed, order.filled, order.size, order.status) == (D(0), D(3), D(3), "cancelled")


@pytest.mark.parametrize(("price", "size"), [("0", "1"), ("1", "1"), ("0.5", "0"), ("0.5", "-1")])
def test_nonsense_is_refused(bench: Bench, price: str, size: str) -> None:
    refused(bench, "invalid", "ann", "buy yes", price, size)


def test_refusals_leave_the_book_alone(bench: Bench) -> None:
    bench.place("ann", "buy yes", "0.40", "5")
    refused(bench, "post_only_cross", "bob", "buy no", "0.60", "1", post_only=True)
    refused(bench, "fok", "bob", "buy no", "0.60", "6", time_in_force="fok")
    refused(bench, "funds", "bob", "buy no", "0.60", "5000")
    refused(bench, "holdings", "bob", "sell yes", "0.60", "1")
    refused(bench, "funds", "nobody", "buy yes", "0.60", "1")
    bench.engine.halt("B", cancel=False, reason="")
    refused(bench, "closed", "bob", "buy yes", "0.10", "1")


def test_an_order_id_is_used_once(bench: Bench) -> None:
    order = bench.place("ann", "buy yes", "0.40", "5")
    with pytest.raises(Refusal, match="exists"):
        bench.engine.place(order)


def test_an_unknown_book_is_refused(bench: Bench) -> None:
    order = bench.order("ann", "yes", "buy", "0.40", "5")
    order.book_id = "nowhere"
    with pytest.raises(Refusal, match="nowhere"):
        bench.engine.place(order)


def test_what_an_immediate_order_cannot_fill_is_cancelled(bench: Bench) -> None:
    bench.place("ann", "buy yes", "0.40", "5")
    order = bench.place("bob", "buy no", "0.60", "8", time_in_force="ioc")
    assert (order.filled, order.status, bench.engine.depth("B")) == (D(5), "cancelled", ([], []))


def test_an_expired_order_is_not_matched_even_before_it_is_swept(bench: Bench) -> None:
    order = bench.place("ann", "buy yes", "0.40", "5", expires_at=1001)
    bench.now = 1_001_000
    bench.place("bob", "buy no", "0.60", "5")
    assert order.filled == D(0)
    bench.engine.expire(1001)
    assert (order.status, order.reason) == ("cancelled", "expired")


def test_open_buys_reserve_cash(bench: Bench) -> None:
    bench.place("ann", "buy yes", "0.40", "2000")
    assert bench.engine.available(EXCHANGE, "ann") == D(200)
    refused(bench, "funds", "ann", "buy no", "0.30", "1000")


def test_yes_and_no_merge_into_cash_where_the_venue_nets(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.40", "10")
    bench.place("bob", "buy yes", "0.60", "10")
    bench.place("ann", "buy yes", "0.60", "10")
    bench.place("cid", "buy no", "0.40", "10")
    assert bench.cash("ann") == D(1000)
    assert bench.engine.holding(EXCHANGE, "ann", "B", "yes") == D(0)


def test_yes_and_no_stay_apart_where_it_does_not() -> None:
    bench = Bench(nets=False)
    bench.place("ann", "buy no", "0.40", "10")
    bench.place("bob", "buy yes", "0.60", "10")
    bench.place("ann", "buy yes", "0.60", "10")
    bench.place("cid", "buy no", "0.40", "10")
    assert bench.cash("ann") == D(990)
    assert bench.engine.holding(EXCHANGE, "ann", "B", "no") == D(10)


def test_a_resting_sell_ends_when_netting_takes_its_contracts(bench: Bench) -> None:
    bench.place("cid", "buy no", "0.40", "10")
    bench.place("ann", "buy yes", "0.60", "10")
    sell = bench.place("ann", "sell yes", "0.90", "10")
    bench.place("bob", "buy yes", "0.50", "10")
    bench.place("ann", "buy no", "0.50", "10")
    assert (sell.status, sell.reason) == ("cancelled", "not enough contracts")
    assert all(size >= 0 for size in bench.engine.wallets[(EXCHANGE, "ann")].holdings.values())


def test_one_sweep_does_not_sell_what_an_earlier_match_netted_away(bench: Bench) -> None:
    bench.place("cid", "buy no", "0.40", "10")
    bench.place("ann", "buy yes", "0.60", "10")
    bench.place("ann", "buy no", "0.35", "10")
    sell = bench.place("ann", "sell yes", "0.70", "10")
    taker = bench.place("bob", "buy yes", "0.75", "20")
    assert (sell.filled, taker.filled) == (D(0), D(10))


def test_a_busted_trade_is_as_if_it_never_happened(bench: Bench) -> None:
    bench.engine.charge(EXCHANGE, lambda _o, price, size, taker: D("0.01") * size if taker else D(0))
    maker = bench.place("ann", "buy no", "0.35", "10")
    taker = bench.place("bob", "buy yes", "0.65", "10")
    bench.engine.fail_trade(next(iter(bench.engine.trades)))
    assert (bench.cash("ann"), bench.cash("bob"), taker.fees) == (D(1000), D(1000), D(0))
    assert (maker.status, maker.filled) == ("cancelled", D(0))
    assert bench.kinds()[-1] is TradeFailed


def test_a_bust_after_netting_buys_the_pair_back(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.40", "10")
    bench.place("bob", "buy yes", "0.60", "10")
    bench.place("cid", "buy no", "0.40", "10")
    bench.place("ann", "buy yes", "0.60", "10")
    bench.engine.fail_trade(next(iter(bench.engine.trades)))
    wallet = bench.engine.wallets[(EXCHANGE, "ann")]
    assert (wallet.cash, wallet.holdings["B:no"], wallet.holdings["B:yes"]) == (D(994), D(0), D(10))


def test_a_bust_after_settlement_undoes_the_payment(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.35", "10")
    bench.place("bob", "buy yes", "0.65", "10")
    bench.engine.settle("B", D(1))
    bench.engine.fail_trade(next(iter(bench.engine.trades)))
    assert (bench.cash("ann"), bench.cash("bob")) == (D(1000), D(1000))
    assert not bench.engine.wallets[(EXCHANGE, "bob")].holdings


def test_a_bust_happens_once(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.35", "10")
    bench.place("bob", "buy yes", "0.65", "10")
    for _ in range(2):
        bench.engine.fail_trade(next(iter(bench.engine.trades)))
    assert bench.cash("bob") == D(1000)


def test_settlement_pays_both_sides_cancels_and_happens_once(bench: Bench) -> None:
    bench.place("ann", "buy no", "0.35", "10")
    bench.place("bob", "buy yes", "0.65", "10")
    resting = bench.place("cid", "buy yes", "0.20", "10")
    bench.engine.settle("B", D("0.5"))
    bench.engine.settle("B", D(1))
    bench.engine.resume("B")
    assert (bench.cash("ann"), bench.cash("bob"), resting.status) == (D("1001.5"), D("998.5"), "cancelled")
    assert not bench.engine.books["B"].open
    assert bench.kinds()[-1] is BookSettled


def test_a_halted_book_opens_again(bench: Bench) -> None:
    kept = bench.place("ann", "buy yes", "0.20", "10")
    bench.engine.halt("B", cancel=False, reason="goal")
    bench.engine.resume("B")
    bench.place("bob", "buy no", "0.80", "4")
    assert kept.filled == D(4)
    bench.engine.halt("B", cancel=True, reason="kick-off")
    assert (kept.status, kept.reason) == ("cancelled", "kick-off")


def test_cancelling_what_is_over_removes_nothing(bench: Bench) -> None:
    order = bench.place("ann", "buy yes", "0.20", "10")
    assert [bench.engine.cancel(order.order_id, "x") for _ in range(2)] == [D(10), D(0)]


def test_only_orders_without_a_trade_are_forgotten(bench: Bench) -> None:
    traded = bench.place("ann", "buy yes", "0.40", "10")
    bench.place("bob", "buy no", "0.60", "4")
    resting, ended = bench.place("cid", "buy yes", "0.2", "1"), bench.place("cid", "buy yes", "0.2", "1")
    for order in (traded, ended):
        bench.engine.cancel(order.order_id, "x")
    for order in (traded, resting, ended):
        bench.engine.forget(order.order_id)
    assert set(bench.engine.orders) == {traded.order_id, resting.order_id, "o2"}
    assert "o4" not in Engine(bench.store, lambda: 0).orders


def test_events_come_in_the_order_things_happened(bench: Bench) -> None:
    bench.place("ann", "buy yes", "0.40", "5")
    bench.place("bob", "buy no", "0.60", "8", time_in_force="ioc")
    assert bench.kinds() == [OrderPlaced, OrderPlaced, OrderTraded, OrderEnded]


def test_trades_of_an_account_come_with_its_own_order(bench: Bench) -> None:
    mine = bench.place("ann", "buy yes", "0.40", "5")
    bench.place("bob", "buy no", "0.60", "2")
    assert [(t.size, o) for t, o in bench.engine.trades_of(EXCHANGE, "ann")] == [(D(2), mine)]
    assert bench.engine.trades_of(EXCHANGE, "cid") == []

"""Whatever is sent to the engine: money is conserved, nobody sells what he lacks, and a restart changes nothing."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.engine import Engine, OrderTraded, PaperOrder, Refusal
from overround.paper.store import Store

D = Decimal
ACCOUNTS = ("ann", "bob", "cid")
FEE = D("0.013")

prices = st.integers(1, 99).map(lambda cents: D(cents) / 100)
sizes = st.integers(1, 30).map(Decimal)
place = st.tuples(
    st.just("place"),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(("yes", "no")),
    st.sampled_from(("buy", "buy", "sell")),
    prices,
    sizes,
    st.sampled_from(("gtc", "gtc", "gtc", "ioc", "fok")),
    st.booleans(),
)
index = st.integers(0, 40)
cancel = st.tuples(st.just("cancel"), index)
amend = st.tuples(st.just("amend"), index, prices, sizes)
bust = st.tuples(st.just("bust"), index)
halt = st.tuples(st.just("halt"), st.booleans())
steps = st.lists(st.one_of(place, place, place, place, cancel, amend, bust, halt), min_size=1, max_size=40)


class Run:
    """Applies random steps to an engine of one book."""

    def __init__(self, *, nets: bool) -> None:
        self.store = Store(None)
        self.now = 1_000_000
        self.engine = Engine(self.store, lambda: self.now)
        self.engine.open_book("B", "x", nets=nets)
        self.engine.charge("x", lambda _o, _p, size, taker: FEE * size if taker else D(0))
        for account in ACCOUNTS:
            self.engine.fund("x", account, D(40))
        self._count = 0

    def step(self, step: tuple[Any, ...]) -> None:
        handlers: dict[str, Callable[..., None]] = {
            "place": self._place,
            "cancel": self._cancel,
            "amend": self._amend,
            "bust": self._bust,
            "halt": self._halt,
        }
        with suppress(Refusal):
            handlers[step[0]](*step[1:])

    def _place(
        self, account: str, outcome: Any, action: Any, price: Decimal, size: Decimal, tif: Any, post: bool
    ) -> None:
        self._count += 1
        self.engine.place(
            PaperOrder(
                f"o{self._count}",
                "x",
                "B",
                account,
                outcome,
                action,
                price,
                size,
                self.now,
                time_in_force=tif,
                post_only=post and tif == "gtc",
            )
        )

    def _order(self, number: int) -> PaperOrder | None:
        orders = list(self.engine.orders.values())
        return orders[number % len(orders)] if orders else None

    def _cancel(self, number: int) -> None:
        if order := self._order(number):
            self.engine.cancel(order.order_id, "asked")

    def _amend(self, number: int, price: Decimal, size: Decimal) -> None:
        if order := self._order(number):
            self.engine.amend(order.order_id, price=price, size=size, expires_at=None)

    def _bust(self, number: int) -> None:
        if trades := list(self.engine.trades):
            self.engine.fail_trade(trades[number % len(trades)])

    def _halt(self, cancel: bool) -> None:
        self.engine.halt("B", cancel=cancel, reason="halt")
        self.engine.resume("B")


def total(engine: Engine) -> Decimal:
    """Cash, plus one for each pair outstanding, plus the fees taken."""
    cash = sum((w.cash for w in engine.wallets.values()), D(0))
    yes = sum((w.holdings.get("B:yes", D(0)) for w in engine.wallets.values()), D(0))
    no = sum((w.holdings.get("B:no", D(0)) for w in engine.wallets.values()), D(0))
    assert yes == no, "every YES contract has a NO contract"
    fees = sum((t.maker_fee + t.taker_fee for t in engine.trades.values() if t.status == "ok"), D(0))
    return cash + yes + fees


def check(run: Run, *, busted: bool) -> None:
    engine = run.engine
    assert total(engine) == 120
    book = engine.books["B"]
    for side, sign in ((book.bids, -1), (book.asks, 1)):
        keys = [(sign * o.yes_price, o.sequence) for o in side]
        assert keys == sorted(keys), "price, then time"
        assert all(o.status == "open" and o.remaining > 0 for o in side)
    if book.bids and book.asks:
        assert book.bids[0].yes_price < book.asks[0].yes_price, "a book never stands crossed"
    for account in ACCOUNTS:
        resting = [o for o in engine.orders.values() if o.account == account and o.status == "open"]
        assert engine.open_orders("x", account) == sorted(resting, key=lambda o: o.sequence)
        if not busted:
            assert all(size >= 0 for size in engine.wallets[("x", account)].holdings.values())
            assert engine.wallets[("x", account)].cash >= -30 * FEE * len(engine.trades)


def snapshot(engine: Engine) -> tuple[object, ...]:
    return (
        engine.orders,
        engine.trades,
        engine.wallets,
        engine.books,
        list(engine.orders),
        list(engine.trades),
        {account: engine.open_orders("x", account) for account in ACCOUNTS},
    )


@settings(max_examples=120, deadline=None)
@given(steps, st.booleans())
def test_money_is_conserved_and_books_stay_ordered(plan: list[tuple[Any, ...]], nets: bool) -> None:
    run = Run(nets=nets)
    for number, step in enumerate(plan):
        run.step(step)
        check(run, busted=any(done[0] == "bust" for done in plan[: number + 1]))


@settings(max_examples=60, deadline=None)
@given(steps, st.booleans())
def test_a_restart_after_any_step_continues_exactly(plan: list[tuple[Any, ...]], nets: bool) -> None:
    run = Run(nets=nets)
    for step in plan:
        run.step(step)
        assert snapshot(Engine(run.store, lambda: 0)) == snapshot(run.engine)


@settings(max_examples=60, deadline=None)
@given(steps, st.sampled_from(("0", "1", "0.5", "0.37")), st.booleans())
def test_after_settlement_all_money_is_cash_again(plan: list[tuple[Any, ...]], value: str, nets: bool) -> None:
    run = Run(nets=nets)
    for step in plan:
        run.step(step)
    run.engine.settle("B", D(value))
    run.step(("bust", 0))
    fees = sum((t.maker_fee + t.taker_fee for t in run.engine.trades.values() if t.status == "ok"), D(0))
    assert sum((w.cash for w in run.engine.wallets.values()), D(0)) + fees == 120
    assert not any(w.holdings for w in run.engine.wallets.values())
    assert all(o.status != "open" for o in run.engine.orders.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(prices, sizes), min_size=1, max_size=8), prices, sizes)
def test_a_taker_takes_the_best_prices_in_order(
    asks: list[tuple[Decimal, Decimal]], limit: Decimal, size: Decimal
) -> None:
    run = Run(nets=True)
    for price, amount in asks:
        run.step(("place", "ann", "no", "buy", 1 - price, amount, "gtc", False))
    ladder = sorted((o.yes_price, o.sequence, o.size) for o in run.engine.books["B"].asks if o.yes_price <= limit)
    fills: list[Decimal] = []
    run.engine.listen(
        "x", lambda event: fills.append(event.trade.yes_price) if isinstance(event, OrderTraded) else None
    )
    run.step(("place", "bob", "yes", "buy", limit, size, "ioc", False))
    assert fills == sorted(fills)
    if fills:
        expected = min(size, sum((amount for _, _, amount in ladder), D(0)))
        assert sum((t.size for t in run.engine.trades.values()), D(0)) == expected

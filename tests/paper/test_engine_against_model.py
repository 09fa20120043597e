"""The engine does exactly what a naive exchange does: same trades, queues, money and refusals, step by step."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.engine import Engine, PaperOrder, Refusal
from overround.paper.store import Store
from tests.paper.naive_exchange import NaiveExchange, No, Row

D = Decimal
ACCOUNTS = ("ann", "bob", "cid")
START, CASH, FEE = 1_000, D(60), D("0.02")

prices = st.integers(1, 19).map(lambda steps: D(steps) / 20)
sizes = st.integers(1, 24).map(lambda half: D(half) / 2)
lives = st.sampled_from((None, None, None, 3, 8))
places = st.builds(
    lambda *values: ("place", *values),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(("yes", "no")),
    st.sampled_from(("buy", "buy", "buy", "sell")),
    prices,
    sizes,
    st.sampled_from(("gtc", "gtc", "gtc", "ioc", "fok")),
    st.booleans(),
    lives,
)
picks = st.integers(0, 60)
others = st.one_of(
    st.tuples(st.just("cancel"), picks),
    st.tuples(st.just("amend"), picks, prices, sizes),
    st.tuples(st.just("amend"), picks, prices, sizes),
    st.tuples(st.just("wait"), st.integers(1, 6)),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("halt"), st.booleans()),
)
plans = st.lists(st.one_of(places, places, places, others), min_size=2, max_size=45)


class Pair:
    """The engine and the naive exchange, always told the same."""

    def __init__(self, *, nets: bool) -> None:
        self.naive = NaiveExchange(dict.fromkeys(ACCOUNTS, CASH), nets, FEE, now=START)
        self.store = Store(None)
        self.engine = Engine(self.store, lambda: self.naive.now * 1000)
        self.engine.open_book("B", "x", nets=nets)
        self.engine.charge("x", lambda _o, _p, size, taker: FEE * size if taker else D(0))
        for account in ACCOUNTS:
            self.engine.fund("x", account, CASH)
        self._count = 0

    def step(self, step: tuple[Any, ...]) -> None:
        getattr(self, f"_{step[0]}")(*step[1:])

    def _both(self, real: Callable[[], object], naive: Callable[[], None]) -> None:
        """Do it on both sides; they must agree on whether and why it is refused."""
        answers = []
        for act in (real, naive):
            try:
                act()
                answers.append("")
            except Refusal as refusal:
                answers.append(refusal.code)
            except No as no:
                answers.append(str(no))
        assert answers[0] == answers[1]

    def _place(
        self, account: str, outcome: Any, action: Any, price: D, size: D, tif: Any, post: bool, life: int | None
    ) -> None:
        self._count += 1
        name, expires = f"o{self._count}", None if life is None else self.naive.now + life
        post = post and tif == "gtc"
        order = PaperOrder(
            name, "x", "B", account, outcome, action, price, size, self.naive.now * 1000,
            time_in_force=tif, post_only=post, expires_at=expires,
        )  # fmt: skip
        row = Row(name, account, outcome, action, price, size, expires, post)
        self._both(lambda: self.engine.place(order), lambda: self.naive.place(row, tif))

    def _chosen(self, pick: int) -> str | None:
        names = list(self.naive.rows)
        return names[pick % len(names)] if names else None

    def _cancel(self, pick: int) -> None:
        if name := self._chosen(pick):
            self.engine.cancel(name, "asked")
            self.naive.cancel(name)

    def _amend(self, pick: int, price: D, size: D) -> None:
        if name := self._chosen(pick):
            expires = self.naive.rows[name].expires_at
            self._both(
                lambda: self.engine.amend(name, price=price, size=size, expires_at=expires),
                lambda: self.naive.amend(name, price, size),
            )

    def _wait(self, seconds: int) -> None:
        self.naive.pass_time(seconds)

    def _sweep(self) -> None:
        self.engine.expire(self.naive.now)
        self.naive.sweep_expired()

    def _halt(self, resume: bool) -> None:
        self.engine.halt("B", cancel=False, reason="pause")
        self.naive.trading = False
        if resume:
            self.engine.resume("B")
            self.naive.trading = True

    def agree(self) -> None:
        naive, engine, book = self.naive, self.engine, self.engine.books["B"]
        trades = [(t.maker_order, t.taker_order, t.yes_price, t.size) for t in engine.trades.values()]
        assert trades == naive.trades
        assert engine.depth("B") == (naive.levels(bids=True), naive.levels(bids=False))
        assert [o.order_id for o in book.bids] == naive.queue(bids=True)
        assert [o.order_id for o in book.asks] == naive.queue(bids=False)
        for account in ACCOUNTS:
            assert engine.wallets[("x", account)].cash == naive.cash[account]
            for outcome in ("yes", "no"):
                assert engine.holding("x", account, "B", outcome) == naive.held.get((account, outcome), D(0))
        for name, row in naive.rows.items():
            order = engine.orders[name]
            assert (order.filled, order.remaining, order.price) == (row.filled, row.left, row.price)


@settings(max_examples=120, deadline=None)
@given(plans, st.booleans())
def test_every_step_leaves_both_in_the_same_state(plan: list[tuple[Any, ...]], nets: bool) -> None:
    pair = Pair(nets=nets)
    for step in plan:
        pair.step(step)
        pair.agree()


@settings(max_examples=40, deadline=None)
@given(plans, st.booleans(), st.sampled_from(("1", "0", "0.5", "0.42")))
def test_both_pay_the_same_when_the_market_ends(plan: list[tuple[Any, ...]], nets: bool, value: str) -> None:
    pair = Pair(nets=nets)
    for step in plan:
        pair.step(step)
    pair.engine.settle("B", D(value))
    pair.naive.settle(D(value))
    pair.agree()
    paid_fees = sum((trade.taker_fee for trade in pair.engine.trades.values()), D(0))
    assert sum(pair.naive.cash.values()) + paid_fees == CASH * len(ACCOUNTS)


@settings(max_examples=25, deadline=None)
@given(plans, plans, st.booleans())
def test_an_engine_read_back_from_its_store_goes_on_like_the_model(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], nets: bool
) -> None:
    pair = Pair(nets=nets)
    for step in before:
        pair.step(step)
    rule = pair.engine._fees["x"]
    pair.engine = Engine(pair.store, lambda: pair.naive.now * 1000)
    pair.engine.charge("x", rule)
    for step in after:
        pair.step(step)
        pair.agree()

"""A matching engine as simple as it can be: no side lists, no indexes, everything looked up again each time.

Slow and obvious, to be compared with the real one: orders are plain rows, a match looks at every open row.
"""

from dataclasses import dataclass, field
from decimal import Decimal

ZERO, ONE = Decimal(0), Decimal(1)


class No(Exception):
    """The order is not taken; the argument is the engine's refusal code."""


@dataclass
class Row:
    name: str
    account: str
    outcome: str
    action: str
    price: Decimal
    size: Decimal
    expires_at: int | None = None
    post_only: bool = False
    filled: Decimal = ZERO
    open: bool = False
    turn: int = 0

    @property
    def left(self) -> Decimal:
        return self.size - self.filled if self.open else ZERO

    @property
    def buys_yes(self) -> bool:
        return (self.outcome, self.action) in (("yes", "buy"), ("no", "sell"))

    @property
    def yes_price(self) -> Decimal:
        return self.price if self.outcome == "yes" else ONE - self.price


@dataclass
class NaiveExchange:
    """One book. ``fee`` is charged to the taker per contract; ``nets`` merges YES and NO into cash."""

    cash: dict[str, Decimal]
    nets: bool
    fee: Decimal
    now: int = 0
    trading: bool = True
    rows: dict[str, Row] = field(default_factory=dict)
    held: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    trades: list[tuple[str, str, Decimal, Decimal]] = field(default_factory=list)
    turns: int = 0

    def place(self, row: Row, time_in_force: str) -> None:
        self._check(row, row.price, row.size)
        meets = self._meets(row)
        if time_in_force == "fok" and sum((other.left for other in meets), ZERO) < row.size:
            raise No("fok")
        self._check_cover(row)
        self._enter(row, meets)
        if time_in_force != "gtc":
            row.open = False

    def cancel(self, name: str) -> None:
        self.rows[name].open = False

    def amend(self, name: str, price: Decimal, size: Decimal) -> None:
        row = self.rows[name]
        if not row.open:
            raise No("closed")
        if size <= row.filled:
            row.price, row.open = price, False
        elif price == row.price and size <= row.size:
            row.size = size
        else:
            self._requeue(row, price, size)

    def _requeue(self, row: Row, price: Decimal, size: Decimal) -> None:
        """Take the order out, try it as a new one, and put it back as it was when that is refused."""
        before = row.price, row.size
        row.open, row.price, row.size = False, price, size
        try:
            self._check(row, price, size)
            meets = self._meets(row)
            self._check_cover(row)
        except No:
            row.price, row.size = before
            row.open = True
            raise
        self._enter(row, meets)

    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    def sweep_expired(self) -> None:
        for row in self.rows.values():
            if row.expires_at is not None and row.expires_at <= self.now:
                row.open = False

    def settle(self, value: Decimal) -> None:
        self.trading = False
        for row in self.rows.values():
            row.open = False
        for (account, outcome), size in self.held.items():
            self.cash[account] += size * (value if outcome == "yes" else ONE - value)
        self.held.clear()

    # -- reading ----------------------------------------------------------------------------------------------------

    def levels(self, *, bids: bool) -> list[tuple[Decimal, Decimal]]:
        prices = sorted(
            {row.yes_price for row in self.rows.values() if row.open and row.buys_yes == bids}, reverse=bids
        )
        return [(price, sum((r.left for r in self._at(price, bids)), ZERO)) for price in prices]

    def queue(self, *, bids: bool) -> list[str]:
        ours = [row for row in self.rows.values() if row.open and row.buys_yes == bids]
        return [row.name for row in sorted(ours, key=lambda r: (-r.yes_price if bids else r.yes_price, r.turn))]

    def _at(self, price: Decimal, bids: bool) -> list[Row]:
        return [row for row in self.rows.values() if row.open and row.buys_yes == bids and row.yes_price == price]

    # -- inside -----------------------------------------------------------------------------------------------------

    def _check(self, row: Row, price: Decimal, size: Decimal) -> None:
        if not self.trading:
            raise No("closed")
        if row.post_only and self._meets(row):
            raise No("post_only_cross")

    def _meets(self, row: Row) -> list[Row]:
        """Rows it would trade with, in the order it would."""
        others = [self.rows[name] for name in self.queue(bids=not row.buys_yes)]
        alive = [other for other in others if other.expires_at is None or other.expires_at > self.now]
        if row.buys_yes:
            return [other for other in alive if other.yes_price <= row.yes_price]
        return [other for other in alive if other.yes_price >= row.yes_price]

    def _check_cover(self, row: Row) -> None:
        mine = [other for other in self.rows.values() if other.open and other.account == row.account]
        if row.action == "buy":
            bound = sum((other.price * other.left for other in mine if other.action == "buy"), ZERO)
            if self.cash[row.account] - bound < row.price * (row.size - row.filled):
                raise No("funds")
        else:
            bound = sum((o.left for o in mine if (o.action, o.outcome) == ("sell", row.outcome)), ZERO)
            if self._has(row.account, row.outcome) - bound < row.size - row.filled:
                raise No("holdings")

    def _has(self, account: str, outcome: str) -> Decimal:
        return self.held.get((account, outcome), ZERO)

    def _enter(self, row: Row, meets: list[Row]) -> None:
        self.turns += 1
        row.turn, row.open = self.turns, True
        self.rows[row.name] = row
        for other in meets:
            if row.left and other.left:
                self._trade(other, row)

    def _trade(self, maker: Row, taker: Row) -> None:
        size, price = min(maker.left, taker.left), maker.yes_price
        self.trades.append((maker.name, taker.name, price, size))
        for row in (maker, taker):
            own = price if row.outcome == "yes" else ONE - price
            sign = 1 if row.action == "buy" else -1
            self.cash[row.account] -= sign * own * size + (self.fee * size if row is taker else ZERO)
            self.held[(row.account, row.outcome)] = self._has(row.account, row.outcome) + sign * size
            row.filled += size
            row.open = row.filled < row.size
            self._net(row.account)
        for account in (maker.account, taker.account):
            self._drop_uncovered(account, sparing=taker)

    def _net(self, account: str) -> None:
        pairs = min(self._has(account, "yes"), self._has(account, "no"))
        if self.nets and pairs:
            self.cash[account] += pairs
            for outcome in ("yes", "no"):
                self.held[(account, outcome)] -= pairs

    def _drop_uncovered(self, account: str, *, sparing: Row) -> None:
        """Resting sells, oldest first, end where the contracts run out."""
        for outcome in ("yes", "no"):
            left = self._has(account, outcome)
            kind = (account, outcome, "sell")
            mine = [r for r in self.rows.values() if r.open and (r.account, r.outcome, r.action) == kind]
            for row in sorted(mine, key=lambda r: r.turn):
                if row is not sparing:
                    left -= row.left
                    row.open = row.open and left >= ZERO

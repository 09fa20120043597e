"""An account's position and result in each market, folded from its trades (kalshi sheet, section 6, reads)."""

from dataclasses import dataclass
from decimal import Decimal

from overround.paper.engine import Engine, PaperOrder, Trade

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(slots=True)
class Holding:
    """``position`` in contracts, negative for NO; ``cost`` of what is held; ``realised`` excludes ``fees``."""

    ticker: str
    position: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    traded: Decimal = ZERO
    volume: Decimal = ZERO
    updated_at: int = 0

    def add(self, buys_yes: bool, size: Decimal, yes_price: Decimal, fee: Decimal, at: int) -> None:
        """Book one fill: first against what is held on the other side, the rest at its own price."""
        closing = min(size, -self.position if buys_yes else self.position)
        closing = max(closing, ZERO)
        pays = yes_price if buys_yes else ONE - yes_price
        if closing:
            released = self.cost * closing / abs(self.position)
            self.realised += closing * (ONE - pays) - released
            self.cost -= released
        self.position += size if buys_yes else -size
        self.cost += (size - closing) * pays
        self.fees += fee
        self.traded += size * pays
        self.volume += size
        self.updated_at = at


def _fee(trade: Trade, order: PaperOrder) -> Decimal:
    return trade.maker_fee if order.order_id == trade.maker_order else trade.taker_fee


def holdings(engine: Engine, account: str) -> dict[str, Holding]:
    """Every market the account ever traded, by ticker, as if nothing had settled."""
    found: dict[str, Holding] = {}
    for trade, order in engine.trades_of("kalshi", account):
        if trade.status != "ok":
            continue
        ticker = trade.book_id.removeprefix("kalshi:")
        holding = found.setdefault(ticker, Holding(ticker))
        holding.add(order.is_bid, trade.size, trade.yes_price, _fee(trade, order), trade.at)
    return found


def position(engine: Engine, account: str, ticker: str) -> Decimal:
    """Net contracts held now: YES less NO."""
    if ("kalshi", account) not in engine.wallets:
        return ZERO
    book = f"kalshi:{ticker}"
    return engine.holding("kalshi", account, book, "yes") - engine.holding("kalshi", account, book, "no")

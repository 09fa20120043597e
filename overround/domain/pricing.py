"""From a hedge price to a resting quote (pricing sheet, section 2): directed rounding, fees, clamps.

``o`` is the bookmaker outcome. The engine's neutral order buys the contract that pays 1 when ``o`` does not happen and
backs ``o`` at net odds ``d'``. All prices are probability prices in account currency per contract.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from overround.domain.fees import FeeSchedule, Role
from overround.domain.grid import PriceGrid
from overround.domain.numbers import CONTEXT, ONE, ZERO, divide

FREE = FeeSchedule("free")


@dataclass(frozen=True, slots=True)
class Quote:
    """A two-sided quote on one outcome; None where no legal price keeps the edge."""

    bid: Decimal | None
    ask: Decimal | None


def hedge_cost(odds: Sequence[Decimal]) -> Decimal:
    """``sum(1/d')``: what it costs to be paid 1 if any of these outcomes happens."""
    with localcontext(CONTEXT):
        return sum((ONE / price for price in odds), ZERO)


def _last(count: int, holds: Callable[[int], bool]) -> int:
    """The largest ordinal below ``count`` for which a falling predicate holds, -1 for none."""
    low, high = -1, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _largest(limit: Decimal, fee: FeeSchedule, grid: PriceGrid, size: Decimal | None, role: Role) -> Decimal | None:
    """The largest legal price with ``price + fee <= limit``: found on the smooth fee, then held to the real one."""
    top = grid.floor(limit)
    if top is None or fee.rate(role) <= ZERO:
        return top
    at = grid.ordinal(top)

    def smooth(ordinal: int) -> bool:
        price = grid.price_at(ordinal)
        return price is not None and price + fee.break_even(price, None, role) <= limit

    if fee.monotone:
        at = _last(at + 1, smooth)
    while (price := grid.price_at(at)) is not None:
        if price + fee.break_even(price, size, role) <= limit:
            return price
        at -= 1
    return None


def bid_price(
    other_odds: Sequence[Decimal],
    edge: Decimal,
    fee: FeeSchedule,
    grid: PriceGrid,
    size: Decimal | None = None,
    role: Role = "maker",
) -> Decimal | None:
    """The largest legal ``p`` with ``1 - p - fee(p) - sum(1/d') >= edge``: buy, and back every other outcome."""
    with localcontext(CONTEXT):
        return _largest(ONE - edge - hedge_cost(other_odds), fee, grid, size, role)


def buy_price(
    net_odds: Decimal,
    edge: Decimal,
    fee: FeeSchedule,
    grid: PriceGrid,
    size: Decimal | None = None,
    role: Role = "maker",
) -> Decimal | None:
    """The engine's own price: the largest legal ``c`` with ``c + fee(c) + 1/net_odds <= 1 - edge``, None without one.

    ``size`` contracts decide how the venue's fee rounding bites; None prices the unrounded fee.
    """
    return bid_price((net_odds,), edge, fee, grid, size, role)


def ask_price(
    net_odds: Decimal,
    edge: Decimal,
    fee: FeeSchedule,
    grid: PriceGrid,
    size: Decimal | None = None,
    role: Role = "maker",
) -> Decimal | None:
    """The smallest legal ``p`` with ``p - fee(p) - 1/net_odds >= edge``: sell, and back the same outcome."""
    with localcontext(CONTEXT):
        need = edge + ONE / net_odds
        start = grid.ceil(need)
        at = grid.count if start is None else grid.ordinal(start)

        def short(ordinal: int) -> bool:
            price = grid.price_at(ordinal)
            return price is not None and price - fee.break_even(price, None, role) < need

        if fee.monotone:
            at = max(at, _last(grid.count, short) + 1)
        while (price := grid.price_at(at)) is not None:
            if price - fee.break_even(price, size, role) >= need:
                return price
            at += 1
        return None


def hedged_quote(
    odds: Sequence[Decimal], index: int, edge: Decimal, fee: FeeSchedule, grid: PriceGrid, size: Decimal | None = None
) -> Quote:
    """Hedge-anchored bid and ask of outcome ``index`` of a partition priced at net ``odds`` (sheet 2.1)."""
    others = [price for at, price in enumerate(odds) if at != index]
    return Quote(bid_price(others, edge, fee, grid, size), ask_price(odds[index], edge, fee, grid, size))


def fair_quote(fair: Decimal, edge: Decimal, fee: FeeSchedule, grid: PriceGrid, size: Decimal | None = None) -> Quote:
    """Fair-anchored bid and ask: ``edge`` net of fees on each side of the fair probability."""
    with localcontext(CONTEXT):
        return Quote(_largest(fair - edge, fee, grid, size, "maker"), ask_price(ONE / fair, edge, fee, grid, size))


def safer(first: Quote, second: Quote) -> Quote:
    """``min`` of the bids, ``max`` of the asks; a side missing in either is missing (sheet 2.1, policy)."""
    bid = None if first.bid is None or second.bid is None else min(first.bid, second.bid)
    ask = None if first.ask is None or second.ask is None else max(first.ask, second.ask)
    return Quote(bid, ask)


def locked_profit(
    price: Decimal, fee: FeeSchedule, net_odds: Decimal, size: Decimal | None = None, role: Role = "maker"
) -> Decimal:
    """Profit per contract of buying at ``price`` and backing ``o`` with ``1/net_odds``: ``1 - c - fee - 1/d'``."""
    with localcontext(CONTEXT):
        return ONE - price - fee.break_even(price, size, role) - ONE / net_odds


def locked_sale(
    price: Decimal, fee: FeeSchedule, net_odds: Decimal, size: Decimal | None = None, role: Role = "maker"
) -> Decimal:
    """Profit per contract of selling at ``price`` and backing the same outcome: ``p - fee - 1/d'``."""
    with localcontext(CONTEXT):
        return price - fee.break_even(price, size, role) - ONE / net_odds


def break_even_lay(net_odds: Decimal, commission: Decimal) -> Decimal:
    """Highest lay odds without loss under commission on net winnings: ``c + d(1-c)`` (sheet 2.3)."""
    return CONTEXT.add(commission, CONTEXT.multiply(net_odds, ONE - commission))


def break_even_back(other_odds: Decimal, commission: Decimal) -> Decimal:
    """Lowest back odds without loss under commission on net winnings: ``1 + 1/((d2-1)(1-c))`` (sheet 2.3)."""
    return CONTEXT.add(ONE, divide(ONE, (other_odds - ONE) * (ONE - commission)))


def post_only_bid(bid: Decimal, best_ask: Decimal | None, grid: PriceGrid) -> Decimal | None:
    """``bid`` held one tick below the best ask of others; None when no legal price is left."""
    if best_ask is None or bid < best_ask:
        return bid
    at = grid.floor(best_ask)
    if at is None or at < best_ask:
        return at
    return grid.step_down(at)


def post_only_ask(ask: Decimal, best_bid: Decimal | None, grid: PriceGrid) -> Decimal | None:
    """``ask`` held one tick above the best bid of others; None when no legal price is left."""
    if best_bid is None or ask > best_bid:
        return ask
    at = grid.ceil(best_bid)
    if at is None or at > best_bid:
        return at
    return grid.step_up(at)


def in_band(price: Decimal | None, low: Decimal, high: Decimal) -> Decimal | None:
    """``price`` if it lies in the configured band, else None: beyond it fee rounding and ticks dominate."""
    return price if price is not None and low <= price <= high else None


def complement(price: Decimal) -> Decimal:
    """``1 - p``, exactly: the NO side is never rounded a second time."""
    return ONE - price


def logit(price: Decimal) -> Decimal:
    """``ln(p/(1-p))`` to 34 digits."""
    with localcontext(CONTEXT):
        return (price / (ONE - price)).ln()


def within_logits(price: Decimal, fair: Decimal, limit: Decimal) -> bool:
    """The sanity band: whether two probabilities differ by at most ``limit`` in log-odds."""
    return abs(logit(price) - logit(fair)) <= limit


def family_is_safe(quotes: Sequence[Quote], edge: Decimal = ZERO) -> bool:
    """No one can buy or sell us the whole set at a profit: ``sum(ask) >= 1 + edge`` and ``sum(bid) <= 1 - edge``."""
    asks = [quote.ask for quote in quotes if quote.ask is not None]
    bids = [quote.bid for quote in quotes if quote.bid is not None]
    complete = len(asks) == len(quotes)
    return (not complete or sum(asks) >= ONE + edge) and sum(bids, ZERO) <= ONE - edge

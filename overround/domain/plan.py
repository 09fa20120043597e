"""What to do so that the live orders become the desired ones: ``plan(desired, live) -> actions``, pure.

Toward safety at once, toward aggression lazily; cancel first, confirm, then place; nothing is placed where an order is
unknown or being cancelled (pricing sheet, section 4.6).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from overround.domain.config import TradingConfig
from overround.domain.markets import Instrument
from overround.domain.numbers import ZERO
from overround.domain.orders import Order
from overround.domain.quotes import Desired


@dataclass(frozen=True, slots=True)
class Plan:
    """``cancel`` holds client order ids, ``place`` the quotes to send, with the size still wanted."""

    cancel: tuple[str, ...] = ()
    place: tuple[Desired, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.cancel or self.place)


def plan(
    desired: Iterable[Desired],
    live: Iterable[Order],
    instruments: Sequence[Instrument],
    config: TradingConfig,
    naked: Mapping[int, Decimal],
    dropped: Set[str] = frozenset(),
    held: Set[int] = frozenset(),
) -> Plan:
    """Actions for one market. ``naked`` is the filled and not yet hedged size per outcome: it is not quoted again.

    Orders that are ``dropped`` must go; nothing new is placed in an outcome that is ``held``.
    """
    by_outcome = {instrument.outcome_id: instrument for instrument in instruments}
    wanted = {(quote.outcome_id, quote.level): quote for quote in desired}
    slots: dict[tuple[int, int], list[Order]] = {}
    for order in live:
        if order.open and order.spec.action == "buy":
            slots.setdefault((order.spec.outcome_id, order.spec.level), []).append(order)
    cancels: list[str] = []
    places: list[Desired] = []
    for slot in sorted(wanted.keys() | slots.keys()):
        quote, orders = wanted.get(slot), slots.get(slot, [])
        wrong = orders if quote is None else _wrong(orders, quote, by_outcome[slot[0]], config)
        wrong = [order for order in orders if order in wrong or order.spec.client_order_id in dropped]
        cancels += [order.spec.client_order_id for order in wrong if not order.cancelling and not order.unknown]
        if slot[0] in held:
            continue
        if quote is not None and not wrong and not any(order.unknown or order.cancelling for order in orders):
            places += _top_up(quote, orders, by_outcome[slot[0]], naked.get(slot[0], ZERO), config)
    return Plan(tuple(cancels), tuple(places))


def _wrong(orders: Sequence[Order], quote: Desired, instrument: Instrument, config: TradingConfig) -> list[Order]:
    """The orders of a slot that must go: mispriced ones, and the youngest of those that are too much together."""
    wrong = [order for order in orders if _mispriced(order, quote, instrument, config)]
    total = ZERO
    for order in orders:
        if order not in wrong:
            total += order.remaining
            if total > _tolerated(quote, config):
                wrong.append(order)
                total -= order.remaining
    return wrong


def _tolerated(quote: Desired, config: TradingConfig) -> Decimal:
    """What may rest where ``quote.size`` is wanted: up to a quarter more, inside the bookmaker's limit, keeps its
    queue place (pricing sheet, section 4.6: "keep while the excess is inside limits")."""
    if quote.limit is None:
        return quote.size
    return max(quote.size, min(quote.size * 5 / 4, quote.limit * quote.odds / config.levels, config.size))


def _mispriced(order: Order, quote: Desired, instrument: Instrument, config: TradingConfig) -> bool:
    if order.spec.price == quote.price:
        return False
    if order.spec.price > quote.price or not instrument.grid.contains(order.spec.price):
        return True
    return instrument.grid.ticks_between(order.spec.price, quote.price) >= config.improve_ticks


def _top_up(
    quote: Desired, orders: Sequence[Order], instrument: Instrument, naked: Decimal, config: TradingConfig
) -> list[Desired]:
    resting = sum((order.remaining for order in orders), ZERO)
    missing = quote.size - resting - naked / config.levels
    missing -= missing % instrument.size_step
    if missing < instrument.min_size or missing * quote.price < instrument.min_notional:
        return []
    if resting > ZERO and missing * 4 < quote.size:
        return []
    return [Desired(quote.outcome_id, quote.level, quote.price, missing, quote.odds, quote.limit, quote.priced_at)]

"""Books, instruments and settings of the domain tests, with defaults for what a test does not care about."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from overround.domain.config import TradingConfig
from overround.domain.fees import FeeSchedule
from overround.domain.grid import PriceGrid, cents
from overround.domain.markets import Instrument, MarketBook, MarketKey, OutcomePrice
from overround.domain.orders import Order, OrderSpec, OrderStatus
from overround.domain.quotes import Desired
from tests.domain.vectors import D

KEY = MarketKey("id1100013200000001", 111)
FREE = FeeSchedule("free")


def price(outcome: int, odds: str | Decimal, limit: str | None = "500", *, active: bool = True) -> OutcomePrice:
    """An outcome's price, changed at 1000 ms."""
    return OutcomePrice(outcome, D(odds), None if limit is None else D(limit), active, 1_000)


def book(*outcomes: OutcomePrice, **changes: Any) -> MarketBook:
    """A live two-way book at 1.90 / 1.95 unless told otherwise."""
    chosen = outcomes or (price(111, "1.90"), price(112, "1.95"))
    return MarketBook(**{"key": KEY, "bookmaker": "vertex", "outcomes": chosen, "live": True, "received_at": 1_000,
                         **changes})  # fmt: skip


def instrument(outcome: int, grid: PriceGrid | None = None, fee: FeeSchedule = FREE, **changes: Any) -> Instrument:
    """The contract against ``outcome``: cents, free, whole contracts."""
    values: dict[str, Any] = {
        "exchange": "kalshi",
        "key": KEY,
        "outcome_id": outcome,
        "venue_market": "KXNBA",
        "contract": f"KXNBA-{outcome}",
        "position": "no",
        "grid": grid or cents(),
        "fee": fee,
        "min_size": D(1),
        "size_step": D(1),
    }
    return Instrument(**{**values, **changes})


def settings(**changes: Any) -> TradingConfig:
    """Both outcomes, 50 contracts, one level, a cent of margin."""
    return TradingConfig(**{"outcomes": (111, 112), "size": D(50), "margin": D("0.01"), **changes})


def wanted(price: str = "0.46", size: str = "50", level: int = 0, outcome: int = 111, **changes: Any) -> Desired:
    """A desired quote of ``outcome`` priced from 1.90."""
    values: Mapping[str, Any] = {"odds": D("1.90"), "limit": D(500), "priced_at": 1_000, **changes}
    return Desired(outcome, level, D(price), D(size), **values)


def resting(
    name: str, price: str = "0.46", size: str = "50", level: int = 0, outcome: int = 111, **changes: Any
) -> Order:
    """An order of ours that rests at the venue."""
    spec = OrderSpec(name, outcome, D(price), D(size), D("1.90"), D(500), 1_000, level)
    return Order(spec, **{"status": OrderStatus.PLACED, "venue_order_id": f"v-{name}", **changes})

"""How a tournament is traded: ticks, margin, sizes, limits. Changes apply without a restart, each a new version."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from overround.domain.numbers import BadNumber, exact


class BadConfig(ValueError):
    """A trading setting is wrong; the message names it and what it must be."""


@dataclass(frozen=True, slots=True)
class TradingConfig:
    """Settings of one client and tournament; the meaning of each is in docs/trading.md.

    Prices and margins are currency per contract, sizes contracts, exposures account currency, times as named.
    """

    version: int = 0
    enabled: bool = True
    outcomes: tuple[int, ...] = ()
    margin: Decimal = Decimal("0.01")
    size: Decimal = Decimal("50")
    levels: int = 1
    level_ticks: int = 2
    improve_ticks: int = 2
    min_price: Decimal = Decimal("0.03")
    max_price: Decimal = Decimal("0.97")
    hedge_share: Decimal = Decimal("0.5")
    max_market_loss: Decimal = Decimal("500")
    max_fixture_loss: Decimal = Decimal("1000")
    slippage: Decimal = Decimal("0.05")
    hedge_attempts: int = 3
    hedge_seconds: int = 20
    odds_max_age_live: int = 5
    odds_max_age_pregame: int = 60
    owner_seconds: int = 15
    order_seconds: int = 240
    band: Decimal = Decimal("0.15")

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not Decimal(low) <= value <= Decimal(high):
                raise BadConfig(f"{name} must be between {low} and {high}, not {value}")
        if self.min_price >= self.max_price:
            raise BadConfig("min_price must be below max_price")


_RANGES = (
    ("margin", "-0.2", "0.5"),
    ("size", "0.01", "1000000"),
    ("levels", 1, 10),
    ("level_ticks", 1, 50),
    ("improve_ticks", 1, 50),
    ("min_price", "0.0001", "0.9999"),
    ("max_price", "0.0001", "0.9999"),
    ("hedge_share", "0.01", "1"),
    ("max_market_loss", 0, "1000000000"),
    ("max_fixture_loss", 0, "1000000000"),
    ("slippage", 0, "0.5"),
    ("hedge_attempts", 1, 20),
    ("hedge_seconds", 1, 3600),
    ("odds_max_age_live", 1, 3600),
    ("odds_max_age_pregame", 1, 86400),
    ("owner_seconds", 3, 3600),
    ("order_seconds", 30, 86400),
    ("band", "0.01", "1"),
)


def parse_config(body: dict[str, Any], *, version: int, base: TradingConfig | None = None) -> TradingConfig:
    """A config from plain values (a file, a table, a request) over ``base``, or ``BadConfig``."""
    start = base or TradingConfig()
    values: dict[str, Any] = {item.name: getattr(start, item.name) for item in fields(TradingConfig)}
    for name, value in body.items():
        if name not in values or name == "version":
            raise BadConfig(f"unknown trading setting {name!r}; known: {', '.join(sorted(set(values) - {'version'}))}")
        values[name] = _read(name, value, values[name])
    return TradingConfig(**{**values, "version": version})


def _read(name: str, value: Any, like: Any) -> Any:
    if isinstance(like, bool):
        if not isinstance(value, bool):
            raise BadConfig(f"{name} must be true or false, not {value!r}")
        return value
    if isinstance(like, tuple):
        if not isinstance(value, list | tuple) or any(type(item) is not int for item in value):
            raise BadConfig(f"{name} must be a list of whole numbers, not {value!r}")
        return tuple(value)
    if isinstance(like, int):
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadConfig(f"{name} must be a whole number, not {value!r}")
        return value
    try:
        return exact(str(value) if isinstance(value, float) else value)
    except BadNumber as error:
        raise BadConfig(f"{name} must be a number, not {value!r}") from error

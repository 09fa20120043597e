"""A market as ``GET /markets`` shows it (kalshi sheet, section 5)."""

from decimal import Decimal
from typing import Any

from overround.paper.engine import Engine
from overround.paper.kalshi.catalogue import KalshiMarket
from overround.paper.kalshi.render import sides
from overround.paper.kalshi.wire import count, dollars, iso

ZERO, ONE = Decimal(0), Decimal(1)
DAY_MS = 86_400_000


def tops(engine: Engine, book_id: str) -> dict[str, str]:
    """Best prices and sizes; an empty side shows 0 for bids and 1 for asks."""
    yes, no = sides(engine, book_id)
    bid, bid_size = yes[-1] if yes else (ZERO, ZERO)
    no_bid, no_size = no[-1] if no else (ZERO, ZERO)
    return {
        "yes_bid_dollars": dollars(bid),
        "yes_bid_size_fp": count(bid_size),
        "yes_ask_dollars": dollars(ONE - no_bid),
        "yes_ask_size_fp": count(no_size),
        "no_bid_dollars": dollars(no_bid),
        "no_ask_dollars": dollars(ONE - bid),
    }


def traded(engine: Engine, book_id: str) -> tuple[Decimal, Decimal]:
    """Last price and volume."""
    trades = [trade for trade in engine.trades.values() if trade.book_id == book_id]
    return (trades[-1].yes_price if trades else ZERO), sum((trade.size for trade in trades), ZERO)


def _times(market: KalshiMarket) -> dict[str, str]:
    start = market.start_time * 1000
    return {
        "created_time": iso(market.opened_at),
        "updated_time": iso(market.opened_at),
        "open_time": iso(market.opened_at),
        "close_time": iso(start + DAY_MS),
        "expected_expiration_time": iso(start + DAY_MS // 8),
        "latest_expiration_time": iso(start + 14 * DAY_MS),
        "occurrence_datetime": iso(start),
    }


def market_json(engine: Engine, market: KalshiMarket) -> dict[str, Any]:
    last, volume = traded(engine, market.book_id)
    nothing = dollars(ZERO)
    body: dict[str, Any] = {
        "ticker": market.ticker,
        "event_ticker": market.event_ticker,
        "market_type": "binary",
        "title": market.title,
        "subtitle": "",
        "yes_sub_title": market.label,
        "no_sub_title": market.label,
        **_times(market),
        "settlement_timer_seconds": 0,
        "status": market.status,
        **tops(engine, market.book_id),
        "last_price_dollars": dollars(last),
        "volume_fp": count(volume),
        "volume_24h_fp": count(volume),
        "open_interest_fp": count(volume),
        "result": market.result,
        "can_close_early": True,
        "notional_value_dollars": dollars(ONE),
        "previous_yes_bid_dollars": nothing,
        "previous_yes_ask_dollars": nothing,
        "previous_price_dollars": nothing,
        "settlement_bounds_type": "default",
        "expiration_value": "",
        "rules_primary": f"If {market.label} happens, the market resolves to Yes.",
        "rules_secondary": "",
        "price_level_structure": market.structure,
        "price_ranges": market.ranges,
        "exchange_index": market.exchange_index,
    }
    if market.value is not None:
        body["settlement_value_dollars"] = dollars(Decimal(market.value))
        body["settlement_ts"] = iso(market.settled_at or 0)
    return body

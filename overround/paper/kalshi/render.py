"""Engine records as this venue shows them (kalshi sheet, sections 5, 6, 12 and 14)."""

from decimal import Decimal
from typing import Any

from overround.paper.engine import Engine, PaperOrder, Trade
from overround.paper.kalshi.catalogue import KalshiMarket
from overround.paper.kalshi.ledger import Holding
from overround.paper.kalshi.wire import cents, count, dollars, iso

ZERO, ONE = Decimal(0), Decimal(1)
STATUS = {"open": "resting", "filled": "executed", "cancelled": "canceled"}


def number(order: PaperOrder, key: str) -> Decimal:
    return Decimal(order.extra.get(key, "0"))


def direction(order: PaperOrder) -> dict[str, str]:
    """Book side and exposure, with the deprecated pair."""
    sells = order.action == "sell"
    return {
        "book_side": "bid" if order.is_bid else "ask",
        "outcome_side": "yes" if order.is_bid else "no",
        "side": order.outcome,
        "action": "sell" if sells else "buy",
    }


def order_json(order: PaperOrder) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "user_id": f"u-{order.account}",
        "client_order_id": order.client_ref,
        "ticker": order.book_id.removeprefix("kalshi:"),
        **direction(order),
        "type": "limit",
        "status": STATUS[order.status],
        "yes_price_dollars": dollars(order.yes_price),
        "no_price_dollars": dollars(ONE - order.yes_price),
        "fill_count_fp": count(order.filled),
        "remaining_count_fp": count(order.remaining),
        "initial_count_fp": count(order.size),
        "taker_fill_cost_dollars": dollars(number(order, "taker_cost")),
        "maker_fill_cost_dollars": dollars(number(order, "maker_cost")),
        "taker_fees_dollars": dollars(number(order, "taker_fees")),
        "maker_fees_dollars": dollars(number(order, "maker_fees")),
        "expiration_time": None if order.expires_at is None else iso(order.expires_at * 1000),
        "created_time": iso(order.created_at),
        "last_update_time": iso(order.updated_at),
        "self_trade_prevention_type": order.extra.get("prevention", "taker_at_cross"),
        "order_group_id": order.extra.get("group") or None,
        "cancel_order_on_pause": order.extra.get("cancel_on_pause") == "1",
        "subaccount_number": 0,
        "exchange_index": int(order.extra.get("exchange_index", "0")),
    }


def placed_json(order: PaperOrder) -> dict[str, Any]:
    """The answer to a create or amend."""
    body: dict[str, Any] = {
        "order_id": order.order_id,
        "fill_count": count(order.filled),
        "remaining_count": count(order.remaining),
        "ts_ms": order.updated_at,
    }
    if order.client_ref:
        body["client_order_id"] = order.client_ref
    if order.filled > ZERO:
        yes_value = number(order, "yes_value")
        body["average_fill_price"] = dollars((yes_value / order.filled).quantize(Decimal("0.000001")))
        body["average_fee_paid"] = dollars((order.fees / order.filled).quantize(Decimal("0.000001")))
    return body


def fill_json(trade: Trade, order: PaperOrder) -> dict[str, Any]:
    """A trade as a REST fill; it carries no client order id."""
    is_taker = order.order_id == trade.taker_order
    ticker = trade.book_id.removeprefix("kalshi:")
    return {
        "fill_id": trade.trade_id,
        "trade_id": trade.trade_id,
        "order_id": order.order_id,
        "ticker": ticker,
        "market_ticker": ticker,
        **direction(order),
        "count_fp": count(trade.size),
        "yes_price_dollars": dollars(trade.yes_price),
        "no_price_dollars": dollars(ONE - trade.yes_price),
        "is_taker": is_taker,
        "fee_cost": dollars(trade.taker_fee if is_taker else trade.maker_fee),
        "created_time": iso(trade.at),
        "ts": trade.at // 1000,
        "subaccount_number": 0,
        "exchange_index": int(order.extra.get("exchange_index", "0")),
    }


def fill_message(trade: Trade, order: PaperOrder, position: Decimal) -> dict[str, Any]:
    """The same trade on the socket."""
    body = fill_json(trade, order)
    kept = ("trade_id", "order_id", "market_ticker", "is_taker", "side", "action", "book_side", "outcome_side")
    shown = {key: body[key] for key in (*kept, "yes_price_dollars", "count_fp", "fee_cost", "exchange_index")}
    more = {"ts": trade.at // 1000, "ts_ms": trade.at, "post_position_fp": count(position), "subaccount": 0}
    mine = {"client_order_id": order.client_ref} if order.client_ref else {}
    return {**shown, **more, **mine, "purchased_side": body["outcome_side"]}


def order_message(order: PaperOrder) -> dict[str, Any]:
    """An order on the socket: the REST object with epoch-millisecond times."""
    body = {key: value for key, value in order_json(order).items() if value is not None and key != "type"}
    extra: dict[str, Any] = {
        "is_yes": order.is_bid,
        "side": "yes" if order.is_bid else "no",
        "created_ts_ms": order.created_at,
        "last_updated_ts_ms": order.updated_at,
    }
    if order.expires_at is not None:
        extra["expiration_ts_ms"] = order.expires_at * 1000
    return {**body, **extra}


def position_json(holding: Holding, settled: bool) -> dict[str, Any]:
    return {
        "ticker": holding.ticker,
        "exchange_index": 0,
        "total_traded_dollars": dollars(holding.traded),
        "position_fp": count(ZERO if settled else holding.position),
        "market_exposure_dollars": dollars(ZERO if settled else holding.cost.quantize(Decimal("0.000001"))),
        "realized_pnl_dollars": dollars(holding.realised.quantize(Decimal("0.000001"))),
        "fees_paid_dollars": dollars(holding.fees),
        "last_updated_ts": iso(holding.updated_at),
    }


def position_message(holding: Holding, account: str) -> dict[str, Any]:
    body = position_json(holding, False)
    return {
        "user_id": f"u-{account}",
        "market_ticker": holding.ticker,
        "position_fp": body["position_fp"],
        "position_cost_dollars": body["market_exposure_dollars"],
        "realized_pnl_dollars": body["realized_pnl_dollars"],
        "fees_paid_dollars": body["fees_paid_dollars"],
        "position_fee_cost_dollars": body["fees_paid_dollars"],
        "volume_fp": count(holding.volume),
        "subaccount": 0,
    }


def settlement_json(holding: Holding, market: KalshiMarket) -> dict[str, Any]:
    """What a settled market paid; ``revenue`` and ``value`` are integer cents."""
    value = Decimal(market.value or "0")
    yes, no = max(holding.position, ZERO), max(-holding.position, ZERO)
    spent = holding.cost.quantize(Decimal("0.000001"))
    return {
        "ticker": market.ticker,
        "exchange_index": market.exchange_index,
        "event_ticker": market.event_ticker,
        "market_result": market.result,
        "yes_count_fp": count(yes),
        "yes_total_cost_dollars": dollars(spent if yes else ZERO),
        "no_count_fp": count(no),
        "no_total_cost_dollars": dollars(spent if no else ZERO),
        "revenue": cents(yes * value + no * (ONE - value)),
        "settled_time": iso(market.settled_at or 0),
        "fee_cost": dollars(holding.fees),
        "value": cents(value),
    }


def sides(engine: Engine, book_id: str) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
    """YES bids and NO bids, each ascending, as (price, size)."""
    bids, asks = engine.depth(book_id)
    return sorted(bids), sorted((ONE - price, size) for price, size in asks)


def levels(side: list[tuple[Decimal, Decimal]], depth: int = 0) -> list[list[str]]:
    """The best ``depth`` levels (all for 0), ascending: the last row is the best."""
    return [[dollars(price), count(size)] for price, size in side[-depth:]]


def book_json(engine: Engine, book_id: str, depth: int = 0) -> dict[str, Any]:
    yes, no = sides(engine, book_id)
    return {"yes_dollars": levels(yes, depth), "no_dollars": levels(no, depth)}

"""Orders, trades, books and markets as this venue writes them (polymarket sheet, sections 6 and 7)."""

import hashlib
from decimal import Decimal
from itertools import islice
from typing import Any

from overround.paper.engine import Engine
from overround.paper.polymarket.accounts import Accounts
from overround.paper.polymarket.listing import Condition
from overround.paper.records import PaperOrder, Trade

ONE = Decimal(1)
NOBODY = "0x" + "0" * 40
ENDINGS = {
    "expired": "CANCELED_EXPIRED_ORDER",
    "market resolved": "CANCELED_MARKET_RESOLVED",
    "not enough contracts": "CANCELED_NOT_ENOUGH_BALANCE",
}


def plain_number(value: Decimal) -> str:
    """Decimal text without an exponent or trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def order_status(order: PaperOrder) -> str:
    if order.status == "open":
        return "LIVE"
    if order.status == "filled" or (order.time_in_force != "gtc" and order.filled > 0):
        return "MATCHED"
    return ENDINGS.get(order.reason, "CANCELED")


class Renderer:
    """Everything that needs the engine, the conditions and the accounts at once."""

    def __init__(self, engine: Engine, accounts: Accounts, conditions: dict[str, Condition]) -> None:
        self._engine, self._accounts, self._conditions = engine, accounts, conditions
        self._trades_of: dict[str, list[str]] = {}
        self._indexed = 0

    def _associated(self, order_id: str) -> list[str]:
        """Trade ids of an order, from an index that follows the engine's growing list of trades."""
        for trade in islice(self._engine.trades.values(), self._indexed, None):
            for name in {trade.maker_order, trade.taker_order}:
                self._trades_of.setdefault(name, []).append(trade.trade_id)
        self._indexed = len(self._engine.trades)
        return self._trades_of.get(order_id, [])

    def _condition(self, book_id: str) -> Condition:
        return self._conditions[book_id.removeprefix("polymarket:")]

    def _wallet(self, order: PaperOrder) -> str:
        return order.extra.get("maker", NOBODY)

    def order(self, order: PaperOrder, status: str | None = None) -> dict[str, Any]:
        condition = self._condition(order.book_id)
        return {
            "id": order.order_id,
            "status": status or order_status(order),
            "market": condition.condition_id,
            "asset_id": condition.asset_of(order.outcome),
            "side": order.action.upper(),
            "original_size": plain_number(order.size),
            "size_matched": plain_number(order.filled),
            "price": plain_number(order.price),
            "outcome": condition.label_of(order.outcome),
            "order_type": order.extra.get("order_type", "GTC"),
            "owner": self._accounts.owner_key(order.account),
            "maker_address": self._wallet(order),
            "expiration": order.extra.get("expiration", "0"),
            "created_at": order.created_at // 1000,
            "associate_trades": list(self._associated(order.order_id)),
        }

    def order_event(self, kind: str, order: PaperOrder, at: int) -> dict[str, Any]:
        body = self.order(order)
        return {
            **body,
            "created_at": str(body["created_at"]),
            "event_type": "order",
            "type": kind,
            "order_owner": body["owner"],
            "timestamp": str(at),
        }

    def _side(self, order: PaperOrder, trade: Trade, size_key: str) -> dict[str, Any]:
        condition = self._condition(order.book_id)
        price = trade.yes_price if order.outcome == "yes" else ONE - trade.yes_price
        return {
            "owner": self._accounts.owner_key(order.account),
            "maker_address": self._wallet(order),
            size_key: plain_number(trade.size),
            "price": plain_number(price),
            "asset_id": condition.asset_of(order.outcome),
            "outcome": condition.label_of(order.outcome),
            "side": order.action.upper(),
        }

    def trade(self, trade: Trade, account: str, status: str) -> dict[str, Any]:
        """A trade as one account sees it. The top level is the taker's; makers are listed, each in its own asset."""
        maker, taker = self._engine.orders[trade.maker_order], self._engine.orders[trade.taker_order]
        condition = self._condition(trade.book_id)
        bps = plain_number(condition.fee_rate * 10000)
        mined = status.removeprefix("TRADE_STATUS_") in ("MINED", "CONFIRMED")
        return {
            **self._side(taker, trade, "size"),
            "id": trade.trade_id,
            "taker_order_id": trade.taker_order,
            "market": condition.condition_id,
            "fee_rate_bps": bps,
            "status": status,
            "match_time": str(trade.at // 1000),
            "last_update": str(trade.at // 1000),
            "bucket_index": 0,
            "transaction_hash": "0x" + hashlib.sha256(trade.trade_id.encode()).hexdigest() if mined else "",
            "trader_side": "TAKER" if taker.account == account else "MAKER",
            "maker_orders": [
                {**self._side(maker, trade, "matched_amount"), "order_id": trade.maker_order, "fee_rate_bps": "0"}
            ],
        }

    def levels(self, condition: Condition, asset_id: str) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
        """Bids and asks of one asset, price to size."""
        bids, asks = self._engine.depth(condition.book_id)
        if asset_id == condition.assets[0]:
            return dict(bids), dict(asks)
        return {ONE - price: size for price, size in asks}, {ONE - price: size for price, size in bids}

    def book(self, condition: Condition, asset_id: str, at: int) -> dict[str, Any]:
        """Bids ascend and asks descend: the best level is last."""
        bids, asks = self.levels(condition, asset_id)
        body: dict[str, Any] = {
            "market": condition.condition_id,
            "asset_id": asset_id,
            "timestamp": str(at),
            "bids": [{"price": plain_number(p), "size": plain_number(bids[p])} for p in sorted(bids)],
            "asks": [{"price": plain_number(p), "size": plain_number(asks[p])} for p in sorted(asks, reverse=True)],
            "min_order_size": plain_number(condition.min_size),
            "tick_size": plain_number(condition.tick),
            "neg_risk": condition.neg_risk,
            "last_trade_price": "",
        }
        return {**body, "hash": hashlib.sha1(repr(body).encode(), usedforsecurity=False).hexdigest()}

    def clob_market(self, condition: Condition) -> dict[str, Any]:
        """The compact form of ``/clob-markets``."""
        return {
            "c": condition.condition_id,
            "t": [{"t": a, "o": o} for a, o in zip(condition.assets, condition.labels, strict=True)],
            "mts": float(condition.tick),
            "mos": float(condition.min_size),
            "nr": condition.neg_risk,
            "fd": {"r": float(condition.fee_rate), "e": condition.fee_exponent, "to": True},
        }

    def full_market(self, condition: Condition) -> dict[str, Any]:
        book = self._engine.books[condition.book_id]
        paid = book.value
        pays = (paid, None if paid is None else ONE - paid)
        return {
            "condition_id": condition.condition_id,
            "question": condition.question,
            "market_slug": f"{condition.event_slug}-{condition.market_number}",
            "active": True,
            "closed": paid is not None,
            "accepting_orders": book.open,
            "enable_order_book": True,
            "minimum_order_size": float(condition.min_size),
            "minimum_tick_size": float(condition.tick),
            "neg_risk": condition.neg_risk,
            "seconds_delay": condition.seconds_delay,
            "game_start_time": condition.start_text,
            "tokens": [
                {"token_id": a, "outcome": o, "price": float(p or 0), "winner": p == ONE}
                for a, o, p in zip(condition.assets, condition.labels, pays, strict=True)
            ],
        }

"""The paper world's own books in one JSON-ready object: the independent witness of what happened."""

from dataclasses import asdict
from typing import Any

from overround.paper.world import World, plain

HOUSE = frozenset({"background", "noise", "informed", "tape"})
"""Accounts of the paper world's own people."""


def witness(world: World, bookmaker: dict[str, Any]) -> dict[str, Any]:
    """Every client's orders, trades and wallets at every exchange, the settled books, and the bookmaker's books."""
    engine = world.engine
    orders = {key: order for key, order in engine.orders.items() if order.account not in HOUSE}
    trades = [t for t in engine.trades.values() if t.maker_order in orders or t.taker_order in orders]
    body = {
        "orders": [asdict(order) for order in orders.values()],
        "trades": [asdict(trade) for trade in trades],
        "wallets": [asdict(wallet) for wallet in engine.wallets.values() if wallet.account not in HOUSE],
        "settled": {book.book_id: book.value for book in engine.books.values() if book.value is not None},
        "bookmaker": bookmaker,
    }
    plainly: dict[str, Any] = plain(body)
    return plainly

"""Takes orders and cancels into the engine and answers in the venue's words (polymarket sheet, 5.3 and 5.4)."""

import time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from overround.paper.engine import Engine
from overround.paper.polymarket.accounts import ApiKey, Trader
from overround.paper.polymarket.hub import VENUE
from overround.paper.polymarket.intake import FAK_KILLED, FOK_KILLED, OrderRefused, Ticket, examine
from overround.paper.polymarket.listing import Condition
from overround.paper.polymarket.modes import POST_ONLY_TEXT, Modes
from overround.paper.records import PaperOrder, Refusal, Trade
from overround.paper.world import World

NOT_READY = "the market is not yet ready to process new orders"
NO_FUNDS = "not enough balance / allowance"
ENGINE_WORDS = {
    "post_only_cross": "invalid post-only order: order crosses book",
    "funds": NO_FUNDS,
    "holdings": NO_FUNDS,
    "fok": FOK_KILLED,
    "closed": NOT_READY,
    "unknown_book": NOT_READY,
}
KILLED = "polymarket-killed"
FAULT_WORDS = {
    "funds": NO_FUNDS,
    "post_only_cross": ENGINE_WORDS["post_only_cross"],
    "system": "could not insert order",
    "market_closed": NOT_READY,
}


def taker_fee(condition: Condition, price: Decimal, size: Decimal) -> Decimal:
    """In pUSD, 5 decimals (section 10); the same for both sides of a price."""
    spread = (price * (1 - price)) ** condition.fee_exponent
    return (size * condition.fee_rate * spread).quantize(Decimal("0.00001"), ROUND_HALF_UP)


def refused(text: str) -> dict[str, Any]:
    """One element of a batch answer that says no."""
    return {**accepted("", ""), "success": False, "errorMsg": text}


def accepted(order_id: str, status: str, trades: list[str] | None = None) -> dict[str, Any]:
    return {
        "success": True,
        "errorMsg": "",
        "orderID": order_id,
        "status": status,
        "makingAmount": "",
        "takingAmount": "",
        "tradeIDs": trades or [],
        "transactionsHashes": [],
    }


class Desk:
    """Placement and cancelling. ``assets`` finds the condition of an asset id."""

    def __init__(self, world: World, assets: dict[str, Condition], modes: Modes) -> None:
        self._world, self._assets, self._modes = world, assets, modes
        self._engine: Engine = world.engine
        self._indexed = {order_id for order_id, _ in world.store.all(KILLED)}
        self.delayed: dict[str, tuple[float, PaperOrder]] = {}

    # -- placing ----------------------------------------------------------------------------------------------------

    def place(self, body: Any, trader: Trader, key: ApiKey) -> dict[str, Any]:
        """Take one order, or say why not."""
        try:
            ticket = examine(body, trader, key, self._assets, self._world.clock())
            self._gate(ticket)
            return self._take(ticket, trader)
        except OrderRefused as error:
            return refused(str(error))
        except Refusal as error:
            if error.code == "duplicate":
                return refused(f"order {ticket.order_id} is invalid. Duplicated.")
            if error.code == "fok":
                self._remember(ticket.order_id)
            return refused(ENGINE_WORDS.get(error.code, str(error)))

    def _gate(self, ticket: Ticket) -> None:
        if (fault := self._world.faults.fires(VENUE, "refuse")) is not None:
            raise OrderRefused(str(fault.get("text") or FAULT_WORDS.get(str(fault.get("code")), NO_FUNDS)))
        if self._modes.current == "post_only" and not ticket.post_only:
            raise OrderRefused(POST_ONLY_TEXT)
        if any(ticket.order_id in known for known in (self._engine.orders, self._indexed, self.delayed)):
            raise OrderRefused(f"order {ticket.order_id} is invalid. Duplicated.")

    def _order(self, ticket: Ticket, trader: Trader) -> PaperOrder:
        return PaperOrder(
            order_id=ticket.order_id,
            exchange=VENUE,
            book_id=ticket.condition.book_id,
            account=trader.account,
            outcome=ticket.side,
            action="buy" if ticket.action == "buy" else "sell",
            price=ticket.price,
            size=ticket.size,
            created_at=self._world.now_ms(),
            time_in_force={"FOK": "fok", "FAK": "ioc"}.get(ticket.kind, "gtc"),  # type: ignore[arg-type]
            post_only=ticket.post_only,
            expires_at=ticket.expires_at,
            extra={
                "asset": ticket.condition.asset_of(ticket.side),
                "maker": ticket.maker,
                "order_type": ticket.kind,
                "expiration": ticket.expiration,
            },
        )

    def _enter(self, order: PaperOrder, condition: Condition) -> list[Trade]:
        """Match and rest; a buyer who takes needs the fee besides the price (section 10)."""
        if order.action == "buy" and not order.post_only:
            needed, left = Decimal(0), order.size
            for other in self._engine.crossing(order):
                size = min(left, other.remaining)
                price = other.yes_price if order.outcome == "yes" else 1 - other.yes_price
                needed, left = needed + price * size + taker_fee(condition, price, size), left - size
            if needed + left * order.price > self._engine.available(VENUE, order.account):
                raise Refusal("funds", NO_FUNDS)
        return self._engine.place(order)

    def _take(self, ticket: Ticket, trader: Trader) -> dict[str, Any]:
        order = self._order(ticket, trader)
        crosses = bool(self._engine.crossing(order))
        if ticket.kind == "FAK" and not crosses:
            self._remember(ticket.order_id)
            raise OrderRefused(FAK_KILLED)
        if crosses and not ticket.post_only and ticket.condition.seconds_delay:
            self.delayed[ticket.order_id] = (time.monotonic() + ticket.condition.seconds_delay, order)
            return accepted(ticket.order_id, "delayed")
        trades = [trade.trade_id for trade in self._enter(order, ticket.condition)]
        return accepted(ticket.order_id, "matched" if trades else "live", trades)

    def release_delayed(self) -> None:
        """Match held orders whose delay is over; one the engine no longer takes is gone."""
        for name, (due, order) in list(self.delayed.items()):
            if time.monotonic() < due:
                continue
            del self.delayed[name]
            try:
                self._enter(order, self._assets[order.extra["asset"]])
            except Refusal:
                self._remember(name)

    def _remember(self, order_id: str) -> None:
        """A digest that was killed is not taken again, in this process or a later one (section 5.5)."""
        self._indexed.add(order_id)
        self._world.store.put(KILLED, order_id, {})
        self._world.store.commit()

    # -- cancelling -------------------------------------------------------------------------------------------------

    def cancel(self, order_ids: list[str], account: str) -> dict[str, Any]:
        """Cancel by id; what could not be cancelled is named with its reason."""
        done: list[str] = []
        failed: dict[str, str] = {}
        for name in order_ids:
            order = self._engine.orders.get(name)
            if order is None or order.account != account:
                failed[name] = "order can't be found - already canceled or matched"
            elif self._engine.cancel(name, "cancelled by its owner") > Decimal(0):
                done.append(name)
            else:
                failed[name] = "matched orders can't be canceled" if order.status == "filled" else "already canceled"
        return {"canceled": done, "not_canceled": failed}

    def cancel_where(self, account: str, book_id: str | None = None, side: str | None = None) -> dict[str, Any]:
        """Cancel every open order of an account, of one book and side when given."""
        chosen = [
            order.order_id
            for order in self._engine.open_orders(VENUE, account)
            if book_id in (None, order.book_id) and side in (None, order.outcome)
        ]
        return self.cancel(chosen, account)

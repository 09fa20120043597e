"""Takes, changes and cancels orders by this venue's rules on the shared engine (kalshi sheet, section 6)."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any, Literal

from overround.paper.engine import Outcome, PaperOrder, Refusal
from overround.paper.kalshi.catalogue import Catalogue, KalshiMarket
from overround.paper.kalshi.fees import charge, coefficient, trade_fee
from overround.paper.kalshi.grids import on_grid
from overround.paper.kalshi.groups import Groups
from overround.paper.kalshi.intake import Ticket, invalid, moment_of, price_of, require_client_id, size_of, text
from overround.paper.kalshi.ledger import position
from overround.paper.kalshi.wire import ApiError
from overround.paper.world import World, plain

ZERO, ONE = Decimal(0), Decimal(1)
NAME = "kalshi"
REFUSALS = {
    "funds": (400, "insufficient_balance"),
    "holdings": (400, "insufficient_position"),
    "closed": (400, "market_inactive"),
    "unknown_book": (404, "not_found"),
}


def refused(refusal: Refusal) -> ApiError:
    status, code = REFUSALS.get(refusal.code, (400, refusal.code))
    return ApiError(status, code, str(refusal))


class Desk:
    """Orders of every account. ``precision`` is the member's balance precision in dollars."""

    def __init__(self, world: World, catalogue: Catalogue, groups: Groups, precision: Decimal) -> None:
        self._world, self._catalogue, self._groups, self._precision = world, catalogue, groups, precision
        self._engine = world.engine
        self._client_ids = {
            (order.account, order.client_ref): order.order_id
            for order in self._engine.orders.values()
            if order.exchange == NAME and order.client_ref
        }
        self._orders: dict[str, list[PaperOrder]] = {}
        for order in self._engine.orders.values():
            if order.exchange == NAME:
                self._orders.setdefault(order.account, []).append(order)
        self._engine.charge(NAME, self.fee)

    # -- creating -----------------------------------------------------------------------------------------------------

    def create(self, account: str, ticket: Ticket) -> PaperOrder:
        """Place one order; what it is afterwards. ``ApiError`` leaves nothing behind."""
        market = self._catalogue.market(ticket.ticker)
        self._admit(account, ticket, market)
        order = self._order(account, ticket, market)
        with self._grouped(order):
            if ticket.post_only and self._engine.crossing(order):
                self._engine.reject(order, "PostOnlyCrossCancel")
            else:
                self._send(order, ticket)
        self._orders.setdefault(account, []).append(order)
        if ticket.client_order_id:
            self._client_ids[(account, ticket.client_order_id)] = order.order_id
        return order

    @contextmanager
    def _grouped(self, order: PaperOrder) -> Iterator[None]:
        """In its group from before its first match, which may be the one that ends the group."""
        name = order.extra["group"]
        if name:
            self._groups.join(order.account, name, order.order_id)
        try:
            yield
        except ApiError:
            if name:
                self._groups.leave(order.account, name, order.order_id)
            raise

    def _admit(self, account: str, ticket: Ticket, market: KalshiMarket) -> None:
        if market.status != "active":
            raise ApiError(400, "market_inactive", f"market {market.ticker} is {market.status}")
        if ticket.exchange_index not in (None, -1, market.exchange_index):
            raise ApiError(404, "not_found", f"market {market.ticker} is not on that shard")
        if not on_grid(ticket.price, market.ranges):
            raise ApiError(400, "invalid_price", f"{ticket.price} is not on the {market.structure} grid")
        if ticket.client_order_id and (account, ticket.client_order_id) in self._client_ids:
            raise ApiError(409, "order_already_exists", "an order with this client_order_id already exists")
        if ticket.group:
            self._groups.admit(account, ticket.group)

    def _order(self, account: str, ticket: Ticket, market: KalshiMarket) -> PaperOrder:
        outcome, action, size = self._shape(account, ticket, market)
        extra = {
            "prevention": ticket.prevention,
            "group": ticket.group,
            "cancel_on_pause": "1" if ticket.cancel_on_pause else "",
            "post_only": "1" if ticket.post_only else "",
            "exchange_index": str(market.exchange_index),
        }
        return PaperOrder(
            order_id=str(uuid.uuid4()),
            exchange=NAME,
            book_id=market.book_id,
            account=account,
            outcome=outcome,
            action=action,
            price=ticket.price if outcome == "yes" else ONE - ticket.price,
            size=size,
            created_at=self._world.now_ms(),
            client_ref=ticket.client_order_id,
            time_in_force=ticket.time_in_force,
            post_only=False,
            expires_at=ticket.expires_at,
            extra=extra,
        )

    def _shape(
        self, account: str, ticket: Ticket, market: KalshiMarket
    ) -> tuple[Outcome, Literal["buy", "sell"], Decimal]:
        """A bid buys YES and an ask buys NO; a reducing order sells what is held, at most all of it."""
        if not ticket.reduce_only:
            return ("yes" if ticket.side == "bid" else "no"), "buy", ticket.size
        held = position(self._engine, account, market.ticker)
        reducible = held if ticket.side == "ask" else -held
        if reducible <= ZERO:
            raise ApiError(400, "reduce_only", "no position to reduce")
        return ("no" if ticket.side == "bid" else "yes"), "sell", min(ticket.size, reducible)

    def _send(self, order: PaperOrder, ticket: Ticket) -> None:
        """Match and rest, never against the account's own orders."""
        wanted = order.size
        own, stops_at = self._in_the_way(order, ticket.prevention)
        self._require_funds(order, own)
        self._make_way(own)
        if order.time_in_force == "fok" and stops_at < wanted:
            return self._engine.reject(order, "FillOrKillUnfilled")
        if stops_at == ZERO:
            return self._engine.reject(order, "SelfTradePrevented")
        if stops_at < wanted:
            order.size, order.time_in_force = stops_at, "ioc"
        try:
            self._engine.place(order)
        except Refusal as refusal:
            if refusal.code == "fok":
                return self._engine.reject(order, "FillOrKillUnfilled")
            raise refused(refusal) from refusal
        return None

    def _require_funds(self, order: PaperOrder, leaving: list[PaperOrder]) -> None:
        """Refused before own orders make way for it; what those reserve counts as free."""
        if order.action == "sell" or (NAME, order.account) not in self._engine.wallets:
            return
        freed = sum((other.price * other.remaining for other in leaving if other.action == "buy"), ZERO)
        if self._engine.available(NAME, order.account) + freed < order.price * order.size:
            raise refused(Refusal("funds", "not enough balance"))

    def _in_the_way(self, order: PaperOrder, prevention: str) -> tuple[list[PaperOrder], Decimal]:
        """Own resting orders it would meet, and how much of it may trade or rest: with ``maker`` those are to be
        cancelled, ``taker_at_cross`` stops at the first of them."""
        reachable, own = ZERO, list[PaperOrder]()
        for other in self._engine.crossing(order):
            if reachable >= order.size:
                break
            if other.account != order.account:
                reachable += other.remaining
            elif prevention == "maker":
                own.append(other)
            else:
                return [], min(reachable, order.size)
        return own, order.size

    def _make_way(self, own: list[PaperOrder]) -> None:
        for other in own:
            self._engine.cancel(other.order_id, "SelfTradePrevention")

    def orders_of(self, account: str) -> list[PaperOrder]:
        """Every order the account ever sent here, oldest first."""
        return self._orders.get(account, [])

    # -- changing -----------------------------------------------------------------------------------------------------

    def order(self, account: str, order_id: str) -> PaperOrder:
        order = self._engine.orders.get(order_id)
        if order is None or order.exchange != NAME or order.account != account:
            raise ApiError(404, "not_found", f"order {order_id} not found")
        return order

    def _live(self, account: str, order_id: str, market_ticker: str | None, exchange_index: int | None) -> PaperOrder:
        """An open order on the shard asked for: its market's, the named one, or shard 0 when neither is named."""
        order = self.order(account, order_id)
        shard = int(order.extra.get("exchange_index", "0"))
        ticker = order.book_id.removeprefix("kalshi:")
        routed = market_ticker == ticker if market_ticker is not None else exchange_index in (shard, -1)
        if market_ticker is None and exchange_index is None:
            routed = shard == 0
        if order.status != "open" or not routed:
            raise ApiError(404, "not_found", f"order {order_id} not found")
        return order

    def cancel(
        self, account: str, order_id: str, market_ticker: str | None = None, exchange_index: int | None = None
    ) -> tuple[PaperOrder, Decimal]:
        """Cancel one order; the size removed."""
        order = self._live(account, order_id, market_ticker, exchange_index)
        return order, self._engine.cancel(order_id, "canceled by the member")

    def cancel_all(self, account: str) -> None:
        for order in self._engine.open_orders(NAME, account):
            self._engine.cancel(order.order_id, "canceled by the member")

    def amend(self, account: str, order_id: str, body: dict[str, Any]) -> PaperOrder:
        """Change price, total count or expiry; ``count`` is filled plus wanted resting."""
        order = self._live(account, order_id, text(body, "ticker"), None)
        price, size = price_of(body.get("price")), size_of(body.get("count"))
        self._check_amend(order, self._catalogue.market(text(body, "ticker")), body, price, size)
        name, expires_at = self._new_name(order, body), self._new_expiry(order, body)
        own_price = price if order.outcome == "yes" else ONE - price
        if own_price != order.price and not self._may_move(order, own_price, size):
            return order
        try:
            self._engine.amend(order_id, price=own_price, size=size, expires_at=expires_at)
        except Refusal as refusal:
            raise refused(refusal) from refusal
        self._rename(order, name)
        return order

    def _check_amend(
        self, order: PaperOrder, market: KalshiMarket, body: dict[str, Any], price: Decimal, size: Decimal
    ) -> None:
        if market.status != "active":
            raise ApiError(400, "market_inactive", f"market {market.ticker} is {market.status}")
        if text(body, "side") != ("bid" if order.is_bid else "ask"):
            raise invalid("side cannot be amended")
        if not on_grid(price, market.ranges):
            raise ApiError(400, "invalid_price", f"{price} is not on the {market.structure} grid")
        if size < order.filled:
            raise invalid("count is the total and may not be below what is filled")

    def _may_move(self, order: PaperOrder, price: Decimal, size: Decimal) -> bool:
        """Whether the order may take a new price; a post-only order that would cross there is cancelled instead."""
        moved = replace(order, price=price, size=max(size - order.filled, ZERO), filled=ZERO)
        if not self._engine.crossing(moved):
            return True
        if order.extra.get("post_only") == "1":
            self._engine.cancel(order.order_id, "PostOnlyCrossCancel")
            return False
        own, stops_at = self._in_the_way(moved, order.extra.get("prevention", "maker"))
        if stops_at < moved.size:
            raise ApiError(400, "self_trade", "the new price would trade with an order of this account")
        self._require_funds(moved, [order, *own])
        self._make_way(own)
        return True

    def _new_expiry(self, order: PaperOrder, body: dict[str, Any]) -> int | None:
        """Omitted keeps it, 0 removes it."""
        wanted = body.get("expiration_time")
        if wanted is None:
            return order.expires_at
        return None if wanted == 0 else moment_of(wanted, int(self._world.clock()))

    def _new_name(self, order: PaperOrder, body: dict[str, Any]) -> str:
        if body.get("client_order_id") not in (None, order.client_ref):
            raise invalid("client_order_id is not this order's")
        name = text(body, "updated_client_order_id", order.client_ref)
        require_client_id(name)
        if name != order.client_ref and (order.account, name) in self._client_ids:
            raise ApiError(409, "order_already_exists", "an order with this client_order_id already exists")
        return name

    def _rename(self, order: PaperOrder, name: str) -> None:
        if name != order.client_ref:
            order.client_ref = name
            self._client_ids[(order.account, name)] = order.order_id
            self._world.store.put("order", order.order_id, plain(asdict(order)))
            self._world.store.commit()

    def decrease(self, account: str, order_id: str, body: dict[str, Any]) -> PaperOrder:
        """Take size off without losing the place in the queue."""
        order = self._live(account, order_id, body.get("market_ticker"), body.get("exchange_index"))
        by, to = body.get("reduce_by"), body.get("reduce_to")
        if (by is None) == (to is None):
            raise invalid("exactly one of reduce_by and reduce_to")
        if to is not None:
            left = ZERO if to in ("0", "0.0", "0.00") else size_of(to, "reduce_to")
        else:
            left = max(ZERO, order.remaining - size_of(by, "reduce_by"))
        if left > order.remaining:
            raise invalid("a decrease cannot add size")
        if left == ZERO:
            self._engine.cancel(order_id, "decreased to nothing")
        else:
            self._engine.amend(order_id, price=order.price, size=order.filled + left, expires_at=order.expires_at)
        return order

    # -- money --------------------------------------------------------------------------------------------------------

    def fee(self, order: PaperOrder, yes_price: Decimal, size: Decimal, is_taker: bool) -> Decimal:
        """The engine's fee rule: charges the fill and keeps the order's own totals."""
        market = self._catalogue.markets[order.book_id.removeprefix("kalshi:")]
        fee_type, multiplier = self._catalogue.events[market.event_ticker].fees()
        fee = trade_fee(coefficient(fee_type, multiplier, is_taker), size, yes_price)
        own = yes_price if order.outcome == "yes" else ONE - yes_price
        revenue = own * size if order.action == "sell" else -own * size
        result = charge(revenue, fee, Decimal(order.extra.get("rounding", "0")), self._precision)
        order.extra["rounding"] = str(result.accumulator)
        role = "taker" if is_taker else "maker"
        for key, amount in (
            (f"{role}_cost", own * size),
            (f"{role}_fees", result.net),
            ("yes_value", yes_price * size),
        ):
            order.extra[key] = str(Decimal(order.extra.get(key, "0")) + amount)
        return result.net

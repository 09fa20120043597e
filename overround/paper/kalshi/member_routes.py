"""A member's orders, fills, positions, money and order groups (kalshi sheet, sections 6, 8, 10 and 14)."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from overround.paper.engine import PaperOrder
from overround.paper.kalshi import faults, ledger, render
from overround.paper.kalshi.calls import Call, page
from overround.paper.kalshi.groups import group_json, limit_of
from overround.paper.kalshi.intake import invalid, read_ticket
from overround.paper.kalshi.wire import ApiError, cents, count, dollars, reply

if TYPE_CHECKING:
    from overround.paper.kalshi.venue import PaperKalshi

NAME = "kalshi"
ZERO = Decimal(0)


def items_of(body: Any) -> list[Any]:
    orders = body.get("orders") if isinstance(body, dict) else None
    if not isinstance(orders, list) or not orders:
        raise invalid("orders is required")
    return orders


class MemberReads:
    """Signed reads."""

    def __init__(self, venue: "PaperKalshi") -> None:
        self._venue, self._engine = venue, venue.engine

    def _event_of(self, ticker: str) -> str:
        market = self._venue.catalogue.markets.get(ticker)
        return "" if market is None else market.event_ticker

    def _wanted(self, call: Call, ticker: str, at: int | None = None) -> bool:
        tickers, events = call.names("ticker"), call.names("event_ticker")
        low, high = call.number("min_ts"), call.number("max_ts")
        return (
            (not tickers or ticker in tickers)
            and (not events or self._event_of(ticker) in events)
            and (at is None or low is None or at >= low * 1000)
            and (at is None or high is None or at <= high * 1000)
        )

    def _mine(self, call: Call) -> list[PaperOrder]:
        if call.query("status") == "resting":
            return self._engine.open_orders(NAME, call.account)
        return self._venue.desk.orders_of(call.account)

    def orders(self, call: Call) -> Any:
        status = call.query("status")
        rows = [
            render.order_json(order)
            for order in reversed(self._mine(call))
            if self._wanted(call, order.book_id.removeprefix("kalshi:"), order.created_at)
            and status in ("", render.STATUS[order.status])
        ]
        return page(self._venue, call.request, "orders", rows)

    def order(self, call: Call) -> Any:
        return {"order": render.order_json(self._venue.desk.order(call.account, call.path("order_id")))}

    def fills(self, call: Call) -> Any:
        order_id = call.query("order_id")
        rows = [
            render.fill_json(trade, order)
            for trade, order in reversed(self._engine.trades_of(NAME, call.account))
            if trade.status == "ok"
            and self._venue.broadcast.shown(trade)
            and order_id in ("", order.order_id)
            and self._wanted(call, trade.book_id.removeprefix("kalshi:"), trade.at)
        ]
        return page(self._venue, call.request, "fills", rows)

    def positions(self, call: Call) -> Any:
        wanted = call.query("settlement_status", "unsettled")
        rows = []
        for ticker, holding in ledger.holdings(self._engine, call.account).items():
            settled = self._engine.books[f"kalshi:{ticker}"].value is not None
            if wanted in ("all", "settled" if settled else "unsettled") and self._wanted(call, ticker):
                row = render.position_json(holding, settled)
                if "position" not in call.names("count_filter") or Decimal(row["position_fp"]):
                    rows.append(row)
        return page(self._venue, call.request, "market_positions", rows) | {"event_positions": []}

    def settlements(self, call: Call) -> Any:
        rows = []
        for ticker, holding in ledger.holdings(self._engine, call.account).items():
            market = self._venue.catalogue.markets[ticker]
            if market.settled_at is not None and self._wanted(call, ticker, market.settled_at):
                rows.append(render.settlement_json(holding, market))
        return page(self._venue, call.request, "settlements", rows)

    def balance(self, call: Call) -> Any:
        known = (NAME, call.account) in self._engine.wallets
        cash = self._engine.available(NAME, call.account) if known else ZERO
        value = sum((h.cost for t, h in self._open_holdings(call.account)), ZERO)
        return {
            "balance": cents(cash),
            "balance_dollars": dollars(cash),
            "portfolio_value": cents(value),
            "updated_ts": self._venue.world.now_ms() // 1000,
            "balance_breakdown": [{"exchange_index": 0, "balance": dollars(cash)}],
        }

    def _open_holdings(self, account: str) -> list[tuple[str, ledger.Holding]]:
        held = ledger.holdings(self._engine, account).items()
        return [(ticker, item) for ticker, item in held if self._engine.books[f"kalshi:{ticker}"].value is None]

    def queue_position(self, call: Call) -> Any:
        order = self._venue.desk.order(call.account, call.path("order_id"))
        return {"queue_position_fp": count(self._ahead(order))}

    def queue_positions(self, call: Call) -> Any:
        tickers = call.names("market_tickers")
        rows = []
        for order in self._engine.open_orders(NAME, call.account):
            ticker = order.book_id.removeprefix("kalshi:")
            if self._wanted(call, ticker) and (not tickers or ticker in tickers):
                position = count(self._ahead(order))
                rows.append({"order_id": order.order_id, "market_ticker": ticker, "queue_position_fp": position})
        return {"queue_positions": rows}

    def _ahead(self, order: PaperOrder) -> Decimal:
        book = self._engine.books[order.book_id]
        side = book.bids if order.is_bid else book.asks
        earlier = (o for o in side if o.yes_price == order.yes_price and o.sequence < order.sequence)
        return sum((o.remaining for o in earlier), ZERO)

    def limits(self, call: Call) -> Any:
        return self._venue.meter(call.caller).limits()

    def groups(self, call: Call) -> Any:
        return {"order_groups": [group_json(g) | {"id": g.group_id} for g in self._venue.groups.of(call.account)]}

    def group(self, call: Call) -> Any:
        group = self._venue.groups.get(call.account, call.path("group_id"))
        return group_json(group) | {"orders": group.orders}


class MemberWrites:
    """Signed writes."""

    def __init__(self, venue: "PaperKalshi") -> None:
        self._venue = venue

    def _take(self, call: Call, body: Any) -> PaperOrder:
        ticket = read_ticket(body, int(self._venue.world.clock()))
        faults.refuse_order(self._venue)
        return self._venue.desk.create(call.account, ticket)

    def _require_trading(self) -> None:
        if not self._venue.trading:
            raise ApiError(503, "exchange_paused", "trading is paused; cancels are accepted")

    async def create(self, call: Call) -> Response:
        self._require_trading()
        order = self._take(call, call.fields())
        await faults.fill_first(self._venue, [order])
        return reply(render.placed_json(order), 201)

    async def create_batch(self, call: Call) -> Response:
        self._require_trading()
        items = items_of(call.body)
        results: list[PaperOrder | dict[str, Any]] = [self._try(call, item) for item in items]
        placed = [result for result in results if isinstance(result, PaperOrder)]
        await faults.fill_first(self._venue, placed)
        shown = [render.placed_json(one) if isinstance(one, PaperOrder) else one for one in results]
        return reply({"orders": shown}, 201)

    def _try(self, call: Call, item: Any) -> PaperOrder | dict[str, Any]:
        try:
            return self._take(call, item)
        except ApiError as error:
            known = item.get("client_order_id") if isinstance(item, dict) else None
            body = {"error": {"code": error.code, "message": error.message}}
            return body | ({"client_order_id": known} if known else {})

    async def cancel(self, call: Call) -> Response:
        ticker, shard = call.query("market_ticker") or None, call.number("exchange_index")
        return reply(self._cancelled(call, call.path("order_id"), ticker, shard))

    def _cancelled(self, call: Call, order_id: str, ticker: str | None, shard: int | None) -> dict[str, Any]:
        order, removed = self._venue.desk.cancel(call.account, order_id, ticker, shard)
        body = {"order_id": order.order_id, "reduced_by": count(removed), "ts_ms": order.updated_at}
        return body | ({"client_order_id": order.client_ref} if order.client_ref else {})

    async def cancel_batch(self, call: Call) -> Response:
        items = items_of(call.body)
        if not all(isinstance(item, dict) and isinstance(item.get("order_id"), str) for item in items):
            raise invalid("order_id is required")
        return reply({"orders": [self._try_cancel(call, item) for item in items]})

    def _try_cancel(self, call: Call, item: dict[str, Any]) -> dict[str, Any]:
        order_id = item["order_id"]
        try:
            return self._cancelled(call, order_id, item.get("market_ticker"), item.get("exchange_index"))
        except ApiError as error:
            return {"order_id": order_id, "reduced_by": "0.00", "error": {"code": error.code, "message": error.message}}

    async def cancel_all(self, call: Call) -> Response:
        self._venue.desk.cancel_all(call.account)
        return Response(status_code=204)

    async def amend(self, call: Call) -> Response:
        self._require_trading()
        order = self._venue.desk.amend(call.account, call.path("order_id"), call.fields())
        return reply(render.placed_json(order))

    async def decrease(self, call: Call) -> Response:
        order = self._venue.desk.decrease(call.account, call.path("order_id"), call.fields())
        body = render.placed_json(order)
        return reply(
            {key: body[key] for key in ("order_id", "client_order_id", "remaining_count", "ts_ms") if key in body}
        )

    async def create_group(self, call: Call) -> Response:
        group = self._venue.groups.create(call.account, limit_of(call.fields()))
        return reply({"order_group_id": group.group_id, "subaccount": 0, "exchange_index": 0}, 201)

    async def change_group(self, call: Call) -> Response:
        groups = self._venue.groups
        group = groups.get(call.account, call.path("group_id"))
        match call.path("change"):
            case "trigger":
                groups.trigger(group)
            case "reset":
                groups.reset(group)
            case "limit":
                groups.resize(group, limit_of(call.fields()))
            case other:
                raise ApiError(404, "not_found", f"no such change {other}")
        return reply({})

    async def delete_group(self, call: Call) -> Response:
        self._venue.groups.delete(self._venue.groups.get(call.account, call.path("group_id")))
        return reply({})

"""The CLOB's REST paths and both WebSockets (polymarket sheet, sections 4 to 8)."""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from overround.paper.half_answer import HalfAnswer
from overround.paper.polymarket.accounts import ApiKey, Trader
from overround.paper.polymarket.answers import Denied, body_of, denied, error, object_of, whole
from overround.paper.polymarket.faults import after_placing
from overround.paper.polymarket.hub import VENUE
from overround.paper.polymarket.listing import Condition
from overround.paper.polymarket.render import plain_number

if TYPE_CHECKING:
    from overround.paper.polymarket.venue import PaperPolymarket

MAX_ORDERS, MAX_CANCELS = 15, 3000
PAGE, BEGIN, END, BROKEN = 100, "MA==", "LTE=", "c2hvcnQ="
BAD_TRADES = "Invalid trade params payload"
Private = Callable[[Request, Trader, ApiKey], Awaitable[Response]]


def clob_app(venue: "PaperPolymarket") -> Starlette:
    """The CLOB of one paper venue; it keeps the venue's time while it is served."""
    public, private = _Public(venue), _Private(venue)

    def guarded(handler: Private) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            trader, key = await venue.accounts.client(request)
            return await handler(request, trader, key)

        return endpoint

    def open_to(path: str, method: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(path, handler, methods=[method])

    return Starlette(
        lifespan=venue.lifespan,
        exception_handlers={Denied: denied},
        routes=[
            *(open_to(path, method, handler) for path, method, handler in public.routes()),
            *(open_to(path, method, guarded(handler)) for path, method, handler in private.routes()),
            WebSocketRoute("/ws/user", venue.hub.user),
            WebSocketRoute("/ws/market", venue.hub.market),
        ],
    )


class _Public:
    """Level 0 and level 1."""

    def __init__(self, venue: "PaperPolymarket") -> None:
        self._venue = venue

    def routes(self) -> list[tuple[str, str, Callable[[Request], Awaitable[Response]]]]:
        return [
            ("/ok", "GET", self.ok),
            ("/time", "GET", self.time),
            ("/version", "GET", self.version),
            ("/auth/api-key", "POST", self.create_key),
            ("/auth/derive-api-key", "GET", self.derive_key),
            ("/markets", "GET", self.markets),
            ("/markets/{condition_id}", "GET", self.market),
            ("/markets-by-token/{asset_id}", "GET", self.by_token),
            ("/clob-markets/{condition_id}", "GET", self.compact),
            ("/book", "GET", self.book),
            ("/books", "POST", self.books),
            ("/tick-size", "GET", self.tick_size),
            ("/neg-risk", "GET", self.neg_risk),
            ("/fee-rate", "GET", self.fee_rate),
        ]

    async def ok(self, _: Request) -> Response:
        return JSONResponse("OK")

    async def time(self, _: Request) -> Response:
        return PlainTextResponse(str(int(time.time())))

    async def version(self, _: Request) -> Response:
        return JSONResponse({"version": 2})

    async def create_key(self, request: Request) -> Response:
        return self._key(request, self._venue.accounts.create)

    async def derive_key(self, request: Request) -> Response:
        return self._key(request, self._venue.accounts.derive)

    def _key(self, request: Request, make: Callable[[Request], ApiKey]) -> Response:
        key = make(request)
        return JSONResponse({"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase})

    async def markets(self, _: Request) -> Response:
        found = [self._venue.render.full_market(c) for c in self._venue.conditions.values()]
        return JSONResponse({"limit": len(found), "count": len(found), "next_cursor": END, "data": found})

    async def market(self, request: Request) -> Response:
        condition = self._venue.conditions.get(request.path_params["condition_id"])
        return error("market not found", 404) if condition is None else self._full(condition)

    def _full(self, condition: Condition) -> Response:
        return JSONResponse(self._venue.render.full_market(condition))

    async def by_token(self, request: Request) -> Response:
        condition = self._venue.assets.get(request.path_params["asset_id"])
        if condition is None:
            return error("market not found", 404)
        first, second = condition.assets
        body = {"condition_id": condition.condition_id, "primary_token_id": first, "secondary_token_id": second}
        return JSONResponse(body)

    async def compact(self, request: Request) -> Response:
        condition = self._venue.conditions.get(request.path_params["condition_id"])
        return (
            error("market not found", 404)
            if condition is None
            else JSONResponse(self._venue.render.clob_market(condition))
        )

    def _asked(self, request: Request) -> Condition | None:
        return self._venue.assets.get(request.query_params.get("token_id", ""))

    async def book(self, request: Request) -> Response:
        snapshot = self._venue.snapshot(request.query_params.get("token_id", ""))
        return (
            error("No orderbook exists for the requested token id", 404) if snapshot is None else JSONResponse(snapshot)
        )

    async def books(self, request: Request) -> Response:
        items = await body_of(request)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            return error("Invalid payload")
        asked = [item.get("token_id") for item in items]
        if not all(isinstance(name, str) for name in asked):
            return error("Invalid payload")
        return JSONResponse([book for book in map(self._venue.snapshot, asked) if book is not None])

    async def tick_size(self, request: Request) -> Response:
        condition = self._asked(request)
        return error("market not found", 404) if condition is None else _one("minimum_tick_size", float(condition.tick))

    async def neg_risk(self, request: Request) -> Response:
        condition = self._asked(request)
        return error("market not found", 404) if condition is None else _one("neg_risk", condition.neg_risk)

    async def fee_rate(self, request: Request) -> Response:
        condition = self._asked(request)
        if condition is None:
            return error("market not found", 404)
        return _one("base_fee", int(condition.fee_rate * 10000))


def _one(name: str, value: Any) -> Response:
    return JSONResponse({name: value})


class _Private:
    """Level 2."""

    def __init__(self, venue: "PaperPolymarket") -> None:
        self._venue = venue

    def routes(self) -> list[tuple[str, str, Private]]:
        return [
            ("/auth/api-keys", "GET", self.keys),
            ("/auth/api-key", "DELETE", self.revoke),
            ("/auth/ban-status/closed-only", "GET", self.closed_only),
            ("/order", "POST", self.place),
            ("/orders", "POST", self.place_many),
            ("/order", "DELETE", self.cancel),
            ("/orders", "DELETE", self.cancel_many),
            ("/cancel-all", "DELETE", self.cancel_all),
            ("/cancel-market-orders", "DELETE", self.cancel_market),
            ("/v1/heartbeats", "POST", self.heartbeat),
            ("/data/order/{order_id}", "GET", self.order),
            ("/data/orders", "GET", self.orders),
            ("/data/trades", "GET", self.trades),
            ("/balance-allowance", "GET", self.balance),
            ("/balance-allowance/update", "GET", self.update_balance),
        ]

    async def keys(self, _: Request, trader: Trader, __: ApiKey) -> Response:
        return JSONResponse({"apiKeys": self._venue.accounts.keys_of(trader)})

    async def revoke(self, _: Request, __: Trader, key: ApiKey) -> Response:
        self._venue.accounts.revoke(key)
        return JSONResponse("OK")

    async def closed_only(self, _: Request, __: Trader, ___: ApiKey) -> Response:
        return _one("closed_only", False)

    # -- orders -----------------------------------------------------------------------------------------------------

    def _stopped(self, cancelling: bool) -> Response | None:
        faults = self._venue.world.faults
        if faults.fires(VENUE, "request_lost") is not None:
            return HalfAnswer()
        if faults.fires(VENUE, "rate_limited") is not None:
            return JSONResponse({"error": "Too Many Requests"}, 429, {"Retry-After": "1"})
        if (asked := faults.fires(VENUE, "maintenance")) is not None:
            after = float(asked.get("post_only_seconds", 0))
            self._venue.modes.enter(asked.get("mode", "disabled"), float(asked.get("seconds", 1)), after)
        return self._venue.modes.refuses_all(cancelling)

    async def place(self, request: Request, trader: Trader, key: ApiKey) -> Response:
        if (stopped := self._stopped(False)) is not None:
            return stopped
        answer = self._venue.desk.place(await body_of(request), trader, key)
        response = JSONResponse(answer) if answer["success"] else error(answer["errorMsg"])
        return await after_placing(self._venue, response, [answer["orderID"]])

    async def place_many(self, request: Request, trader: Trader, key: ApiKey) -> Response:
        if (stopped := self._stopped(False)) is not None:
            return stopped
        bodies = await body_of(request)
        if not isinstance(bodies, list):
            return error("Invalid order payload")
        if len(bodies) > MAX_ORDERS:
            return error(f"Too many orders in payload: {len(bodies)}, max allowed: {MAX_ORDERS}")
        answers = [self._venue.desk.place(body, trader, key) for body in bodies]
        return await after_placing(self._venue, JSONResponse(answers), [answer["orderID"] for answer in answers])

    async def cancel(self, request: Request, trader: Trader, _: ApiKey) -> Response:
        name = (await object_of(request)).get("orderID")
        return self._cancelled([name], trader) if isinstance(name, str) else error("Invalid orderID")

    async def cancel_many(self, request: Request, trader: Trader, _: ApiKey) -> Response:
        body = await body_of(request)
        if not isinstance(body, list) or not all(isinstance(name, str) for name in body):
            return error("Invalid payload")
        if len(body) > MAX_CANCELS:
            return error(f"Too many orders in payload, max allowed: {MAX_CANCELS}")
        return self._cancelled(body, trader)

    def _cancelled(self, order_ids: list[str], trader: Trader) -> Response:
        if (stopped := self._stopped(True)) is not None:
            return stopped
        answer = self._venue.desk.cancel(order_ids, trader.account)
        lost = self._venue.world.faults.fires(VENUE, "cancel_lost") is not None
        return HalfAnswer() if lost else JSONResponse(answer)

    async def cancel_all(self, _: Request, trader: Trader, __: ApiKey) -> Response:
        return self._stopped(True) or JSONResponse(self._venue.desk.cancel_where(trader.account))

    async def cancel_market(self, request: Request, trader: Trader, _: ApiKey) -> Response:
        body = await object_of(request)
        market, asset = (str(body.get(name) or "") for name in ("market", "asset_id"))
        condition = self._venue.conditions.get(market) if market else self._venue.assets.get(asset)
        if condition is None:
            return error("Invalid market")
        if (stopped := self._stopped(True)) is not None:
            return stopped
        side = condition.side_of(asset) if asset else None
        return JSONResponse(self._venue.desk.cancel_where(trader.account, condition.book_id, side))

    async def heartbeat(self, request: Request, trader: Trader, _: ApiKey) -> Response:
        body = await object_of(request)
        fed, expected = self._venue.heartbeats.feed(trader.account, str(body.get("heartbeat_id", "")))
        if fed:
            return _one("heartbeat_id", expected)
        return JSONResponse({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected}, 400)

    # -- reads ------------------------------------------------------------------------------------------------------

    async def order(self, request: Request, trader: Trader, _: ApiKey) -> Response:
        name = request.path_params["order_id"]
        held = self._venue.desk.delayed.get(name)
        order = held[1] if held else self._venue.engine.orders.get(name)
        if order is None or order.account != trader.account:
            return JSONResponse(None)
        return JSONResponse(self._venue.render.order(order, "DELAYED" if held else None))

    async def orders(self, request: Request, trader: Trader, _: ApiKey) -> Response:
        query = request.query_params
        found = [self._venue.render.order(o) for o in self._venue.engine.open_orders(VENUE, trader.account)]
        for name in ("id", "market", "asset_id"):
            found = [row for row in found if query.get(name) in (None, row[name])]
        return self._page(request, found, "invalid order params payload")

    async def trades(self, request: Request, trader: Trader, _: ApiKey) -> Response:
        query = request.query_params
        settling, render = self._venue.settling, self._venue.render
        mine = {trade.trade_id: trade for trade, _ in self._venue.engine.trades_of(VENUE, trader.account)}
        after = whole(request, "after", 0, says=BAD_TRADES, status=400)
        before = whole(request, "before", 1 << 60, says=BAD_TRADES, status=400)
        chosen = [trade for trade in mine.values() if after <= trade.at // 1000 <= before]
        found = [render.trade(t, trader.account, "TRADE_STATUS_" + settling.status(t)) for t in chosen]
        for name in ("id", "market", "asset_id", "maker_address"):
            found = [row for row in found if query.get(name) in (None, row[name])]
        return self._page(request, found, BAD_TRADES)

    def _page(self, request: Request, found: list[Any], says: str) -> Response:
        """A page from an offset cursor; the fault ``page_short`` cuts one and breaks the next."""
        cursor = request.query_params.get("next_cursor", BEGIN)
        if cursor == BROKEN:
            return error("Internal server error", 500)
        start = 0 if cursor == BEGIN else whole(request, "next_cursor", 0, says=says, status=400)
        rows = found[start : start + PAGE]
        following = END if start + PAGE >= len(found) else str(start + PAGE)
        if self._venue.world.faults.fires(VENUE, "page_short") is not None:
            rows, following = rows[: len(rows) // 2], BROKEN
        return JSONResponse({"limit": PAGE, "count": len(rows), "next_cursor": following, "data": rows})

    async def balance(self, request: Request, trader: Trader, _: ApiKey) -> Response:
        query = request.query_params
        wallet = self._venue.engine.wallets[(VENUE, trader.account)]
        if query.get("asset_type") == "COLLATERAL":
            amount = wallet.cash
        elif query.get("asset_type") in ("CONDITIONAL", "CONDITIONAL-V2"):
            condition = self._asked(query.get("token_id", ""))
            if condition is None:
                return error("Invalid token id")
            side = condition.side_of(query["token_id"])
            amount = self._venue.engine.holding(VENUE, trader.account, condition.book_id, side)
        else:
            return error("Invalid asset type")
        body = {"balance": plain_number(amount * 1_000_000).partition(".")[0], "allowances": {}}
        return JSONResponse(body)

    def _asked(self, asset_id: str) -> Condition | None:
        return self._venue.assets.get(asset_id)

    async def update_balance(self, _: Request, __: Trader, ___: ApiKey) -> Response:
        return JSONResponse("OK")

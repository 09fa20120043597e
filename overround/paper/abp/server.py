"""The paper bookmaker on the wire: 55-Tech ABP's paths, keys, errors and limits. Source: bookmakers sheet, section 5.

Faults of venue ``abp`` (armed in ``world.faults``): ``refuse`` (``code`` or ``reason``), ``partial`` (``share``),
``reprice`` (``factor``), ``answer_lost``, ``answer_late`` (``seconds``), ``error_accepted``, ``rate_limited``
(``seconds``), ``maintenance`` (``seconds``), ``page_short``, ``stream_cut``, ``stream_frozen`` (``seconds``),
``stream_gap``, ``bad_frame``.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from overround.paper.abp.books import BookBet, Books, RoutedOrder
from overround.paper.abp.hub import Hub
from overround.paper.abp.intake import Wanted, read_orders
from overround.paper.abp.offers import Offers, Rules
from overround.paper.abp.results import Results
from overround.paper.abp.router import Router
from overround.paper.abp.views import account_view, bet_view, offer_view, order_view
from overround.paper.abp.wire import Problem, answer, loads
from overround.paper.half_answer import HalfAnswer
from overround.paper.world import Changed, PaperFixture, PaperMarket, World

Handler = Callable[[Request, str], Awaitable[Response]]
PAGE = 100


class PaperAbp:
    """A router with bookmaker accounts for each client of ``api_keys`` (key to client). ``clock`` is epoch seconds."""

    name = "abp"

    def __init__(
        self,
        world: World,
        api_keys: dict[str, str],
        rules: Rules | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.world, self.rules = world, rules or Rules()
        self._keys = api_keys
        self._clock = clock or world.clock
        self.inactive_keys: set[str] = set()
        self.books = Books(world.store, self._now, self.rules.deposit, self.rules.currency)
        self.offers = Offers(world, self.books, self.rules)
        self._hub = Hub(self.rules, world.faults, self._now, self._client_of)
        self._router = Router(self.books, self.offers, self.rules, world.faults, self._hub.publish)
        self._results = Results(self.books, self.rules, self._hub.publish)
        self._windows: dict[str, tuple[int, int]] = {}
        self._closed_until = 0.0
        self._break_page = False
        world.listen(self._on_change)
        self.app = Starlette(routes=self._routes(), lifespan=self._lifespan)

    # -- for the world -----------------------------------------------------------------------------------------------

    def settle(self, fixture: PaperFixture, market: PaperMarket) -> None:
        """Pay the bets of a market from ``market.results``; repeated it changes nothing, corrected it books the
        difference. Called by itself too whenever the world tells of a fixture with results."""
        self._results.settle(fixture, market)

    def block(self, client: str, bookmaker: str, *, active: bool = False) -> None:
        """Block (or reopen) one bookmaker account, as bookmakers do in mid-session."""
        account = self.books.account(client, bookmaker)
        account.active = active
        self.books.save(account)
        self.books.store.commit()
        self._hub.publish(client, "accounts", "UPDATE", account_view(account, self.rules))

    def witness(self) -> dict[str, Any]:
        """Everything an independent check needs: accounts with deposit and balance, all orders, all bets. Decimals."""
        accounts = [
            {**account_view(item, self.rules), "client": item.client, "deposited": item.deposited}
            for item in self.books.accounts.values()
        ]
        bets = [{**bet_view(self.books, bet), "client": bet.client} for bet in self.books.bets.values()]
        orders = [{**order_view(self.books, order), "client": order.client} for order in self.books.orders.values()]
        return {"accounts": accounts, "orders": orders, "bets": bets}

    def start(self) -> None:
        """Continue what an earlier process left unfinished; the app's lifespan calls this."""
        for order in self.books.orders.values():
            self._router.resume(order)
        for fixture in self.world.fixtures.values():
            self._settle_all(fixture)

    def cut_streams(self, client: str) -> None:
        """Drop the client's sockets now."""
        self._hub.cut(client)

    def _on_change(self, change: Changed) -> None:
        self._settle_all(change.fixture)

    def _settle_all(self, fixture: PaperFixture) -> None:
        for market in fixture.markets:
            if market.results:
                self.settle(fixture, market)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.start()
        yield
        await self._router.stop()

    # -- routes ------------------------------------------------------------------------------------------------------

    def _routes(self) -> list[Route | WebSocketRoute]:
        guarded: list[tuple[str, str, Handler]] = [
            ("GET", "/accounts", self._accounts),
            ("GET", "/betslip", self._betslip),
            ("POST", "/place-orders", self._place),
            ("POST", "/cancel-orders", self._cancel),
            ("GET", "/orders", self._orders),
            ("GET", "/bets", self._bets),
            ("GET", "/bets/{bet_id:int}", self._bet),
        ]
        routes: list[Route | WebSocketRoute] = [
            Route(path, self._guarded(handler), methods=[method]) for method, path, handler in guarded
        ]
        routes += [Route(path, self._state) for path in ("/health", "/ready", "/status")]
        return [*routes, WebSocketRoute("/ws", self._hub.serve)]

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                self._check_open()
                key, client = self._authenticate(request)
                headers = self._count(key)
                response = await handler(request, client)
            except Problem as problem:
                detail = problem.detail if isinstance(problem.detail, dict) else {"detail": problem.detail}
                if problem.status == 429:
                    headers["Retry-After"] = str(detail["retry_after"])
                return answer(detail, problem.status, headers)
            response.headers.update(headers)
            return response

        return endpoint

    async def _state(self, _: Request) -> Response:
        closed = self._clock() < self._closed_until
        state: dict[str, Any] = {"status": "maintenance" if closed else "ok", "emergency": False, "circuitBreakers": {}}
        return answer(state, 503 if closed else 200)

    async def _accounts(self, _: Request, client: str) -> Response:
        accounts = [self.books.account(client, slug) for slug in self.offers.slugs()]
        return answer([account_view(account, self.rules) for account in accounts])

    async def _betslip(self, request: Request, client: str) -> Response:
        query = request.query_params
        try:
            fixture_id, outcome_id = query["fixtureId"], int(query["outcomeId"])
            player_id = int(query.get("playerId", "0"))
        except (KeyError, ValueError):
            raise Problem(422, "fixtureId, outcomeId and playerId are required") from None
        found = self.offers.selection(fixture_id, outcome_id)
        slip: dict[str, Any] = {}
        for slug in self.offers.slugs(found[0]) if found else []:
            offer = self.offers.offer(client, slug, fixture_id, outcome_id)
            key = f"{fixture_id}:{slug}:{outcome_id}:{player_id}"
            slip[key] = offer_view(offer, self.books.account(client, slug), self.rules)
        return answer(slip)

    async def _place(self, request: Request, client: str) -> Response:
        wanted = read_orders(await _body(request), self._now(), self.rules.currency)
        fresh = [order for order in _first_of_each(wanted) if not self._remembered(client, order.request_uuid)]
        if not fresh:
            raise Problem(409, "every requestUuid was seen in the last 30 minutes")
        orders = [self._begin(client, order) for order in fresh]
        refused = [o for o in orders if o.status == "REJECTED" and not self.books.bets_of(o)]
        accepted = [o for o in orders if o not in refused]
        declined = [{"requestUuid": o.request_uuid, "orderId": o.order_id, "declineReason": o.reason} for o in refused]
        status = "declined" if not accepted else "partial-success" if declined else "accepted"
        views = [order_view(self.books, o) for o in accepted]
        return await self._misanswer({"status": status, "acceptedOrders": views, "declinedOrders": declined})

    async def _misanswer(self, body: Any) -> Response:
        """The answer to a placement that has already happened, or one of its failures."""
        faults = self.world.faults
        if faults.fires("abp", "answer_lost") is not None:
            return HalfAnswer()
        if faults.fires("abp", "error_accepted") is not None:
            return answer({"detail": "internal error"}, 502)
        if (late := faults.fires("abp", "answer_late")) is not None:
            await asyncio.sleep(float(late.get("seconds", 1)))
        return answer(body)

    def _begin(self, client: str, wanted: Wanted) -> RoutedOrder:
        now = self._now()
        order = RoutedOrder(
            self.books.next_order_id(),
            client,
            wanted.request_uuid,
            wanted.fixture_id,
            wanted.outcome_id,
            wanted.player_id,
            wanted.price,
            wanted.stake,
            wanted.bookmakers or self.offers.slugs(),
            wanted.expires_at,
            now,
            now,
            wanted.partial,
            wanted.better,
            wanted.user_ref,
            meta=wanted.meta,
        )
        self._router.begin(order, wanted.refused)
        return order

    def _remembered(self, client: str, request_uuid: str) -> bool:
        oldest = self._now() - self.rules.memory_seconds * 1000
        return any(order.created_at > oldest for order in self.books.by_request.get((client, request_uuid), []))

    async def _cancel(self, request: Request, client: str) -> Response:
        body = await _body(request)
        if not isinstance(body, dict) or not {"requestUuids", "orderIds", "userRef"} & set(body):
            raise Problem(422, "requestUuids, orderIds or userRef is required")
        if not all(isinstance(body.get(name, []), list) for name in ("requestUuids", "orderIds")):
            raise Problem(422, "requestUuids and orderIds are lists")
        mine = [order for order in self.books.orders.values() if order.client == client]
        chosen = [order for order in mine if _named(order, body)]
        done = [order.order_id for order in chosen if self._router.cancel(order)]
        left = [order.order_id for order in chosen if order.order_id not in done]
        kept = {"reason": "not cancellable", "orders": left}
        return answer({"status": "accepted", "cancelledCount": len(done), "cancelled": done, "notCancelled": kept})

    async def _orders(self, request: Request, client: str) -> Response:
        self._maybe_break_page()
        query = request.query_params
        filters: dict[str, Callable[[RoutedOrder], str]] = {
            "requestUuids": lambda o: o.request_uuid,
            "orderIds": lambda o: str(o.order_id),
            "userRef": lambda o: o.user_ref or "",
            "orderStatus": lambda o: o.status,
            "fixtureId": lambda o: o.fixture_id,
        }
        asked = {name: query[name].split(",") for name in filters if name in query}
        after = _whole(query.get("afterOrderId"), 0)
        mine = [o for o in self.books.orders.values() if o.client == client and o.order_id > after]
        if asked:
            mine = [o for o in mine if any(filters[name](o) in values for name, values in asked.items())]
        short = self.world.faults.fires("abp", "page_short") is not None
        self._break_page = short
        limit = _limit(request)
        page = [] if short else mine[:limit]
        more = short or len(mine) > len(page)
        cursor = page[-1].order_id if page else after
        views = [order_view(self.books, order) for order in page]
        return answer({"orders": views, "hasMore": more, "nextCursor": cursor if more else None})

    async def _bets(self, request: Request, client: str) -> Response:
        query = request.query_params
        after = _whole(query.get("afterBetId"), 0)
        mine = [bet for bet in self.books.bets.values() if bet.client == client and bet.bet_id > after]
        if "orderId" in query:
            mine = [bet for bet in mine if str(bet.order_id) == query["orderId"]]
        page = mine[: _limit(request)]
        more = len(mine) > len(page)
        views = [bet_view(self.books, bet) for bet in page]
        return answer({"bets": views, "hasMore": more, "nextCursor": page[-1].bet_id if more else None})

    async def _bet(self, request: Request, client: str) -> Response:
        bet: BookBet | None = self.books.bets.get(request.path_params["bet_id"])
        if bet is None:
            raise Problem(404, "no such bet")
        if bet.client != client:
            raise Problem(403, "this bet belongs to another client")
        return answer(bet_view(self.books, bet))

    # -- gates -------------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if (fault := self.world.faults.fires("abp", "maintenance")) is not None:
            self._closed_until = self._clock() + float(fault.get("seconds", 5))
        if self._clock() < self._closed_until:
            raise Problem(503, "maintenance")

    def _authenticate(self, request: Request) -> tuple[str, str]:
        key = request.headers.get("X-API-Key", "")
        if key in self.inactive_keys:
            raise Problem(403, "this key is inactive")
        client = self._client_of(key)
        if client is None:
            raise Problem(401, {"detail": {"message": "Invalid or missing API key", "code": "UNAUTHORIZED"}})
        return key, client

    def _client_of(self, key: str) -> str | None:
        return None if key in self.inactive_keys else self._keys.get(key)

    def _count(self, key: str) -> dict[str, str]:
        """Rate-limit headers of one more call in this second; 429 when it is one too many."""
        limit, second = self.rules.rate_per_second, int(self._clock())
        start, used = self._windows.get(key, (second, 0))
        used = used + 1 if start == second else 1
        self._windows[key] = (second, used)
        fault = self.world.faults.fires("abp", "rate_limited")
        if fault is not None or used > limit:
            wait = (fault or {}).get("seconds", 1)
            raise Problem(429, {"detail": "Too many requests", "limit": limit, "retry_after": wait})
        remaining = str(limit - used)
        return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": "1"}

    def _maybe_break_page(self) -> None:
        if self._break_page:
            self._break_page = False
            raise Problem(500, "internal error")

    def _now(self) -> int:
        return int(self._clock() * 1000)


async def _body(request: Request) -> Any:
    try:
        return loads(await request.body())
    except ValueError:
        raise Problem(422, "the body is not JSON") from None


def _first_of_each(orders: list[Wanted]) -> list[Wanted]:
    return list({order.request_uuid: order for order in reversed(orders)}.values())[::-1]


def _named(order: RoutedOrder, body: dict[str, Any]) -> bool:
    return (
        order.request_uuid in body.get("requestUuids", [])
        or order.order_id in body.get("orderIds", [])
        or (order.user_ref is not None and order.user_ref == body.get("userRef"))
    )


def _limit(request: Request) -> int:
    return _whole(request.query_params.get("limit"), PAGE, least=1)


def _whole(text: str | None, otherwise: int, *, least: int = 0) -> int:
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) < least:
        raise Problem(422, f"{text!r} is not an integer")
    return int(text)

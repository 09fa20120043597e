"""Gamma and the Data API (polymarket sheet, sections 6 and 7)."""

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from overround.paper.polymarket.accounts import Trader
from overround.paper.polymarket.answers import Denied, denied, whole
from overround.paper.polymarket.hub import VENUE
from overround.paper.polymarket.listing import Condition
from overround.paper.polymarket.render import plain_number

if TYPE_CHECKING:
    from overround.paper.polymarket.venue import PaperPolymarket

PAGE, DEEPEST_OFFSET = 100, 2000
ONE = Decimal(1)


def gamma_app(venue: "PaperPolymarket") -> Starlette:
    """Discovery: events and markets."""
    gamma = _Gamma(venue)
    return Starlette(
        exception_handlers={Denied: denied},
        routes=[
            Route("/events", gamma.events),
            Route("/events/keyset", gamma.events_keyset),
            Route("/events/slug/{slug}", gamma.event_by_slug),
            Route("/events/{event_id}", gamma.event_by_id),
            Route("/markets", gamma.markets),
            Route("/markets/keyset", gamma.markets_keyset),
            Route("/markets/{market_id}", gamma.market_by_id),
        ],
    )


def _number(request: Request, name: str, default: int) -> int:
    return whole(request, name, default, least=int(name == "limit"), says=f"{name} is not a number", status=422)


def _truth(text: str | None) -> bool:
    return text == "true"


class _Gamma:
    def __init__(self, venue: "PaperPolymarket") -> None:
        self._venue = venue

    def _market(self, condition: Condition) -> dict[str, Any]:
        book = self._venue.engine.books[condition.book_id]
        bids, asks = self._venue.render.levels(condition, condition.assets[0])
        paid = book.value
        prices = (paid, ONE - paid) if paid is not None else (Decimal("0.5"), Decimal("0.5"))
        assets = json.dumps(condition.assets)
        fees = {
            "rate": float(condition.fee_rate),
            "exponent": condition.fee_exponent,
            "takerOnly": True,
            "rebateRate": 0.25,
        }
        return {
            "id": condition.market_number,
            "version": condition.version,
            "conditionId": condition.condition_id,
            "question": condition.question,
            "groupItemTitle": condition.title,
            "slug": f"{condition.event_slug}-{condition.market_number}",
            "outcomes": json.dumps(condition.labels),
            "clobTokenIds": assets if condition.version == "v1" else "[]",
            "positionIds": list(condition.assets) if condition.version == "v2" else [],
            "outcomePrices": json.dumps([plain_number(price) for price in prices]),
            "negRisk": condition.neg_risk,
            "enableOrderBook": True,
            "acceptingOrders": book.open,
            "active": True,
            "closed": paid is not None,
            "archived": False,
            "orderPriceMinTickSize": float(condition.tick),
            "orderMinSize": float(condition.min_size),
            "secondsDelay": condition.seconds_delay,
            "feesEnabled": condition.fee_rate > 0,
            "feeType": "sports_fees",
            "feeSchedule": fees,
            "umaResolutionStatus": "resolved" if paid is not None else "",
            "gameStartTime": condition.start_text,
            "bestBid": float(max(bids, default=Decimal(0))),
            "bestAsk": float(min(asks, default=ONE)),
            "events": [{"id": condition.event_id, "slug": condition.event_slug, "title": condition.event_title}],
        }

    def _event(self, conditions: list[Condition]) -> dict[str, Any]:
        first = conditions[0]
        markets = [self._market(condition) for condition in conditions]
        return {
            "id": first.event_id,
            "slug": first.event_slug,
            "title": first.event_title,
            "active": True,
            "closed": all(market["closed"] for market in markets),
            "archived": False,
            "negRisk": any(market["negRisk"] for market in markets),
            "markets": markets,
        }

    def _grouped(self) -> dict[str, list[Condition]]:
        groups: dict[str, list[Condition]] = {}
        for condition in self._venue.conditions.values():
            groups.setdefault(condition.event_id, []).append(condition)
        return groups

    def _events(self, request: Request) -> list[dict[str, Any]]:
        query = request.query_params
        found = [self._event(group) for group in self._grouped().values()]
        if "slug" in query:
            return [event for event in found if event["slug"] == query["slug"]]
        return [event for event in found if event["closed"] == _truth(query.get("closed", "false"))]

    def _markets(self, request: Request) -> list[dict[str, Any]]:
        """Closed markets are left out unless asked for."""
        query = request.query_params
        wanted, tokens = query.getlist("condition_ids"), query.getlist("clob_token_ids")
        chosen = [
            condition
            for condition in self._venue.conditions.values()
            if (not wanted or condition.condition_id in wanted)
            and (not tokens or bool(set(tokens) & set(condition.assets)))
        ]
        closed = _truth(query.get("closed", "false"))
        return [market for market in map(self._market, chosen) if market["closed"] == closed]

    def _list(self, request: Request, found: list[Any]) -> Response:
        """Offset pages, up to where the venue refuses them (section 6)."""
        offset, limit = _number(request, "offset", 0), _number(request, "limit", PAGE)
        if offset > DEEPEST_OFFSET:
            return JSONResponse({"error": "offset too large, use the cursor"}, 422)
        return JSONResponse(found[offset : offset + limit])

    def _keyset(self, request: Request, name: str, found: list[Any]) -> Response:
        start, limit = _number(request, "after_cursor", 0), _number(request, "limit", PAGE)
        body: dict[str, Any] = {name: found[start : start + limit]}
        return JSONResponse(body | ({"next_cursor": str(start + limit)} if start + limit < len(found) else {}))

    async def events(self, request: Request) -> Response:
        return self._list(request, self._events(request))

    async def events_keyset(self, request: Request) -> Response:
        return self._keyset(request, "events", self._events(request))

    async def markets(self, request: Request) -> Response:
        return self._list(request, self._markets(request))

    async def markets_keyset(self, request: Request) -> Response:
        return self._keyset(request, "markets", self._markets(request))

    async def event_by_id(self, request: Request) -> Response:
        group = self._grouped().get(request.path_params["event_id"])
        return JSONResponse(self._event(group)) if group else _missing("event")

    async def event_by_slug(self, request: Request) -> Response:
        for group in self._grouped().values():
            if group[0].event_slug == request.path_params["slug"]:
                return JSONResponse(self._event(group))
        return _missing("event")

    async def market_by_id(self, request: Request) -> Response:
        for condition in self._venue.conditions.values():
            if condition.market_number == request.path_params["market_id"]:
                return JSONResponse(self._market(condition))
        return _missing("market")


def _missing(what: str) -> Response:
    return JSONResponse({"error": f"{what} not found"}, 404)


def data_app(venue: "PaperPolymarket") -> Starlette:
    """Positions by wallet."""
    data = _Data(venue)
    routes = [Route("/positions", data.legacy), Route("/v2/positions", data.current)]
    return Starlette(routes=routes, exception_handlers={Denied: denied})


class _Data:
    def __init__(self, venue: "PaperPolymarket") -> None:
        self._venue = venue

    def _held(self, request: Request) -> list[tuple[Trader, Condition, str, Decimal]]:
        user = request.query_params.get("user", "")
        trader = next((t for t in self._venue.accounts.traders.values() if t.holds(user)), None)
        if trader is None:
            return []
        held = []
        for name, size in self._venue.engine.wallets[(VENUE, trader.account)].holdings.items():
            book_id, _, side = name.rpartition(":")
            if size > 0:
                held.append((trader, self._venue.conditions[book_id.removeprefix(f"{VENUE}:")], side, size))
        return held

    def _cost(self, trader: Trader, condition: Condition, side: str) -> tuple[Decimal, Decimal]:
        """Average price and fees of what was bought."""
        money = shares = fees = Decimal(0)
        for trade, order in self._venue.engine.trades_of(VENUE, trader.account):
            bought = order.action == "buy" and order.outcome == side and trade.status == "ok"
            if bought and trade.book_id == condition.book_id:
                price = trade.yes_price if side == "yes" else ONE - trade.yes_price
                money, shares = money + price * trade.size, shares + trade.size
                fees += trade.maker_fee if order.order_id == trade.maker_order else trade.taker_fee
        return (money / shares if shares else Decimal(0)), fees

    def _row(self, user: str, trader: Trader, condition: Condition, side: str, size: Decimal) -> dict[str, Any]:
        average, fees = self._cost(trader, condition, side)
        cost = str(average * size)
        zero = dict.fromkeys(
            ("realized_pnl", "unrealized_pnl", "total_pnl", "percent_pnl", "percent_realized_pnl"), "0"
        )
        return {
            **zero,
            "proxy_wallet": user,
            "token_id": condition.asset_of(side),
            "condition_id": condition.condition_id,
            "current_size": plain_number(size),
            "total_size": plain_number(size),
            "avg_price": str(average),
            "entry_cost_usdc": cost,
            "entry_fees_usdc": str(fees),
            "total_cost_usdc": cost,
            "current_price": str(average),
            "current_value": cost,
            "status": "OPEN",
            "redeemable": False,
            "mergeable": False,
            "negative_risk": condition.neg_risk,
            "archived": False,
            "verified": True,
            "outcome": condition.label_of(side),
            "outcome_index": condition.assets.index(condition.asset_of(side)),
        }

    async def current(self, request: Request) -> Response:
        user = request.query_params.get("user", "")
        found = [self._row(user, *held) for held in self._held(request)]
        start, limit = _number(request, "cursor", 0), _number(request, "limit", 1000)
        more = start + limit < len(found)
        pagination = {"has_more": more, "next_cursor": str(start + limit) if more else None}
        return JSONResponse({"data": found[start : start + limit], "pagination": pagination})

    async def legacy(self, request: Request) -> Response:
        user = request.query_params.get("user", "")
        rows = [(self._row(user, *held), held[1]) for held in self._held(request)]
        return JSONResponse(
            [
                {
                    "proxyWallet": user,
                    "asset": row["token_id"],
                    "conditionId": condition.condition_id,
                    "size": float(row["current_size"]),
                    "avgPrice": float(row["avg_price"]),
                    "outcome": row["outcome"],
                    "outcomeIndex": row["outcome_index"],
                    "negativeRisk": condition.neg_risk,
                    "redeemable": False,
                    "mergeable": False,
                }
                for row, condition in rows
            ]
        )

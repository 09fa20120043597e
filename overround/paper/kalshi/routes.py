"""The URL table of trade-api v2 (kalshi sheet, sections 5, 6, 8, 10 and 12)."""

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from overround.paper.kalshi.buckets import CANCEL_COST, DEFAULT_COST
from overround.paper.kalshi.calls import Cost, Handler, public, read, write
from overround.paper.kalshi.member_routes import MemberReads, MemberWrites
from overround.paper.kalshi.public_routes import PublicRoutes
from overround.paper.kalshi.socket import Session
from overround.paper.kalshi.wire import ApiError, refusal

if TYPE_CHECKING:
    from overround.paper.kalshi.venue import PaperKalshi

PREFIX = "/trade-api/v2"


def _route(path: str, method: str, handler: Handler) -> Route:
    return Route(PREFIX + path, handler, methods=[method])


def _each(cost: int) -> Cost:
    def of(body: Any) -> int:
        orders = body.get("orders") if isinstance(body, dict) else None
        return cost * max(1, len(orders) if isinstance(orders, list) else 1)

    return of


def _public(venue: "PaperKalshi") -> list[BaseRoute]:
    routes = PublicRoutes(venue)
    table = {
        "/exchange/status": routes.status,
        "/exchange/schedule": routes.schedule,
        "/exchange/user_data_timestamp": routes.user_data_timestamp,
        "/series": routes.series_list,
        "/series/fee_changes": routes.fee_changes,
        "/series/{ticker}": routes.series,
        "/events": routes.events,
        "/events/fee_changes": routes.fee_changes,
        "/events/{ticker}": routes.event,
        "/markets": routes.markets,
        "/markets/orderbooks": routes.orderbooks,
        "/markets/trades": routes.trades,
        "/markets/{ticker}": routes.market,
        "/markets/{ticker}/orderbook": routes.orderbook,
        "/account/endpoint_costs": routes.endpoint_costs,
    }
    return [_route(path, "GET", public(venue, serve)) for path, serve in table.items()]


def _reads(venue: "PaperKalshi") -> list[BaseRoute]:
    routes = MemberReads(venue)
    table = {
        "/portfolio/orders": routes.orders,
        "/portfolio/orders/queue_positions": routes.queue_positions,
        "/portfolio/orders/{order_id}": routes.order,
        "/portfolio/orders/{order_id}/queue_position": routes.queue_position,
        "/portfolio/fills": routes.fills,
        "/portfolio/positions": routes.positions,
        "/portfolio/settlements": routes.settlements,
        "/portfolio/balance": routes.balance,
        "/portfolio/order_groups": routes.groups,
        "/portfolio/order_groups/{group_id}": routes.group,
        "/account/limits": routes.limits,
    }
    return [_route(path, "GET", read(venue, serve)) for path, serve in table.items()]


def _writes(venue: "PaperKalshi") -> list[BaseRoute]:
    routes, orders, groups = MemberWrites(venue), "/portfolio/events/orders", "/portfolio/order_groups"
    return [
        _route(orders, "POST", write(venue, routes.create)),
        _route(orders, "DELETE", write(venue, routes.cancel_all)),
        _route(f"{orders}/batched", "POST", write(venue, routes.create_batch, _each(DEFAULT_COST))),
        _route(f"{orders}/batched", "DELETE", write(venue, routes.cancel_batch, _each(CANCEL_COST))),
        _route(f"{orders}/{{order_id}}", "DELETE", write(venue, routes.cancel, lambda _: CANCEL_COST)),
        _route(f"{orders}/{{order_id}}/amend", "POST", write(venue, routes.amend)),
        _route(f"{orders}/{{order_id}}/decrease", "POST", write(venue, routes.decrease)),
        _route(f"{groups}/create", "POST", write(venue, routes.create_group)),
        _route(f"{groups}/{{group_id}}/{{change}}", "PUT", write(venue, routes.change_group)),
        _route(f"{groups}/{{group_id}}", "DELETE", write(venue, routes.delete_group)),
    ]


def _socket(venue: "PaperKalshi") -> WebSocketRoute:
    async def serve(socket: WebSocket) -> None:
        try:
            caller = venue.keyring.caller(socket.headers, "GET", socket.url.path)
            if venue.closed_until > venue.clock():
                raise ApiError(503, "exchange_unavailable", "the exchange is under maintenance")
        except ApiError as error:
            await socket.send_denial_response(refusal(error))
            return
        session = Session(socket, caller.account, lambda ticker: _snapshot(venue, ticker))
        venue.broadcast.sessions.add(session)
        try:
            await session.run()
        finally:
            venue.broadcast.sessions.discard(session)

    return WebSocketRoute("/trade-api/ws/v2", serve)


def _snapshot(venue: "PaperKalshi", ticker: str) -> dict[str, Any] | None:
    return venue.broadcast.snapshot(ticker) if ticker in venue.catalogue.markets else None


async def _moved(_: Request) -> Response:
    return refusal(ApiError(410, "gone", "orders are changed under /portfolio/events/orders"))


def build(venue: "PaperKalshi") -> Starlette:
    """The ASGI application of one venue."""
    gone: list[BaseRoute] = [Route(f"{PREFIX}/portfolio/orders", _moved, methods=["POST", "DELETE"])]
    return Starlette(routes=[*_public(venue), *_reads(venue), *_writes(venue), *gone, _socket(venue)])

"""Market data and exchange state (kalshi sheet, section 5)."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from overround.paper.kalshi import render
from overround.paper.kalshi.buckets import CANCEL_COST, DEFAULT_COST
from overround.paper.kalshi.calls import number, page
from overround.paper.kalshi.catalogue import KalshiMarket, event_json, series_json
from overround.paper.kalshi.market_json import market_json
from overround.paper.kalshi.wire import ApiError, count, dollars, iso

if TYPE_CHECKING:
    from overround.paper.kalshi.venue import PaperKalshi

COARSE = {
    "open": {"active"},
    "unopened": {"initialized"},
    "paused": {"inactive"},
    "closed": {"closed", "determined", "disputed", "amended"},
    "settled": {"finalized"},
}


class PublicRoutes:
    """One method per public endpoint."""

    def __init__(self, venue: "PaperKalshi") -> None:
        self._venue = venue

    def _market(self, market: KalshiMarket) -> dict[str, Any]:
        return market_json(self._venue.engine, market)

    def _matching(self, request: Request) -> list[KalshiMarket]:
        query = request.query_params
        tickers = {item for item in query.get("tickers", "").split(",") if item}
        statuses = set().union(*(COARSE.get(name, {name}) for name in query.get("status", "").split(",") if name))
        events = self._venue.catalogue.events
        return [
            market
            for market in self._venue.catalogue.markets.values()
            if (not tickers or market.ticker in tickers)
            and (not statuses or market.status in statuses)
            and query.get("event_ticker", market.event_ticker) == market.event_ticker
            and query.get("series_ticker", "") in ("", events[market.event_ticker].series_ticker)
        ]

    def markets(self, request: Request) -> Any:
        return page(self._venue, request, "markets", [self._market(market) for market in self._matching(request)])

    def market(self, request: Request) -> Any:
        return {"market": self._market(self._venue.catalogue.market(request.path_params["ticker"]))}

    def events(self, request: Request) -> Any:
        catalogue, query = self._venue.catalogue, request.query_params
        nested = query.get("with_nested_markets") == "true"
        rows = []
        for event in catalogue.events.values():
            if query.get("series_ticker", event.series_ticker) == event.series_ticker:
                markets = [self._market(market) for market in catalogue.markets_of(event.event_ticker)]
                rows.append(event_json(event) | ({"markets": markets} if nested else {}))
        return page(self._venue, request, "events", rows)

    def event(self, request: Request) -> Any:
        event = self._venue.catalogue.event(request.path_params["ticker"])
        markets = [self._market(market) for market in self._venue.catalogue.markets_of(event.event_ticker)]
        if request.query_params.get("with_nested_markets") == "true":
            return {"event": event_json(event) | {"markets": markets}, "markets": []}
        return {"event": event_json(event), "markets": markets}

    def series_list(self, _: Request) -> Any:
        events = self._venue.catalogue.events.values()
        return {"series": list({event.series_ticker: series_json(event) for event in events}.values())}

    def series(self, request: Request) -> Any:
        ticker = request.path_params["ticker"]
        for event in self._venue.catalogue.events.values():
            if event.series_ticker == ticker:
                return {"series": series_json(event)}
        raise ApiError(404, "not_found", f"series {ticker} not found")

    def orderbook(self, request: Request) -> Any:
        market = self._venue.catalogue.market(request.path_params["ticker"])
        depth = number(request, "depth") or 0
        if not 0 <= depth <= 100:
            raise ApiError(400, "invalid_parameters", "depth must be between 0 and 100")
        return {"orderbook_fp": render.book_json(self._venue.engine, market.book_id, depth)}

    def orderbooks(self, request: Request) -> Any:
        tickers = request.query_params.getlist("tickers")
        if not 1 <= len(tickers) <= 100:
            raise ApiError(400, "invalid_parameters", "1 to 100 tickers")
        known = [self._venue.catalogue.markets[ticker] for ticker in tickers if ticker in self._venue.catalogue.markets]
        books = ((market.ticker, render.book_json(self._venue.engine, market.book_id)) for market in known)
        return {"orderbooks": [{"ticker": ticker, "orderbook_fp": book} for ticker, book in books]}

    def trades(self, request: Request) -> Any:
        ticker = request.query_params.get("ticker")
        low, high = number(request, "min_ts"), number(request, "max_ts")
        rows = []
        for trade in reversed(self._venue.engine.trades.values()):
            name = trade.book_id.removeprefix("kalshi:")
            wanted = trade.exchange == "kalshi" and ticker in (None, name)
            if wanted and (low is None or trade.at >= low * 1000) and (high is None or trade.at <= high * 1000):
                rows.append(self._trade(trade.trade_id))
        return page(self._venue, request, "trades", rows)

    def _trade(self, trade_id: str) -> dict[str, Any]:
        trade = self._venue.engine.trades[trade_id]
        taker = self._venue.engine.orders[trade.taker_order]
        return {
            "trade_id": trade.trade_id,
            "ticker": trade.book_id.removeprefix("kalshi:"),
            "count_fp": count(trade.size),
            "yes_price_dollars": dollars(trade.yes_price),
            "no_price_dollars": dollars(1 - trade.yes_price),
            "taker_outcome_side": "yes" if taker.is_bid else "no",
            "taker_book_side": "bid" if taker.is_bid else "ask",
            "created_time": iso(trade.at),
            "is_block_trade": False,
        }

    def status(self, _: Request) -> Any:
        up = self._venue.closed_until <= self._venue.clock()
        shard = {
            "exchange_index": 0,
            "description": "paper",
            "exchange_active": up,
            "trading_active": up and self._venue.trading,
            "intra_exchange_transfers_active": up,
        }
        top = {key: shard[key] for key in ("exchange_active", "trading_active")}
        return {**top, "exchange_index_statuses": [shard]}

    def schedule(self, _: Request) -> Any:
        day = [{"open_time": "00:00", "close_time": "24:00"}]
        names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        week: dict[str, Any] = dict.fromkeys(names, day)
        week |= {"start_time": "2026-01-01T00:00:00Z", "end_time": "2030-01-01T00:00:00Z"}
        return {"schedule": {"standard_hours": [week], "maintenance_windows": []}}

    def user_data_timestamp(self, _: Request) -> Any:
        return {"as_of_time": iso(self._venue.world.now_ms())}

    def fee_changes(self, request: Request) -> Any:
        key = "series_fee_change_array" if "/series/" in request.url.path else "event_fee_change_array"
        return {key: []}

    def endpoint_costs(self, _: Request) -> Any:
        cancels = [
            {"method": "DELETE", "path": path, "cost": CANCEL_COST}
            for path in ("/portfolio/events/orders/{order_id}", "/portfolio/events/orders/batched")
        ]
        return {"default_cost": DEFAULT_COST, "endpoint_costs": cancels}

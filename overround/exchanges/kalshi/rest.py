"""Thin client of trade-api v2: one method per endpoint used (kalshi sheet, sections 5 to 8).

Each method sends once and returns the parsed JSON (numbers with a fraction as ``Decimal``). Errors follow section 7:
4xx are the venue's word, 5xx and lost answers are ``Unknown``. Nothing is retried.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx

from overround.exchanges.kalshi.signing import Signer
from overround.http import Http
from overround.limiter import RateLimiter, Urgency
from overround.venues import NotFound, RateLimited, Rejected, Unauthorised, Unreadable

VENUE = "kalshi"
ORDERS = "/portfolio/events/orders"
GROUPS = "/portfolio/order_groups"
Params = dict[str, str] | list[tuple[str, str]]
TIERS = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1200, 1200),
    "paragon": (2400, 2400),
    "prime": (4800, 4800),
    "prestige": (12000, 9600),
}
"""Tokens a second for reads and writes (section 10)."""
DEFAULT_COST, CANCEL_COST = 10, 2
PAGE = "1000"


class Conflict(Rejected):
    """409: the resource exists already. For a create: an order with this client id (section 7)."""


class Refusal(Rejected):
    """A 4xx with the venue's own code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(VENUE, message)
        self.code = code


def parse(raw: bytes) -> Any:
    """JSON with exact numbers."""
    try:
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Unreadable(VENUE, "the answer is not JSON") from error


def failure(status: int, raw: bytes) -> Exception:
    """The error an answer means; accepts the flat and the older wrapped body."""
    try:
        body = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        body = {}
    inner = body.get("error", body) if isinstance(body, dict) else {}
    detail = inner if isinstance(inner, dict) else {"message": str(inner)}
    code, text = str(detail.get("code") or status), str(detail.get("message") or "no message")
    message = f"HTTP {status} {code}: {text}"
    match status:
        case 401 | 403:
            return Unauthorised(VENUE, message)
        case 404:
            return NotFound(VENUE, message)
        case 409:
            return Conflict(VENUE, message)
        case 429:
            return RateLimited(VENUE, message)
    return Refusal(message, code) if 400 <= status < 500 else Unreadable(VENUE, message)


class Rest:
    """A member's calls against one base URL (which ends in ``/trade-api/v2``). ``tier`` sets the pace."""

    def __init__(self, base_url: str, signer: Signer, *, tier: str = "basic", timeout: float = 3.0) -> None:
        self._http = Http(VENUE, base_url, timeout=timeout)
        self._signer = signer
        self._prefix = urlsplit(base_url).path.rstrip("/")
        read, write = TIERS[tier]
        self._reads = RateLimiter(read, 3 * read)
        self._writes = RateLimiter(write, write if tier == "basic" else 3 * write)

    async def close(self) -> None:
        await self._http.close()

    # -- sending ------------------------------------------------------------------------------------------------------

    async def _send(self, method: str, path: str, params: Params | None, content: bytes | None) -> httpx.Response:
        headers = self._signer.headers(method, self._prefix + path) | {"Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return await self._http.send(method, path, params=params, content=content, headers=headers)

    def _answer(self, response: httpx.Response, limiter: RateLimiter) -> Any:
        if response.status_code == 429:
            limiter.empty(1.0)
        if response.status_code >= 300:
            raise failure(response.status_code, response.content)
        return parse(response.content) if response.content else None

    async def _read(self, path: str, params: Params | None = None, urgency: Urgency = Urgency.PROBE) -> Any:
        await self._reads.take(DEFAULT_COST, urgency)
        return self._answer(await self._send("GET", path, params, None), self._reads)

    async def _write(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Params | None = None,
        cost: float = DEFAULT_COST,
        urgency: Urgency = Urgency.QUOTE,
    ) -> Any:
        await self._writes.take(cost, urgency)
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._answer(await self._send(method, path, params, content), self._writes)

    async def _pages(self, call: Callable[..., Any], key: str, params: dict[str, str]) -> list[dict[str, Any]]:
        """Every row of every page, or an error."""
        return [row async for row in self._rows(call, key, {**params, "limit": PAGE})]

    async def _rows(self, call: Callable[..., Any], key: str, params: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        seen: set[str] = set()
        while True:
            page = await call(**params)
            if not isinstance(page, dict) or not isinstance(page.get(key), list):
                raise Unreadable(VENUE, f"the answer lacks {key}")
            for row in page[key]:
                yield row
            cursor = page.get("cursor") or ""
            if not cursor:
                return
            if cursor in seen:
                raise Unreadable(VENUE, f"the cursor of {key} repeats")
            seen.add(cursor)
            params = {**params, "cursor": cursor}

    # -- public -------------------------------------------------------------------------------------------------------

    async def event(self, event_ticker: str) -> Any:
        return await self._read(f"/events/{event_ticker}")

    async def series(self, series_ticker: str) -> Any:
        return await self._read(f"/series/{series_ticker}")

    async def market(self, ticker: str) -> Any:
        return await self._read(f"/markets/{ticker}")

    async def orderbook(self, ticker: str, depth: int = 0) -> Any:
        return await self._read(f"/markets/{ticker}/orderbook", {"depth": str(depth)})

    async def orderbooks(self, tickers: Sequence[str]) -> Any:
        """1 to 100 books; the parameter is repeated."""
        return await self._read("/markets/orderbooks", [("tickers", ticker) for ticker in tickers])

    async def user_data_timestamp(self) -> Any:
        return await self._read("/exchange/user_data_timestamp")

    # -- orders -------------------------------------------------------------------------------------------------------

    async def create_order(self, body: Any, urgency: Urgency = Urgency.QUOTE) -> Any:
        return await self._write("POST", ORDERS, body, urgency=urgency)

    async def create_orders(self, body: Any, items: int, urgency: Urgency = Urgency.QUOTE) -> Any:
        cost = DEFAULT_COST * items
        return await self._write("POST", f"{ORDERS}/batched", body, cost=cost, urgency=urgency)

    async def cancel_order(self, order_id: str, **params: str) -> Any:
        path = f"{ORDERS}/{order_id}"
        return await self._write("DELETE", path, params=params, cost=CANCEL_COST, urgency=Urgency.CANCEL)

    async def cancel_orders(self, orders: Sequence[dict[str, Any]]) -> Any:
        """Batch cancel: a DELETE with a body."""
        cost, body = CANCEL_COST * len(orders), {"orders": list(orders)}
        return await self._write("DELETE", f"{ORDERS}/batched", body, cost=cost, urgency=Urgency.CANCEL)

    async def cancel_all(self, subaccount: int = 0) -> None:
        await self._write("DELETE", ORDERS, params={"subaccount": str(subaccount)}, urgency=Urgency.CANCEL)

    async def amend_order(self, order_id: str, body: Any) -> Any:
        return await self._write("POST", f"{ORDERS}/{order_id}/amend", body)

    async def decrease_order(self, order_id: str, body: Any) -> Any:
        return await self._write("POST", f"{ORDERS}/{order_id}/decrease", body)

    async def order(self, order_id: str) -> Any:
        return await self._read(f"/portfolio/orders/{order_id}")

    async def orders(self, **params: str) -> Any:
        return await self._read("/portfolio/orders", params)

    async def all_orders(self, **params: str) -> list[dict[str, Any]]:
        return await self._pages(self.orders, "orders", params)

    async def queue_positions(self, **params: str) -> Any:
        return await self._read("/portfolio/orders/queue_positions", params)

    # -- books --------------------------------------------------------------------------------------------------------

    async def fills(self, **params: str) -> Any:
        return await self._read("/portfolio/fills", params)

    async def all_fills(self, **params: str) -> list[dict[str, Any]]:
        return await self._pages(self.fills, "fills", params)

    async def positions(self, **params: str) -> Any:
        return await self._read("/portfolio/positions", params)

    async def all_positions(self, **params: str) -> list[dict[str, Any]]:
        return await self._pages(self.positions, "market_positions", params)

    async def settlements(self, **params: str) -> Any:
        return await self._read("/portfolio/settlements", params)

    async def balance(self) -> Any:
        return await self._read("/portfolio/balance")

    # -- order groups -------------------------------------------------------------------------------------------------

    async def create_group(self, body: dict[str, Any]) -> Any:
        return await self._write("POST", f"{GROUPS}/create", body)

    async def trigger_group(self, group_id: str) -> Any:
        return await self._write("PUT", f"{GROUPS}/{group_id}/trigger", urgency=Urgency.CANCEL)

    async def reset_group(self, group_id: str) -> Any:
        return await self._write("PUT", f"{GROUPS}/{group_id}/reset")

    async def limit_group(self, group_id: str, body: dict[str, Any]) -> Any:
        return await self._write("PUT", f"{GROUPS}/{group_id}/limit", body)

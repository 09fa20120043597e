"""The Polymarket endpoints this project uses, one method each: no retries, no state beyond connections and limits."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from overround.exchanges.polymarket.answers import error_text, read_error, retry_after
from overround.exchanges.polymarket.messages import VENUE, field, listed, parse, rows, text
from overround.exchanges.polymarket.signing import Credentials, Signer, request_headers
from overround.http import Http
from overround.limiter import RateLimiter, Urgency
from overround.venues import NotFound, Rejected, Unreadable

FIRST_PAGE, LAST_PAGE = "MA==", "LTE="
MAX_PAGES = 1000
ORDERS_PER_SECOND, ORDERS_BURST = 25.0, 50.0
CANCELS_PER_SECOND, CANCELS_BURST = 25.0, 50.0
READS_PER_SECOND, READS_BURST = 80.0, 200.0


def limiters() -> dict[str, RateLimiter]:
    """Buckets well inside section 9: 15,000 batches per ten minutes, 500 ledger reads per ten seconds."""
    return {
        "orders": RateLimiter(ORDERS_PER_SECOND, ORDERS_BURST),
        "cancels": RateLimiter(CANCELS_PER_SECOND, CANCELS_BURST),
        "reads": RateLimiter(READS_PER_SECOND, READS_BURST),
    }


def compact(body: object) -> bytes:
    """JSON as it is signed and sent: no spaces, non-ASCII left as is (section 4)."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


class Rest:
    """CLOB, Gamma and Data API of one account."""

    def __init__(
        self, endpoints: dict[str, str], signer: Signer, timeout: float, now: Callable[[], float] = time.time
    ) -> None:
        self._clob = Http(VENUE, endpoints["clob"], timeout=timeout)
        self._gamma = Http(VENUE, endpoints["gamma"], timeout=timeout)
        self._data = Http(VENUE, endpoints["data"], timeout=timeout)
        self._signer, self._now = signer, now
        self._limits = limiters()
        self.credentials: Credentials | None = None

    async def close(self) -> None:
        await asyncio.gather(self._clob.close(), self._gamma.close(), self._data.close())

    # -- plumbing ---------------------------------------------------------------------------------------------------

    def _headers(self, method: str, path: str, body: str | None) -> dict[str, str]:
        if self.credentials is None:
            raise Rejected(VENUE, "not signed in: enter the exchange as a context manager first")
        headers = request_headers(self._signer.address, self.credentials, int(self._now()), method, path, body)
        return {**headers, "Content-Type": "application/json"}

    async def _private(
        self, method: str, path: str, *, body: str | None = None, params: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self._clob.send(
            method,
            path,
            params=params,
            content=None if body is None else body.encode(),
            headers=self._headers(method, path, body),
        )

    async def _read(
        self, http: Http, path: str, params: dict[str, str] | None = None, urgency: Urgency = Urgency.QUOTE
    ) -> Any:
        await self._limits["reads"].take(1, urgency)
        return self._checked(await http.send("GET", path, params=params), "reads")

    async def _private_read(self, path: str, params: dict[str, str] | None = None) -> Any:
        await self._limits["reads"].take(1, Urgency.PROBE)
        return self._checked(await self._private("GET", path, params=params), "reads")

    def _checked(self, response: httpx.Response, bucket: str) -> Any:
        if response.status_code != 200:
            self._throttle(response, bucket)
            raise read_error(response)
        return parse(response.content)

    def _throttle(self, response: httpx.Response, bucket: str) -> None:
        if response.status_code == 429:
            self._limits[bucket].empty(retry_after(response) or 1.0)

    async def _pages(self, path: str, params: dict[str, str]) -> list[Any]:
        """Every row of a cursor-paginated list, or an error: never an incomplete list."""
        found: list[Any] = []
        cursor = FIRST_PAGE
        for _ in range(MAX_PAGES):
            page = await self._private_read(path, {**params, "next_cursor": cursor})
            found.extend(field(page, "data", rows))
            cursor = field(page, "next_cursor", text)
            if cursor == LAST_PAGE:
                return found
        raise Unreadable(VENUE, f"{path} did not end after {MAX_PAGES} pages")

    # -- credentials ------------------------------------------------------------------------------------------------

    async def sign_in(self) -> Credentials:
        """Derive the API credentials of this key; create them when there are none (section 4)."""
        headers = self._signer.auth_headers(int(self._now()))
        response = await self._clob.send("GET", "/auth/derive-api-key", headers=headers)
        if response.status_code in (400, 404):
            headers = self._signer.auth_headers(int(self._now()))
            response = await self._clob.send("POST", "/auth/api-key", headers=headers)
        if response.status_code != 200:
            raise read_error(response)
        body = parse(response.content)
        return Credentials(field(body, "apiKey", text), field(body, "secret", text), field(body, "passphrase", text))

    # -- market data ------------------------------------------------------------------------------------------------

    async def condition_of(self, asset_id: str) -> str:
        return field(await self._read(self._clob, f"/markets-by-token/{asset_id}"), "condition_id", text)

    async def clob_market(self, condition_id: str) -> Any:
        return await self._read(self._clob, f"/clob-markets/{condition_id}")

    async def full_market(self, condition_id: str) -> Any:
        return await self._read(self._clob, f"/markets/{condition_id}", urgency=Urgency.PROBE)

    async def books(self, assets: list[str]) -> list[Any]:
        await self._limits["reads"].take(1, Urgency.QUOTE)
        body = compact([{"token_id": asset} for asset in assets])
        response = await self._clob.send("POST", "/books", content=body, headers={"Content-Type": "application/json"})
        return listed(self._checked(response, "reads"))

    async def event(self, event: str) -> Any:
        """A Gamma event by its numeric id or its slug."""
        path = f"/events/{event}" if event.isdigit() else f"/events/slug/{event}"
        return await self._read(self._gamma, path)

    async def gamma_market(self, condition_id: str, closed: bool = False) -> Any:
        """A Gamma market by condition; Gamma leaves closed markets out unless asked for them."""
        params = {"condition_ids": condition_id, "closed": str(closed).lower()}
        found = listed(await self._read(self._gamma, "/markets", params))
        if len(found) != 1:
            raise NotFound(VENUE, f"Gamma lists {len(found)} markets for condition {condition_id}")
        return found[0]

    # -- orders -----------------------------------------------------------------------------------------------------

    async def place(self, payloads: list[str], urgency: Urgency) -> httpx.Response:
        """``POST /orders``, once. The payloads leave byte for byte."""
        await self._limits["orders"].take(1, urgency)
        response = await self._private("POST", "/orders", body="[" + ",".join(payloads) + "]")
        self._throttle(response, "orders")
        return response

    async def cancel(self, order_ids: list[str]) -> httpx.Response:
        await self._limits["cancels"].take(1, Urgency.CANCEL)
        response = await self._private("DELETE", "/orders", body=compact(order_ids).decode())
        self._throttle(response, "cancels")
        return response

    async def cancel_market(self, condition_id: str) -> None:
        await self._limits["cancels"].take(1, Urgency.CANCEL)
        body = compact({"market": condition_id}).decode()
        self._checked(await self._private("DELETE", "/cancel-market-orders", body=body), "cancels")

    async def cancel_all(self) -> None:
        await self._limits["cancels"].take(1, Urgency.CANCEL)
        self._checked(await self._private("DELETE", "/cancel-all"), "cancels")

    async def heartbeat(self, heartbeat_id: str) -> tuple[bool, str]:
        """Whether the dead-man switch was fed, and the id to send next (section 5.4)."""
        await self._limits["cancels"].take(1, Urgency.CANCEL)
        body = compact({"heartbeat_id": heartbeat_id}).decode()
        response = await self._private("POST", "/v1/heartbeats", body=body)
        if response.status_code == 400 and error_text(response) == "Invalid Heartbeat ID":
            return False, field(parse(response.content), "heartbeat_id", text)
        return True, field(self._checked(response, "cancels"), "heartbeat_id", text)

    # -- private reads ----------------------------------------------------------------------------------------------

    async def order(self, order_id: str) -> Any | None:
        """One order by id; None when the venue does not know it."""
        try:
            return await self._private_read(f"/data/order/{order_id}")
        except NotFound:
            return None

    async def open_orders(self) -> list[Any]:
        return await self._pages("/data/orders", {})

    async def trades(self, after: int, market: str | None = None) -> list[Any]:
        """Own trades since unix seconds ``after``, of one condition or of all."""
        params = {"after": str(after)} | ({"market": market} if market else {})
        return await self._pages("/data/trades", params)

    async def balance(self, signature_type: int) -> Any:
        params = {"asset_type": "COLLATERAL", "signature_type": str(signature_type)}
        return await self._private_read("/balance-allowance", params)

    async def positions(self, wallet: str) -> list[Any]:
        """Open positions of the funding wallet, all pages (Data API; it lags the engine by seconds)."""
        found: list[Any] = []
        cursor = ""
        for _ in range(MAX_PAGES):
            params = {"user": wallet} | ({"cursor": cursor} if cursor else {})
            page = await self._read(self._data, "/v2/positions", params, Urgency.PROBE)
            found.extend(field(page, "data", rows))
            more = field(page, "pagination", dict)
            if not more.get("next_cursor"):
                return found
            cursor = field(more, "next_cursor", text)
        raise Unreadable(VENUE, f"/v2/positions did not end after {MAX_PAGES} pages")

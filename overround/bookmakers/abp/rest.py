"""ABP over HTTP: the key, the rate limit its headers ask for, and what each status means.

Source: bookmakers sheet, section 5.
"""

import time
from typing import Any

import httpx

from overround.bookmakers.abp.numbers import decode, encode
from overround.bookmakers.abp.strict import VENUE
from overround.http import Http
from overround.limiter import RateLimiter, Urgency
from overround.venues import Account, NotFound, RateLimited, Rejected, Unauthorised, Unreadable

DEFAULT_RATE = "50"
"""Requests a second. Documents differ (60 a minute, 100 a second), so the answer's headers have the last word."""
EPOCH = 1_000_000_000


class Duplicate(Rejected):
    """409: every request id of the placement was seen within the venue's memory."""


class Rest:
    """One account's calls. Each is sent once; any answer but a readable 2xx is raised."""

    def __init__(self, account: Account) -> None:
        rate = float(account.options.get("rate", DEFAULT_RATE))
        self._http = Http(VENUE, account.endpoints["rest"], timeout=float(account.options.get("timeout", "5")))
        self._limiter = RateLimiter(rate, max(rate, 1.0))
        self._headers = {"X-API-Key": account.secrets["api_key"]}

    async def get(self, path: str, params: dict[str, str] | None, urgency: Urgency) -> Any:
        await self._limiter.take(1.0, urgency)
        return self._read(path, await self._http.send("GET", path, params=params, headers=self._headers))

    async def post(self, path: str, body: object, urgency: Urgency) -> Any:
        content = encode(body)
        await self._limiter.take(1.0, urgency)
        headers = {**self._headers, "Content-Type": "application/json"}
        return self._read(path, await self._http.send("POST", path, content=content, headers=headers))

    async def close(self) -> None:
        await self._http.close()

    def _read(self, path: str, response: httpx.Response) -> Any:
        self._heed(response.headers)
        status = response.status_code
        if status == 429:
            retry_after = _seconds(response.headers.get("Retry-After")) or 1.0
            self._limiter.empty(retry_after)
            raise RateLimited(VENUE, f"{path} refused for volume", retry_after)
        if status in (401, 403):
            raise Unauthorised(VENUE, f"{path} answered {status}: {_detail(response)}")
        if status == 404:
            raise NotFound(VENUE, f"{path} answered 404: {_detail(response)}")
        if status == 409:
            raise Duplicate(VENUE, f"{path} answered 409: {_detail(response)}")
        if 400 <= status < 500 or status == 501:
            raise Rejected(VENUE, f"{path} answered {status}: {_detail(response)}")
        if not 200 <= status < 300:
            raise Unreadable(VENUE, f"{path} answered {status}: {_detail(response)}")
        try:
            return decode(response.content)
        except ValueError as error:
            raise Unreadable(VENUE, f"{path} answered {status} with what is not JSON") from error

    def _heed(self, headers: httpx.Headers) -> None:
        """Stop sending when the answer says that nothing is left in this window."""
        if headers.get("X-RateLimit-Remaining", "").strip() != "0":
            return
        reset = _seconds(headers.get("X-RateLimit-Reset")) or 1.0
        self._limiter.empty(max(0.0, reset - time.time()) if reset > EPOCH else reset)


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def _detail(response: httpx.Response) -> str:
    """The venue's own words, short enough for a log line."""
    try:
        body = decode(response.content)
    except ValueError:
        return response.text[:200]
    detail = body.get("detail", body) if isinstance(body, dict) else body
    return str(detail.get("message", detail) if isinstance(detail, dict) else detail)[:200]

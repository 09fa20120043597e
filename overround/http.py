"""One HTTP connection pool per venue account, with the shared error tree and no retries.

A write that may have left is ``Unknown`` until somebody asks the venue; only a connection that was never made is
``NotSent`` (design, section 3, "Venue calls").
"""

import asyncio

import httpx

from overround.venues import Disconnected, NotSent, TimedOut, Unreadable

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Http:
    """An httpx client bound to one base URL. ``timeout`` is seconds for the whole answer."""

    def __init__(self, venue: str, base_url: str, *, timeout: float = 5.0, http2: bool = False) -> None:
        self._venue = venue
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 2.0)),
            http2=http2,
            limits=httpx.Limits(max_connections=20, keepalive_expiry=30.0),
            trust_env=False,
            headers={"User-Agent": "overround"},
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | list[tuple[str, str]] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        """Send once and return the answer, any status. Raises ``NotSent``, ``TimedOut``, ``Disconnected`` or
        ``Unreadable`` (a body that cannot be unpacked); never anything else for what the network or the venue did."""
        whole = self._timeout if timeout is None else timeout
        try:
            # httpx's own timeout starts again with every byte: an answer that drips would never be late.
            async with asyncio.timeout(whole):
                return await self._client.request(
                    method,
                    path,
                    params=tuple(params) if isinstance(params, list) else params,
                    content=content,
                    headers=headers,
                    timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
                )
        except NEVER_LEFT as error:
            raise NotSent(self._venue, f"{method} {path} never left: {error or type(error).__name__}") from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise TimedOut(self._venue, f"{method} {path} was not answered in time") from error
        except httpx.DecodingError as error:
            raise Unreadable(self._venue, f"{method} {path}: the answer cannot be unpacked") from error
        except httpx.TransportError as error:
            raise Disconnected(self._venue, f"{method} {path} broke off: {error or type(error).__name__}") from error

    async def close(self) -> None:
        await self._client.aclose()
